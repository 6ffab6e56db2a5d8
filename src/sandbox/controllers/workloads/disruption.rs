//! `PodDisruptionBudgets`: how many Pods may be evicted now.
//! <https://github.com/kubernetes/kubernetes/blob/master/pkg/controller/disruption/disruption.go>

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde_json::{Value, json};

use super::{
    DISRUPTION_BUDGETS,
    amount::{number, of_whole},
    claim::selecting,
    condition,
    control::tell,
    pods::is_ready,
    times::age,
};
use crate::sandbox::{
    controllers::{
        Controller, Outcome,
        cluster::{
            Cluster, DEPLOYMENTS, PODS, REPLICA_SETS, STATEFUL_SETS, controller_of, is_going,
            key_of,
        },
    },
    store::{Change, Key, selector::Selector},
    verbs::name,
};

/// How long an eviction is waited for.
const EVICTION: Duration = Duration::from_secs(120);

/// The controller of `PodDisruptionBudgets`.
#[derive(Debug, Default)]
pub struct DisruptionBudgets;

impl Controller for DisruptionBudgets {
    fn name(&self) -> &'static str {
        "controllermanager"
    }

    fn touched(&self, cluster: &Cluster<'_>, change: &Change) -> Vec<Key> {
        if DISRUPTION_BUDGETS.is_of(change) {
            return vec![change.key.clone()];
        }
        if PODS.is_of(change) {
            let states = [&change.before, &change.after].into_iter().flatten();
            let concerned = states.flat_map(|pod| selecting(cluster, DISRUPTION_BUDGETS, pod));
            return concerned.collect();
        }
        // How many Pods there are to be is what those say that make them.
        let scaled = [DEPLOYMENTS, REPLICA_SETS, STATEFUL_SETS];
        if scaled.iter().any(|kind| kind.is_of(change)) {
            let all = cluster.list(DISRUPTION_BUDGETS, Some(&change.key.0));
            return all.iter().map(|b| key_of(b)).collect();
        }
        Vec::new()
    }

    fn reconcile(&mut self, cluster: &Cluster<'_>, key: &Key) -> Outcome {
        let budget = cluster.get(DISRUPTION_BUDGETS, &key.0, &key.1);
        let Some(budget) = budget.filter(|b| !is_going(b)) else {
            return Ok(None);
        };
        let pods = selected(cluster, &budget);
        let (mut status, again) = match expected(cluster, &budget, &pods) {
            Ok(expected) => counted(cluster, &budget, &pods, expected),
            Err(message) => {
                let reason = "CalculateExpectedPodCountFailed";
                let told = format!("Failed to calculate the number of expected pods: {message}");
                tell(cluster, &budget, true, reason, &told);
                (failed(cluster, &budget, &message), None)
            }
        };
        let generation = &budget["metadata"]["generation"];
        status["observedGeneration"] = generation.clone();
        if status != budget["status"] {
            if pods.is_empty() {
                let message = "No matching pods found";
                tell(cluster, &budget, false, "NoPods", message);
            }
            let mut object = (*budget).clone();
            object["status"] = status;
            cluster.update_status(DISRUPTION_BUDGETS, object)?;
        }
        Ok(again)
    }
}

/// The Pods of a budget; without a selector there are none.
fn selected(cluster: &Cluster<'_>, budget: &Value) -> Vec<Arc<Value>> {
    let selector = &budget["spec"]["selector"];
    if !selector.is_object() {
        return Vec::new();
    }
    let selector = Selector::of(selector);
    let mut pods = cluster.list(PODS, budget["metadata"]["namespace"].as_str());
    pods.retain(|p| selector.matches(p));
    pods
}

/// How many Pods there are to be, and how many of them at least healthy.
fn expected(
    cluster: &Cluster<'_>,
    budget: &Value,
    pods: &[Arc<Value>],
) -> Result<(i64, i64), String> {
    let spec = &budget["spec"];
    if !spec["maxUnavailable"].is_null() {
        let all = scale(cluster, pods)?;
        let least = all - of_whole(&spec["maxUnavailable"], all, true);
        return Ok((all, least.max(0)));
    }
    if let Some(least) = spec["minAvailable"].as_i64() {
        return Ok((i64::try_from(pods.len()).unwrap_or(i64::MAX), least));
    }
    let all = scale(cluster, pods)?;
    Ok((all, of_whole(&spec["minAvailable"], all, true)))
}

/// How many Pods those want altogether that made these.
fn scale(cluster: &Cluster<'_>, pods: &[Arc<Value>]) -> Result<i64, String> {
    let mut wanted = BTreeMap::new();
    for pod in pods {
        // What nobody made counts for nothing.
        let Some(by) = controller_of(pod) else {
            continue;
        };
        let namespace = pod["metadata"]["namespace"].as_str().unwrap_or_default();
        let found = maker(cluster, namespace, by);
        let found =
            found.ok_or_else(|| format!("found no controllers for pod \"{}\"", name(pod)))?;
        let uid = found["metadata"]["uid"].as_str().unwrap_or_default();
        wanted.insert(uid.to_owned(), number(&found["spec"]["replicas"]));
    }
    Ok(wanted.values().sum())
}

fn maker(cluster: &Cluster<'_>, namespace: &str, by: &Value) -> Option<Arc<Value>> {
    let called = by["name"].as_str()?;
    match by["kind"].as_str()? {
        "ReplicaSet" => {
            let set = cluster.get(REPLICA_SETS, namespace, called)?;
            let by = controller_of(&set).filter(|r| r["kind"] == "Deployment");
            match by.and_then(|r| r["name"].as_str()) {
                Some(deployment) => cluster.get(DEPLOYMENTS, namespace, deployment),
                None => Some(set),
            }
        }
        "StatefulSet" => cluster.get(STATEFUL_SETS, namespace, called),
        _ => None,
    }
}

/// The status by what is healthy now, and when to look whether evictions came to nothing.
fn counted(
    cluster: &Cluster<'_>,
    budget: &Value,
    pods: &[Arc<Value>],
    (all, least): (i64, i64),
) -> (Value, Option<Duration>) {
    let mut status = budget["status"].clone();
    let now = cluster.api.clock.now();
    let mut again: Option<Duration> = None;
    // Pods whose eviction is allowed but not begun.
    let mut evicted = serde_json::Map::new();
    for (pod, since) in budget["status"]["disruptedPods"]
        .as_object()
        .into_iter()
        .flatten()
    {
        let there = pods.iter().any(|p| name(p) == pod && !is_going(p));
        let left = EVICTION.saturating_sub(age(now, since.as_str().unwrap_or_default()));
        if there && !left.is_zero() {
            evicted.insert(pod.clone(), since.clone());
            again = Some(again.map_or(left, |again| again.min(left)));
        }
    }
    let healthy = pods
        .iter()
        .filter(|p| !is_going(p) && is_ready(p) && !evicted.contains_key(name(p)));
    let healthy = i64::try_from(healthy.count()).unwrap_or(i64::MAX);
    let allowed = if all <= 0 {
        0
    } else {
        (healthy - least).max(0)
    };
    if let Some(map) = status.as_object_mut() {
        for (field, value) in [
            ("currentHealthy", healthy),
            ("desiredHealthy", least),
            ("expectedPods", all),
            ("disruptionsAllowed", allowed),
        ] {
            map.insert(field.to_owned(), json!(value));
        }
        map.remove("disruptedPods");
        if !evicted.is_empty() {
            map.insert("disruptedPods".to_owned(), json!(evicted));
        }
    }
    let (value, reason) = if allowed > 0 {
        ("True", "SufficientPods")
    } else {
        ("False", "InsufficientPods")
    };
    note(cluster, budget, &mut status, (value, reason, ""));
    (status, again)
}

/// The status where it can't be told: nothing may be evicted.
fn failed(cluster: &Cluster<'_>, budget: &Value, message: &str) -> Value {
    let mut status = budget["status"].clone();
    status["disruptionsAllowed"] = json!(0);
    note(
        cluster,
        budget,
        &mut status,
        ("False", "SyncFailed", message),
    );
    status
}

fn note(
    cluster: &Cluster<'_>,
    budget: &Value,
    status: &mut Value,
    (value, reason, message): (&str, &str, &str),
) {
    let mut told = json!({
        "type": "DisruptionAllowed", "status": value, "reason": reason, "message": message,
        "observedGeneration": budget["metadata"]["generation"], "lastTransitionTime": cluster.stamp(),
    });
    if let Some(before) = condition::of(status, "DisruptionAllowed")
        && before["status"] == value
    {
        told["lastTransitionTime"] = before["lastTransitionTime"].clone();
    }
    status["conditions"] = json!([told]);
}
