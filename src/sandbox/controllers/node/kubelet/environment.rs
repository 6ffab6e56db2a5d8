//! Variables of containers: what keeps them from being set.
//! <https://github.com/kubernetes/kubernetes/blob/master/pkg/kubelet/kubelet_pods.go> (`makeEnvironmentVariables`)

use serde_json::Value;

use crate::sandbox::{
    controllers::cluster::{CONFIG_MAPS, Cluster, SECRETS},
    pointer::items,
};

/// Why the variables of a container can't be set.
pub(super) fn problem(cluster: &Cluster<'_>, pod: &Value, container: &Value) -> Option<String> {
    let namespace = pod["metadata"]["namespace"].as_str().unwrap_or_default();
    let kinds = [
        ("configMap", CONFIG_MAPS, "ConfigMap"),
        ("secret", SECRETS, "Secret"),
    ];
    for source in items(&container["envFrom"]) {
        for (kind, of, _) in kinds {
            let Some(wanted) = source
                .get(format!("{kind}Ref"))
                .filter(|r| r["optional"] != true)
            else {
                continue;
            };
            let name = wanted["name"].as_str().unwrap_or_default();
            if cluster.get(of, namespace, name).is_none() {
                return Some(format!("{} \"{name}\" not found", kind.to_lowercase()));
            }
        }
    }
    for variable in items(&container["env"]) {
        for (kind, of, shown) in kinds {
            let wanted = variable["valueFrom"].get(format!("{kind}KeyRef"));
            let Some(wanted) = wanted.filter(|r| r["optional"] != true) else {
                continue;
            };
            let text = |field: &str| wanted[field].as_str().unwrap_or_default();
            let (name, key) = (text("name"), text("key"));
            let Some(object) = cluster.get(of, namespace, name) else {
                return Some(format!("{} \"{name}\" not found", kind.to_lowercase()));
            };
            if object["data"].get(key).is_none() {
                return Some(format!(
                    "couldn't find key {key} in {shown} {namespace}/{name}"
                ));
            }
        }
    }
    None
}
