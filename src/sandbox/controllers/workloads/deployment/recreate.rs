//! Recreating: the old Pods are gone before the new ones come.
//! <https://github.com/kubernetes/kubernetes/blob/master/pkg/controller/deployment/recreate.go>

use super::{Rollout, sets::Sets, status};
use crate::sandbox::{
    controllers::{
        cluster::PODS,
        workloads::{amount::number, pods::has_ended},
    },
    status::Refusal,
    verbs::name,
};

impl Rollout<'_> {
    /// One step.
    pub(super) fn recreate(&mut self, sets: &mut Sets) -> Result<(), Refusal> {
        if self.scale_down_all_old(sets)? || self.old_pods_run(sets) {
            return Ok(());
        }
        if sets.new.is_none() {
            self.sync_revision(sets, true)?;
        }
        if let Some(new) = &sets.new {
            let new = name(new).to_owned();
            self.scale_set(sets, &new, self.replicas())?;
        }
        if status::is_complete(&self.deployment, &self.deployment["status"]) {
            self.clean_up(sets)?;
        }
        Ok(())
    }

    fn old_pods_run(&self, sets: &Sets) -> bool {
        sets.old.iter().any(|set| {
            number(&set["status"]["replicas"]) > 0
                || self.cluster.owned(PODS, set).iter().any(|p| !has_ended(p))
        })
    }
}
