//! The status of a Deployment.
//! <https://github.com/kubernetes/kubernetes/blob/master/pkg/controller/deployment/progress.go>

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    Rollout,
    sets::{Sets, replicas},
    strategy::max_unavailable,
};
use crate::sandbox::{
    controllers::{
        Outcome,
        workloads::{
            amount::{number, put},
            condition,
        },
    },
    status::Refusal,
    verbs::name,
};

/// Whether all that is wanted is there, by a status.
pub(super) fn is_complete(deployment: &Value, status: &Value) -> bool {
    let wanted = number(&deployment["spec"]["replicas"]);
    let fields = ["updatedReplicas", "replicas", "availableReplicas"];
    fields.iter().all(|f| number(&status[*f]) == wanted)
        && number(&status["observedGeneration"]) >= number(&deployment["metadata"]["generation"])
}

/// Whether a status is nearer to what is wanted than another.
fn is_nearer(status: &Value, before: &Value) -> bool {
    let old = |s: &Value| number(&s["replicas"]) - number(&s["updatedReplicas"]);
    let more = |field: &str| number(&status[field]) > number(&before[field]);
    more("updatedReplicas")
        || old(status) < old(before)
        || more("readyReplicas")
        || more("availableReplicas")
}

impl Rollout<'_> {
    /// The status by what the sets say.
    fn status(&self, sets: &Sets) -> Value {
        let mut status = self.deployment["status"].clone();
        let sum = |field: &str| sets.all().map(|s| number(&s["status"][field])).sum::<i64>();
        let available = sum("availableReplicas");
        let updated = sets.new.iter().map(|s| number(&s["status"]["replicas"]));
        if let Some(map) = status.as_object_mut() {
            let generation = number(&self.deployment["metadata"]["generation"]);
            put(map, "observedGeneration", generation);
            put(map, "replicas", sum("replicas"));
            put(map, "updatedReplicas", updated.sum());
            put(map, "readyReplicas", sum("readyReplicas"));
            put(map, "availableReplicas", available);
            let wanted: i64 = sets.all().map(replicas).sum();
            put(map, "unavailableReplicas", (wanted - available).max(0));
        }
        let enough = available >= self.replicas() - max_unavailable(&self.deployment);
        let condition = if enough {
            let message = "Deployment has minimum availability.";
            self.condition("Available", "True", "MinimumReplicasAvailable", message)
        } else {
            let message = "Deployment does not have minimum availability.";
            self.condition("Available", "False", "MinimumReplicasUnavailable", message)
        };
        condition::set(&mut status, condition);
        status
    }

    /// Writes the status, where it is new; whether it was.
    pub(super) fn keep_status(&mut self, sets: &Sets) -> Result<bool, Refusal> {
        let status = self.status(sets);
        self.put_status(status)
    }

    fn put_status(&mut self, status: Value) -> Result<bool, Refusal> {
        if status == self.deployment["status"] {
            return Ok(false);
        }
        self.deployment["status"] = status;
        self.write_status().map(|()| true)
    }

    /// Writes the status, with how the rollout gets on; gives when to look whether it got on at all.
    pub(super) fn keep_progress(&mut self, sets: &Sets) -> Outcome {
        let mut status = self.status(sets);
        self.judge(&mut status, sets);
        match failure(sets) {
            Some(failure) => condition::set(&mut status, failure),
            None => condition::remove(&mut status, "ReplicaFailure"),
        }
        if self.put_status(status)? {
            return Ok(None);
        }
        Ok(self.until_deadline())
    }

    fn judge(&mut self, status: &mut Value, sets: &Sets) {
        if self.deadline().is_none() {
            condition::remove(status, "Progressing");
            return;
        }
        let current = self.progressing().cloned();
        let updated = number(&status["replicas"]) == number(&status["updatedReplicas"]);
        let reason = current.as_ref().map(|c| &c["reason"]);
        if updated && reason == Some(&json!("NewReplicaSetAvailable")) {
            return;
        }
        let who = match &sets.new {
            Some(set) => format!("ReplicaSet \"{}\"", name(set)),
            None => format!("Deployment \"{}\"", name(&self.deployment)),
        };
        if is_complete(&self.deployment, status) {
            let message = format!("{who} has successfully progressed.");
            let told = self.condition("Progressing", "True", "NewReplicaSetAvailable", &message);
            condition::set(status, told);
        } else if is_nearer(status, &self.deployment["status"]) {
            let message = format!("{who} is progressing.");
            let mut told = self.condition("Progressing", "True", "ReplicaSetUpdated", &message);
            // Each step starts the time anew.
            if let Some(current) = current {
                if current["status"] == "True" {
                    told["lastTransitionTime"] = current["lastTransitionTime"].clone();
                }
                condition::remove(status, "Progressing");
            }
            condition::set(status, told);
        } else if self.is_late() {
            let message = format!("{who} has timed out progressing.");
            let told = self.condition("Progressing", "False", "ProgressDeadlineExceeded", &message);
            condition::set(status, told);
        }
    }

    /// How long ago the rollout got on, and how long that may be.
    fn progress(&mut self) -> Option<(Duration, Duration)> {
        let deadline = u64::try_from(self.deadline()?).ok()?;
        let current = self.progressing()?;
        let stamp = current["lastUpdateTime"].as_str().unwrap_or_default();
        let stamp = stamp.to_owned();
        let passed = self
            .times
            .passed(self.cluster, &self.deployment, "Progressing", &stamp);
        Some((passed, Duration::from_secs(deadline)))
    }

    fn is_late(&mut self) -> bool {
        let reason = self.progressing().map(|c| c["reason"].clone());
        match reason.as_ref().and_then(Value::as_str) {
            Some("NewReplicaSetAvailable") | None => false,
            Some("ProgressDeadlineExceeded") => true,
            Some(_) => self.progress().is_some_and(|(passed, most)| passed > most),
        }
    }

    fn until_deadline(&mut self) -> Option<Duration> {
        let late = self
            .progressing()
            .is_none_or(|c| c["reason"] == "ProgressDeadlineExceeded");
        if late || is_complete(&self.deployment, &self.deployment["status"]) {
            return None;
        }
        let (passed, most) = self.progress()?;
        Some(most.saturating_sub(passed) + Duration::from_secs(1))
    }
}

/// Why a set has no Pods, as the Deployment tells it: first the new one's reason.
fn failure(sets: &Sets) -> Option<Value> {
    let of = |set: &Value| condition::of(&set["status"], "ReplicaFailure").cloned();
    let found = sets.new.as_ref().and_then(of);
    let mut told = found.or_else(|| sets.old.iter().find_map(of))?;
    told["lastUpdateTime"] = told["lastTransitionTime"].clone();
    Some(told)
}
