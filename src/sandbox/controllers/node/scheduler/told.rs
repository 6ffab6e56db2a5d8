//! What the scheduler says of a Pod: its condition, and events in the newer form.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use serde_json::{Value, json};

use crate::sandbox::{
    controllers::cluster::{Cluster, EVENTS, PODS},
    status::Refusal,
    verbs::name,
};

/// The reason of a Pod that is held back.
const GATED: &str = "SchedulingGated";

/// A Pod got a node.
pub(super) fn scheduled(cluster: &Cluster<'_>, pod: &Value, node: &str) {
    let namespace = pod["metadata"]["namespace"].as_str().unwrap_or_default();
    let message = format!("Successfully assigned {namespace}/{} to {node}", name(pod));
    event(cluster, pod, ("Normal", "Scheduled", "Binding"), &message);
}

/// A Pod fits nowhere.
pub(super) fn unschedulable(cluster: &Cluster<'_>, pod: &Value, why: &str) -> Result<(), Refusal> {
    event(
        cluster,
        pod,
        ("Warning", "FailedScheduling", "Scheduling"),
        why,
    );
    condition(cluster, pod, "Unschedulable", why)
}

/// A Pod is held back.
pub(super) fn gated(cluster: &Cluster<'_>, pod: &Value) -> Result<(), Refusal> {
    let why = "Scheduling is blocked due to non-empty scheduling gates";
    condition(cluster, pod, GATED, why)
}

fn condition(
    cluster: &Cluster<'_>,
    pod: &Value,
    reason: &str,
    message: &str,
) -> Result<(), Refusal> {
    let mut conditions = pod["status"]["conditions"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let before = conditions.iter().position(|c| c["type"] == "PodScheduled");
    let since = before
        .and_then(|i| conditions.get(i))
        // What the API server said of a gate has no time yet.
        .filter(|c| c["status"] == "False" && c["lastTransitionTime"].is_string())
        .map_or_else(
            || json!(cluster.stamp()),
            |c| c["lastTransitionTime"].clone(),
        );
    let mut condition = json!({
        "type": "PodScheduled", "status": "False", "reason": reason, "message": message, "lastProbeTime": null,
        "lastTransitionTime": since,
    });
    // That of a gate is written by the API server, which looks at no generation.
    if reason != GATED {
        condition["observedGeneration"] = pod["metadata"]["generation"].clone();
    }
    match before {
        Some(i) => conditions[i] = condition,
        None => conditions.push(condition),
    }
    let mut changed = pod.clone();
    changed["status"]["conditions"] = json!(conditions);
    cluster.update_status(PODS, changed).map(|_| ())
}

fn event(
    cluster: &Cluster<'_>,
    pod: &Value,
    (kind, reason, action): (&str, &str, &str),
    message: &str,
) {
    let metadata = &pod["metadata"];
    let namespace = metadata["namespace"].as_str().unwrap_or_default();
    let mut hash = DefaultHasher::new();
    (metadata["uid"].as_str(), reason, message).hash(&mut hash);
    let called = format!("{}.{:016x}", name(pod), hash.finish());
    let precise = cluster
        .api
        .clock
        .now()
        .strftime("%Y-%m-%dT%H:%M:%S%.6fZ")
        .to_string();
    let kept = if let Some(before) = cluster.get(EVENTS, namespace, &called) {
        let count = before["series"]["count"].as_i64().unwrap_or(1) + 1;
        let series = json!({"series": {"count": count, "lastObservedTime": precise}});
        cluster.merge(EVENTS, &before, &series)
    } else {
        let object = json!({
            "apiVersion": "v1", "kind": "Event", "metadata": {"name": called, "namespace": namespace},
            "involvedObject": {
                "apiVersion": "v1", "kind": "Pod", "name": name(pod), "namespace": namespace,
                "uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"],
            },
            "reason": reason, "message": message, "action": action, "type": kind, "eventTime": precise,
            "reportingComponent": "default-scheduler", "reportingInstance": "default-scheduler-sandbox-1",
            "source": {}, "firstTimestamp": null, "lastTimestamp": null,
        });
        cluster.create(EVENTS, object)
    };
    if let Err(refusal) = kept {
        // A namespace that ends takes no more events.
        tracing::debug!("an event was not kept: {}", refusal.message);
    }
}
