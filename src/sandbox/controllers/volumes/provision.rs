//! Volumes made for claims, as the provisioner of a class makes them.

use std::{collections::HashMap, sync::Arc, time::Duration};

use serde_json::{Value, json};

use super::{CLAIMS, PROVISIONED_BY, SELECTED_NODE, VOLUMES};
use crate::sandbox::{
    controllers::{
        Outcome,
        cluster::{Cluster, key_of},
    },
    store::Key,
};

/// How long a volume takes to be made.
const TAKES: Duration = Duration::from_secs(2);
/// The class whose volumes are all there already.
const NONE: &str = "kubernetes.io/no-provisioner";

/// What is being made.
#[derive(Debug, Default)]
pub(super) struct Provisioning {
    /// When each will be there.
    due: HashMap<Key, Duration>,
}

impl Provisioning {
    /// A claim is gone.
    pub(super) fn forget(&mut self, key: &Key) {
        self.due.remove(key);
    }

    /// Begins to make a volume, or makes it.
    pub(super) fn go_on(
        &mut self,
        cluster: &Cluster<'_>,
        claim: &Arc<Value>,
        class: &Value,
        tell: &impl Fn(bool, &str, &str),
    ) -> Outcome {
        let by = class["provisioner"].as_str().unwrap_or_default();
        if by == NONE {
            return Ok(None);
        }
        let (key, now) = (key_of(claim), cluster.elapsed());
        let Some(due) = self.due.get(&key).copied() else {
            let annotations = json!({
                "volume.beta.kubernetes.io/storage-provisioner": by,
                "volume.kubernetes.io/storage-provisioner": by,
            });
            cluster.merge(
                CLAIMS,
                claim,
                &json!({"metadata": {"annotations": annotations}}),
            )?;
            let message = format!(
                "Waiting for a volume to be created either by the external provisioner '{by}' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered."
            );
            tell(false, "ExternalProvisioning", &message);
            let of = format!("{}/{}", key.0, key.1);
            let message = format!("External provisioner is provisioning volume for claim \"{of}\"");
            tell(false, "Provisioning", &message);
            self.due.insert(key, now + TAKES);
            return Ok(Some(TAKES));
        };
        if due > now {
            return Ok(Some(due.saturating_sub(now)));
        }
        self.due.remove(&key);
        let volume = volume(claim, class);
        let message = format!(
            "Successfully provisioned volume {}",
            volume["metadata"]["name"].as_str().unwrap_or_default()
        );
        if cluster.get(VOLUMES, "", &named(claim)).is_none() {
            cluster.create(VOLUMES, volume)?;
            tell(false, "ProvisioningSucceeded", &message);
        }
        Ok(None)
    }
}

fn named(claim: &Value) -> String {
    let uid = claim["metadata"]["uid"].as_str().unwrap_or_default();
    format!("pvc-{uid}")
}

/// The volume for a claim: a folder of the node.
fn volume(claim: &Value, class: &Value) -> Value {
    let (metadata, spec) = (&claim["metadata"], &claim["spec"]);
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    let (name, of) = (named(claim), text(&metadata["namespace"]));
    let path = format!(
        "/opt/local-path-provisioner/{name}_{of}_{}",
        text(&metadata["name"])
    );
    let mut volume = json!({
        "apiVersion": "v1", "kind": "PersistentVolume",
        "metadata": {"name": name, "annotations": {PROVISIONED_BY: class["provisioner"]}},
        "spec": {
            "accessModes": spec["accessModes"], "capacity": spec["resources"]["requests"],
            "claimRef": {
                "apiVersion": "v1", "kind": "PersistentVolumeClaim", "name": metadata["name"],
                "namespace": metadata["namespace"], "uid": metadata["uid"],
                "resourceVersion": metadata["resourceVersion"],
            },
            "hostPath": {"path": path, "type": "DirectoryOrCreate"},
            "persistentVolumeReclaimPolicy": class["reclaimPolicy"],
            "storageClassName": class["metadata"]["name"], "volumeMode": spec["volumeMode"],
        },
    });
    if let Some(node) = metadata["annotations"][SELECTED_NODE].as_str() {
        let here = json!({"key": "kubernetes.io/hostname", "operator": "In", "values": [node]});
        let terms = json!([{"matchExpressions": [here]}]);
        volume["spec"]["nodeAffinity"] = json!({"required": {"nodeSelectorTerms": terms}});
    }
    volume
}
