//! Fields that stay as they are once an object is there.

use serde_json::{Value, json};

use super::{labels, metadata};
use crate::sandbox::{registry::Resource, status::Cause};

/// What may change of a `StatefulSet`.
/// <https://github.com/kubernetes/kubernetes/blob/master/pkg/apis/apps/validation/validation.go> (`ValidateStatefulSetUpdate`)
const CHANGEABLE: [&str; 7] = [
    "replicas",
    "ordinals",
    "template",
    "updateStrategy",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
    "minReadySeconds",
];
const STATEFUL: &str = "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";

/// An object without some of its fields.
fn rest(object: &Value, without: &[&str]) -> Value {
    let mut rest = object.clone();
    if let Some(map) = rest.as_object_mut() {
        map.retain(|field, _| !without.contains(&field.as_str()));
    }
    rest
}

/// What is wrong with a change: fields that stay as they are.
pub(in crate::sandbox::kinds) fn change(
    resource: &Resource,
    live: &Value,
    object: &Value,
) -> Vec<Cause> {
    const IMMUTABLE: &str = "field is immutable";
    // Labels are looked at with the change, and again with the object.
    let mut causes = labels(&object["metadata"]["labels"], "metadata.labels");
    causes.extend(metadata::added_too_late(live, object));
    let mut same = |pointer: &str, field: &str| {
        let (before, after) = (live.pointer(pointer), object.pointer(pointer));
        if before != after {
            let after = after.cloned().unwrap_or_default();
            causes.push(Cause::invalid(field, &after, IMMUTABLE));
        }
    };
    match (resource.group.as_str(), resource.kind.as_str()) {
        ("apps", "Deployment" | "ReplicaSet" | "DaemonSet") => {
            same("/spec/selector", "spec.selector");
        }
        ("batch", "Job") => {
            same("/spec/selector", "spec.selector");
            // Where and how the Pods run may change as long as there are none.
            let waits = live["spec"]["suspend"] == true && live["status"]["startTime"].is_null();
            if !waits {
                same("/spec/template", "spec.template");
            }
        }
        ("rbac.authorization.k8s.io", "RoleBinding" | "ClusterRoleBinding")
            if live["roleRef"] != object["roleRef"] =>
        {
            let role = &object["roleRef"];
            // As Go prints a struct without names for JSON.
            let shown =
                json!({"APIGroup": role["apiGroup"], "Kind": role["kind"], "Name": role["name"]});
            causes.push(Cause::invalid("roleRef", &shown, "cannot change roleRef"));
        }
        ("", "Secret") => same("/type", "type"),
        ("apps", "StatefulSet")
            if rest(&live["spec"], &CHANGEABLE) != rest(&object["spec"], &CHANGEABLE) =>
        {
            causes.push(Cause::forbidden("spec", STATEFUL));
        }
        ("storage.k8s.io", "StorageClass") => {
            same("/volumeBindingMode", "volumeBindingMode");
            for field in ["parameters", "provisioner", "reclaimPolicy"] {
                if live[field] != object[field] {
                    let why = format!("updates to {field} are forbidden.");
                    causes.push(Cause::forbidden(field, &why));
                }
            }
        }
        ("scheduling.k8s.io", "PriorityClass") => {
            if live["value"] == object["value"] {
                same("/preemptionPolicy", "preemptionPolicy");
            } else {
                let why = "may not be changed in an update.";
                causes.push(Cause::forbidden("value", why));
            }
        }
        ("apps", "ControllerRevision") => same("/data", "data"),
        ("", "Service") => {
            let ip = |o: &Value| {
                o["spec"]["clusterIP"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned()
            };
            if !ip(live).is_empty()
                && ip(live) != ip(object)
                && object["spec"]["type"] != "ExternalName"
            {
                let message = "may not change once set";
                causes.push(Cause::invalid(
                    "spec.clusterIPs[0]",
                    &object["spec"]["clusterIPs"],
                    message,
                ));
            }
        }
        _ => {}
    }
    if matches!(resource.kind.as_str(), "ConfigMap" | "Secret") && live["immutable"] == true {
        for field in ["immutable", "data", "binaryData"] {
            if live[field] != object[field] {
                let why = "field is immutable when `immutable` is set";
                causes.push(Cause::forbidden(field, why));
            }
        }
    }
    causes
}
