//! Pod templates and what the kinds that hold them have in common.

use serde_json::Value;

/// Where the Pod template of a kind lies, as a JSON pointer.
#[must_use]
pub(super) fn template_of(kind: &str) -> Option<&'static str> {
    match kind {
        "Deployment"
        | "ReplicaSet"
        | "StatefulSet"
        | "DaemonSet"
        | "Job"
        | "ReplicationController" => Some("/spec/template"),
        "CronJob" => Some("/spec/jobTemplate/spec/template"),
        _ => None,
    }
}

/// The specification of Pods that an object holds: its own, or that of its template.
#[must_use]
pub(super) fn pod_spec<'a>(kind: &str, object: &'a mut Value) -> Option<&'a mut Value> {
    if kind == "Pod" {
        return object.get_mut("spec");
    }
    let template = object.pointer_mut(template_of(kind)?)?;
    template.get_mut("spec")
}
