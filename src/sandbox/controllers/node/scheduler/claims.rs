//! The claims that a Pod's volumes name: what keeps it from being placed, and the node that a claim is to be bound on.
//! <https://github.com/kubernetes/kubernetes/blob/master/pkg/scheduler/framework/plugins/volumebinding/volume_binding.go>

use std::sync::Arc;

use serde_json::{Value, json};

use crate::sandbox::{
    controllers::cluster::{Cluster, Kind},
    pointer::items,
    status::Refusal,
};

const CLAIMS: Kind = Kind::new("", "v1", "persistentvolumeclaims");
const CLASSES: Kind = Kind::new("storage.k8s.io", "v1", "storageclasses");
/// By which a claim that waits for its first consumer hears where that will be.
const SELECTED_NODE: &str = "volume.kubernetes.io/selected-node";

/// How far the claims of a Pod are.
#[derive(Debug, Clone)]
pub(super) enum Claims {
    /// All are bound.
    Bound,
    /// These wait to hear on which node.
    Waiting(Vec<Arc<Value>>),
    /// Something is missing, in the scheduler's words.
    Missing(String),
}

/// The names of the claims that a Pod's volumes name.
fn names(pod: &Value) -> Vec<String> {
    let pod_name = pod["metadata"]["name"].as_str().unwrap_or_default();
    let volumes = items(&pod["spec"]["volumes"]).iter();
    volumes
        .filter_map(|volume| {
            if volume["ephemeral"].is_object() {
                let name = volume["name"].as_str().unwrap_or_default();
                return Some(format!("{pod_name}-{name}"));
            }
            volume["persistentVolumeClaim"]["claimName"]
                .as_str()
                .map(str::to_owned)
        })
        .collect()
}

/// How far they are.
pub(super) fn of(cluster: &Cluster<'_>, pod: &Value) -> Claims {
    let namespace = pod["metadata"]["namespace"].as_str().unwrap_or_default();
    let mut waiting = Vec::new();
    for name in names(pod) {
        let Some(claim) = cluster.get(CLAIMS, namespace, &name) else {
            return Claims::Missing(format!("persistentvolumeclaim \"{name}\" not found"));
        };
        if claim["metadata"]["deletionTimestamp"].is_string() {
            return Claims::Missing(format!("persistentvolumeclaim \"{name}\" is being deleted"));
        }
        if claim["status"]["phase"] == "Lost" {
            let volume = claim["spec"]["volumeName"].as_str().unwrap_or_default();
            return Claims::Missing(format!(
                "persistentvolumeclaim \"{name}\" bound to non-existent persistentvolume \"{volume}\""
            ));
        }
        if claim["status"]["phase"] == "Bound" {
            continue;
        }
        if waits(cluster, &claim) {
            waiting.push(claim);
        } else {
            return Claims::Missing("pod has unbound immediate PersistentVolumeClaims".to_owned());
        }
    }
    if waiting.is_empty() {
        Claims::Bound
    } else {
        Claims::Waiting(waiting)
    }
}

fn waits(cluster: &Cluster<'_>, claim: &Value) -> bool {
    let class = claim["spec"]["storageClassName"]
        .as_str()
        .unwrap_or_default();
    let class = cluster.get(CLASSES, "", class);
    class.is_some_and(|c| c["volumeBindingMode"] == "WaitForFirstConsumer")
}

/// Tells claims where they will be used.
pub(super) fn choose(
    cluster: &Cluster<'_>,
    claims: &[Arc<Value>],
    node: &str,
) -> Result<(), Refusal> {
    for claim in claims {
        if claim["metadata"]["annotations"][SELECTED_NODE] != node {
            let patch = json!({"metadata": {"annotations": {SELECTED_NODE: node}}});
            cluster.merge(CLAIMS, claim, &patch)?;
        }
    }
    Ok(())
}
