//! What is in a cluster at the start: its node, its namespaces, its own services, by flavour.

use serde_json::Value;

use super::{
    extensions::preset,
    flavour::Flavour,
    verbs::{Api, How, name},
};

/// What every flavour has.
const COMMON: &str = include_str!("common.yaml");

/// What its student may do.
const STUDENT: &str = include_str!("student.yaml");
/// What only plain Kubernetes has.
const KUBERNETES: &str = include_str!("kubernetes.yaml");
/// What every API server makes for itself, besides its namespaces and roles.
const SERVER: &str = include_str!("server.yaml");

/// What `OpenShift` has besides. Its roles come first: the rest may need them.
const OPENSHIFT: [&str; 4] = [
    include_str!("openshift-access.yaml"),
    include_str!("openshift.yaml"),
    include_str!("openshift-scc.yaml"),
    include_str!("openshift-samples.yaml"),
];

/// The Operator Lifecycle Manager, wherever it is.
const OLM: &str = include_str!("olm.yaml");
/// Its catalogues on plain Kubernetes.
const OLM_KUBERNETES: &str = include_str!("olm-kubernetes.yaml");
/// Its catalogues on `OpenShift`.
const OLM_OPENSHIFT: &str = include_str!("olm-openshift.yaml");
/// The operator that an instructor installs where there is no OLM.
const PROMETHEUS_OPERATOR: &str = include_str!("prometheus-operator.yaml");

/// What an API server makes for itself.
#[must_use]
pub fn of_the_server() -> Vec<Value> {
    documents(SERVER)
}

/// Fills an empty cluster.
pub fn fill(api: &Api, flavour: Flavour) {
    let groups: &[&str] = match flavour {
        Flavour::Kubernetes => &["monitoring.coreos.com"],
        Flavour::KubernetesOlm => &["operators.coreos.com"],
        Flavour::OpenShift => &["monitoring.coreos.com", "operators.coreos.com"],
    };
    preset::install(api, preset::of_groups(groups));
    let mut texts = vec![COMMON, STUDENT];
    if flavour.has_openshift() {
        texts.extend(OPENSHIFT);
    } else {
        texts.push(KUBERNETES);
    }
    texts.extend(match flavour {
        Flavour::Kubernetes => vec![PROMETHEUS_OPERATOR],
        Flavour::KubernetesOlm => vec![OLM, OLM_KUBERNETES],
        Flavour::OpenShift => vec![OLM, OLM_OPENSHIFT],
    });
    for text in texts {
        for object in documents(text) {
            make(api, object);
        }
    }
}

/// The documents of a YAML stream of our own.
fn documents(text: &str) -> Vec<Value> {
    text.split("\n---\n")
        .filter_map(|part| match serde_yaml::from_str::<Value>(part) {
            Ok(value) => Some(value).filter(Value::is_object),
            Err(error) => {
                tracing::error!("a document of the start can't be read: {error}");
                None
            }
        })
        .collect()
}

/// Makes an object, with its status.
fn make(api: &Api, object: Value) {
    let registry = api.registry();
    let text = |field: &str| object[field].as_str().unwrap_or_default();
    let Some(resource) = registry.of_kind(text("apiVersion"), text("kind")) else {
        tracing::error!("not served, and so not made at the start: {}", text("kind"));
        return;
    };
    let namespace = object["metadata"]["namespace"].as_str().map(str::to_owned);
    let namespace = namespace.as_deref();
    let wanted = name(&object).to_owned();
    let status = object.get("status").cloned();
    let how = How::by("cluster-bootstrap");
    let mut made = api.create(&resource, namespace, object, &how).map(|_| ());
    if let (Ok(()), Some(status)) = (&made, status) {
        let how = How {
            subresource: "status".to_owned(),
            ..how
        };
        let patch = serde_json::json!({ "status": status });
        let patch = (super::verbs::patch::Kind::Merge, &patch);
        made = api
            .patch(&resource, namespace, &wanted, patch, &how)
            .map(|_| ());
    }
    if let Err(refusal) = made {
        tracing::error!("not made at the start: {}", refusal.message);
    }
}
