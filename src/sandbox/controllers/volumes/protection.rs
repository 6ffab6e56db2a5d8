//! Claims stay while a Pod uses them, and volumes while a claim does.
//! <https://kubernetes.io/docs/concepts/storage/persistent-volumes/#storage-object-in-use-protection>

use serde_json::{Value, json};

use super::{CLAIMS, VOLUMES, without};
use crate::sandbox::{
    controllers::{
        Controller, Outcome,
        cluster::{Cluster, PODS, is_going},
    },
    store::{Change, Key},
};

/// Lets go of claims.
#[derive(Debug, Default)]
pub struct ClaimProtection;

impl Controller for ClaimProtection {
    fn name(&self) -> &'static str {
        "pvc-protection-controller"
    }

    fn touched(&self, _: &Cluster<'_>, change: &Change) -> Vec<Key> {
        if CLAIMS.is_of(change) {
            return vec![change.key.clone()];
        }
        let pod = change.before.as_deref().filter(|_| PODS.is_of(change));
        let claims = pod.map(claims_of).unwrap_or_default();
        let namespace = &change.key.0;
        claims.into_iter().map(|c| (namespace.clone(), c)).collect()
    }

    fn reconcile(&mut self, cluster: &Cluster<'_>, key: &Key) -> Outcome {
        let Some(claim) = cluster.get(CLAIMS, &key.0, &key.1).filter(|c| is_going(c)) else {
            return Ok(None);
        };
        let ended =
            |p: &Value| matches!(p["status"]["phase"].as_str(), Some("Succeeded" | "Failed"));
        let pods = cluster.list(PODS, Some(&key.0));
        let mut users = pods.iter().filter(|p| !ended(p));
        if users.any(|p| claims_of(p).contains(&key.1)) {
            return Ok(None);
        }
        if let Some(left) = without(&claim, "kubernetes.io/pvc-protection") {
            let patch = json!({"metadata": {"finalizers": left}});
            cluster.merge(CLAIMS, &claim, &patch)?;
        }
        Ok(None)
    }
}

/// The claims that a Pod's volumes name.
fn claims_of(pod: &Value) -> Vec<String> {
    let volumes = pod["spec"]["volumes"].as_array().into_iter().flatten();
    let claims = volumes.filter_map(|v| {
        if v["ephemeral"].is_object() {
            let (pod, volume) = (pod["metadata"]["name"].as_str()?, v["name"].as_str()?);
            return Some(format!("{pod}-{volume}"));
        }
        v["persistentVolumeClaim"]["claimName"]
            .as_str()
            .map(str::to_owned)
    });
    claims.collect()
}

/// Lets go of volumes.
#[derive(Debug, Default)]
pub struct VolumeProtection;

impl Controller for VolumeProtection {
    fn name(&self) -> &'static str {
        "pv-protection-controller"
    }

    fn touched(&self, _: &Cluster<'_>, change: &Change) -> Vec<Key> {
        let mine = VOLUMES.is_of(change);
        mine.then(|| change.key.clone()).into_iter().collect()
    }

    fn reconcile(&mut self, cluster: &Cluster<'_>, key: &Key) -> Outcome {
        let Some(volume) = cluster.get(VOLUMES, "", &key.1).filter(|v| is_going(v)) else {
            return Ok(None);
        };
        if volume["status"]["phase"] == "Bound" {
            return Ok(None);
        }
        if let Some(left) = without(&volume, "kubernetes.io/pv-protection") {
            let patch = json!({"metadata": {"finalizers": left}});
            cluster.merge(VOLUMES, &volume, &patch)?;
        }
        Ok(None)
    }
}
