//! The taint of a node that is closed for new Pods, and Pods that may not stay where a taint says so.
//! <https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/>

use std::sync::Arc;

use serde_json::{Value, json};

use super::scheduler::fit;
use crate::sandbox::{
    controllers::{
        Controller, Outcome,
        cluster::{Cluster, NODES, PODS, is_going},
    },
    pointer::items,
    status::Refusal,
    store::{Change, Key},
    verbs::{delete::Options, name},
};

const UNSCHEDULABLE: &str = "node.kubernetes.io/unschedulable";

/// The controller of nodes' taints.
#[derive(Debug, Default)]
pub struct Lifecycle;

impl Controller for Lifecycle {
    fn name(&self) -> &'static str {
        "node-controller"
    }

    fn touched(&self, _: &Cluster<'_>, change: &Change) -> Vec<Key> {
        if !NODES.is_of(change) || change.after.is_none() {
            return Vec::new();
        }
        let spec = |o: &Option<Arc<Value>>| o.as_ref().map(|n| n["spec"].clone());
        let changed = spec(&change.before) != spec(&change.after);
        changed.then(|| change.key.clone()).into_iter().collect()
    }

    fn reconcile(&mut self, cluster: &Cluster<'_>, key: &Key) -> Outcome {
        let Some(node) = cluster.get(NODES, "", &key.1) else {
            return Ok(None);
        };
        let closed = node["spec"]["unschedulable"] == true;
        let mut taints: Vec<Value> = items(&node["spec"]["taints"]).to_vec();
        let tainted = taints.iter().any(|t| t["key"] == UNSCHEDULABLE);
        if closed != tainted {
            taints.retain(|t| t["key"] != UNSCHEDULABLE);
            if closed {
                taints.push(json!({"key": UNSCHEDULABLE, "effect": "NoSchedule", "timeAdded": cluster.stamp()}));
            }
            let taints = if taints.is_empty() {
                Value::Null
            } else {
                json!(taints)
            };
            cluster.merge(NODES, &node, &json!({"spec": {"taints": taints}}))?;
            return Ok(None);
        }
        evict(cluster, &node)?;
        Ok(None)
    }
}

/// Deletes the Pods that do not tolerate a node's taint at all.
fn evict(cluster: &Cluster<'_>, node: &Value) -> Result<(), Refusal> {
    let taints: Vec<&Value> = items(&node["spec"]["taints"])
        .iter()
        .filter(|t| t["effect"] == "NoExecute")
        .collect();
    if taints.is_empty() {
        return Ok(());
    }
    for pod in cluster.list(PODS, None) {
        let here = pod["spec"]["nodeName"] == name(node) && !is_going(&pod);
        if here && taints.iter().any(|t| !fit::tolerates(&pod, t)) {
            cluster.delete(PODS, &pod, &Options::default())?;
        }
    }
    Ok(())
}
