//! Evictions: a deletion that asks the Pod's budget first.
//! <https://github.com/kubernetes/kubernetes/blob/master/pkg/registry/core/pod/storage/eviction.go>

use std::sync::Arc;

use http::{Response, StatusCode};
use serde_json::{Value, json};

use super::{
    super::{On, respond::Body},
    success,
};
use crate::sandbox::{
    pointer::items,
    registry,
    status::{Cause, Details, Refusal},
    store::selector::Selector,
    verbs::{How, delete::Options, name, patch},
};

/// Evicts a Pod, or says whose budget does not allow it.
pub(super) fn answer(on: &On<'_>) -> Result<Response<Body>, Refusal> {
    let body = on.body()?;
    let named = name(&body);
    if !named.is_empty() && named != on.name() {
        let why = "name in URL does not match name in Eviction object";
        return Err(Refusal::bad_request(why));
    }
    let pod = on.api.get(on.resource, on.namespace(), on.name())?;
    let mut options = Options::parse(&body["deleteOptions"])?;
    options.user = on.user.clone();
    options.dry_run |= on.how().dry_run;
    if !may_always_go(&pod) {
        let of = budgets_of(on, &pod);
        if of.len() > 1 {
            let why = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.";
            return Err(Refusal::unexpected(why));
        }
        if let Some(budget) = of.first()
            && !is_free(budget, &pod)
        {
            spend(on, budget, &pod, options.dry_run)?;
        }
    }
    on.api
        .delete(on.resource, on.namespace(), on.name(), &options)?;
    Ok(success(on))
}

/// Whether a Pod counts for no budget: it has ended, has not begun, or goes already.
fn may_always_go(pod: &Value) -> bool {
    let phase = pod["status"]["phase"].as_str();
    matches!(phase, Some("Succeeded" | "Failed" | "Pending"))
        || pod["metadata"]["deletionTimestamp"].is_string()
}

fn budgets_of(on: &On<'_>, pod: &Value) -> Vec<Arc<Value>> {
    on.api.store.with(|state| {
        let place = registry::place("policy", "poddisruptionbudgets");
        let all = state.list(&place, on.namespace());
        let of = all.filter(|b| {
            let selector = &b["spec"]["selector"];
            selector.is_object() && Selector::of(selector).matches(pod)
        });
        of.cloned().collect()
    })
}

/// Whether a Pod that is not ready may go without counting.
fn is_free(budget: &Value, pod: &Value) -> bool {
    let ready = items(&pod["status"]["conditions"])
        .iter()
        .any(|c| c["type"] == "Ready" && c["status"] == "True");
    let status = &budget["status"];
    let number = |field: &str| status[field].as_i64().unwrap_or_default();
    let healthy =
        number("currentHealthy") >= number("desiredHealthy") && number("desiredHealthy") > 0;
    !ready && (budget["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow" || healthy)
}

/// Takes one of the disruptions that a budget allows.
fn spend(on: &On<'_>, budget: &Value, pod: &Value, dry_run: bool) -> Result<(), Refusal> {
    let status = &budget["status"];
    let number = |field: &str| status[field].as_i64().unwrap_or_default();
    let called = name(budget);
    let seen = number("observedGeneration")
        >= budget["metadata"]["generation"]
            .as_i64()
            .unwrap_or_default();
    if !seen {
        return Err(too_many(&format!(
            "The disruption budget {called} is still being processed by the server."
        )));
    }
    if number("disruptionsAllowed") <= 0 {
        return Err(too_many(&format!(
            "The disruption budget {called} needs {} healthy pods and has {} currently",
            number("desiredHealthy"),
            number("currentHealthy")
        )));
    }
    let registry = on.api.registry();
    let Some(resource) = registry
        .get("policy", "v1", "poddisruptionbudgets")
        .filter(|_| !dry_run)
    else {
        return Ok(());
    };
    let how = How {
        subresource: "status".to_owned(),
        ..How::by("kube-apiserver")
    };
    // Of two evictions at once, one is refused: it finds another version.
    let change = json!({
        "metadata": {"resourceVersion": budget["metadata"]["resourceVersion"]},
        "status": {
            "disruptionsAllowed": number("disruptionsAllowed") - 1,
            "disruptedPods": {name(pod): on.api.clock.stamp()},
        },
    });
    on.api.patch(
        &resource,
        on.namespace(),
        called,
        (patch::Kind::Merge, &change),
        &how,
    )?;
    Ok(())
}

fn too_many(why: &str) -> Refusal {
    Refusal {
        code: StatusCode::TOO_MANY_REQUESTS,
        reason: "TooManyRequests",
        message: "Cannot evict pod as it would violate the pod's disruption budget.".to_owned(),
        details: Some(Box::new(Details {
            causes: vec![Cause {
                reason: "DisruptionBudget",
                message: why.to_owned(),
                field: String::new(),
            }],
            ..Details::default()
        })),
    }
}
