//! Rolling: the new set grows and the old ones shrink, within the bounds of the strategy.
//! <https://github.com/kubernetes/kubernetes/blob/master/pkg/controller/deployment/rolling.go>

use serde_json::Value;

use super::{
    Rollout,
    sets::{Sets, replicas},
    status,
    strategy::{max_surge, max_unavailable},
};
use crate::sandbox::{controllers::workloads::amount::number, status::Refusal, verbs::name};

/// How many replicas the new set of a Deployment is to have next, with so many now.
pub(super) fn replicas_of_new<'a>(
    deployment: &Value,
    others: impl Iterator<Item = &'a Value>,
    now: i64,
) -> i64 {
    let wanted = number(&deployment["spec"]["replicas"]);
    let most = wanted + max_surge(deployment);
    let there = others.map(replicas).sum::<i64>() + now;
    if there >= most {
        return now;
    }
    now + (most - there).min(wanted - now)
}

impl Rollout<'_> {
    /// One step.
    pub(super) fn roll(&mut self, sets: &mut Sets) -> Result<(), Refusal> {
        self.sync_revision(sets, true)?;
        if self.grow(sets)? || self.shrink(sets)? {
            return Ok(());
        }
        if status::is_complete(&self.deployment, &self.deployment["status"]) {
            self.clean_up(sets)?;
        }
        Ok(())
    }

    /// Scales the new set; whether that was needed.
    fn grow(&self, sets: &mut Sets) -> Result<bool, Refusal> {
        let Some(new) = &sets.new else {
            return Ok(false);
        };
        let (set, now) = (name(new).to_owned(), replicas(new));
        let next = if now > self.replicas() {
            self.replicas()
        } else {
            replicas_of_new(&self.deployment, sets.old.iter(), now)
        };
        self.scale_set(sets, &set, next)?;
        Ok(next != now)
    }

    /// Scales old sets down; whether that was possible.
    fn shrink(&self, sets: &mut Sets) -> Result<bool, Refusal> {
        let Some(new) = &sets.new else {
            return Ok(false);
        };
        if sets.old.iter().map(replicas).sum::<i64>() == 0 {
            return Ok(false);
        }
        let least = self.replicas() - max_unavailable(&self.deployment);
        let all: i64 = sets.all().map(replicas).sum();
        let starting = replicas(new) - available(new);
        let surplus = all - least - starting;
        if surplus <= 0 {
            return Ok(false);
        }
        let cleaned = self.drop_unhealthy(sets, surplus)?;
        let ready: i64 = sets.all().map(available).sum();
        let dropped = self.drop(sets, ready - least, replicas)?;
        Ok(cleaned + dropped > 0)
    }

    /// Takes first the Pods that serve nobody.
    fn drop_unhealthy(&self, sets: &mut Sets, most: i64) -> Result<i64, Refusal> {
        self.drop(sets, most, |set| replicas(set) - available(set))
    }

    /// Scales old sets down by so many altogether, the oldest first, each by no more than it can spare.
    fn drop(
        &self,
        sets: &mut Sets,
        most: i64,
        spare: impl Fn(&Value) -> i64,
    ) -> Result<i64, Refusal> {
        let mut dropped = 0;
        let sizes: Vec<(String, i64, i64)> = sets
            .old
            .iter()
            .map(|s| (name(s).to_owned(), replicas(s), spare(s)))
            .collect();
        for (set, size, spare) in sizes {
            let by = spare.min(size).min(most - dropped);
            if by > 0 {
                self.scale_set(sets, &set, size - by)?;
                dropped += by;
            }
        }
        Ok(dropped)
    }
}

fn available(set: &Value) -> i64 {
    number(&set["status"]["availableReplicas"])
}
