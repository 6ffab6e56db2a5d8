//! `metrics.k8s.io`: what nodes and Pods use, measured when it is asked.
//! <https://github.com/kubernetes-sigs/metrics-server/tree/master/pkg/api>

use std::sync::Arc;

use http::{Response, StatusCode};
use serde_json::{Value, json};

use super::{
    On,
    request::Verb,
    respond::{Body, Objects},
};
use crate::sandbox::{
    metrics::{self, objects},
    registry,
    status::{About, Refusal},
    store::selector::Selector,
    verbs::key,
};

/// The fields by which metrics can be selected.
const FIELDS: [&str; 2] = ["metadata.name", "metadata.namespace"];

/// Answers a request for one object's metrics, or for those of all.
pub(super) fn answer(on: &On<'_>, verb: Verb) -> Result<Response<Body>, Refusal> {
    match verb {
        Verb::List => list(on),
        Verb::Get => get(on),
        _ => Err(Refusal::method_not_allowed()),
    }
}

fn list(on: &On<'_>) -> Result<Response<Body>, Refusal> {
    let query = &on.asked.query;
    let selector = Selector::parse(query.get("labelSelector"), query.get("fieldSelector"))?;
    if let Some(field) = selector.fields().find(|f| !FIELDS.contains(f)) {
        let known = FIELDS.map(|f| format!("\"{f}\"")).join(", ");
        let why = format!("\"{field}\" is not a known field selector: only {known}");
        return Err(Refusal::bad_request(why));
    }
    let place = registry::place("", &on.resource.plural);
    let all: Vec<Arc<Value>> = on.api.store.with(|state| {
        let all = state.list(&place, on.namespace());
        all.filter(|o| selector.matches(o)).collect()
    });
    let items: Vec<Arc<Value>> = all
        .iter()
        .filter_map(|of| Some(Arc::new(measured(on, of)?)))
        .collect();
    let now = on.api.clock.now();
    Ok(on
        .form
        .list(on.resource, Objects::Values(&items), json!({}), now))
}

fn get(on: &On<'_>) -> Result<Response<Body>, Refusal> {
    let plural = on.resource.plural.as_str();
    let place = registry::place("", plural);
    let found = on.api.store.get(&place, &key(on.namespace(), on.name()));
    let missing = |group, resource| Refusal::not_found(About { group, resource }, on.name());
    // Of a node, the metrics server speaks in the singular.
    let called = if plural == "pods" { "pods" } else { "node" };
    let of = found.ok_or_else(|| missing("", called))?;
    let about = if plural == "pods" {
        (
            "podmetrics",
            format!("{}/{}", on.namespace().unwrap_or_default(), on.name()),
        )
    } else {
        ("nodemetrics", on.name().to_owned())
    };
    let object = measured(on, &of).ok_or_else(|| {
        let group = metrics::GROUP;
        Refusal::not_found(
            About {
                group,
                resource: about.0,
            },
            &about.1,
        )
    })?;
    Ok(on.object(StatusCode::OK, &object, &[]))
}

/// What was measured of a Pod or node; none for what is too new, or does not run.
fn measured(on: &On<'_>, of: &Value) -> Option<Value> {
    let now = on.api.clock.stamp();
    if on.resource.plural == "nodes" {
        let measured = metrics::of_node(on.api, of);
        return Some(objects::of_node(of, &measured, &now));
    }
    let measured = metrics::of_pod(on.api, of)?;
    Some(objects::of_pod(of, &measured, &now))
}
