//! The Pods behind a Service.

use std::{collections::BTreeSet, sync::Arc};

use serde_json::{Map, Value};

use crate::sandbox::{
    controllers::cluster::{Cluster, PODS, SERVICES, is_going, key_of},
    store::{Change, Fact, Key},
    verbs::name,
};

/// The selector of a Service whose endpoints are found by it.
pub(super) fn selector(service: &Value) -> Option<&Map<String, Value>> {
    let selector = service["spec"]["selector"].as_object()?;
    (service["spec"]["type"] != "ExternalName").then_some(selector)
}

/// The Pods that have all of some labels.
pub(super) fn selected(pods: &[Arc<Value>], selector: &Map<String, Value>) -> Vec<Arc<Value>> {
    let wanted = |pod: &&Arc<Value>| has_labels(pod, selector);
    pods.iter().filter(wanted).cloned().collect()
}

fn has_labels(pod: &Value, selector: &Map<String, Value>) -> bool {
    let labels = &pod["metadata"]["labels"];
    selector
        .iter()
        .all(|(key, value)| labels.get(key) == Some(value))
}

/// The Services that select a Pod that changed, before or after.
pub(super) fn services_of(cluster: &Cluster<'_>, change: &Change) -> Vec<Key> {
    if !PODS.is_of(change) {
        return Vec::new();
    }
    let pods = [change.before.as_deref(), change.after.as_deref()];
    let selects = |service: &&Arc<Value>| {
        let selector = selector(service);
        selector.is_some_and(|s| pods.iter().flatten().any(|pod| has_labels(pod, s)))
    };
    let services = |fact: &Fact| cluster.known(SERVICES, &change.key.0, fact);
    let known: BTreeSet<Fact> = pods.iter().flatten().flat_map(|p| selected_by(p)).collect();
    let services: Vec<_> = known.iter().flat_map(services).collect();
    let found: BTreeSet<Key> = services.iter().filter(selects).map(|s| key_of(s)).collect();
    found.into_iter().collect()
}

/// What is known of the Services that may select a Pod.
fn selected_by(pod: &Value) -> impl Iterator<Item = Fact> {
    let labels = pod["metadata"]["labels"].as_object().into_iter().flatten();
    let labels = labels.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
    labels.map(Some).chain([None]).map(Fact::Selects)
}

/// Whether a Pod has an address and may be sent traffic.
pub(super) fn takes_part(pod: &Value, also_going: bool) -> bool {
    let ended = matches!(
        pod["status"]["phase"].as_str(),
        Some("Succeeded" | "Failed")
    );
    let address = pod["status"]["podIP"]
        .as_str()
        .is_some_and(|ip| !ip.is_empty());
    !ended && address && (also_going || !is_going(pod))
}

/// Whether a Pod says that it is ready.
pub(super) fn is_ready(pod: &Value) -> bool {
    let conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
    conditions
        .into_iter()
        .any(|c| c["type"] == "Ready" && c["status"] == "True")
}

/// The number of the port of a Pod that a port of a Service leads to.
pub(super) fn target_port(pod: &Value, port: &Value) -> Option<i64> {
    if let Some(number) = port["targetPort"].as_i64() {
        return Some(number);
    }
    let wanted = port["targetPort"].as_str()?;
    let lists = ["containers", "initContainers"];
    let containers = lists.iter().flat_map(|list| {
        let all = pod["spec"][*list].as_array().into_iter().flatten();
        all.filter(move |c| *list == "containers" || c["restartPolicy"] == "Always")
    });
    let mut ports = containers.flat_map(|c| c["ports"].as_array().into_iter().flatten());
    let found = ports.find(|p| p["name"] == wanted && p["protocol"] == port["protocol"])?;
    found["containerPort"].as_i64()
}

/// The host name under which a Pod is known by a Service.
pub(super) fn hostname<'a>(pod: &'a Value, service: &Value) -> Option<&'a str> {
    let name_of_pod = pod["spec"]["hostname"].as_str().filter(|h| !h.is_empty())?;
    (pod["spec"]["subdomain"] == name(service)).then_some(name_of_pod)
}

/// A reference to a Pod.
pub(super) fn reference(pod: &Value) -> Value {
    let metadata = &pod["metadata"];
    serde_json::json!({
        "kind": "Pod", "name": metadata["name"], "namespace": metadata["namespace"],
        "uid": metadata["uid"],
    })
}

/// Whether a Service has an address of its own.
pub(super) fn has_address(service: &Value) -> bool {
    let address = service["spec"]["clusterIP"].as_str().unwrap_or_default();
    !address.is_empty() && address != "None"
}

/// The labels of an object.
pub(super) fn labels(object: &Value) -> Map<String, Value> {
    object["metadata"]["labels"]
        .as_object()
        .cloned()
        .unwrap_or_default()
}
