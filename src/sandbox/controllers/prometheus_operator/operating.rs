//! Where an operator runs, and for which namespaces.

use serde_json::Value;

use crate::sandbox::{
    controllers::cluster::{Cluster, DEPLOYMENTS},
    programs::reference::Reference,
};

/// The environment variable in an argument: `$(TARGET)`.
const VARIABLE: (&str, &str) = ("$(", ")");

/// An operator that is available.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Operating {
    /// The namespaces that it looks at; none for all.
    namespaces: Option<Vec<String>>,
    /// Those that it does not look at.
    denied: Vec<String>,
    /// The image of the reloader.
    pub(super) reloader: String,
    /// The version of Prometheus where none is asked for.
    pub(super) prometheus: &'static str,
}

impl Operating {
    /// Whether it looks at a namespace.
    pub(super) fn watches(&self, namespace: &str) -> bool {
        let named = self.namespaces.as_ref();
        named.is_none_or(|all| all.iter().any(|n| n == namespace))
            && !self.denied.iter().any(|n| n == namespace)
    }
}

/// Whether a Deployment is one of an operator.
pub(super) fn is_operator(deployment: &Value) -> bool {
    container(deployment).is_some()
}

fn container(deployment: &Value) -> Option<&Value> {
    let all = deployment["spec"]["template"]["spec"]["containers"].as_array()?;
    all.iter().find(|c| {
        let image = c["image"].as_str().unwrap_or_default();
        Reference::parse(image)
            .is_ok_and(|r| r.path().rsplit('/').next() == Some("prometheus-operator"))
    })
}

/// The operator that looks at a namespace.
pub(super) fn of(cluster: &Cluster<'_>, namespace: &str) -> Option<Operating> {
    let all = cluster.list(DEPLOYMENTS, None);
    let mut available = all
        .iter()
        .filter(|d| d["status"]["availableReplicas"].as_i64() > Some(0));
    available.find_map(|d| operating(d).filter(|o| o.watches(namespace)))
}

fn operating(deployment: &Value) -> Option<Operating> {
    let container = container(deployment)?;
    let template = &deployment["spec"]["template"];
    let argument = |name: &str| {
        let all = container["args"].as_array().into_iter().flatten();
        let mut all = all.filter_map(Value::as_str);
        let found = all.find_map(|a| {
            a.trim_start_matches('-')
                .strip_prefix(name)?
                .strip_prefix('=')
        });
        found.map(|value| expanded(value, container, template))
    };
    let names = |text: String| -> Vec<String> {
        let all = text.split(',').map(str::trim).filter(|n| !n.is_empty());
        all.map(str::to_owned).collect()
    };
    let image = container["image"].as_str().unwrap_or_default();
    let tag = image.rsplit_once(':').map_or("v0.85.0", |(_, tag)| tag);
    Some(Operating {
        namespaces: argument("namespaces").map(names).filter(|n| !n.is_empty()),
        denied: argument("deny-namespaces").map(names).unwrap_or_default(),
        reloader: argument("prometheus-config-reloader").unwrap_or_else(|| {
            format!("quay.io/prometheus-operator/prometheus-config-reloader:{tag}")
        }),
        prometheus: "v3.5.0",
    })
}

/// An argument with its variables filled in: given, or read from an annotation of the Pod.
fn expanded(value: &str, container: &Value, template: &Value) -> String {
    let mut out = value.to_owned();
    for variable in container["env"].as_array().into_iter().flatten() {
        let name = variable["name"].as_str().unwrap_or_default();
        let path = variable["valueFrom"]["fieldRef"]["fieldPath"].as_str();
        let annotation = path
            .and_then(|p| p.strip_prefix("metadata.annotations['"))
            .and_then(|p| p.strip_suffix("']"))
            .and_then(|a| template["metadata"]["annotations"][a].as_str());
        let filled = variable["value"]
            .as_str()
            .or(annotation)
            .unwrap_or_default();
        out = out.replace(&format!("{}{name}{}", VARIABLE.0, VARIABLE.1), filled);
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_operator_of_olm_looks_at_its_targets() {
        let deployment = |targets: &str| {
            json!({"spec": {"template": {
                "metadata": {"annotations": {"olm.targetNamespaces": targets}},
                "spec": {"containers": [{
                    "image": "quay.io/prometheus-operator/prometheus-operator:v0.85.0",
                    "args": ["--namespaces=$(TARGET)"],
                    "env": [{"name": "TARGET", "valueFrom": {"fieldRef": {"fieldPath": "metadata.annotations['olm.targetNamespaces']"}}}],
                }]},
            }}})
        };
        let one = operating(&deployment("a,b")).unwrap();
        assert!(one.watches("b") && !one.watches("c"));
        // No target is every namespace.
        assert!(operating(&deployment("")).unwrap().watches("c"));
        assert!(one.reloader.ends_with("prometheus-config-reloader:v0.85.0"));
        assert!(!is_operator(
            &json!({"spec": {"template": {"spec": {"containers": [{"image": "nginx"}]}}}})
        ));
    }
}
