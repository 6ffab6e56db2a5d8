//! What is refused: names, labels, and the fields of the kinds that learners write.
//! <https://github.com/kubernetes/kubernetes/tree/master/pkg/apis> (`validation.go` of each group)

mod batch;
mod config;
mod container;
mod found;
mod metadata;
mod network;
mod pod;
mod rbac;
mod record;
mod resources;
mod scaling;
mod service;
mod storage;
mod workload;

use serde_json::{Value, json};

use self::found::Found;
use crate::sandbox::{names, registry::Resource, status::Cause};

/// What is wrong with an object.
pub(super) fn object(resource: &Resource, object: &Value) -> Vec<Cause> {
    let mut found = Found(metadata::of(resource, object));
    if resource.custom {
        return found.0;
    }
    let (group, kind) = (resource.group.as_str(), resource.kind.as_str());
    match group {
        "" => core(resource, object, &mut found),
        "apps" if kind == "ControllerRevision" => record::revision(object, &mut found),
        "apps" => workload::spec(resource, object, &mut found),
        "autoscaling" => scaling::autoscaler(object, &mut found),
        "batch" if kind == "Job" => batch::job(&object["spec"], "spec", &mut found),
        "batch" => batch::cron_job(object, &mut found),
        "coordination.k8s.io" if kind == "Lease" => record::lease(object, &mut found),
        "discovery.k8s.io" => service::slice(object, &mut found),
        "events.k8s.io" => record::new_event(object, &mut found),
        "networking.k8s.io" => match kind {
            "Ingress" => network::ingress(object, &mut found),
            "IngressClass" => network::class(object, &mut found),
            "NetworkPolicy" => network::policy(object, &mut found),
            _ => {}
        },
        "node.k8s.io" => storage::runtime(object, &mut found),
        "policy" if kind == "PodDisruptionBudget" => scaling::budget(object, &mut found),
        "rbac.authorization.k8s.io" => match kind {
            "Role" | "ClusterRole" => rbac::role(object, resource.namespaced, &mut found),
            _ => rbac::binding(object, resource.namespaced, &mut found),
        },
        "scheduling.k8s.io" => storage::priority(object, &mut found),
        "storage.k8s.io" if kind == "StorageClass" => storage::class(object, &mut found),
        _ => {}
    }
    found.0
}

fn core(resource: &Resource, object: &Value, found: &mut Found) {
    match resource.kind.as_str() {
        "ConfigMap" => config::config_map(object, found),
        "Endpoints" => service::endpoints(object, found),
        "Event" => record::event(object, found),
        "LimitRange" => resources::limit_range(object, found),
        "Node" => record::node(object, found),
        "PersistentVolume" => storage::volume(object, found),
        "PersistentVolumeClaim" => storage::claim(object, found),
        "Pod" => pod::spec(&object["spec"], "spec", found),
        "PodTemplate" => pod::spec(&object["template"]["spec"], "template.spec", found),
        "ReplicationController" => workload::spec(resource, object, found),
        "ResourceQuota" => resources::quota(object, found),
        "Secret" => config::secret(object, found),
        "Service" => service::service(object, found),
        _ => {}
    }
}

/// What is wrong with a change: fields that stay as they are.
pub(super) fn change(resource: &Resource, live: &Value, object: &Value) -> Vec<Cause> {
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
                    &object["spec"]["clusterIPs"][0],
                    message,
                ));
            }
        }
        _ => {}
    }
    for (kind, field) in [("ConfigMap", "data"), ("Secret", "data")] {
        if resource.kind == kind && live["immutable"] == true && live[field] != object[field] {
            causes.push(Cause::forbidden(
                field,
                "field is immutable when `immutable` is set",
            ));
        }
    }
    causes
}

/// Labels: their keys and values.
fn labels(labels: &Value, field: &str) -> Vec<Cause> {
    let mut causes = Vec::new();
    for (key, value) in labels.as_object().into_iter().flatten() {
        for problem in names::qualified_problems(key) {
            causes.push(Cause::invalid(field, &json!(key), &problem));
        }
        let text = value.as_str().unwrap_or_default();
        if let Some(problem) = names::label_value_problem(text) {
            causes.push(Cause::invalid(field, value, problem));
        }
    }
    causes
}
