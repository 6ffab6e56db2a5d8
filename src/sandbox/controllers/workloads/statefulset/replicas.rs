//! Making, replacing and deleting the Pods of a `StatefulSet`, in order or all at once.

use std::sync::Arc;

use serde_json::Value;

use super::{
    Look,
    pod::{self, REVISION},
};
use crate::sandbox::{
    controllers::{
        cluster::{PODS, is_going},
        workloads::{
            amount::number,
            control::tell,
            pods::{has_ended, phase},
        },
    },
    status::Refusal,
    verbs::{delete::Options, name},
};

/// The Pods of a set.
#[derive(Debug, Default)]
pub(super) struct Replicas {
    /// Those that there are to be, by number.
    pub(super) wanted: Vec<Arc<Value>>,
    /// Those that are too many, the last first.
    pub(super) condemned: Vec<Arc<Value>>,
    /// How many were deleted for the rollout.
    pub(super) replaced: i64,
}

/// Whether there is more to do in this look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Next,
    Wait,
}

impl Look<'_> {
    /// Does what is next.
    pub(super) fn manage(&mut self, replicas: &mut Replicas) -> Result<(), Refusal> {
        let ordered = self.is_ordered();
        let unavailable = self.first_unavailable(replicas);
        let mut done = Ok(());
        for pod in &replicas.wanted {
            match self.establish(pod) {
                Ok(Step::Wait) if ordered => return Ok(()),
                Ok(_) => {}
                Err(refusal) if ordered => return Err(refusal),
                Err(refusal) => done = done.and(Err(refusal)),
            }
        }
        done?;
        for pod in &replicas.condemned {
            self.keep_claims(pod)?;
        }
        for pod in &replicas.condemned {
            let step = self.condemn(pod, unavailable.as_deref())?;
            if ordered && step == Step::Wait {
                return Ok(());
            }
        }
        if self.set["spec"]["updateStrategy"]["type"] == "OnDelete" {
            return Ok(());
        }
        self.replace(replicas)
    }

    /// The first Pod that does not serve.
    fn first_unavailable(&mut self, replicas: &Replicas) -> Option<Arc<Value>> {
        let all = replicas.wanted.iter();
        let mut all = all.chain(replicas.condemned.iter().rev());
        all.find(|p| self.is_unavailable(p)).cloned()
    }

    /// Sees to one Pod that there is to be.
    fn establish(&mut self, pod: &Value) -> Result<Step, Refusal> {
        if has_ended(pod) {
            if !is_going(pod) {
                self.delete(pod)?;
            }
            return Ok(Step::Wait);
        }
        if phase(pod).is_empty() {
            self.create(pod)?;
            return Ok(Step::Wait);
        }
        if phase(pod) == "Pending" {
            self.create_claims(pod)?;
            self.keep_claims(pod)?;
        }
        let ordered = self.is_ordered();
        if ordered && (is_going(pod) || !Self::is_running_and_ready(pod) || !self.is_available(pod))
        {
            return Ok(Step::Wait);
        }
        self.keep_claims(pod)?;
        if !pod::is_right(self.set, pod) {
            self.correct(pod)?;
        }
        Ok(Step::Next)
    }

    /// Deletes a Pod that is too many, when it is its turn.
    fn condemn(&mut self, pod: &Value, unavailable: Option<&Value>) -> Result<Step, Refusal> {
        if is_going(pod) {
            return Ok(Step::Wait);
        }
        let ailing = unavailable.is_some_and(|u| u["metadata"]["uid"] == pod["metadata"]["uid"]);
        let serves = Self::is_running_and_ready(pod) && self.is_available(pod);
        if self.is_ordered() && !serves && !ailing {
            return Ok(Step::Wait);
        }
        self.delete(pod)?;
        Ok(Step::Wait)
    }

    /// Replaces the last Pod that is not of the template, once those after it serve.
    fn replace(&mut self, replicas: &mut Replicas) -> Result<(), Refusal> {
        let rolling = &self.set["spec"]["updateStrategy"]["rollingUpdate"];
        let least = usize::try_from(number(&rolling["partition"])).unwrap_or_default();
        for target in (least..replicas.wanted.len()).rev() {
            let pod = Arc::clone(&replicas.wanted[target]);
            let updated = pod["metadata"]["labels"][REVISION] == *name(self.update);
            if !updated && !is_going(&pod) {
                self.delete(&pod)?;
                replicas.replaced += 1;
                return Ok(());
            }
            if self.is_unavailable(&pod) {
                return Ok(());
            }
        }
        Ok(())
    }

    fn create(&self, pod: &Value) -> Result<(), Refusal> {
        if let Err(refusal) = self.create_claims(pod) {
            self.record("create", pod, Some(&refusal));
            return Err(refusal);
        }
        let made = self.cluster.create(PODS, pod.clone());
        match made {
            Err(refusal) if refusal.code == http::StatusCode::CONFLICT => Err(refusal),
            Err(refusal) => {
                self.record("create", pod, Some(&refusal));
                Err(refusal)
            }
            Ok(made) => {
                self.keep_claims(&made)?;
                self.record("create", pod, None);
                Ok(())
            }
        }
    }

    /// Gives a Pod back the labels and the claims that are its own.
    fn correct(&self, pod: &Value) -> Result<(), Refusal> {
        let mut changed = pod.clone();
        pod::name_labels(&mut changed, pod::ordinal(pod).unwrap_or_default());
        self.create_claims(pod)?;
        let updated = self.cluster.update(PODS, changed).map(|_| ());
        self.record("update", pod, updated.as_ref().err());
        updated
    }

    fn delete(&self, pod: &Value) -> Result<(), Refusal> {
        let deleted = self.cluster.delete(PODS, pod, &Options::default());
        self.record("delete", pod, deleted.as_ref().err());
        deleted
    }

    fn record(&self, verb: &str, pod: &Value, failure: Option<&Refusal>) {
        let (pod, set) = (name(pod), name(self.set));
        let capital = match verb {
            "create" => "Create",
            "update" => "Update",
            _ => "Delete",
        };
        match failure {
            None => {
                let message = format!("{verb} Pod {pod} in StatefulSet {set} successful");
                let reason = format!("Successful{capital}");
                tell(self.cluster, self.set, false, &reason, &message);
            }
            Some(refusal) => {
                let message = format!(
                    "{verb} Pod {pod} in StatefulSet {set} failed error: {}",
                    refusal.message
                );
                let reason = format!("Failed{capital}");
                tell(self.cluster, self.set, true, &reason, &message);
            }
        }
    }
}
