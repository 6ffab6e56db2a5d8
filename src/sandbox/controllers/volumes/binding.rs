//! Claims and the volumes that fit them.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};

use super::{BY_CONTROLLER, CLAIMS, CLASSES, COMPLETED, SELECTED_NODE, VOLUMES, is_for, provision};
use crate::sandbox::{
    controllers::{
        Controller, Outcome,
        cluster::{Cluster, Event, is_going, key_of},
    },
    schema::amount::Amount,
    status::Refusal,
    store::{Change, Key, selector::Selector},
    verbs::name,
};

/// When a claim that waits is looked at again, and says so again.
const RESYNC: Duration = Duration::from_secs(15);

/// Binds claims.
#[derive(Debug, Default)]
pub struct Claims {
    provisioning: provision::Provisioning,
}

impl Controller for Claims {
    fn name(&self) -> &'static str {
        "persistentvolume-controller"
    }

    fn touched(&self, cluster: &Cluster<'_>, change: &Change) -> Vec<Key> {
        if CLAIMS.is_of(change) {
            return vec![change.key.clone()];
        }
        if !VOLUMES.is_of(change) && !CLASSES.is_of(change) {
            return Vec::new();
        }
        // A volume or a class more may be what some wait for; one less is lost.
        let claims = cluster.list(CLAIMS, None);
        let gone = change.after.is_none();
        let waits = |c: &&Arc<Value>| {
            c["status"]["phase"] != "Bound" || gone && c["spec"]["volumeName"] == change.key.1
        };
        claims.iter().filter(waits).map(|c| key_of(c)).collect()
    }

    fn reconcile(&mut self, cluster: &Cluster<'_>, key: &Key) -> Outcome {
        let Some(claim) = cluster.get(CLAIMS, &key.0, &key.1).filter(|c| !is_going(c)) else {
            self.provisioning.forget(key);
            return Ok(None);
        };
        let tell = |warning: bool, reason: &str, message: &str| {
            cluster.event(&Event {
                about: &claim,
                part: "",
                warning,
                reason,
                message,
                node: "",
            });
        };
        let named = claim["spec"]["volumeName"].as_str().unwrap_or_default();
        if !named.is_empty() {
            return match cluster.get(VOLUMES, "", named) {
                Some(volume) if volume["spec"]["claimRef"].is_null() || is_for(&volume, &claim) => {
                    bind(cluster, &volume, &claim)?;
                    Ok(None)
                }
                Some(_) if claim["metadata"]["annotations"][COMPLETED].is_null() => {
                    let message = format!("volume \"{named}\" already bound to a different claim.");
                    tell(true, "FailedBinding", &message);
                    Ok(Some(RESYNC))
                }
                None if claim["metadata"]["annotations"][COMPLETED].is_null() => Ok(Some(RESYNC)),
                _ => {
                    if claim["status"]["phase"] != "Lost" {
                        let message = "Bound claim has lost its PersistentVolume. Data on the volume is lost!";
                        tell(true, "ClaimLost", message);
                        cluster.merge_status(
                            CLAIMS,
                            &claim,
                            &json!({"status": {"phase": "Lost"}}),
                        )?;
                    }
                    Ok(None)
                }
            };
        }
        let wanted = claim["spec"]["storageClassName"]
            .as_str()
            .unwrap_or_default();
        let class = cluster.get(CLASSES, "", wanted);
        let late = class
            .as_ref()
            .is_some_and(|c| c["volumeBindingMode"] == "WaitForFirstConsumer");
        let placed = claim["metadata"]["annotations"][SELECTED_NODE].is_string();
        let volumes = cluster.list(VOLUMES, None);
        if let Some(volume) = fitting(&volumes, &claim, late && !placed) {
            bind(cluster, volume, &claim)?;
            return Ok(None);
        }
        if late && !placed {
            let message = "waiting for first consumer to be created before binding";
            tell(false, "WaitForFirstConsumer", message);
            return Ok(Some(RESYNC));
        }
        match class {
            Some(class) => self.provisioning.go_on(cluster, &claim, &class, &tell),
            None if wanted.is_empty() => {
                let message =
                    "no persistent volumes available for this claim and no storage class is set";
                tell(false, "FailedBinding", message);
                Ok(Some(RESYNC))
            }
            None => {
                let message = format!("storageclass.storage.k8s.io \"{wanted}\" not found");
                tell(true, "ProvisioningFailed", &message);
                Ok(Some(RESYNC))
            }
        }
    }
}

/// The smallest volume that a claim may have; where it waits, only one that is meant for it.
fn fitting<'a>(volumes: &'a [Arc<Value>], claim: &Value, only_own: bool) -> Option<&'a Arc<Value>> {
    let spec = &claim["spec"];
    let asked = Amount::read(&spec["resources"]["requests"]["storage"]).unwrap_or_default();
    let capacity = |v: &Value| Amount::read(&v["spec"]["capacity"]["storage"]).unwrap_or_default();
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    let list = |v: &Value| v.as_array().cloned().unwrap_or_default();
    let fits = |v: &&Arc<Value>| {
        let own = v["spec"]["claimRef"].is_object();
        let modes = list(&v["spec"]["accessModes"]);
        let selected = spec["selector"].is_null()
            || Selector::of(&spec["selector"]).matches_labels(v["metadata"]["labels"].as_object());
        !is_going(v)
            && if own { is_for(v, claim) } else { !only_own }
            && text(&v["spec"]["storageClassName"]) == text(&spec["storageClassName"])
            && text(&v["spec"]["volumeMode"]) == text(&spec["volumeMode"])
            && list(&spec["accessModes"]).iter().all(|m| modes.contains(m))
            && capacity(v) >= asked
            && selected
    };
    let fitting = volumes.iter().filter(fits);
    fitting.min_by_key(|v| (v["spec"]["claimRef"].is_null(), capacity(v)))
}

/// Gives a claim a volume: first the volume is the claim's, then the claim the volume's.
pub(super) fn bind(
    cluster: &Cluster<'_>,
    volume: &Arc<Value>,
    claim: &Arc<Value>,
) -> Result<(), Refusal> {
    let metadata = &claim["metadata"];
    let mut volume = Arc::clone(volume);
    if volume["spec"]["claimRef"]["uid"] != metadata["uid"] {
        let given = volume["spec"]["claimRef"].is_object();
        let mut patch = json!({"spec": {"claimRef": {
            "apiVersion": "v1", "kind": "PersistentVolumeClaim", "name": metadata["name"],
            "namespace": metadata["namespace"], "uid": metadata["uid"],
            "resourceVersion": metadata["resourceVersion"],
        }}});
        if !given {
            patch["metadata"] = json!({"annotations": {BY_CONTROLLER: "yes"}});
        }
        volume = cluster.merge(VOLUMES, &volume, &patch)?;
    }
    if volume["status"]["phase"] != "Bound" {
        let status = json!({"phase": "Bound", "lastPhaseTransitionTime": cluster.stamp()});
        volume = cluster.merge_status(VOLUMES, &volume, &json!({"status": status}))?;
    }
    let mut claim = Arc::clone(claim);
    if claim["metadata"]["annotations"][COMPLETED].is_null() {
        let mut annotations = json!({COMPLETED: "yes"});
        if claim["spec"]["volumeName"]
            .as_str()
            .is_none_or(str::is_empty)
        {
            annotations[BY_CONTROLLER] = json!("yes");
        }
        let patch = json!({
            "metadata": {"annotations": annotations}, "spec": {"volumeName": name(&volume)},
        });
        claim = cluster.merge(CLAIMS, &claim, &patch)?;
    }
    if claim["status"]["phase"] != "Bound" {
        let status = json!({
            "phase": "Bound", "accessModes": volume["spec"]["accessModes"],
            "capacity": volume["spec"]["capacity"],
        });
        cluster.merge_status(CLAIMS, &claim, &json!({"status": status}))?;
    }
    Ok(())
}
