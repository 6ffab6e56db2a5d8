//! Volumes: there, taken, given back.

use serde_json::{Value, json};

use super::{CLAIMS, PROVISIONED_BY, VOLUMES, is_for};
use crate::sandbox::{
    controllers::{
        Controller, Outcome,
        cluster::{Cluster, is_going, key_of},
    },
    store::{Change, Key},
    verbs::delete::Options,
};

/// Keeps the phases of volumes, and deletes those that were made for a claim that is gone.
#[derive(Debug, Default)]
pub struct Volumes;

impl Controller for Volumes {
    fn name(&self) -> &'static str {
        "persistentvolume-controller"
    }

    fn touched(&self, cluster: &Cluster<'_>, change: &Change) -> Vec<Key> {
        if VOLUMES.is_of(change) {
            return vec![change.key.clone()];
        }
        if !CLAIMS.is_of(change) || change.after.is_some() {
            return Vec::new();
        }
        let volumes = cluster.list(VOLUMES, None);
        let own = |v: &Value| {
            let reference = &v["spec"]["claimRef"];
            reference["namespace"] == change.key.0 && reference["name"] == change.key.1
        };
        let own = volumes.iter().filter(|v| own(v));
        own.map(|v| key_of(v)).collect()
    }

    fn reconcile(&mut self, cluster: &Cluster<'_>, key: &Key) -> Outcome {
        let Some(volume) = cluster.get(VOLUMES, "", &key.1).filter(|v| !is_going(v)) else {
            return Ok(None);
        };
        let reference = &volume["spec"]["claimRef"];
        let text = |field: &str| reference[field].as_str().unwrap_or_default();
        let claim = cluster.get(CLAIMS, text("namespace"), text("name"));
        let released = !text("uid").is_empty() && !claim.is_some_and(|c| is_for(&volume, &c));
        let phase = match volume["status"]["phase"].as_str() {
            _ if released => "Released",
            Some("Bound") => "Bound",
            _ => "Available",
        };
        if volume["status"]["phase"] != phase {
            let status = json!({"phase": phase, "lastPhaseTransitionTime": cluster.stamp()});
            cluster.merge_status(VOLUMES, &volume, &json!({"status": status}))?;
        }
        let made = volume["metadata"]["annotations"][PROVISIONED_BY].is_string();
        if released && made && volume["spec"]["persistentVolumeReclaimPolicy"] == "Delete" {
            cluster.delete(VOLUMES, &volume, &Options::default())?;
        }
        Ok(None)
    }
}
