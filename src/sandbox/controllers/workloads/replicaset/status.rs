//! The status of a `ReplicaSet`.
//! <https://github.com/kubernetes/kubernetes/blob/master/pkg/controller/replicaset/replica_set_utils.go>

use std::sync::Arc;

use serde_json::{Value, json};

use crate::sandbox::{
    controllers::{
        cluster::Cluster,
        workloads::{
            amount::{number, put},
            condition,
            pods::{is_available, is_ready},
            times::Times,
        },
    },
    status::Refusal,
    store::selector::Selector,
};

const FAILURE: &str = "ReplicaFailure";

/// The status of a set with these Pods; none where it is right already.
pub(super) fn of(
    set: &Value,
    active: &[Arc<Value>],
    failure: Option<&Refusal>,
    times: &mut Times,
    cluster: &Cluster<'_>,
) -> Option<Value> {
    let spec = &set["spec"];
    let labels = Selector::of(&json!({"matchLabels": spec["template"]["metadata"]["labels"]}));
    let least = number(&spec["minReadySeconds"]);
    let count = |is: &mut dyn FnMut(&Value) -> bool| {
        i64::try_from(active.iter().filter(|p| is(p)).count()).unwrap_or(i64::MAX)
    };
    let mut status = set["status"].clone();
    match failure {
        Some(refusal) if condition::of(&status, FAILURE).is_none() => {
            let missing = count(&mut |_| true) < number(&spec["replicas"]);
            let reason = if missing {
                "FailedCreate"
            } else {
                "FailedDelete"
            };
            let told = json!({
                "type": FAILURE, "status": "True", "lastTransitionTime": cluster.stamp(),
                "reason": reason, "message": refusal.message,
            });
            condition::set(&mut status, told);
        }
        Some(_) => {}
        None => condition::remove(&mut status, FAILURE),
    }
    let map = status.as_object_mut()?;
    let all = count(&mut |_| true);
    map.insert("replicas".to_owned(), json!(all));
    let labelled = count(&mut |p| labels.matches(p));
    put(map, "fullyLabeledReplicas", labelled);
    put(map, "readyReplicas", count(&mut is_ready));
    let available = count(&mut |p| is_available(p, least, times, cluster));
    put(map, "availableReplicas", available);
    put(
        map,
        "observedGeneration",
        number(&set["metadata"]["generation"]),
    );
    (status != set["status"]).then_some(status)
}
