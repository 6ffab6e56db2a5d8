//! Jobs: Pods until enough of them succeeded.
//! <https://github.com/kubernetes/kubernetes/blob/master/pkg/controller/job/job_controller.go>

mod index;
mod pods;
mod status;
pub mod ttl;

use std::{collections::HashMap, sync::Arc, time::Duration};

use serde_json::Value;

use self::status::Outlook;
use super::{
    JOBS,
    amount::number,
    claim::{claim, concerned},
    condition,
    control::{create_pods, delete_pod},
    pods::{has_ended, is_active, phase},
    times::Times,
};
use crate::sandbox::{
    controllers::{
        Controller, Outcome,
        cluster::{Cluster, PODS, is_going},
    },
    status::Refusal,
    store::{Change, Key},
};

/// The pause after a first Pod that failed, which doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(10);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(600);

/// The controller of Jobs.
#[derive(Debug, Default)]
pub struct Jobs {
    times: Times,
    /// How many Pods failed in a row, and when the last of them was seen.
    failures: HashMap<Key, (u32, Duration)>,
}

/// One look at a Job.
struct Look<'a> {
    cluster: &'a Cluster<'a>,
    /// The Job, as it was written last.
    job: Value,
    pods: Vec<Arc<Value>>,
    /// When to look again.
    again: Option<Duration>,
}

impl Controller for Jobs {
    fn name(&self) -> &'static str {
        "job-controller"
    }

    fn touched(&self, cluster: &Cluster<'_>, change: &Change) -> Vec<Key> {
        if JOBS.is_of(change) {
            return vec![change.key.clone()];
        }
        if PODS.is_of(change) {
            return concerned(cluster, change, JOBS, "Job");
        }
        Vec::new()
    }

    fn reconcile(&mut self, cluster: &Cluster<'_>, key: &Key) -> Outcome {
        let job = cluster.get(JOBS, &key.0, &key.1);
        let Some(job) = job else {
            self.failures.remove(key);
            return release(cluster, key).map(|()| None);
        };
        if status::is_finished(&job) {
            self.failures.remove(key);
            return release(cluster, key).map(|()| None);
        }
        let mut look = Look {
            cluster,
            pods: claim(cluster, &job, PODS, |_| true)?,
            job: (*job).clone(),
            again: None,
        };
        let (succeeded, failed) = look.count()?;
        self.note(cluster, key, (succeeded, failed));
        let managed = look.look(self.pause(cluster, key), &mut self.times);
        managed?;
        Ok(look.again)
    }
}

impl Jobs {
    /// Remembers Pods that ended: after a failure the next one waits.
    fn note(&mut self, cluster: &Cluster<'_>, key: &Key, (succeeded, failed): (usize, usize)) {
        if succeeded > 0 {
            self.failures.remove(key);
        }
        if failed > 0 {
            let entry = self.failures.entry(key.clone()).or_default();
            entry.0 = entry
                .0
                .saturating_add(u32::try_from(failed).unwrap_or(u32::MAX));
            entry.1 = cluster.elapsed();
        }
    }

    /// How long the next Pod still waits.
    fn pause(&self, cluster: &Cluster<'_>, key: &Key) -> Duration {
        let Some((count, last)) = self.failures.get(key).filter(|(count, _)| *count > 0) else {
            return Duration::ZERO;
        };
        let pause = FIRST_PAUSE.saturating_mul(1 << (count - 1).min(10));
        let passed = cluster.elapsed().saturating_sub(*last);
        pause.min(LONGEST_PAUSE).saturating_sub(passed)
    }
}

/// Lets go of the Pods of a Job that needs them no more: nothing counts them.
fn release(cluster: &Cluster<'_>, key: &Key) -> Result<(), Refusal> {
    for pod in cluster.list(PODS, Some(&key.0)) {
        if pods::is_of(&pod, &key.1) && pods::is_tracked(&pod) {
            pods::untrack(cluster, &pod)?;
        }
    }
    Ok(())
}

impl Look<'_> {
    fn look(&mut self, pause: Duration, times: &mut Times) -> Result<(), Refusal> {
        let mut status = self.job["status"].clone();
        let suspended = self.job["spec"]["suspend"] == true;
        if status["startTime"].is_null() && !suspended {
            status["startTime"] = self.cluster.stamp().into();
        }
        let mut managed = Ok(());
        match self.verdict(&status, times) {
            Some(verdict) => {
                managed = self.delete_active();
                self.finish(&mut status, &verdict);
            }
            None if is_going(&self.job) => {}
            None => {
                managed = self.manage(&status, suspended, pause);
                self.refresh()?;
                if self.is_complete(&status) {
                    self.finish(&mut status, &status::COMPLETE);
                } else {
                    self.note_suspension(&mut status, suspended);
                }
            }
        }
        self.refresh()?;
        self.keep_status(status)?;
        managed
    }

    /// Reads the Pods again, after some were made or deleted.
    fn refresh(&mut self) -> Result<(), Refusal> {
        self.pods = claim(self.cluster, &self.job, PODS, |_| true)?;
        Ok(())
    }

    fn active(&self) -> Vec<Arc<Value>> {
        let active = self.pods.iter().filter(|p| is_active(p));
        active.cloned().collect()
    }

    /// Whether enough Pods succeeded.
    fn is_complete(&self, status: &Value) -> bool {
        let succeeded = self.succeeded(status);
        let enough = match self.job["spec"]["completions"].as_i64() {
            Some(wanted) => succeeded >= wanted,
            None => succeeded > 0,
        };
        enough && self.active().is_empty()
    }

    /// How many Pods succeeded; of a Job with indexes, how many of these are done.
    fn succeeded(&self, status: &Value) -> i64 {
        if index::is_indexed(&self.job) {
            let done = index::parse(status["completedIndexes"].as_str().unwrap_or_default());
            return i64::try_from(done.len()).unwrap_or(i64::MAX);
        }
        number(&status["succeeded"])
    }

    /// Why the Job fails, if it does, or that it has been decided before.
    fn verdict(&mut self, status: &Value, times: &mut Times) -> Option<Outlook> {
        if let Some(decided) = status::decided(status) {
            return Some(decided);
        }
        let spec = &self.job["spec"];
        let limit = number(&spec["backoffLimit"]);
        if number(&status["failed"]) > limit || self.restarts_too_often(limit) {
            return Some(status::BACKOFF_LIMIT);
        }
        let deadline = spec["activeDeadlineSeconds"].as_u64()?;
        if spec["suspend"] == true {
            return None;
        }
        let started = status["startTime"].as_str()?;
        let passed = times.passed(self.cluster, &self.job, "startTime", started);
        let left = Duration::from_secs(deadline).saturating_sub(passed);
        if left.is_zero() {
            return Some(status::DEADLINE);
        }
        self.look_again(left);
        None
    }

    /// Whether containers of Pods that start them again did so too often.
    fn restarts_too_often(&self, limit: i64) -> bool {
        if self.job["spec"]["template"]["spec"]["restartPolicy"] != "OnFailure" {
            return false;
        }
        let open = self
            .pods
            .iter()
            .filter(|p| matches!(phase(p), "Running" | "Pending"));
        let restarts = open.flat_map(|p| {
            let lists = ["initContainerStatuses", "containerStatuses"];
            lists
                .into_iter()
                .flat_map(|list| p["status"][list].as_array().into_iter().flatten())
        });
        let count: i64 = restarts.map(|c| number(&c["restartCount"])).sum();
        if limit == 0 {
            count > 0
        } else {
            count >= limit
        }
    }

    fn look_again(&mut self, after: Duration) {
        self.again = Some(self.again.map_or(after, |again| again.min(after)));
    }

    fn delete_active(&self) -> Result<(), Refusal> {
        let mut done = Ok(());
        for pod in self.active() {
            done = done.and(delete_pod(self.cluster, &self.job, &pod));
        }
        done
    }

    /// Makes the Pods that are missing, or deletes those that are too many.
    fn manage(&mut self, status: &Value, suspended: bool, pause: Duration) -> Result<(), Refusal> {
        if suspended {
            return self.delete_active();
        }
        let spec = &self.job["spec"];
        let parallelism = spec["parallelism"].as_i64().unwrap_or(1);
        let succeeded = self.succeeded(status);
        let active = self.active();
        let there = i64::try_from(active.len()).unwrap_or(i64::MAX);
        let wanted = match spec["completions"].as_i64() {
            Some(completions) => (completions - succeeded).clamp(0, parallelism),
            None if succeeded > 0 => there,
            None => parallelism,
        };
        if there > wanted {
            let surplus = usize::try_from(there - wanted).unwrap_or_default();
            let mut done = Ok(());
            for pod in pods::first_to_go(&active).iter().take(surplus) {
                done = done.and(delete_pod(self.cluster, &self.job, pod));
            }
            return done;
        }
        // A Job that replaces only what failed waits for what ends.
        let mut ending = 0;
        if spec["podReplacementPolicy"] == "Failed" {
            let going = self.pods.iter().filter(|p| is_going(p) && !has_ended(p));
            ending = i64::try_from(going.count()).unwrap_or(i64::MAX);
        }
        let missing = usize::try_from(wanted - there - ending).unwrap_or_default();
        if missing == 0 {
            return Ok(());
        }
        if !pause.is_zero() {
            self.look_again(pause);
            return Ok(());
        }
        let pods = self.new_pods(status, &active, missing);
        let made = create_pods(self.cluster, &self.job, &pods);
        made.map(|_| ()).map_err(|(_, refusal)| refusal)
    }

    fn note_suspension(&self, status: &mut Value, suspended: bool) {
        let was = condition::is_true(status, "Suspended");
        if suspended == was {
            return;
        }
        let (value, reason, message) = if suspended {
            ("True", "JobSuspended", "Job suspended")
        } else {
            ("False", "JobResumed", "Job resumed")
        };
        let now = self.cluster.stamp();
        status::put(status, "Suspended", value, (reason, message), &now);
        if !suspended {
            status["startTime"] = now.into();
        }
        let event = if suspended { "Suspended" } else { "Resumed" };
        super::control::tell(self.cluster, &self.job, false, event, message);
    }
}
