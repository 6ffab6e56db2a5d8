//! A node's own status: what it has, how it does, and the lease by which it says that it is there.
//! <https://kubernetes.io/docs/reference/node/node-status/>

use std::time::Duration;

use serde_json::{Value, json};

use crate::sandbox::{
    controllers::{
        Controller, Outcome,
        cluster::{Cluster, Kind, NODES},
    },
    pointer::items,
    store::{Change, Key},
    verbs::name,
};

const LEASES: Kind = Kind::new("coordination.k8s.io", "v1", "leases");
/// How often the lease is renewed.
const LEASE: Duration = Duration::from_secs(10);
/// How often the status is written though nothing changed, in leases.
const STATUS_EVERY: u64 = 30;

/// The part of a kubelet that tells of its node.
#[derive(Debug, Default)]
pub struct NodeStatus {
    beats: u64,
}

impl Controller for NodeStatus {
    fn name(&self) -> &'static str {
        "kubelet"
    }

    fn program(&self) -> &'static str {
        "kubelet"
    }

    fn touched(&self, _: &Cluster<'_>, change: &Change) -> Vec<Key> {
        let new = NODES.is_of(change) && change.before.is_none() && change.after.is_some();
        if new {
            vec![change.key.clone()]
        } else {
            Vec::new()
        }
    }

    fn reconcile(&mut self, cluster: &Cluster<'_>, key: &Key) -> Outcome {
        let Some(node) = cluster.get(NODES, "", &key.1) else {
            return Ok(None);
        };
        if self.beats.is_multiple_of(STATUS_EVERY) {
            let status = status(&node, &cluster.stamp());
            cluster.merge_status(NODES, &node, &json!({"status": status}))?;
        }
        self.beats += 1;
        renew(cluster, &node)?;
        Ok(Some(LEASE))
    }
}

fn renew(cluster: &Cluster<'_>, node: &Value) -> Result<(), crate::sandbox::status::Refusal> {
    const NAMESPACE: &str = "kube-node-lease";
    let now = cluster
        .api
        .clock
        .now()
        .strftime("%Y-%m-%dT%H:%M:%S%.6fZ")
        .to_string();
    let called = name(node);
    if let Some(lease) = cluster.get(LEASES, NAMESPACE, called) {
        cluster.merge(LEASES, &lease, &json!({"spec": {"renewTime": now}}))?;
        return Ok(());
    }
    let lease = json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {
            "name": called, "namespace": NAMESPACE,
            "ownerReferences": [{"apiVersion": "v1", "kind": "Node", "name": called, "uid": node["metadata"]["uid"]}],
        },
        "spec": {"holderIdentity": called, "leaseDurationSeconds": 40, "renewTime": now},
    });
    cluster.create(LEASES, lease)?;
    Ok(())
}

/// What a healthy node says of itself. Conditions keep the time at which they became so.
fn status(node: &Value, now: &str) -> Value {
    let healthy = [
        (
            "MemoryPressure",
            "False",
            "KubeletHasSufficientMemory",
            "kubelet has sufficient memory available",
        ),
        (
            "DiskPressure",
            "False",
            "KubeletHasNoDiskPressure",
            "kubelet has no disk pressure",
        ),
        (
            "PIDPressure",
            "False",
            "KubeletHasSufficientPID",
            "kubelet has sufficient PID available",
        ),
        (
            "Ready",
            "True",
            "KubeletReady",
            "kubelet is posting ready status",
        ),
    ];
    let before = items(&node["status"]["conditions"]);
    let conditions = healthy.map(|(kind, status, reason, message)| {
        let old = before.iter().find(|c| c["type"] == kind && c["status"] == status);
        json!({
            "type": kind, "status": status, "reason": reason, "message": message, "lastHeartbeatTime": now,
            "lastTransitionTime": old.map_or(json!(now), |c| c["lastTransitionTime"].clone()),
        })
    });
    json!({"conditions": conditions})
}
