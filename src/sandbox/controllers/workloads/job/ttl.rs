//! Jobs that go a while after they ended.
//! <https://github.com/kubernetes/kubernetes/blob/master/pkg/controller/ttlafterfinished/ttlafterfinished_controller.go>

use std::time::Duration;

use crate::sandbox::{
    controllers::{
        Controller, Outcome,
        cluster::{Cluster, is_going},
        workloads::{JOBS, condition, times::Times},
    },
    store::{Change, Key},
    verbs::delete::{Options, Propagation},
};

/// The controller that deletes Jobs that ended.
#[derive(Debug, Default)]
pub struct FinishedJobs {
    times: Times,
}

impl Controller for FinishedJobs {
    fn name(&self) -> &'static str {
        "ttl-after-finished-controller"
    }

    fn touched(&self, _: &Cluster<'_>, change: &Change) -> Vec<Key> {
        let ended = JOBS.is_of(change)
            && change
                .after
                .as_ref()
                .is_some_and(|j| j["spec"]["ttlSecondsAfterFinished"].is_u64());
        ended.then(|| change.key.clone()).into_iter().collect()
    }

    fn reconcile(&mut self, cluster: &Cluster<'_>, key: &Key) -> Outcome {
        let job = cluster.get(JOBS, &key.0, &key.1);
        let Some(job) = job.filter(|j| !is_going(j)) else {
            return Ok(None);
        };
        let Some(ttl) = job["spec"]["ttlSecondsAfterFinished"].as_u64() else {
            return Ok(None);
        };
        let ends = ["Complete", "Failed"].into_iter();
        let end = ends.filter_map(|kind| condition::of(&job["status"], kind));
        let Some(end) = end.into_iter().find(|c| c["status"] == "True") else {
            return Ok(None);
        };
        let stamp = end["lastTransitionTime"].as_str().unwrap_or_default();
        let passed = self.times.passed(cluster, &job, "ended", stamp);
        let left = Duration::from_secs(ttl).saturating_sub(passed);
        if !left.is_zero() {
            return Ok(Some(left));
        }
        let options = Options {
            propagation: Some(Propagation::Foreground),
            ..Options::default()
        };
        cluster.delete(JOBS, &job, &options)?;
        Ok(None)
    }
}
