//! `DaemonSets`: a Pod on each node that it fits.
//! <https://github.com/kubernetes/kubernetes/blob/master/pkg/controller/daemon/daemon_controller.go>

mod node;
mod pod;
mod rollout;
mod status;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde_json::{Value, json};

use self::pod::HASH;
use super::{
    DAEMON_SETS,
    amount::number,
    claim::{claim, concerned},
    control::{create_pods, delete_pod, tell},
    pods::{has_ended, until_available},
    revisions::{self, History},
    times::Times,
};
use crate::sandbox::{
    controllers::{
        Controller, Outcome,
        cluster::{Cluster, NODES, PODS, is_going, key_of},
    },
    status::Refusal,
    store::{Change, Key},
    verbs::name,
};

/// The pause before a Pod that failed is replaced again, which doubles each time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest of these pauses.
const LONGEST_PAUSE: Duration = Duration::from_secs(15 * 60);

/// The controller of `DaemonSets`.
#[derive(Debug, Default)]
pub struct DaemonSets {
    times: Times,
    /// When a failed Pod of a set was replaced on a node, and how long the next one waits.
    failures: BTreeMap<(String, String), (Duration, Duration)>,
}

/// The Pods of a set by the node that they are for.
type OnNodes = BTreeMap<String, Vec<Arc<Value>>>;

/// One look at a `DaemonSet`.
struct Look<'a> {
    cluster: &'a Cluster<'a>,
    set: &'a Value,
    nodes: &'a [Arc<Value>],
    /// The hash of its template.
    hash: &'a str,
    times: &'a mut Times,
    failures: &'a mut BTreeMap<(String, String), (Duration, Duration)>,
    /// When to look again.
    again: Option<Duration>,
}

impl Controller for DaemonSets {
    fn name(&self) -> &'static str {
        "daemonset-controller"
    }

    fn touched(&self, cluster: &Cluster<'_>, change: &Change) -> Vec<Key> {
        if DAEMON_SETS.is_of(change) {
            return vec![change.key.clone()];
        }
        if PODS.is_of(change) {
            return concerned(cluster, change, DAEMON_SETS, "DaemonSet");
        }
        if NODES.is_of(change) && node::matters(change) {
            let all = cluster.list(DAEMON_SETS, None);
            return all.iter().map(|s| key_of(s)).collect();
        }
        Vec::new()
    }

    fn reconcile(&mut self, cluster: &Cluster<'_>, key: &Key) -> Outcome {
        let set = cluster.get(DAEMON_SETS, &key.0, &key.1);
        let Some(set) = set.filter(|s| !is_going(s)) else {
            return Ok(None);
        };
        let history = revisions::sync(cluster, &set, HASH)?;
        let hash = &history.current["metadata"]["labels"][HASH];
        let mut look = Look {
            cluster,
            set: &set,
            nodes: &cluster.list(NODES, None),
            hash: hash.as_str().unwrap_or_default(),
            times: &mut self.times,
            failures: &mut self.failures,
            again: None,
        };
        let done = look.manage(&history);
        look.keep_status(history.collisions)?;
        done?;
        Ok(look.again)
    }
}

impl Look<'_> {
    fn manage(&mut self, history: &History) -> Result<(), Refusal> {
        let pods = claim(self.cluster, self.set, PODS, |_| true)?;
        let on_nodes = by_node(&pods);
        let (missing, surplus) = self.differences(&on_nodes);
        let waits = !missing.is_empty() || !surplus.is_empty();
        self.change(&missing, &surplus)?;
        // The next step is taken when these Pods have come and gone.
        if !waits && self.set["spec"]["updateStrategy"]["type"] == "RollingUpdate" {
            let (missing, surplus) = self.next_of_rollout(&on_nodes);
            self.change(&missing, &surplus)?;
        }
        let used = |revision: &Value| {
            let hash = &revision["metadata"]["labels"][HASH];
            pods.iter().any(|p| p["metadata"]["labels"][HASH] == *hash)
        };
        revisions::clean_up(self.cluster, self.set, history, used)
    }

    /// Makes Pods for these nodes and deletes these Pods.
    fn change(&self, missing: &[String], surplus: &[Arc<Value>]) -> Result<(), Refusal> {
        let pods: Vec<Value> = missing
            .iter()
            .map(|node| pod::on(self.set, self.hash, node))
            .collect();
        let made = create_pods(self.cluster, self.set, &pods);
        let mut done = made.map(|_| ()).map_err(|(_, refusal)| refusal);
        for pod in surplus {
            done = done.and(delete_pod(self.cluster, self.set, pod));
        }
        done
    }

    /// The nodes where a Pod is missing, and the Pods that are too many.
    fn differences(&mut self, on_nodes: &OnNodes) -> (Vec<String>, Vec<Arc<Value>>) {
        let (mut missing, mut surplus) = (Vec::new(), Vec::new());
        for node in self.nodes {
            let there = on_nodes.get(name(node)).map_or(&[][..], Vec::as_slice);
            match node::wants(self.set, node) {
                node::Wants::Pod if there.is_empty() => missing.push(name(node).to_owned()),
                node::Wants::Pod => self.tidy(node, there, (&mut missing, &mut surplus), true),
                node::Wants::Present => {
                    self.tidy(node, there, (&mut missing, &mut surplus), false);
                }
                node::Wants::Nothing => {
                    surplus.extend(there.iter().filter(|p| !is_going(p)).cloned());
                }
            }
        }
        // Pods that wait for a node that is gone.
        let is_node = |n: &String| self.nodes.iter().any(|node| name(node) == n);
        let lost = on_nodes.iter().filter(|(node, _)| !is_node(node));
        let lost = lost.flat_map(|(_, pods)| pods);
        surplus.extend(lost.filter(|p| p["spec"]["nodeName"].is_null()).cloned());
        (missing, surplus)
    }

    /// One Pod on a node stays; those that ended go.
    fn tidy(
        &mut self,
        node: &Value,
        there: &[Arc<Value>],
        (missing, surplus): (&mut Vec<String>, &mut Vec<Arc<Value>>),
        wanted: bool,
    ) {
        let mut running = Vec::new();
        for pod in there.iter().filter(|p| !is_going(p)) {
            if !has_ended(pod) {
                running.push(Arc::clone(pod));
            } else if self.may_go(node, pod) {
                surplus.push(Arc::clone(pod));
            }
        }
        if rollout::surges(self.set) {
            if running.is_empty() && wanted {
                missing.push(name(node).to_owned());
            }
            surplus.extend(self.replaced(&mut running));
            return;
        }
        running.sort_by(|a, b| pod::by_age(a, b));
        surplus.extend(running.into_iter().skip(1));
    }

    /// Whether a Pod that ended is to go now; tells of it.
    fn may_go(&mut self, node: &Value, pod: &Value) -> bool {
        let namespace = pod["metadata"]["namespace"].as_str().unwrap_or_default();
        let (pod_name, node_name) = (name(pod), name(node));
        if pod["status"]["phase"] == "Succeeded" {
            let message = format!(
                "Found succeeded daemon pod {namespace}/{pod_name} on node {node_name}, will try to delete it"
            );
            tell(
                self.cluster,
                self.set,
                false,
                "SucceededDaemonPod",
                &message,
            );
            return true;
        }
        let now = self.cluster.elapsed();
        let uid = self.set["metadata"]["uid"].as_str().unwrap_or_default();
        let key = (uid.to_owned(), node_name.to_owned());
        let pause = match self.failures.get(&key) {
            Some((at, pause)) if now < *at + *pause => {
                let left = (*at + *pause).saturating_sub(now);
                self.look_again(left);
                return false;
            }
            // After a long time without failures it begins anew.
            Some((at, pause)) if now < *at + 2 * LONGEST_PAUSE => (2 * *pause).min(LONGEST_PAUSE),
            _ => FIRST_PAUSE,
        };
        self.failures.insert(key, (now, pause));
        let message = format!(
            "Found failed daemon pod {namespace}/{pod_name} on node {node_name}, will try to kill it"
        );
        tell(self.cluster, self.set, true, "FailedDaemonPod", &message);
        true
    }

    fn look_again(&mut self, after: Duration) {
        self.again = Some(self.again.map_or(after, |again| again.min(after)));
    }

    fn is_available(&mut self, pod: &Value) -> bool {
        let least = number(&self.set["spec"]["minReadySeconds"]);
        match until_available(pod, least, self.times, self.cluster) {
            Some(wait) if wait.is_zero() => true,
            Some(wait) => {
                self.look_again(wait);
                false
            }
            None => false,
        }
    }

    fn keep_status(&mut self, collisions: Option<i64>) -> Result<(), Refusal> {
        let pods = claim(self.cluster, self.set, PODS, |_| true)?;
        let mut status = self.status(&by_node(&pods));
        if let Some(collisions) = collisions {
            status["collisionCount"] = json!(collisions);
        }
        if status != self.set["status"] {
            let mut object = self.set.clone();
            object["status"] = status;
            self.cluster.update_status(DAEMON_SETS, object)?;
        }
        Ok(())
    }
}

/// Pods by the node that they are for; those that ended and go are nobody's any more.
fn by_node(pods: &[Arc<Value>]) -> OnNodes {
    let mut on_nodes = OnNodes::new();
    for pod in pods.iter().filter(|p| !(has_ended(p) && is_going(p))) {
        if let Some(node) = pod::node_of(pod) {
            let there = on_nodes.entry(node.to_owned()).or_default();
            there.push(Arc::clone(pod));
        }
    }
    on_nodes
}
