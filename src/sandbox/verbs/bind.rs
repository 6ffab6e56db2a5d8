//! Binding: a Pod gets its node.
//! <https://github.com/kubernetes/kubernetes/blob/master/pkg/registry/core/pod/storage/storage.go> (`assignPod`)

use serde_json::{Value, json};

use super::{Api, key};
use crate::sandbox::{
    registry,
    status::{About, Refusal},
};

impl Api {
    /// Gives a Pod its node; annotations of the binding become the Pod's.
    pub fn bind(
        &self,
        namespace: &str,
        pod: &str,
        node: &str,
        annotations: &Value,
    ) -> Result<(), Refusal> {
        let place = registry::place("", "pods");
        let key = key(Some(namespace), pod);
        let binding = About {
            group: "",
            resource: "pods/binding",
        };
        self.store.with(|state| {
            let pods = About { group: "", resource: "pods" };
            let live = state.get(&place, &key).ok_or_else(|| Refusal::not_found(pods, pod))?;
            let refused = if live["metadata"]["deletionTimestamp"].is_string() {
                Some(format!("pod {pod} is being deleted, cannot be assigned to a host"))
            } else {
                let has = live["spec"]["nodeName"].as_str().filter(|n| !n.is_empty());
                has.map(|has| format!("pod {pod} is already assigned to node \"{has}\""))
            };
            if let Some(why) = refused {
                return Err(Refusal::conflict(binding, pod, &why));
            }
            let mut object = (*live).clone();
            object["spec"]["nodeName"] = json!(node);
            for (name, value) in annotations.as_object().into_iter().flatten() {
                object["metadata"]["annotations"][name] = value.clone();
            }
            let conditions = live["status"]["conditions"].as_array().into_iter().flatten();
            let mut conditions: Vec<Value> = conditions.filter(|c| c["type"] != "PodScheduled").cloned().collect();
            conditions.push(json!({
                "type": "PodScheduled", "status": "True", "lastProbeTime": null, "lastTransitionTime": self.clock.stamp(),
            }));
            object["status"]["conditions"] = json!(conditions);
            state.put(&place, &key, object);
            Ok(())
        })
    }
}
