//! The status of a `DaemonSet`.

use serde_json::{Value, json};

use super::{Look, OnNodes, node, pod};
use crate::sandbox::{
    controllers::workloads::{amount::number, amount::put, pods::is_ready},
    verbs::name,
};

impl Look<'_> {
    /// The status by what is on the nodes.
    pub(super) fn status(&mut self, on_nodes: &OnNodes) -> Value {
        let (mut desired, mut current, mut misscheduled) = (0, 0, 0);
        let (mut ready, mut updated, mut available) = (0, 0, 0);
        for node in self.nodes {
            let there = on_nodes.get(name(node)).map_or(&[][..], Vec::as_slice);
            if node::wants(self.set, node) != node::Wants::Pod {
                misscheduled += i64::from(!there.is_empty());
                continue;
            }
            desired += 1;
            let Some(first) = there.iter().min_by(|a, b| pod::by_age(a, b)) else {
                continue;
            };
            current += 1;
            ready += i64::from(is_ready(first));
            available += i64::from(self.is_available(first));
            updated += i64::from(pod::is_updated(self.set, first, self.hash));
        }
        let mut status = self.set["status"].clone();
        let generation = number(&self.set["metadata"]["generation"]);
        if let Some(map) = status.as_object_mut() {
            for (field, value) in [
                ("desiredNumberScheduled", desired),
                ("currentNumberScheduled", current),
                ("numberMisscheduled", misscheduled),
                ("numberReady", ready),
            ] {
                map.insert(field.to_owned(), json!(value));
            }
            put(map, "observedGeneration", generation);
            put(map, "updatedNumberScheduled", updated);
            put(map, "numberAvailable", available);
            put(map, "numberUnavailable", desired - available);
        }
        status
    }
}
