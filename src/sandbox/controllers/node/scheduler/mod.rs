//! The scheduler: gives each Pod a node that has room for it, or says why none has.
//! <https://kubernetes.io/docs/concepts/scheduling-eviction/kube-scheduler/>

mod claims;
pub mod fit;
mod spread;
mod told;

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};

use self::{claims::Claims, fit::Misfit};
use super::requests;
use crate::sandbox::{
    controllers::{
        Controller, Outcome,
        cluster::{Cluster, NODES, PODS, is_going},
    },
    store::{Change, Fact, Key},
    verbs::name,
};

/// The name under which Pods ask for it.
const NAME: &str = "default-scheduler";
/// How long a Pod that fitted nowhere waits where nothing changes.
/// <https://github.com/kubernetes/kubernetes/blob/master/pkg/scheduler/backend/queue/scheduling_queue.go> (`DefaultPodMaxInUnschedulablePodsDuration`)
const AGAIN: Duration = Duration::from_secs(5 * 60);
/// How long it is waited for claims that hear where they will be used.
const FOR_CLAIMS: Duration = Duration::from_secs(1);

/// The scheduler.
#[derive(Debug, Default)]
pub struct Scheduler;

impl Controller for Scheduler {
    fn name(&self) -> &'static str {
        NAME
    }

    fn program(&self) -> &'static str {
        "kube-scheduler"
    }

    fn touched(&self, cluster: &Cluster<'_>, change: &Change) -> Vec<Key> {
        let after = change.after.as_deref();
        if PODS.is_of(change) && after.is_some_and(waits) {
            return vec![change.key.clone()];
        }
        let matters = match &*change.place {
            // Room is made where a Pod goes or ends.
            "pods" => after.is_none_or(requests::has_ended) && change.before.is_some(),
            "nodes" => {
                let of = |o: Option<&Value>| {
                    o.map(|n| {
                        (
                            n["spec"].clone(),
                            n["metadata"]["labels"].clone(),
                            n["status"]["allocatable"].clone(),
                        )
                    })
                };
                of(after) != of(change.before.as_deref())
            }
            "persistentvolumeclaims" | "storageclasses.storage.k8s.io" => true,
            _ => false,
        };
        if !matters {
            return Vec::new();
        }
        cluster.pod_keys(&Fact::Unplaced)
    }

    fn reconcile(&mut self, cluster: &Cluster<'_>, key: &Key) -> Outcome {
        let Some(pod) = cluster.get(PODS, &key.0, &key.1).filter(|p| waits(p)) else {
            return Ok(None);
        };
        if list_len(&pod["spec"]["schedulingGates"]) > 0 {
            return told::gated(cluster, &pod).map(|()| None);
        }
        let nodes = cluster.list(NODES, None);
        let waiting = match claims::of(cluster, &pod) {
            Claims::Bound => Vec::new(),
            Claims::Waiting(claims) => claims,
            Claims::Missing(why) => {
                let all = nodes.len();
                let why = format!("0/{all} nodes are available: {why}. not found");
                return told::unschedulable(cluster, &pod, &why).map(|()| Some(AGAIN));
            }
        };
        // A node without room for one more Pod is no choice, whatever the Pods are that it has.
        let open = nodes.iter().filter(|n| has_place(cluster, n));
        let misfit = |node: &Value| misfit(cluster, &pod, node, &nodes);
        let Some(node) = open.into_iter().find(|n| misfit(n).is_none()) else {
            let misfits: Vec<Misfit> = nodes.iter().filter_map(|n| misfit(n)).collect();
            told::unschedulable(cluster, &pod, &fit::told(&misfits))?;
            return Ok(Some(AGAIN));
        };
        if !waiting.is_empty() {
            claims::choose(cluster, &waiting, name(node))?;
            return Ok(Some(FOR_CLAIMS));
        }
        cluster.api.bind(&key.0, &key.1, name(node), &json!({}))?;
        told::scheduled(cluster, &pod, name(node));
        Ok(None)
    }
}

/// The Pods of a node that have not ended.
fn of_node(node: &Value) -> Fact {
    Fact::RunsOn(name(node).to_owned())
}

/// Whether a node may have one more Pod.
fn has_place(cluster: &Cluster<'_>, node: &Value) -> bool {
    fit::has_place(node, cluster.count_pods(&of_node(node)))
}

/// Why a Pod does not fit on a node; nothing if it does.
fn misfit(
    cluster: &Cluster<'_>,
    pod: &Value,
    node: &Value,
    nodes: &[Arc<Value>],
) -> Option<Misfit> {
    let pods = |node: &Value| cluster.pods(&of_node(node));
    fit::misfit(
        pod,
        node,
        || pods(node),
        || spread::uneven(pod, node, nodes, pods),
    )
}

/// Whether a Pod waits for this scheduler.
fn waits(pod: &Value) -> bool {
    let spec = &pod["spec"];
    let mine = spec["schedulerName"].as_str().is_none_or(|s| s == NAME);
    mine && spec["nodeName"].as_str().is_none_or(str::is_empty)
        && !is_going(pod)
        && !requests::has_ended(pod)
}

fn list_len(value: &Value) -> usize {
    value.as_array().map_or(0, Vec::len)
}
