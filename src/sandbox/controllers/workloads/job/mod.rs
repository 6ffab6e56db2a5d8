//! Jobs: Pods until enough of them succeeded.
//! <https://github.com/kubernetes/kubernetes/blob/master/pkg/controller/job/job_controller.go>

mod index;
mod pods;
mod policy;
mod status;
pub mod ttl;

use std::{collections::HashMap, sync::Arc, time::Duration};

use serde_json::Value;

use self::{policy::Judgement, status::Outlook};
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
        let passed = cluster.elapsed().saturating_sub(*last);
        pause_after(*count).saturating_sub(passed)
    }
}

/// The pause after so many failures.
fn pause_after(failures: u32) -> Duration {
    let pause = FIRST_PAUSE.saturating_mul(1 << failures.saturating_sub(1).min(10));
    pause.min(LONGEST_PAUSE)
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
        if policy::has_limit_per_index(&self.job) && status["failedIndexes"].is_null() {
            status["failedIndexes"] = "".into();
        }
        let mut managed = Ok(());
        match self.verdict(&status, times) {
            Some(verdict) => {
                managed = self.delete_active();
                if verdict.is_good() {
                    // Nobody counts what a success leaves behind.
                    for pod in self.active().iter().filter(|p| pods::is_tracked(p)) {
                        pods::untrack(self.cluster, pod)?;
                    }
                }
                self.finish(&mut status, &verdict);
            }
            None if is_going(&self.job) => {}
            None => {
                managed = self.manage(&status, suspended, pause, times);
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
        if let Some(why) = self.forbidden_failure() {
            return Some(Outlook::of(false, "PodFailurePolicy", why));
        }
        let limit = number(&self.job["spec"]["backoffLimit"]);
        if number(&status["failed"]) > limit || self.restarts_too_often(limit) {
            return Some(status::BACKOFF_LIMIT);
        }
        if self.is_over_time(status, times) {
            return Some(status::DEADLINE);
        }
        self.verdict_of_indexes(status)
    }

    /// What the failure policy says of a Pod with which the Job has failed.
    fn forbidden_failure(&self) -> Option<String> {
        let mut failed = self.pods.iter().filter(|p| pods::has_failed(p, &self.job));
        failed.find_map(|p| match policy::judge(&self.job, p) {
            Judgement::FailsJob(why) => Some(why),
            _ => None,
        })
    }

    /// What the indexes that failed or succeeded decide.
    fn verdict_of_indexes(&self, status: &Value) -> Option<Outlook> {
        if !index::is_indexed(&self.job) {
            return None;
        }
        let spec = &self.job["spec"];
        let of = |field: &str| index::parse(status[field].as_str().unwrap_or_default());
        let (succeeded, failed) = (of("completedIndexes"), of("failedIndexes"));
        let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        let most = spec["maxFailedIndexes"].as_i64();
        if most.is_some_and(|most| count(failed.len()) > most) {
            return Some(status::TOO_MANY_INDEXES);
        }
        let ended = count(failed.len() + succeeded.len());
        if !failed.is_empty() && ended >= number(&spec["completions"]) {
            return Some(status::FAILED_INDEXES);
        }
        let enough = policy::is_enough(&self.job, &succeeded)?;
        Some(Outlook::of(true, "SuccessPolicy", enough))
    }

    /// Whether the Job has run longer than it may; it is looked at again when it has.
    fn is_over_time(&mut self, status: &Value, times: &mut Times) -> bool {
        let spec = &self.job["spec"];
        let started = status["startTime"].as_str();
        let deadline = spec["activeDeadlineSeconds"].as_u64();
        let (Some(deadline), Some(started), false) = (deadline, started, spec["suspend"] == true)
        else {
            return false;
        };
        let passed = times.passed(self.cluster, &self.job, "startTime", started);
        let left = Duration::from_secs(deadline).saturating_sub(passed);
        if !left.is_zero() {
            self.look_again(left);
        }
        left.is_zero()
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
    fn manage(
        &mut self,
        status: &Value,
        suspended: bool,
        pause: Duration,
        times: &mut Times,
    ) -> Result<(), Refusal> {
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
        // Where indexes have limits, each waits for itself.
        if !pause.is_zero() && !policy::has_limit_per_index(&self.job) {
            self.look_again(pause);
            return Ok(());
        }
        let pods = self.new_pods(status, &active, missing, times);
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
