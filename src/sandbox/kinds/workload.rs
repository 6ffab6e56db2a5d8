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

/// Gives a new Job the selector and the labels by which its Pods are found, and takes over its template's labels where it has
/// none. It needs the uid: without one only the labels are taken over.
/// <https://github.com/kubernetes/kubernetes/blob/master/pkg/registry/batch/job/strategy.go>
pub(super) fn select_pods(job: &mut Value) {
    let template_labels = |job: &Value| job.pointer("/spec/template/metadata/labels").cloned();
    let labels = job["metadata"].get("labels").cloned();
    let shared = labels.is_none() || labels == template_labels(job);
    let (name, uid) = (
        job["metadata"]["name"].clone(),
        job["metadata"]["uid"].clone(),
    );
    if uid.is_string() && job["spec"]["manualSelector"] != true {
        let labels = &mut job["spec"]["template"]["metadata"]["labels"];
        for (label, value) in [
            ("job-name", &name),
            ("batch.kubernetes.io/job-name", &name),
            ("controller-uid", &uid),
            ("batch.kubernetes.io/controller-uid", &uid),
        ] {
            if labels[label].is_null() {
                labels[label] = value.clone();
            }
        }
        job["spec"]["selector"]["matchLabels"]["batch.kubernetes.io/controller-uid"] = uid;
    }
    if let Some(labels) = template_labels(job).filter(|_| shared) {
        job["metadata"]["labels"] = labels;
    }
}
