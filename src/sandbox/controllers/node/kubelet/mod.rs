//! The kubelet of a simulated node: runs the Pods that the node has, as far as anybody can see from outside.
//! <https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/>

mod conditions;
mod environment;
mod hooks;
mod images;
mod life;
mod probes;
mod start;
mod status;
mod sync;
mod volumes;

use std::{collections::HashMap, sync::Arc, time::Duration};

use serde_json::Value;

use self::life::Life;
use crate::sandbox::{
    controllers::{
        Controller, Outcome,
        cluster::{Cluster, Event, NODES, PODS, is_going},
    },
    pointer::items,
    store::{Change, Key},
};

/// The kubelet.
#[derive(Debug, Default)]
pub struct Kubelet {
    lives: HashMap<Key, Life>,
    /// The last part of the last address that was given.
    last_address: u16,
}

/// One look at a Pod.
struct Look<'a> {
    cluster: &'a Cluster<'a>,
    pod: &'a Value,
    node: &'a str,
    host_ip: String,
    now: Duration,
}

impl Look<'_> {
    fn event(&self, part: &str, warning: bool, reason: &str, message: &str) {
        self.cluster.event(&Event {
            about: self.pod,
            part,
            warning,
            reason,
            message,
            node: self.node,
        });
    }

    fn node(&self) -> Option<Arc<Value>> {
        self.cluster.get(NODES, "", self.node)
    }

    fn text(&self, field: &str) -> &str {
        self.pod["metadata"][field].as_str().unwrap_or_default()
    }

    fn name(&self) -> &str {
        self.text("name")
    }

    fn namespace(&self) -> &str {
        self.text("namespace")
    }

    fn uid(&self) -> &str {
        self.text("uid")
    }
}

impl Controller for Kubelet {
    fn name(&self) -> &'static str {
        "kubelet"
    }

    fn program(&self) -> &'static str {
        "kubelet"
    }

    fn touched(&self, _: &Cluster<'_>, change: &Change) -> Vec<Key> {
        let placed = |pod: Option<&Value>| pod.is_some_and(|p| p["spec"]["nodeName"].is_string());
        let is = PODS.is_of(change)
            && (placed(change.after.as_deref()) || placed(change.before.as_deref()));
        if is {
            vec![change.key.clone()]
        } else {
            Vec::new()
        }
    }

    fn reconcile(&mut self, cluster: &Cluster<'_>, key: &Key) -> Outcome {
        let found = cluster.get(PODS, &key.0, &key.1);
        let Some(pod) = found.filter(|p| {
            p["spec"]["nodeName"]
                .as_str()
                .is_some_and(|n| !n.is_empty())
        }) else {
            self.lives.remove(key);
            return Ok(None);
        };
        let node = pod["spec"]["nodeName"].as_str().unwrap_or_default();
        let Some(host) = cluster.get(NODES, "", node) else {
            return Ok(None);
        };
        let known = self
            .lives
            .remove(key)
            .filter(|l| pod["metadata"]["uid"] == l.uid.as_str());
        let mut life = known.unwrap_or_else(|| Life::of(&pod, &cluster.api.clock));
        let look = Look {
            cluster,
            pod: &pod,
            node,
            host_ip: address(&host),
            now: cluster.elapsed(),
        };
        let outcome = sync::pod(&look, &mut life, &mut self.last_address);
        let again = life.next(&look);
        self.lives.insert(key.clone(), life);
        outcome.map(|()| again.map(|at| at.saturating_sub(look.now)))
    }
}

impl Life {
    /// When something happens next.
    fn next(&self, look: &Look<'_>) -> Option<Duration> {
        let spec = &look.pod["spec"];
        let all = items(&spec["initContainers"])
            .iter()
            .chain(items(&spec["containers"]))
            .chain(items(&spec["ephemeralContainers"]));
        let mut times: Vec<Duration> = self.sync_at.into_iter().chain(self.gone_at).collect();
        for container in all {
            let Some(run) = self.runs.get(name_of(container)) else {
                continue;
            };
            times.extend(run.ends().map(|(at, _)| at));
            times.extend(run.probe_at(container, look.now));
        }
        if !is_going(look.pod) && self.ended_for.is_none() && !super::requests::has_ended(look.pod)
        {
            times.extend(sync::deadline(look, self));
        }
        times.into_iter().min()
    }
}

/// The address of a node.
fn address(node: &Value) -> String {
    let found = items(&node["status"]["addresses"])
        .iter()
        .find(|a| a["type"] == "InternalIP");
    found
        .and_then(|a| a["address"].as_str())
        .unwrap_or_default()
        .to_owned()
}

/// The name of a container.
fn name_of(container: &Value) -> &str {
    container["name"].as_str().unwrap_or_default()
}
