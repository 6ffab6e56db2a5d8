//! Pods.

use serde_json::{Value, json};

/// The status of a Pod that was made a moment ago.
pub(super) fn first_status(pod: &Value) -> Value {
    let mut status = json!({"phase": "Pending", "qosClass": quality_of_service(pod)});
    let gates = pod["spec"]["schedulingGates"].as_array();
    if gates.is_some_and(|g| !g.is_empty()) {
        status["conditions"] = json!([{
            "type": "PodScheduled", "status": "False", "reason": "SchedulingGated",
            "message": "Scheduling is blocked due to non-empty scheduling gates",
        }]);
    }
    status
}

/// Times that Go writes of a Pod's status even where they are not set, because they are no pointers.
pub(super) fn zero_times(pod: &mut Value) {
    let conditions = pod.pointer_mut("/status/conditions");
    for condition in conditions
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        if let Some(condition) = condition.as_object_mut() {
            for time in ["lastProbeTime", "lastTransitionTime"] {
                condition.entry(time).or_insert(Value::Null);
            }
        }
    }
}

/// How the kubelet ranks a Pod when memory runs out.
/// <https://kubernetes.io/docs/concepts/workloads/pods/pod-qos/>
pub(super) fn quality_of_service(pod: &Value) -> &'static str {
    let containers = ["initContainers", "containers"];
    let all = containers
        .iter()
        .flat_map(|list| pod["spec"][*list].as_array().into_iter().flatten());
    let (mut any, mut guaranteed) = (false, true);
    for container in all {
        let of = |kind: &str, what: &str| container["resources"][kind][what].as_str();
        for what in ["cpu", "memory"] {
            let (request, limit) = (of("requests", what), of("limits", what));
            any |= request.is_some() || limit.is_some();
            guaranteed &= limit.is_some() && (request.is_none() || request == limit);
        }
    }
    match (any, guaranteed) {
        (false, _) => "BestEffort",
        (true, true) => "Guaranteed",
        (true, false) => "Burstable",
    }
}
