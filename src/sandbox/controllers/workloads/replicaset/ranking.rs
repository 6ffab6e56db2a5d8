//! Which Pods go first where there are too many.
//! <https://github.com/kubernetes/kubernetes/blob/master/pkg/controller/controller_utils.go> (`ActivePodsWithRanks`)

use std::{cmp::Ordering, collections::HashMap, sync::Arc};

use jiff::Timestamp;
use serde_json::Value;

use crate::sandbox::controllers::workloads::{
    amount::number,
    pods::{is_active, is_ready, phase, ready_since},
};

/// The annotation by which people say what should rather stay.
const COST: &str = "controller.kubernetes.io/pod-deletion-cost";

/// The Pods, those first that should rather go; `related` are all Pods that serve the same purpose.
pub(super) fn first_to_go(
    pods: &[Arc<Value>],
    related: &[Arc<Value>],
    now: Timestamp,
) -> Vec<Arc<Value>> {
    let mut on_node: HashMap<&str, usize> = HashMap::new();
    for pod in related.iter().filter(|p| is_active(p)) {
        *on_node.entry(node(pod)).or_default() += 1;
    }
    let neighbours = |pod: &Value| on_node.get(node(pod)).copied().unwrap_or_default();
    let mut ranked = pods.to_vec();
    ranked.sort_by(|a, b| {
        let placed = |p: &Value| !node(p).is_empty();
        placed(a)
            .cmp(&placed(b))
            .then_with(|| order(phase(a)).cmp(&order(phase(b))))
            .then_with(|| is_ready(a).cmp(&is_ready(b)))
            .then_with(|| cost(a).cmp(&cost(b)))
            .then_with(|| neighbours(b).cmp(&neighbours(a)))
            .then_with(|| younger(a, b, ready_since, now))
            .then_with(|| restarts(b).cmp(&restarts(a)))
            .then_with(|| younger(a, b, created, now))
    });
    ranked
}

fn node(pod: &Value) -> &str {
    pod["spec"]["nodeName"].as_str().unwrap_or_default()
}

fn order(phase: &str) -> u8 {
    match phase {
        "Pending" => 0,
        "Running" => 2,
        _ => 1,
    }
}

fn cost(pod: &Value) -> i64 {
    let cost = pod["metadata"]["annotations"][COST].as_str();
    cost.and_then(|c| c.parse::<i32>().ok())
        .map_or(0, i64::from)
}

fn restarts(pod: &Value) -> i64 {
    let all = pod["status"]["containerStatuses"].as_array();
    let counts = all
        .into_iter()
        .flatten()
        .map(|c| number(&c["restartCount"]));
    counts.max().unwrap_or_default()
}

fn created(pod: &Value) -> &str {
    pod["metadata"]["creationTimestamp"]
        .as_str()
        .unwrap_or_default()
}

/// Compares times by the magnitude of their ages: Pods of about the same age are equals, among which the uid decides.
fn younger(a: &Value, b: &Value, of: fn(&Value) -> &str, now: Timestamp) -> Ordering {
    if of(a) == of(b) {
        return Ordering::Equal;
    }
    let uid = |p: &Value| p["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
    let magnitude = |p: &Value| {
        let nanos = super::super::times::age(now, of(p)).as_nanos();
        nanos.checked_ilog2().map_or(-1, i64::from)
    };
    magnitude(a)
        .cmp(&magnitude(b))
        .then_with(|| uid(a).cmp(&uid(b)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(name: &str, change: impl Fn(&mut Value)) -> Arc<Value> {
        let mut pod = json!({
            "metadata": {"name": name, "uid": name, "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {"nodeName": "n"},
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}]},
        });
        change(&mut pod);
        Arc::new(pod)
    }

    #[test]
    fn what_is_worth_least_goes_first() {
        let pods = [
            pod("old", |_| {}),
            pod("young", |p| {
                p["status"]["conditions"][0]["lastTransitionTime"] = json!("2026-01-01T01:59:50Z");
            }),
            pod("restarted", |p| {
                p["status"]["containerStatuses"] = json!([{"restartCount": 3}]);
            }),
            pod("cheap", |p| {
                p["metadata"]["annotations"] = json!({COST: "-1"});
            }),
            pod("unready", |p| {
                p["status"]["conditions"][0]["status"] = json!("False");
            }),
            pod("pending", |p| p["status"] = json!({"phase": "Pending"})),
            pod("unplaced", |p| {
                p["spec"] = json!({});
                p["status"] = json!({"phase": "Pending"});
            }),
        ];
        let now = "2026-01-01T02:00:00Z".parse().unwrap();
        let ranked = first_to_go(&pods, &pods, now);
        let names: Vec<_> = ranked
            .iter()
            .map(|p| p["metadata"]["name"].as_str().unwrap())
            .collect();
        let wanted = [
            "unplaced",
            "pending",
            "unready",
            "cheap",
            "young",
            "restarted",
            "old",
        ];
        assert_eq!(names, wanted);
    }
}
