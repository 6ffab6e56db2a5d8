//! The status of a Job: what is counted, and how it ends.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Look, index, pods, policy};
use crate::sandbox::{
    controllers::{
        cluster::{PODS, is_going},
        workloads::{
            JOBS,
            amount::{number, put as put_number},
            condition,
            control::tell,
            pods::{has_ended, is_ready},
        },
    },
    status::Refusal,
};

/// How a Job ends, and why.
#[derive(Debug, Clone)]
pub(super) struct Outlook {
    complete: bool,
    reason: std::borrow::Cow<'static, str>,
    message: std::borrow::Cow<'static, str>,
}

const fn outlook(complete: bool, reason: &'static str, message: &'static str) -> Outlook {
    Outlook {
        complete,
        reason: std::borrow::Cow::Borrowed(reason),
        message: std::borrow::Cow::Borrowed(message),
    }
}

impl Outlook {
    /// Whether the Job succeeds.
    pub(super) fn is_good(&self) -> bool {
        self.complete
    }

    /// One whose message tells of what happened.
    pub(super) fn of(complete: bool, reason: &'static str, message: String) -> Self {
        Self {
            complete,
            reason: reason.into(),
            message: message.into(),
        }
    }
}

/// Enough Pods succeeded.
pub(super) const COMPLETE: Outlook = outlook(
    true,
    "CompletionsReached",
    "Reached expected number of succeeded pods",
);
/// Too many Pods failed.
pub(super) const BACKOFF_LIMIT: Outlook = outlook(
    false,
    "BackoffLimitExceeded",
    "Job has reached the specified backoff limit",
);
/// Some indexes failed, and no other is open.
pub(super) const FAILED_INDEXES: Outlook =
    outlook(false, "FailedIndexes", "Job has failed indexes");
/// More indexes failed than may.
pub(super) const TOO_MANY_INDEXES: Outlook = outlook(
    false,
    "MaxFailedIndexesExceeded",
    "Job has exceeded the specified maximal number of failed indexes",
);
/// It took too long.
pub(super) const DEADLINE: Outlook = outlook(
    false,
    "DeadlineExceeded",
    "Job was active longer than specified deadline",
);

/// The conditions before and at the end.
const ENDS: [(&str, &str); 2] = [
    ("SuccessCriteriaMet", "Complete"),
    ("FailureTarget", "Failed"),
];

/// Whether a Job has ended.
pub(super) fn is_finished(job: &Value) -> bool {
    ENDS.iter()
        .any(|(_, end)| condition::is_true(&job["status"], end))
}

/// How a Job will end, if that is decided.
pub(super) fn decided(status: &Value) -> Option<Outlook> {
    let (kind, _) = ENDS
        .iter()
        .find(|(before, _)| condition::is_true(status, before))?;
    let found = condition::of(status, kind)?;
    let text = |field: &str| found[field].as_str().unwrap_or_default().to_owned().into();
    Some(Outlook {
        complete: *kind == "SuccessCriteriaMet",
        reason: text("reason"),
        message: text("message"),
    })
}

/// Sets a condition, where it was and with what it says now.
pub(super) fn put(
    status: &mut Value,
    kind: &str,
    value: &str,
    (reason, message): (&str, &str),
    now: &str,
) {
    let told = json!({
        "type": kind, "status": value, "reason": reason, "message": message,
        "lastProbeTime": now, "lastTransitionTime": now,
    });
    if condition::of(status, kind).is_none() {
        condition::set(status, told);
        return;
    }
    let all = status["conditions"].as_array_mut().into_iter().flatten();
    for found in all.filter(|c| c["type"] == kind && c["status"] != value) {
        *found = told.clone();
    }
}

impl Look<'_> {
    /// Counts the Pods that ended and are not counted yet; gives how many of these succeeded and failed.
    pub(super) fn count(&mut self) -> Result<(usize, usize), Refusal> {
        let (mut succeeded, mut failed) = (Vec::new(), Vec::new());
        for pod in self.pods.iter().filter(|p| pods::is_tracked(p)) {
            if pod["status"]["phase"] == "Succeeded" {
                succeeded.push(pod.clone());
            } else if pods::has_failed(pod, &self.job) {
                failed.push(pod.clone());
            }
        }
        if succeeded.is_empty() && failed.is_empty() {
            return Ok((0, 0));
        }
        // What the policy ignores is let go, and counted nowhere.
        let (failed, ignored): (Vec<_>, Vec<_>) = failed
            .into_iter()
            .partition(|p| policy::judge(&self.job, p) != policy::Judgement::Ignored);
        for pod in &ignored {
            pods::untrack(self.cluster, pod)?;
        }
        // First they are noted, then let go, then counted: none is counted twice or never.
        let uids = |pods: &[Arc<Value>]| {
            let uids: Vec<Value> = pods.iter().map(|p| p["metadata"]["uid"].clone()).collect();
            (!uids.is_empty()).then_some(uids)
        };
        let mut status = self.job["status"].clone();
        let mut uncounted = json!({});
        for (field, pods) in [("succeeded", &succeeded), ("failed", &failed)] {
            if let Some(uids) = uids(pods) {
                uncounted[field] = json!(uids);
            }
        }
        status["uncountedTerminatedPods"] = uncounted;
        self.put_status(status.clone())?;
        for pod in succeeded.iter().chain(&failed) {
            pods::untrack(self.cluster, pod)?;
        }
        let add = |field: &str, pods: usize, status: &mut Value| {
            let sum = number(&status[field]) + i64::try_from(pods).unwrap_or(i64::MAX);
            if let Some(map) = status.as_object_mut() {
                put_number(map, field, sum);
            }
        };
        if index::is_indexed(&self.job) {
            self.note_indexes(&succeeded, &failed, &mut status);
        } else {
            add("succeeded", succeeded.len(), &mut status);
        }
        add("failed", failed.len(), &mut status);
        status["uncountedTerminatedPods"] = json!({});
        self.put_status(status)?;
        self.refresh()?;
        Ok((succeeded.len(), failed.len()))
    }

    /// Notes which indexes are done, and which are given up.
    fn note_indexes(&self, succeeded: &[Arc<Value>], failed: &[Arc<Value>], status: &mut Value) {
        let of = |field: &str| index::parse(status[field].as_str().unwrap_or_default());
        let (mut done, mut given_up) = (of("completedIndexes"), of("failedIndexes"));
        done.extend(succeeded.iter().filter_map(|p| index::of(p)));
        if !done.is_empty() {
            status["completedIndexes"] = json!(index::text(&done));
            status["succeeded"] = json!(done.len());
        }
        if policy::has_limit_per_index(&self.job) {
            let ended = failed.iter().filter(|p| policy::ends_index(&self.job, p));
            given_up.extend(ended.filter_map(|p| index::of(p)));
            status["failedIndexes"] = json!(index::text(&given_up));
        }
    }

    /// Notes how the Job ends; it has ended when its last Pod has.
    pub(super) fn finish(&mut self, status: &mut Value, how: &Outlook) {
        let (before, end) = ENDS[usize::from(!how.complete)];
        let now = self.cluster.stamp();
        let why = (how.reason.as_ref(), how.message.as_ref());
        put(status, before, "True", why, &now);
        let open = self.cluster.owned(PODS, &self.job);
        if open.iter().any(|p| !has_ended(p)) {
            return;
        }
        put(status, end, "True", why, &now);
        if how.complete {
            status["completionTime"] = json!(now);
            tell(self.cluster, &self.job, false, "Completed", "Job completed");
        } else {
            tell(self.cluster, &self.job, true, &how.reason, &how.message);
        }
    }

    /// Writes the status, with what the Pods are like now.
    pub(super) fn keep_status(&mut self, mut status: Value) -> Result<(), Refusal> {
        let active = self.active();
        let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        let ready = count(active.iter().filter(|p| is_ready(p)).count());
        let ending = self.pods.iter().filter(|p| is_going(p) && !has_ended(p));
        status["ready"] = json!(ready);
        status["terminating"] = json!(ending.count());
        if let Some(map) = status.as_object_mut() {
            put_number(map, "active", count(active.len()));
            map.entry("uncountedTerminatedPods")
                .or_insert_with(|| json!({}));
        }
        self.put_status(status)
    }

    fn put_status(&mut self, status: Value) -> Result<(), Refusal> {
        if status == self.job["status"] {
            return Ok(());
        }
        self.job["status"] = status;
        let written = self.cluster.update_status(JOBS, self.job.clone())?;
        self.job = (*written).clone();
        Ok(())
    }
}
