//! When the change happened that led to another list of endpoints, for those who measure how long it takes.
//! <https://github.com/kubernetes/kubernetes/blob/master/staging/src/k8s.io/endpointslice/util/trigger_time_tracker.go>

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use serde_json::{Value, json};

use crate::sandbox::{store::Key, verbs::name};

const ANNOTATION: &str = "endpoints.kubernetes.io/last-change-trigger-time";

/// The times that were seen last, by Service: its own, and those of its Pods.
#[derive(Debug, Default)]
pub(super) struct Triggers(HashMap<Key, (String, BTreeMap<String, String>)>);

impl Triggers {
    /// The earliest of the times that are new.
    pub(super) fn time(
        &mut self,
        key: &Key,
        service: &Value,
        pods: &[Arc<Value>],
    ) -> Option<String> {
        let of = |v: &Value| v.as_str().unwrap_or_default().to_owned();
        let made = of(&service["metadata"]["creationTimestamp"]);
        let ready = pods.iter().filter_map(|pod| {
            let conditions = pod["status"]["conditions"].as_array()?;
            let ready = conditions.iter().find(|c| c["type"] == "Ready")?;
            Some((name(pod).to_owned(), of(&ready["lastTransitionTime"])))
        });
        let now: BTreeMap<String, String> = ready.collect();
        let before = self.0.insert(key.clone(), (made.clone(), now.clone()));
        let Some((made_before, before)) = before else {
            return Some(made);
        };
        let own = (made > made_before).then_some(made);
        let newer = now
            .into_iter()
            .filter(|(pod, at)| before.get(pod).is_none_or(|b| at > b));
        own.into_iter().chain(newer.map(|(_, at)| at)).min()
    }

    /// A Service is gone.
    pub(super) fn forget(&mut self, key: &Key) {
        self.0.remove(key);
    }
}

/// Writes the time on an object, or takes away the one before.
pub(super) fn note(object: &mut Value, time: Option<String>) {
    match time {
        Some(time) => object["metadata"]["annotations"][ANNOTATION] = json!(time),
        None => {
            let Some(metadata) = object["metadata"].as_object_mut() else {
                return;
            };
            let annotations = metadata
                .get_mut("annotations")
                .and_then(Value::as_object_mut);
            let empty = annotations.is_some_and(|a| {
                a.remove(ANNOTATION);
                a.is_empty()
            });
            if empty {
                metadata.remove("annotations");
            }
        }
    }
}
