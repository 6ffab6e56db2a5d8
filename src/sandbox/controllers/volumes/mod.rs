//! Volumes: claims get one that fits, or one that is made for them, and it is given back after them.
//! <https://kubernetes.io/docs/concepts/storage/persistent-volumes/>
//! <https://github.com/kubernetes/kubernetes/blob/master/pkg/controller/volume/persistentvolume/pv_controller.go>

mod binding;
mod protection;
mod provision;
mod release;

pub use binding::Claims;
pub use protection::{ClaimProtection, VolumeProtection};
pub use release::Volumes;

use serde_json::Value;

use super::cluster::Kind;

/// `PersistentVolumes`.
const VOLUMES: Kind = Kind::new("", "v1", "persistentvolumes");
/// `PersistentVolumeClaims`.
const CLAIMS: Kind = Kind::new("", "v1", "persistentvolumeclaims");
/// `StorageClasses`.
const CLASSES: Kind = Kind::new("storage.k8s.io", "v1", "storageclasses");

/// What was bound by the controller, not by the user.
const BY_CONTROLLER: &str = "pv.kubernetes.io/bound-by-controller";
const COMPLETED: &str = "pv.kubernetes.io/bind-completed";
const PROVISIONED_BY: &str = "pv.kubernetes.io/provisioned-by";
/// Where the first consumer of a claim will be.
const SELECTED_NODE: &str = "volume.kubernetes.io/selected-node";

/// Whether a volume is for a claim: for the one of this uid, or for any of its name.
fn is_for(volume: &Value, claim: &Value) -> bool {
    let reference = &volume["spec"]["claimRef"];
    let metadata = &claim["metadata"];
    let uid = reference["uid"].as_str().unwrap_or_default();
    reference["name"] == metadata["name"]
        && reference["namespace"] == metadata["namespace"]
        && (uid.is_empty() || metadata["uid"] == uid)
}

/// The finalizers of an object without one; nothing if it does not have that.
fn without(object: &Value, finalizer: &str) -> Option<Value> {
    let all = object["metadata"]["finalizers"].as_array()?;
    let left: Vec<&Value> = all.iter().filter(|f| *f != finalizer).collect();
    if left.len() == all.len() {
        return None;
    }
    Some(if left.is_empty() {
        Value::Null
    } else {
        serde_json::json!(left)
    })
}
