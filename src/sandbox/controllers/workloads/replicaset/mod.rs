//! `ReplicaSets`: as many Pods as are wanted.
//! <https://github.com/kubernetes/kubernetes/blob/master/pkg/controller/replicaset/replica_set.go>

mod ranking;
mod status;

use std::{sync::Arc, time::Duration};

use serde_json::Value;

use super::{
    amount::number,
    claim::{claim, concerned},
    control::{BURST, create_pods, delete_pod},
    pods, template,
    times::Times,
};
use crate::sandbox::{
    controllers::{
        Controller, Outcome,
        cluster::{Cluster, PODS, REPLICA_SETS, controller_of, is_going},
    },
    status::Refusal,
    store::{Change, Fact, Key},
};

/// The controller of `ReplicaSets`.
#[derive(Debug, Default)]
pub struct ReplicaSets {
    times: Times,
}

impl Controller for ReplicaSets {
    fn name(&self) -> &'static str {
        "replicaset-controller"
    }

    fn touched(&self, cluster: &Cluster<'_>, change: &Change) -> Vec<Key> {
        if REPLICA_SETS.is_of(change) {
            return vec![change.key.clone()];
        }
        if PODS.is_of(change) {
            return concerned(cluster, change, REPLICA_SETS, "ReplicaSet");
        }
        Vec::new()
    }

    fn reconcile(&mut self, cluster: &Cluster<'_>, key: &Key) -> Outcome {
        let Some(set) = cluster.get(REPLICA_SETS, &key.0, &key.1) else {
            return Ok(None);
        };
        let active = claim(cluster, &set, PODS, pods::is_active)?;
        let managed = if is_going(&set) {
            Ok(())
        } else {
            manage(cluster, &set, &active)
        };
        let failure = managed.as_ref().err();
        let status = status::of(&set, &active, failure, &mut self.times, cluster);
        if let Some(status) = status {
            let mut object = (*set).clone();
            object["status"] = status;
            cluster.update_status(REPLICA_SETS, object)?;
        }
        managed?;
        Ok(self.next(cluster, &set, &active))
    }
}

impl ReplicaSets {
    /// When the next Pod becomes available.
    fn next(
        &mut self,
        cluster: &Cluster<'_>,
        set: &Value,
        active: &[Arc<Value>],
    ) -> Option<Duration> {
        let least = number(&set["spec"]["minReadySeconds"]);
        let waits = active
            .iter()
            .filter_map(|pod| pods::until_available(pod, least, &mut self.times, cluster));
        waits.filter(|wait| !wait.is_zero()).min()
    }
}

/// Makes the Pods that are missing, or deletes those that are too many.
fn manage(cluster: &Cluster<'_>, set: &Value, active: &[Arc<Value>]) -> Result<(), Refusal> {
    let wanted = usize::try_from(number(&set["spec"]["replicas"])).unwrap_or_default();
    if active.len() < wanted {
        let missing = (wanted - active.len()).min(BURST);
        let pods = vec![template::pod(&set["spec"]["template"], set); missing];
        return create_pods(cluster, set, &pods)
            .map(|_| ())
            .map_err(|(_, refusal)| refusal);
    }
    let surplus = (active.len() - wanted).min(BURST);
    if surplus == 0 {
        return Ok(());
    }
    let related = related(cluster, set);
    let ranked = ranking::first_to_go(active, &related, cluster.api.clock.now());
    let mut failed = Ok(());
    for pod in ranked.iter().take(surplus) {
        failed = failed.and(delete_pod(cluster, set, pod));
    }
    failed
}

/// The Pods of all the sets that the same object controls.
fn related(cluster: &Cluster<'_>, set: &Value) -> Vec<Arc<Value>> {
    let Some(by) = controller_of(set) else {
        return cluster.owned(PODS, set);
    };
    let by = Fact::ControlledBy(by["uid"].as_str().unwrap_or_default().to_owned());
    let namespace = set["metadata"]["namespace"].as_str().unwrap_or_default();
    let sets = cluster.known(REPLICA_SETS, namespace, &by);
    sets.iter().flat_map(|s| cluster.owned(PODS, s)).collect()
}
