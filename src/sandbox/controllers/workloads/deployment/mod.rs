//! Deployments: one `ReplicaSet` for each template, and the way from one to the next.
//! <https://github.com/kubernetes/kubernetes/tree/master/pkg/controller/deployment>

mod annotations;
mod recreate;
mod rolling;
mod scale;
mod sets;
mod status;
mod strategy;

use serde_json::{Value, json};

use self::sets::Sets;
use super::{
    amount::number,
    claim::{claim, concerned},
    condition,
    control::tell,
    times::Times,
};
use crate::sandbox::{
    controllers::{
        Controller, Outcome,
        cluster::{Cluster, DEPLOYMENTS, PODS, REPLICA_SETS, controller_of, is_going},
    },
    status::Refusal,
    store::{Change, Key},
};

/// The controller of Deployments.
#[derive(Debug, Default)]
pub struct Deployments {
    times: Times,
}

/// One look at a Deployment.
struct Rollout<'a> {
    cluster: &'a Cluster<'a>,
    times: &'a mut Times,
    /// The Deployment, as it was written last.
    deployment: Value,
}

impl Controller for Deployments {
    fn name(&self) -> &'static str {
        "deployment-controller"
    }

    fn touched(&self, cluster: &Cluster<'_>, change: &Change) -> Vec<Key> {
        if DEPLOYMENTS.is_of(change) {
            return vec![change.key.clone()];
        }
        if REPLICA_SETS.is_of(change) {
            return concerned(cluster, change, DEPLOYMENTS, "Deployment");
        }
        // A Deployment that is recreated waits for the last Pod to be gone.
        match &change.before {
            Some(pod) if PODS.is_of(change) && change.after.is_none() => {
                of_pod(cluster, pod).into_iter().collect()
            }
            _ => Vec::new(),
        }
    }

    fn reconcile(&mut self, cluster: &Cluster<'_>, key: &Key) -> Outcome {
        let Some(deployment) = cluster.get(DEPLOYMENTS, &key.0, &key.1) else {
            return Ok(None);
        };
        let rollout = Rollout {
            cluster,
            times: &mut self.times,
            deployment: (*deployment).clone(),
        };
        rollout.look()
    }
}

/// The Deployment that a Pod serves.
fn of_pod(cluster: &Cluster<'_>, pod: &Value) -> Option<Key> {
    let namespace = pod["metadata"]["namespace"].as_str()?;
    let by = controller_of(pod).filter(|r| r["kind"] == "ReplicaSet")?;
    let set = cluster.get(REPLICA_SETS, namespace, by["name"].as_str()?)?;
    let by = controller_of(&set).filter(|r| r["kind"] == "Deployment")?;
    Some((namespace.to_owned(), by["name"].as_str()?.to_owned()))
}

impl Rollout<'_> {
    fn look(mut self) -> Outcome {
        let claimed = claim(self.cluster, &self.deployment, REPLICA_SETS, |_| true)?;
        let mut sets = Sets::sort(&self.deployment, &claimed);
        if is_going(&self.deployment) {
            self.sync_revision(&mut sets, false)?;
            return self.keep_status(&sets).map(|_| None);
        }
        self.note_pause()?;
        let paused = self.deployment["spec"]["paused"] == true;
        self.sync_revision(&mut sets, false)?;
        if paused || self.is_rescaled(&sets) {
            self.scale(&mut sets)?;
            if paused {
                self.clean_up(&sets)?;
            }
            return self.keep_status(&sets).map(|_| None);
        }
        if self.deployment["spec"]["strategy"]["type"] == "Recreate" {
            self.recreate(&mut sets)?;
        } else {
            self.roll(&mut sets)?;
        }
        self.keep_progress(&sets)
    }

    fn replicas(&self) -> i64 {
        number(&self.deployment["spec"]["replicas"])
    }

    /// How long it may take to make progress; none for ever.
    fn deadline(&self) -> Option<i64> {
        let deadline = self.deployment["spec"]["progressDeadlineSeconds"].as_i64();
        deadline.filter(|d| *d != i64::from(i32::MAX))
    }

    fn progressing(&self) -> Option<&Value> {
        condition::of(&self.deployment["status"], "Progressing")
    }

    /// Writes the Deployment's status.
    fn write_status(&mut self) -> Result<(), Refusal> {
        let written = self
            .cluster
            .update_status(DEPLOYMENTS, self.deployment.clone())?;
        self.deployment = (*written).clone();
        Ok(())
    }

    fn set_progressing(&mut self, status: &str, reason: &str, message: &str) {
        let condition = self.condition("Progressing", status, reason, message);
        condition::set(&mut self.deployment["status"], condition);
    }

    fn condition(&self, kind: &str, status: &str, reason: &str, message: &str) -> Value {
        let now = self.cluster.stamp();
        json!({
            "type": kind, "status": status, "reason": reason, "message": message,
            "lastUpdateTime": now, "lastTransitionTime": now,
        })
    }

    /// A Deployment that is paused or goes on does not run out of time meanwhile.
    fn note_pause(&mut self) -> Result<(), Refusal> {
        if self.deadline().is_none() {
            return Ok(());
        }
        let reason = self.progressing().map(|c| c["reason"].clone());
        if reason == Some(json!("ProgressDeadlineExceeded")) {
            return Ok(());
        }
        let noted = reason == Some(json!("DeploymentPaused"));
        match (self.deployment["spec"]["paused"] == true, noted) {
            (true, false) => {
                self.set_progressing("Unknown", "DeploymentPaused", "Deployment is paused");
            }
            (false, true) => {
                self.set_progressing("Unknown", "DeploymentResumed", "Deployment is resumed");
            }
            _ => return Ok(()),
        }
        self.write_status()
    }

    fn tell(&self, warning: bool, reason: &str, message: &str) {
        tell(self.cluster, &self.deployment, warning, reason, message);
    }
}
