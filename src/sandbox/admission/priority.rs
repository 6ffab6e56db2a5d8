//! Pods get the priority of their `PriorityClass`.
//! <https://github.com/kubernetes/kubernetes/blob/master/plugin/pkg/admission/priority/admission.go>

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Operation, Request};
use crate::sandbox::{
    registry,
    status::Refusal,
    store::State,
    verbs::{key, name},
};

/// Sets what the class of a Pod says.
pub(super) fn admit(state: &State, request: &Request<'_>, pod: &mut Value) -> Result<(), Refusal> {
    if request.operation == Operation::Update && request.is_about("", "pods") {
        for field in ["priority", "preemptionPolicy"] {
            let before = request.before.and_then(|b| b["spec"].get(field));
            if let (Some(before), None) = (before, pod["spec"].get(field)) {
                pod["spec"][field] = before.clone();
            }
        }
    }
    if !request.creates("", "pods") {
        return Ok(());
    }
    let wanted = pod["spec"]["priorityClassName"]
        .as_str()
        .unwrap_or_default();
    let class = if wanted.is_empty() {
        default_class(state)
    } else {
        let place = registry::place("scheduling.k8s.io", "priorityclasses");
        let found = state.get(&place, &key(None, wanted));
        let why = || format!("no PriorityClass with name {wanted} was found");
        Some(found.ok_or_else(|| request.forbidden(pod, &why()))?)
    };
    let (priority, policy) = class.as_ref().map_or((0, None), |c| {
        (
            c["value"].as_i64().unwrap_or_default(),
            c["preemptionPolicy"].as_str(),
        )
    });
    let policy = policy.unwrap_or("PreemptLowerPriority");
    if let Some(class) = &class {
        pod["spec"]["priorityClassName"] = json!(name(class));
    }
    if let Some(given) = pod["spec"]["priority"].as_i64().filter(|p| *p != priority) {
        let why = format!(
            "the integer value of priority ({given}) must not be provided in pod spec; priority admission controller computed {priority} from the given PriorityClass name"
        );
        return Err(request.forbidden(pod, &why));
    }
    if let Some(given) = pod["spec"]["preemptionPolicy"]
        .as_str()
        .filter(|p| *p != policy)
    {
        let why = format!(
            "the string value of PreemptionPolicy ({given}) must not be provided in pod spec; priority admission controller computed {policy} from the given PriorityClass name"
        );
        return Err(request.forbidden(pod, &why));
    }
    pod["spec"]["priority"] = json!(priority);
    pod["spec"]["preemptionPolicy"] = json!(policy);
    Ok(())
}

/// Refuses a second class for all Pods that name none.
pub(super) fn validate(state: &State, request: &Request<'_>, class: &Value) -> Result<(), Refusal> {
    let is_class = request.is_about("scheduling.k8s.io", "priorityclasses");
    if !is_class || request.operation == Operation::Delete || class["globalDefault"] != true {
        return Ok(());
    }
    match default_class(state) {
        Some(other) if name(&other) != name(class) || request.operation == Operation::Create => {
            let other = name(&other);
            let why = format!(
                "PriorityClass {other} is already marked as default. Only one default can exist"
            );
            Err(request.forbidden(class, &why))
        }
        _ => Ok(()),
    }
}

fn default_class(state: &State) -> Option<Arc<Value>> {
    let place = registry::place("scheduling.k8s.io", "priorityclasses");
    let defaults = state
        .list(&place, None)
        .filter(|c| c["globalDefault"] == true);
    defaults.min_by_key(|c| c["value"].as_i64())
}
