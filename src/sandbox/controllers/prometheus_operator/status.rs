//! What the operator says of a Prometheus.

use std::sync::Arc;

use serde_json::{Value, json};

use super::statefulset;
use crate::sandbox::controllers::cluster::{Cluster, PODS, STATEFUL_SETS};

/// Said of one whose configuration is its owner's own.
const UNMANAGED: &str = "the operator doesn't manage the Prometheus configuration secret because neither serviceMonitorSelector nor podMonitorSelector, nor probeSelector is specified. Unmanaged Prometheus configuration is deprecated, use additionalScrapeConfigs or the ScrapeConfig instead.";

/// How a look at it went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reconciled {
    /// All is as it is wanted.
    Well,
    /// All but the configuration, which is not the operator's.
    Unmanaged,
    /// Something went wrong.
    Failed(String),
}

#[derive(Default)]
struct Counts {
    pods: usize,
    updated: usize,
    ready: usize,
}

/// The status of a Prometheus now.
pub(super) fn of(cluster: &Cluster<'_>, prometheus: &Value, reconciled: &Reconciled) -> Value {
    let (metadata, spec) = (&prometheus["metadata"], &prometheus["spec"]);
    let namespace = metadata["namespace"].as_str().unwrap_or_default();
    let name = metadata["name"].as_str().unwrap_or_default();
    let replicas = usize::try_from(spec["replicas"].as_i64().unwrap_or(1)).unwrap_or_default();
    let (mut status, mut reason, mut messages) = ("True", "", Vec::new());
    let (mut all, mut shards) = (Counts::default(), Vec::new());
    for (shard, called) in statefulset::names(prometheus).iter().enumerate() {
        let Some(set) = cluster.get(STATEFUL_SETS, namespace, called) else {
            (status, reason) = ("False", "StatefulSetNotFound");
            messages.push(format!(
                "shard {shard}: statefulset {namespace}/{called} not found"
            ));
            shards.push(of_shard(shard, &Counts::default()));
            continue;
        };
        let pods = cluster.owned(PODS, &set);
        let counts = counted(&pods, &set);
        shards.push(of_shard(shard, &counts));
        if counts.ready < replicas {
            if counts.ready == 0 {
                (status, reason) = ("False", "NoPodReady");
            } else if status != "False" {
                (status, reason) = ("Degraded", "SomePodsNotReady");
            }
            for pod in &pods {
                let message = said(pod);
                if !message.is_empty() {
                    let pod = pod["metadata"]["name"].as_str().unwrap_or_default();
                    messages.push(format!("shard {shard}: pod {pod}: {message}"));
                }
            }
        }
        all.pods += counts.pods;
        all.updated += counts.updated;
        all.ready += counts.ready;
    }
    let labels = statefulset::labels(name);
    let pairs = labels
        .iter()
        .map(|(n, v)| format!("{n}={}", v.as_str().unwrap_or_default()));
    let (well, why, what) = match reconciled {
        Reconciled::Well => ("True", "", ""),
        Reconciled::Unmanaged => ("True", "ConfigurationUnmanaged", UNMANAGED),
        Reconciled::Failed(error) => ("False", "ReconciliationFailed", error.as_str()),
    };
    let generation = &metadata["generation"];
    let now = cluster.stamp();
    let condition = |kind: &str, status: &str, reason: &str, message: &str| {
        json!({"type": kind, "status": status, "reason": reason, "message": message,
            "observedGeneration": generation, "lastTransitionTime": now})
    };
    let mut new = json!({
        "paused": spec["paused"] == true, "replicas": all.pods, "updatedReplicas": all.updated,
        "availableReplicas": all.ready, "unavailableReplicas": all.pods - all.ready,
        "shards": shards.len(), "shardStatuses": shards, "selector": pairs.collect::<Vec<_>>().join(","),
        "conditions": [
            condition("Available", status, reason, &messages.join("\n")),
            condition("Reconciled", well, why, what),
        ],
    });
    keep_times(&mut new, &prometheus["status"]);
    new
}

/// What has not changed keeps its time; once something has, all carry the new one.
fn keep_times(new: &mut Value, old: &Value) {
    let timeless = |of: &Value| {
        let mut of = of["conditions"].clone();
        for condition in of.as_array_mut().into_iter().flatten() {
            condition["lastTransitionTime"] = Value::Null;
        }
        of
    };
    if timeless(new) == timeless(old) {
        new["conditions"] = old["conditions"].clone();
    }
}

fn of_shard(shard: usize, counts: &Counts) -> Value {
    json!({"shardID": shard.to_string(), "replicas": counts.pods, "updatedReplicas": counts.updated,
        "availableReplicas": counts.ready, "unavailableReplicas": counts.pods - counts.ready})
}

fn counted(pods: &[Arc<Value>], set: &Value) -> Counts {
    let revision = &set["status"]["updateRevision"];
    let updated =
        |p: &&Arc<Value>| p["metadata"]["labels"]["controller-revision-hash"] == *revision;
    Counts {
        pods: pods.len(),
        updated: pods.iter().filter(updated).count(),
        ready: pods
            .iter()
            .filter(|p| condition(p, "Ready") == Some("True"))
            .count(),
    }
}

fn condition<'a>(pod: &'a Value, kind: &str) -> Option<&'a str> {
    let all = pod["status"]["conditions"].as_array()?;
    all.iter().find(|c| c["type"] == kind)?["status"].as_str()
}

/// The first thing that keeps a Pod from being ready.
fn said(pod: &Value) -> String {
    let all = || pod["status"]["conditions"].as_array().into_iter().flatten();
    ["PodScheduled", "Initialized", "ContainersReady"]
        .iter()
        .find_map(|kind| all().find(|c| c["type"] == *kind && c["status"] == "False"))
        .and_then(|c| c["message"].as_str())
        .unwrap_or_default()
        .to_owned()
}
