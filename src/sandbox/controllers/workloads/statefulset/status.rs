//! The status of a `StatefulSet`.

use serde_json::{Value, json};

use super::{Look, pod, pod::REVISION, replicas::Replicas};
use crate::sandbox::{
    controllers::{
        cluster::is_going,
        workloads::{
            amount::{number, put},
            pods::phase,
        },
    },
    verbs::name,
};

impl Look<'_> {
    /// The status by the Pods as they were found.
    pub(super) fn status(&mut self, replicas: &Replicas) -> Value {
        let (mut all, mut ready, mut available) = (0, 0, 0);
        let (mut current, mut updated) = (0, 0);
        for pod in replicas.wanted.iter().chain(&replicas.condemned) {
            if phase(pod).is_empty() {
                continue;
            }
            all += 1;
            if Self::is_running_and_ready(pod) {
                ready += 1;
                available += i64::from(self.is_available(pod));
            }
            let revision = &pod["metadata"]["labels"][REVISION];
            if !is_going(pod) {
                current += i64::from(*revision == *name(self.current));
                updated += i64::from(*revision == *name(self.update));
            }
        }
        current -= replicas.replaced;
        let mut before = name(self.current);
        let wanted = pod::count(self.set);
        let rolls = self.set["spec"]["updateStrategy"]["type"] == "RollingUpdate";
        if rolls && updated == wanted && ready == wanted && all == wanted {
            (current, before) = (updated, name(self.update));
        }
        let mut status = self.set["status"].clone();
        let generation = number(&self.set["metadata"]["generation"]);
        if let Some(map) = status.as_object_mut() {
            map.insert("replicas".to_owned(), json!(all));
            map.insert("availableReplicas".to_owned(), json!(available));
            map.insert("currentRevision".to_owned(), json!(before));
            map.insert("updateRevision".to_owned(), json!(name(self.update)));
            put(map, "observedGeneration", generation);
            put(map, "readyReplicas", ready);
            put(map, "currentReplicas", current);
            put(map, "updatedReplicas", updated);
        }
        status
    }
}
