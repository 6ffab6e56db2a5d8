//! Scaling the `ReplicaSets` of a Deployment, and deleting those that are no longer kept.

use serde_json::{Value, json};

use super::{
    Rollout, annotations,
    sets::{Sets, by_age, replicas},
    strategy::{max_surge, rolls},
};
use crate::sandbox::{
    controllers::{
        cluster::{REPLICA_SETS, is_going},
        workloads::amount::number,
    },
    status::Refusal,
    verbs::{delete::Options, name},
};

impl Rollout<'_> {
    /// Whether the Deployment wants another number of replicas than before.
    pub(super) fn is_rescaled(&self, sets: &Sets) -> bool {
        let mut before = sets.active().filter_map(annotations::desired);
        before.any(|desired| desired != self.replicas())
    }

    /// Gives each set its part of the replicas that are wanted.
    pub(super) fn scale(&self, sets: &mut Sets) -> Result<(), Refusal> {
        if let Some(only) = only(sets) {
            return self.scale_set(sets, &only, self.replicas());
        }
        if self.is_saturated(sets) {
            return self.scale_down_all_old(sets).map(|_| ());
        }
        if !rolls(&self.deployment) {
            return Ok(());
        }
        for (set, size) in self.proportions(sets) {
            self.resize(sets, &set, size)?;
        }
        Ok(())
    }

    /// Whether the new set is all that is wanted.
    fn is_saturated(&self, sets: &Sets) -> bool {
        let wanted = self.replicas();
        sets.new.as_ref().is_some_and(|set| {
            replicas(set) == wanted
                && annotations::desired(set) == Some(wanted)
                && number(&set["status"]["availableReplicas"]) == wanted
        })
    }

    /// Scales all old sets down; whether there were any.
    pub(super) fn scale_down_all_old(&self, sets: &mut Sets) -> Result<bool, Refusal> {
        let old = sets.old.iter().filter(|s| replicas(s) > 0);
        let old: Vec<String> = old.map(|s| name(s).to_owned()).collect();
        for set in &old {
            self.scale_set(sets, set, 0)?;
        }
        Ok(!old.is_empty())
    }

    /// The sizes of the sets in the proportions that they have now. The first takes what is left over.
    fn proportions(&self, sets: &Sets) -> Vec<(String, i64)> {
        let mut active: Vec<&Value> = sets.active().collect();
        let there: i64 = active.iter().map(|s| replicas(s)).sum();
        let allowed = match self.replicas() {
            0 => 0,
            wanted => wanted + max_surge(&self.deployment),
        };
        let to_add = allowed - there;
        // The largest first; of equal ones the newest grows first and the oldest shrinks first.
        active.sort_by(|a, b| {
            let age = if to_add > 0 {
                by_age(b, a)
            } else {
                by_age(a, b)
            };
            replicas(b).cmp(&replicas(a)).then(age)
        });
        let mut added = 0;
        let mut sizes = Vec::new();
        for set in active {
            let part = self.proportion(set, to_add, added);
            added += part;
            sizes.push((name(set).to_owned(), replicas(set) + part));
        }
        if let Some((_, size)) = sizes.first_mut() {
            *size = (*size + to_add - added).max(0);
        }
        sizes
    }

    /// A set's part of the replicas to add.
    fn proportion(&self, set: &Value, to_add: i64, added: i64) -> i64 {
        if replicas(set) == 0 || to_add == 0 || to_add == added {
            return 0;
        }
        let (fraction, allowed) = (self.fraction(set), to_add - added);
        if to_add > 0 {
            fraction.min(allowed)
        } else {
            fraction.max(allowed)
        }
    }

    fn fraction(&self, set: &Value) -> i64 {
        if self.replicas() == 0 {
            return -replicas(set);
        }
        let before = annotations::most(set)
            .unwrap_or_else(|| number(&self.deployment["status"]["replicas"]));
        if before == 0 {
            return 0;
        }
        let most = self.replicas() + max_surge(&self.deployment);
        // Rounded to the nearest; a half up.
        let size = (2 * replicas(set) * most + before).div_euclid(2 * before);
        size - replicas(set)
    }

    /// Scales a set, where it is of another size.
    pub(super) fn scale_set(&self, sets: &mut Sets, set: &str, size: i64) -> Result<(), Refusal> {
        match sets.get_mut(set) {
            Some(found) if replicas(found) != size => self.resize(sets, set, size),
            _ => Ok(()),
        }
    }

    /// Scales a set, and notes for how many replicas.
    fn resize(&self, sets: &mut Sets, set: &str, size: i64) -> Result<(), Refusal> {
        let Some(set) = sets.get_mut(set) else {
            return Ok(());
        };
        let mut changed = set.clone();
        let before = replicas(set);
        let most = self.replicas() + max_surge(&self.deployment);
        let noted = annotations::set_replicas(&mut changed, self.replicas(), most);
        if before == size && !noted {
            return Ok(());
        }
        changed["spec"]["replicas"] = json!(size);
        *set = (*self.cluster.update(REPLICA_SETS, changed)?).clone();
        if before != size {
            let way = if before < size { "up" } else { "down" };
            let name = name(set);
            let message = format!("Scaled {way} replica set {name} from {before} to {size}");
            self.tell(false, "ScalingReplicaSet", &message);
        }
        Ok(())
    }

    /// Deletes the oldest sets of those that are more than are kept.
    pub(super) fn clean_up(&self, sets: &Sets) -> Result<(), Refusal> {
        let limit = self.deployment["spec"]["revisionHistoryLimit"].as_u64();
        let Some(limit) = limit.and_then(|l| usize::try_from(l).ok()) else {
            return Ok(());
        };
        let mut old: Vec<&Value> = sets.old.iter().filter(|s| !is_going(s)).collect();
        old.sort_by(|a, b| {
            let revision = annotations::revision;
            revision(a).cmp(&revision(b)).then_with(|| by_age(a, b))
        });
        let surplus = old.len().saturating_sub(limit);
        for set in old.into_iter().take(surplus) {
            let observed = number(&set["status"]["observedGeneration"]);
            let busy = number(&set["status"]["replicas"]) != 0
                || replicas(set) != 0
                || number(&set["metadata"]["generation"]) > observed;
            if !busy {
                self.cluster
                    .delete(REPLICA_SETS, set, &Options::default())?;
            }
        }
        Ok(())
    }
}

/// The one set that has replicas; if none has, the new one, or the newest of the old ones.
fn only(sets: &Sets) -> Option<String> {
    let active: Vec<&Value> = sets.active().collect();
    let found = match active.as_slice() {
        [] => sets.new.as_ref().or_else(|| sets.old.last()),
        [one] => Some(*one),
        _ => None,
    };
    found.map(|s| name(s).to_owned())
}
