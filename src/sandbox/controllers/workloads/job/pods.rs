//! The Pods of a Job: held by a finalizer until they are counted.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    Look, index, pause_after,
    policy::{self, Judgement},
};
use crate::sandbox::{
    controllers::{
        cluster::{Cluster, PODS, controller_of, is_going},
        workloads::{pods::is_ready, template, times::Times},
    },
    pointer::items,
    status::Refusal,
    verbs::name,
};

const FINALIZER: &str = "batch.kubernetes.io/job-tracking";

/// Whether a Pod is of the Job of a name.
pub(super) fn is_of(pod: &Value, job: &str) -> bool {
    controller_of(pod).is_some_and(|r| r["kind"] == "Job" && r["name"] == job)
}

/// Whether a Pod is still to be counted.
pub(super) fn is_tracked(pod: &Value) -> bool {
    let finalizers = pod["metadata"]["finalizers"].as_array();
    finalizers.is_some_and(|all| all.iter().any(|f| f == FINALIZER))
}

/// Lets a Pod go.
pub(super) fn untrack(cluster: &Cluster<'_>, pod: &Value) -> Result<(), Refusal> {
    let finalizers = pod["metadata"]["finalizers"].as_array();
    let mut left = finalizers.cloned().unwrap_or_default();
    left.retain(|f| f != FINALIZER);
    let left = (!left.is_empty()).then_some(left);
    let patch = json!({"metadata": {"finalizers": left}});
    match cluster.merge(PODS, pod, &patch) {
        Err(refusal) if refusal.code != http::StatusCode::NOT_FOUND => Err(refusal),
        _ => Ok(()),
    }
}

/// Whether a Pod failed: also one that somebody deletes, unless the Job waits how it ends.
pub(super) fn has_failed(pod: &Value, job: &Value) -> bool {
    match pod["status"]["phase"].as_str() {
        Some("Failed") => true,
        Some("Succeeded") => false,
        _ => is_going(pod) && job["spec"]["podReplacementPolicy"] != "Failed",
    }
}

/// Those first that are worth least: what waits, what is not ready, what is young.
pub(super) fn first_to_go(pods: &[Arc<Value>]) -> Vec<Arc<Value>> {
    let mut ranked = pods.to_vec();
    let created = |p: &Value| {
        let created = p["metadata"]["creationTimestamp"].as_str();
        created.unwrap_or_default().to_owned()
    };
    ranked.sort_by(|a, b| {
        let placed = |p: &Value| p["spec"]["nodeName"].is_string();
        let runs = |p: &Value| p["status"]["phase"] == "Running";
        placed(a)
            .cmp(&placed(b))
            .then_with(|| runs(a).cmp(&runs(b)))
            .then_with(|| is_ready(a).cmp(&is_ready(b)))
            .then_with(|| created(b).cmp(&created(a)))
    });
    ranked
}

impl Look<'_> {
    /// So many Pods to be made.
    pub(super) fn new_pods(
        &mut self,
        status: &Value,
        active: &[Arc<Value>],
        count: usize,
        times: &mut Times,
    ) -> Vec<Value> {
        let mut pod = template::pod(&self.job["spec"]["template"], &self.job);
        let finalizers = pod["metadata"]["finalizers"].as_array();
        let mut finalizers = finalizers.cloned().unwrap_or_default();
        finalizers.push(json!(FINALIZER));
        pod["metadata"]["finalizers"] = json!(finalizers);
        if !index::is_indexed(&self.job) {
            return vec![pod; count];
        }
        let open: Vec<i64> = index::open(&self.job, status, active).take(count).collect();
        let indexed = open.into_iter().filter_map(|i| {
            let mut pod = pod.clone();
            index::number_pod(&mut pod, name(&self.job), i);
            if policy::has_limit_per_index(&self.job) {
                self.follow_failures(&mut pod, i, times)?;
            }
            Some(pod)
        });
        indexed.collect()
    }

    /// Notes on a Pod how often its index failed before; none while that is too short ago.
    fn follow_failures(&mut self, pod: &mut Value, i: i64, times: &mut Times) -> Option<()> {
        let failed = self.pods.iter().filter(|p| has_failed(p, &self.job));
        let failed = failed.filter(|p| index::of(p) == Some(i));
        let last = failed.max_by_key(|p| index::failures(p)).cloned();
        let counts = last
            .as_ref()
            .is_some_and(|p| policy::judge(&self.job, p) != Judgement::Ignored);
        index::note_failures(pod, last.as_deref().map(|p| (p, counts)));
        let failures = u32::try_from(index::failures(pod)).unwrap_or(u32::MAX);
        if let Some(last) = last.filter(|_| failures > 0) {
            let passed = times.passed(self.cluster, &last, "failed", finished(&last));
            let left = pause_after(failures).saturating_sub(passed);
            if !left.is_zero() {
                self.look_again(left);
                return None;
            }
        }
        Some(())
    }
}

/// When the last of a Pod's containers ended.
fn finished(pod: &Value) -> &str {
    let all = items(&pod["status"]["containerStatuses"]).iter();
    let ends = all.filter_map(|c| c["state"]["terminated"]["finishedAt"].as_str());
    ends.max().unwrap_or_default()
}
