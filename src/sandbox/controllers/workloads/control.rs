//! Making and deleting Pods for an object, which tells of it.
//! <https://github.com/kubernetes/kubernetes/blob/master/pkg/controller/controller_utils.go> (`RealPodControl`)

use http::StatusCode;
use serde_json::Value;

use crate::sandbox::{
    controllers::cluster::{Cluster, Event, PODS},
    status::Refusal,
    verbs::{delete::Options, name},
};

/// The most Pods that are made or deleted in one go.
pub const BURST: usize = 500;

/// Tells of something that happened to an object.
pub fn tell(cluster: &Cluster<'_>, about: &Value, warning: bool, reason: &str, message: &str) {
    cluster.event(&Event {
        about,
        part: "",
        warning,
        reason,
        message,
        node: "",
    });
}

/// Makes a Pod.
pub fn create_pod(cluster: &Cluster<'_>, owner: &Value, pod: Value) -> Result<(), Refusal> {
    match cluster.create(PODS, pod) {
        Ok(made) => {
            let message = format!("Created pod: {}", name(&made));
            tell(cluster, owner, false, "SuccessfulCreate", &message);
            Ok(())
        }
        // Nothing comes into a namespace that ends: that is no failure of the object.
        Err(refusal) if ends(&refusal) => Ok(()),
        Err(refusal) => {
            let message = format!("Error creating: {}", refusal.message);
            tell(cluster, owner, true, "FailedCreate", &message);
            Err(refusal)
        }
    }
}

/// Makes so many Pods, in batches that grow: where one of a batch fails, the rest is not tried.
pub fn create_pods(
    cluster: &Cluster<'_>,
    owner: &Value,
    pods: &[Value],
) -> Result<usize, (usize, Refusal)> {
    let (mut made, mut batch, mut failed) = (0, 1, None);
    let mut rest = &pods[..pods.len().min(BURST)];
    while !rest.is_empty() && failed.is_none() {
        let (now, later) = rest.split_at(batch.min(rest.len()));
        for pod in now {
            match create_pod(cluster, owner, pod.clone()) {
                Ok(()) => made += 1,
                Err(refusal) => failed = failed.or(Some(refusal)),
            }
        }
        (rest, batch) = (later, batch * 2);
    }
    failed.map_or(Ok(made), |refusal| Err((made, refusal)))
}

/// Deletes a Pod.
pub fn delete_pod(cluster: &Cluster<'_>, owner: &Value, pod: &Value) -> Result<(), Refusal> {
    match cluster.delete(PODS, pod, &Options::default()) {
        Ok(()) => {
            let message = format!("Deleted pod: {}", name(pod));
            tell(cluster, owner, false, "SuccessfulDelete", &message);
            Ok(())
        }
        Err(mut refusal) => {
            let message = format!("Error deleting: {}", refusal.message);
            tell(cluster, owner, true, "FailedDelete", &message);
            refusal.message = format!("unable to delete pods: {}", refusal.message);
            Err(refusal)
        }
    }
}

/// Whether something was refused because its namespace ends.
#[must_use]
pub fn ends(refusal: &Refusal) -> bool {
    let causes = refusal.details.as_ref().map_or(&[][..], |d| &d.causes);
    refusal.code == StatusCode::FORBIDDEN
        && causes.iter().any(|c| c.reason == "NamespaceTerminating")
}
