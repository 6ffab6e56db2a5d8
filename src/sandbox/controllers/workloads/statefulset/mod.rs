//! `StatefulSets`: Pods with names and volumes of their own, one after the other.
//! <https://github.com/kubernetes/kubernetes/blob/master/pkg/controller/statefulset/stateful_set_control.go>

mod claims;
mod pod;
mod replicas;
mod status;

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};

use self::{pod::REVISION, replicas::Replicas};
use super::{
    amount::number,
    claim::{claim, concerned},
    pods::{is_ready, phase, until_available},
    revisions::{self, History, template_of},
    times::Times,
};
use crate::sandbox::{
    controllers::{
        Controller, Outcome,
        cluster::{Cluster, PODS, STATEFUL_SETS, is_going},
    },
    store::{Change, Key},
    verbs::name,
};

/// Where the hash of a revision stands.
const HASH: &str = "controller.kubernetes.io/hash";

/// The controller of `StatefulSets`.
#[derive(Debug, Default)]
pub struct StatefulSets {
    times: Times,
}

/// One look at a `StatefulSet`.
struct Look<'a> {
    cluster: &'a Cluster<'a>,
    set: &'a Value,
    /// The revision that its Pods had before the rollout.
    current: &'a Value,
    /// The revision of its template.
    update: &'a Value,
    times: &'a mut Times,
    /// When to look again.
    again: Option<Duration>,
}

impl Controller for StatefulSets {
    fn name(&self) -> &'static str {
        "statefulset-controller"
    }

    fn touched(&self, cluster: &Cluster<'_>, change: &Change) -> Vec<Key> {
        if STATEFUL_SETS.is_of(change) {
            return vec![change.key.clone()];
        }
        if PODS.is_of(change) {
            return concerned(cluster, change, STATEFUL_SETS, "StatefulSet");
        }
        Vec::new()
    }

    fn reconcile(&mut self, cluster: &Cluster<'_>, key: &Key) -> Outcome {
        let Some(set) = cluster.get(STATEFUL_SETS, &key.0, &key.1) else {
            return Ok(None);
        };
        let history = revisions::sync(cluster, &set, HASH)?;
        let pods = claim(cluster, &set, PODS, |p| pod::is_member(&set, p))?;
        let current = current(&set, &history);
        let mut look = Look {
            cluster,
            set: &set,
            current,
            update: &history.current,
            times: &mut self.times,
            again: None,
        };
        let mut replicas = look.sort(&pods);
        let done = if is_going(&set) {
            Ok(())
        } else {
            look.manage(&mut replicas)
        };
        look.keep_status(&replicas, history.collisions)?;
        let again = look.again;
        let used = |revision: &Value| {
            let used = |p: &Arc<Value>| p["metadata"]["labels"][REVISION] == *name(revision);
            name(revision) == name(current) || pods.iter().any(used)
        };
        revisions::clean_up(cluster, &set, &history, used)?;
        done?;
        Ok(again)
    }
}

/// The revision that a set's Pods had before the rollout: the one of its template if there is no rollout.
fn current<'a>(set: &Value, history: &'a History) -> &'a Value {
    let before = &set["status"]["currentRevision"];
    let found = history.old.iter().find(|r| *before == *name(r));
    found.unwrap_or(&history.current)
}

impl Look<'_> {
    /// The Pods in their places, with those that are missing as they are to be made.
    fn sort(&self, pods: &[Arc<Value>]) -> Replicas {
        let (start, count) = (pod::start(self.set), pod::count(self.set));
        let mut replicas = Replicas::default();
        for ordinal in start..start + count {
            let there = pods.iter().find(|p| pod::ordinal(p) == Some(ordinal));
            let pod = there.map_or_else(|| Arc::new(self.missing(ordinal)), Arc::clone);
            replicas.wanted.push(pod);
        }
        for pod in pods {
            if pod::ordinal(pod).is_some_and(|o| o < start || o >= start + count) {
                replicas.condemned.push(Arc::clone(pod));
            }
        }
        // The last one goes first.
        replicas
            .condemned
            .sort_by_key(|p| std::cmp::Reverse(pod::ordinal(p)));
        replicas
    }

    /// A Pod to be made: below the partition of the revision before.
    fn missing(&self, ordinal: i64) -> Value {
        let strategy = &self.set["spec"]["updateStrategy"];
        let below = match &strategy["rollingUpdate"] {
            Value::Null => number(&self.set["status"]["currentReplicas"]),
            rolling => number(&rolling["partition"]),
        };
        let before = strategy["type"] == "RollingUpdate" && ordinal < pod::start(self.set) + below;
        let revision = if before { self.current } else { self.update };
        let mut set = self.set.clone();
        set["spec"]["template"] = template_of(revision);
        pod::new(&set, ordinal, name(revision))
    }

    /// Whether Pods come and go one after the other.
    fn is_ordered(&self) -> bool {
        self.set["spec"]["podManagementPolicy"] != "Parallel"
    }

    fn is_running_and_ready(pod: &Value) -> bool {
        phase(pod) == "Running" && is_ready(pod)
    }

    fn is_available(&mut self, pod: &Value) -> bool {
        let least = number(&self.set["spec"]["minReadySeconds"]);
        match until_available(pod, least, self.times, self.cluster) {
            Some(wait) if wait.is_zero() => true,
            Some(wait) => {
                self.again = Some(self.again.map_or(wait, |again| again.min(wait)));
                false
            }
            None => false,
        }
    }

    fn is_unavailable(&mut self, pod: &Value) -> bool {
        !self.is_available(pod) || is_going(pod)
    }

    fn keep_status(
        &mut self,
        replicas: &Replicas,
        collisions: Option<i64>,
    ) -> Result<(), crate::sandbox::status::Refusal> {
        let mut status = self.status(replicas);
        status["collisionCount"] = json!(collisions.unwrap_or_default());
        if status != self.set["status"] {
            let mut object = self.set.clone();
            object["status"] = status;
            self.cluster.update_status(STATEFUL_SETS, object)?;
        }
        Ok(())
    }
}
