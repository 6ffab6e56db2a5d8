//! A container's variables, as far as its Pod says them itself.
//! <https://kubernetes.io/docs/concepts/workloads/pods/downward-api/>

use std::collections::BTreeMap;

use serde_json::Value;

use crate::sandbox::pointer::{items, text_in};

/// The variables of a container; those from other objects are empty.
pub(super) fn of(pod: &Value, container: &Value) -> BTreeMap<String, String> {
    let value = |variable: &Value| {
        let path = variable["valueFrom"]["fieldRef"]["fieldPath"].as_str();
        path.map_or_else(
            || text_in(variable, "value").to_owned(),
            |path| field(pod, path),
        )
    };
    items(&container["env"])
        .iter()
        .map(|v| (text_in(v, "name").to_owned(), value(v)))
        .collect()
}

/// A field of a Pod, such as `metadata.name` or `metadata.labels['app']`.
fn field(pod: &Value, path: &str) -> String {
    let named = path.strip_suffix("']").and_then(|p| p.split_once("['"));
    let found = match named {
        Some(("metadata.labels", key)) => &pod["metadata"]["labels"][key],
        Some(("metadata.annotations", key)) => &pod["metadata"]["annotations"][key],
        _ => path.split('.').fold(pod, |value, part| &value[part]),
    };
    found.as_str().unwrap_or_default().to_owned()
}

/// Whether a variable is set, by its name or by a source of many.
pub(super) fn has(container: &Value, name: &str) -> bool {
    let own = items(&container["env"])
        .iter()
        .any(|v| v["name"] == name && (v["valueFrom"].is_object() || v["value"] != ""));
    own || !items(&container["envFrom"]).is_empty()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_pod_tells_its_containers_of_itself() {
        let pod =
            json!({"metadata": {"name": "p", "labels": {"a.b/c": "1"}}, "spec": {"nodeName": "n"}});
        let from = |name: &str, path: &str| json!({"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}});
        let container = json!({"env": [
            {"name": "A", "value": "x"}, from("B", "metadata.name"), from("C", "metadata.labels['a.b/c']"),
            from("D", "spec.nodeName"), {"name": "E", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
        ]});
        let all: Vec<String> = of(&pod, &container).into_values().collect();
        assert_eq!(all, ["x", "p", "1", "n", ""]);
        assert!(has(&container, "E") && !has(&container, "F"));
    }
}
