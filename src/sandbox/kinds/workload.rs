//! Pod templates and what the kinds that hold them have in common.

use serde_json::{Value, json};

/// Where the Pod template of a kind lies, as a JSON pointer.
#[must_use]
pub(super) fn template_of(kind: &str) -> Option<&'static str> {
    match kind {
        "Deployment"
        | "ReplicaSet"
        | "StatefulSet"
        | "DaemonSet"
        | "DeploymentConfig"
        | "Job"
        | "ReplicationController" => Some("/spec/template"),
        "CronJob" => Some("/spec/jobTemplate/spec/template"),
        "PodTemplate" => Some("/template"),
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

/// The annotation that counts a `DaemonSet`'s templates.
const TEMPLATE_GENERATION: &str = "deprecated.daemonset.template.generation";

/// Counts a `DaemonSet`'s templates: a client can't set how many there were.
/// <https://github.com/kubernetes/kubernetes/blob/master/pkg/registry/apps/daemonset/strategy.go>
pub(super) fn count_templates(live: &Value, object: &mut Value, changed: bool) {
    let before = live["metadata"]["annotations"][TEMPLATE_GENERATION].as_str();
    let before: i64 = before.and_then(|b| b.parse().ok()).unwrap_or_default();
    let count = (before + i64::from(changed)).to_string();
    object["metadata"]["annotations"][TEMPLATE_GENERATION] = json!(count);
}
