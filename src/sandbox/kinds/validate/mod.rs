//! What is refused: names, labels, and the fields of the kinds that learners write.
//! <https://github.com/kubernetes/kubernetes/tree/master/pkg/apis> (`validation.go` of each group)

mod batch;
mod config;
mod container;
mod fixed;
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

pub(super) use self::fixed::change;
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
        "Pod" => {
            pod::spec(&object["spec"], "spec", found);
            container::images(&object["spec"], found);
        }
        "PodTemplate" => pod::spec(&object["template"]["spec"], "template.spec", found),
        "ReplicationController" => workload::spec(resource, object, found),
        "ResourceQuota" => resources::quota(object, found),
        "Secret" => config::secret(object, found),
        "Service" => service::service(object, found),
        _ => {}
    }
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
