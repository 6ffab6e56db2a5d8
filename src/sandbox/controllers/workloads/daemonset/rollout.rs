//! Replacing the Pods of a `DaemonSet` where its template changed.
//! <https://github.com/kubernetes/kubernetes/blob/master/pkg/controller/daemon/update.go>

use std::sync::Arc;

use serde_json::Value;

use super::{Look, OnNodes, node, pod};
use crate::sandbox::{
    controllers::{
        cluster::is_going,
        workloads::{amount::of_whole, pods::is_ready},
    },
    verbs::name,
};

/// Whether new Pods come beside the old ones.
pub(super) fn surges(set: &Value) -> bool {
    let strategy = &set["spec"]["updateStrategy"];
    let surge = &strategy["rollingUpdate"]["maxSurge"];
    strategy["type"] == "RollingUpdate" && of_whole(surge, 100, true) > 0
}

/// The Pods of one node, by whether they are of the template.
struct Pair {
    new: Option<Arc<Value>>,
    old: Option<Arc<Value>>,
}

impl Look<'_> {
    /// The nodes that get a new Pod next, and the Pods that go next.
    pub(super) fn next_of_rollout(&mut self, on_nodes: &OnNodes) -> (Vec<String>, Vec<Arc<Value>>) {
        let nodes = self.nodes;
        let wanting = nodes
            .iter()
            .filter(|n| node::wants(self.set, n) == node::Wants::Pod);
        let wanting: Vec<&str> = wanting.map(|n| name(n)).collect();
        let mut concerned: Vec<&str> = on_nodes.keys().map(String::as_str).collect();
        concerned.extend(wanting.iter().filter(|n| !on_nodes.contains_key(**n)));
        let rolling = &self.set["spec"]["updateStrategy"]["rollingUpdate"];
        let count = i64::try_from(wanting.len()).unwrap_or(i64::MAX);
        let surge = of_whole(&rolling["maxSurge"], count, true);
        let unavailable = of_whole(&rolling["maxUnavailable"], count, true);
        if surge == 0 {
            return (
                Vec::new(),
                self.replacements(&concerned, on_nodes, unavailable.max(1)),
            );
        }
        self.surge(on_nodes, surge)
    }

    /// Old Pods that go, so that no more than these many nodes are without an available one.
    fn replacements(&mut self, nodes: &[&str], on_nodes: &OnNodes, most: i64) -> Vec<Arc<Value>> {
        let (mut missing, mut first, mut later) = (0, Vec::new(), Vec::new());
        for node in nodes {
            let there = on_nodes.get(*node).map_or(&[][..], Vec::as_slice);
            match self.pair(there) {
                Some(Pair {
                    new: Some(new),
                    old: None,
                }) => missing += i64::from(!self.is_available(&new)),
                Some(Pair {
                    new: None,
                    old: Some(old),
                }) => {
                    if !self.is_available(&old) {
                        missing += 1;
                        first.push(old);
                    } else if missing < most {
                        later.push(old);
                    }
                }
                _ => missing += 1,
            }
        }
        let more = usize::try_from(most - missing).unwrap_or_default();
        first.extend(later.into_iter().take(more));
        first
    }

    /// Nodes that get a new Pod beside the old one, no more than these many at a time, and old Pods whose successor is available.
    fn surge(&mut self, on_nodes: &OnNodes, most: i64) -> (Vec<String>, Vec<Arc<Value>>) {
        let (mut surging, mut first, mut later, mut gone) = (0, Vec::new(), Vec::new(), Vec::new());
        for (node, there) in on_nodes {
            match self.pair(there) {
                Some(Pair {
                    new: None,
                    old: Some(old),
                }) => {
                    if self.is_available(&old) {
                        later.push(node.clone());
                    } else {
                        first.push(node.clone());
                    }
                }
                Some(Pair {
                    new: Some(new),
                    old: Some(old),
                }) => {
                    if self.is_available(&new) {
                        gone.push(old);
                    } else {
                        surging += 1;
                    }
                }
                Some(_) => {}
                None => surging += 1,
            }
        }
        let more = usize::try_from(most - surging).unwrap_or_default();
        first.extend(later.into_iter().take(more));
        (first, gone)
    }

    /// The old and the new Pod of a node; none where there are more.
    fn pair(&self, there: &[Arc<Value>]) -> Option<Pair> {
        let (mut new, mut old) = (None, None);
        for pod in there.iter().filter(|p| !is_going(p)) {
            let place = if pod::is_updated(self.set, pod, self.hash) {
                &mut new
            } else {
                &mut old
            };
            if place.replace(Arc::clone(pod)).is_some() {
                return None;
            }
        }
        Some(Pair { new, old })
    }

    /// The Pods of a node that are too many where new ones come beside the old ones: one of each kind stays, the old one until it
    /// is not needed any more.
    pub(super) fn replaced(&mut self, running: &mut [Arc<Value>]) -> Vec<Arc<Value>> {
        running.sort_by(|a, b| pod::by_age(a, b));
        let (mut new, mut old, mut surplus) = (None, None, Vec::new());
        for pod in running.iter() {
            let place = if pod["metadata"]["labels"][pod::HASH] == self.hash {
                &mut new
            } else {
                &mut old
            };
            if place.is_none() {
                *place = Some(Arc::clone(pod));
            } else {
                surplus.push(Arc::clone(pod));
            }
        }
        if let (Some(new), Some(old)) = (new, old)
            && (!is_ready(&old) || self.is_available(&new))
        {
            surplus.push(old);
        }
        surplus
    }
}
