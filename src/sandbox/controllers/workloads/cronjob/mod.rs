//! `CronJobs`: a Job at each time of a schedule, which is the machine's time.
//! <https://github.com/kubernetes/kubernetes/blob/master/pkg/controller/cronjob/cronjob_controllerv2.go>

mod due;
pub mod schedule;

use std::{sync::Arc, time::Duration};

use http::StatusCode;
use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Map, Value, json};

use self::schedule::Schedule;
use super::{
    CRON_JOBS, JOBS, condition,
    control::{ends, tell},
};
use crate::sandbox::{
    controllers::{
        Controller, Outcome,
        cluster::{Cluster, controlled_by, controller_of, is_going},
    },
    status::Refusal,
    store::{Change, Key},
    verbs::{
        delete::{Options, Propagation},
        name,
    },
};

/// The annotation of a Job that says for when it was made.
const SCHEDULED: &str = "batch.kubernetes.io/cronjob-scheduled-timestamp";
/// How long after a time it is looked at.
const DELTA: Duration = Duration::from_millis(100);

/// The controller of `CronJobs`.
#[derive(Debug, Default)]
pub struct CronJobs;

/// One look at a `CronJob`.
struct Look<'a> {
    cluster: &'a Cluster<'a>,
    cron: &'a Value,
    jobs: Vec<Arc<Value>>,
    status: Value,
    now: Timestamp,
}

impl Controller for CronJobs {
    fn name(&self) -> &'static str {
        "cronjob-controller"
    }

    fn touched(&self, _: &Cluster<'_>, change: &Change) -> Vec<Key> {
        if CRON_JOBS.is_of(change) {
            return vec![change.key.clone()];
        }
        if !JOBS.is_of(change) {
            return Vec::new();
        }
        let states = [&change.before, &change.after].into_iter().flatten();
        let owners = states.filter_map(|job| controller_of(job));
        let owners = owners.filter(|r| r["kind"] == "CronJob");
        let named = owners.filter_map(|r| r["name"].as_str());
        named
            .map(|n| (change.key.0.clone(), n.to_owned()))
            .collect()
    }

    fn reconcile(&mut self, cluster: &Cluster<'_>, key: &Key) -> Outcome {
        let Some(cron) = cluster.get(CRON_JOBS, &key.0, &key.1) else {
            return Ok(None);
        };
        let mut look = Look {
            cluster,
            cron: &cron,
            jobs: cluster.owned(JOBS, &cron),
            status: cron["status"].clone(),
            now: cluster.api.clock.now(),
        };
        look.clean_up()?;
        look.account();
        let next = if is_going(&cron) {
            Ok(None)
        } else {
            look.look()
        };
        if look.status != cron["status"] {
            let mut object = (*cron).clone();
            object["status"] = look.status;
            cluster.update_status(CRON_JOBS, object)?;
        }
        next
    }
}

/// How a Job ended, if it has.
fn end(job: &Value) -> Option<&'static str> {
    let ends = ["Complete", "Failed"].into_iter();
    ends.into_iter()
        .find(|end| condition::is_true(&job["status"], end))
}

impl Look<'_> {
    fn tell(&self, warning: bool, reason: &str, message: &str) {
        tell(self.cluster, self.cron, warning, reason, message);
    }

    fn active(&self) -> Vec<Value> {
        let active = self.status["active"].as_array();
        active.cloned().unwrap_or_default()
    }

    fn set_active(&mut self, active: &[Value]) {
        if let Some(map) = self.status.as_object_mut() {
            map.remove("active");
            if !active.is_empty() {
                map.insert("active".to_owned(), json!(active));
            }
        }
    }

    fn forget(&mut self, uid: &Value) {
        let mut active = self.active();
        active.retain(|r| r["uid"] != *uid);
        self.set_active(&active);
    }

    /// Deletes the oldest of the Jobs that ended and are more than are kept.
    fn clean_up(&mut self) -> Result<(), Refusal> {
        for (kind, limit) in [
            ("Complete", "successfulJobsHistoryLimit"),
            ("Failed", "failedJobsHistoryLimit"),
        ] {
            let Some(limit) = self.cron["spec"][limit].as_u64() else {
                continue;
            };
            let ended = self.jobs.iter().filter(|j| end(j) == Some(kind));
            let mut ended: Vec<Arc<Value>> = ended.cloned().collect();
            ended.sort_by_key(|j| {
                let started = j["status"]["startTime"].as_str().unwrap_or_default();
                (started.to_owned(), name(j).to_owned())
            });
            let limit = usize::try_from(limit).unwrap_or(usize::MAX);
            let surplus = ended.len().saturating_sub(limit);
            for job in ended.into_iter().take(surplus).filter(|j| !is_going(j)) {
                self.delete(&job)?;
            }
        }
        Ok(())
    }

    fn delete(&mut self, job: &Value) -> Result<(), Refusal> {
        let options = Options {
            propagation: Some(Propagation::Background),
            ..Options::default()
        };
        if let Err(refusal) = self.cluster.delete(JOBS, job, &options) {
            let message = format!("Deleted job: {}", refusal.message);
            self.tell(true, "FailedDelete", &message);
            return Err(refusal);
        }
        self.forget(&job["metadata"]["uid"]);
        let message = format!("Deleted job {}", name(job));
        self.tell(false, "SuccessfulDelete", &message);
        Ok(())
    }

    /// Notes which Jobs ended, and which are gone.
    fn account(&mut self) {
        for job in self.jobs.clone() {
            let uid = &job["metadata"]["uid"];
            let known = self.active().iter().any(|r| r["uid"] == *uid);
            match end(&job) {
                None if !known && !is_going(&job) => {
                    let message = format!(
                        "Saw a job that the controller did not create or forgot: {}",
                        name(&job)
                    );
                    self.tell(true, "UnexpectedJob", &message);
                }
                None => {}
                Some(end) => {
                    if known {
                        self.forget(uid);
                        let message =
                            format!("Saw completed job: {}, condition: {end}", name(&job));
                        self.tell(false, "SawCompletedJob", &message);
                    }
                    self.note_success(&job);
                }
            }
        }
        for active in self.active() {
            let there = self
                .jobs
                .iter()
                .any(|j| j["metadata"]["uid"] == active["uid"]);
            if !there {
                let gone = active["name"].as_str().unwrap_or_default();
                self.tell(
                    false,
                    "MissingJob",
                    &format!("Active job went missing: {gone}"),
                );
                self.forget(&active["uid"]);
            }
        }
    }

    fn note_success(&mut self, job: &Value) {
        let Some(completed) = job["status"]["completionTime"].as_str() else {
            return;
        };
        let last = self.status["lastSuccessfulTime"].as_str();
        if end(job) == Some("Complete") && last.is_none_or(|last| completed > last) {
            self.status["lastSuccessfulTime"] = json!(completed);
        }
    }

    /// Makes the Job that is due; gives when to look again.
    fn look(&mut self) -> Outcome {
        let spec = &self.cron["spec"];
        let zone = match spec["timeZone"].as_str() {
            None => TimeZone::UTC,
            Some(zone) => match TimeZone::get(zone) {
                Ok(found) => found,
                Err(_) => {
                    let message = format!("invalid timeZone: {zone:?}: unknown time zone {zone}");
                    self.tell(true, "UnknownTimeZone", &message);
                    return Ok(None);
                }
            },
        };
        if spec["suspend"] == true {
            return Ok(None);
        }
        let text = spec["schedule"].as_str().unwrap_or_default();
        let schedule = match Schedule::parse(text) {
            Ok(schedule) => schedule,
            Err(why) => {
                let message = format!("unparseable schedule: {text:?} : {why}");
                self.tell(true, "UnparseableSchedule", &message);
                return Ok(None);
            }
        };
        if let Some(due) = self.due(&schedule, &zone) {
            self.start(due, &zone)?;
        }
        Ok(self.until_next(&schedule, &zone))
    }

    /// Makes the Job of a time, unless it is too late or another one runs that may not.
    fn start(&mut self, due: Timestamp, zone: &TimeZone) -> Result<(), Refusal> {
        let spec = &self.cron["spec"];
        if let Some(deadline) = spec["startingDeadlineSeconds"].as_i64()
            && self.now.as_second() - due.as_second() > deadline
        {
            let when = due.strftime("%a, %d %b %Y %H:%M:%S +0000");
            let message = format!("Missed scheduled time to start a job: {when}");
            self.tell(true, "MissSchedule", &message);
            return Ok(());
        }
        let active = self.active();
        if spec["concurrencyPolicy"] == "Forbid" && !active.is_empty() {
            let message = "Not starting job because prior execution is running and concurrency policy is Forbid";
            self.tell(false, "JobAlreadyActive", message);
            return Ok(());
        }
        if spec["concurrencyPolicy"] == "Replace" {
            let running = |j: &&Arc<Value>| active.iter().any(|r| r["uid"] == j["metadata"]["uid"]);
            let running: Vec<_> = self.jobs.iter().filter(running).cloned().collect();
            for job in running {
                self.delete(&job)?;
            }
        }
        let job = self.job(due, zone);
        let made = match self.cluster.create(JOBS, job) {
            Ok(made) => made,
            // It was made before.
            Err(refusal) if refusal.code == StatusCode::CONFLICT => return Ok(()),
            Err(refusal) => {
                if !ends(&refusal) {
                    let message = format!("Error creating job: {}", refusal.message);
                    self.tell(true, "FailedCreate", &message);
                }
                return Err(refusal);
            }
        };
        let message = format!("Created job {}", name(&made));
        self.tell(false, "SuccessfulCreate", &message);
        let metadata = &made["metadata"];
        let mut active = self.active();
        active.push(json!({
            "apiVersion": "batch/v1", "kind": "Job", "name": metadata["name"],
            "namespace": metadata["namespace"], "uid": metadata["uid"],
            "resourceVersion": metadata["resourceVersion"],
        }));
        self.set_active(&active);
        let due = due.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        self.status["lastScheduleTime"] = json!(due);
        Ok(())
    }

    /// The Job of a time.
    fn job(&self, due: Timestamp, zone: &TimeZone) -> Value {
        let template = &self.cron["spec"]["jobTemplate"];
        let minutes = due.as_second().div_euclid(60);
        let mut metadata = Map::new();
        let called = format!("{}-{minutes}", name(self.cron));
        metadata.insert("name".to_owned(), json!(called));
        let namespace = self.cron["metadata"]["namespace"].clone();
        metadata.insert("namespace".to_owned(), namespace);
        if template["metadata"]["labels"].is_object() {
            let labels = template["metadata"]["labels"].clone();
            metadata.insert("labels".to_owned(), labels);
        }
        let annotations = template["metadata"]["annotations"].as_object();
        let mut annotations = annotations.cloned().unwrap_or_default();
        let local = due.to_zoned(zone.clone());
        let when = if local.offset().is_zero() {
            local.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
        } else {
            local.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
        };
        annotations.insert(SCHEDULED.to_owned(), json!(when));
        metadata.insert("annotations".to_owned(), json!(annotations));
        metadata.insert(
            "ownerReferences".to_owned(),
            json!([controlled_by(self.cron)]),
        );
        json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": template["spec"]})
    }
}
