//! The Pods of a `DaemonSet`: each made for one node, which it says by its affinity.
//! <https://github.com/kubernetes/kubernetes/blob/master/pkg/controller/daemon/util/daemonset_util.go>

use std::cmp::Ordering;

use serde_json::{Value, json};

use crate::sandbox::{controllers::workloads::template, verbs::name};

/// The label that tells the Pods of a set's templates apart.
pub(super) const HASH: &str = "controller-revision-hash";
const GENERATION: &str = "pod-template-generation";
const TEMPLATE_GENERATION: &str = "deprecated.daemonset.template.generation";

/// The taints of a node in trouble that these Pods bear.
const BORNE: [(&str, &str); 6] = [
    ("not-ready", "NoExecute"),
    ("unreachable", "NoExecute"),
    ("disk-pressure", "NoSchedule"),
    ("memory-pressure", "NoSchedule"),
    ("pid-pressure", "NoSchedule"),
    ("unschedulable", "NoSchedule"),
];

/// What Pods with this specification bear.
pub(super) fn tolerations(spec: &Value) -> Vec<Value> {
    let mut all = spec["tolerations"].as_array().cloned().unwrap_or_default();
    let network = ("network-unavailable", "NoSchedule");
    let network = (spec["hostNetwork"] == true).then_some(network);
    for (taint, effect) in BORNE.into_iter().chain(network) {
        let key = format!("node.kubernetes.io/{taint}");
        let borne = json!({"key": key, "operator": "Exists", "effect": effect});
        let same = |t: &Value| {
            let fields = ["key", "operator", "effect", "value"];
            fields.iter().all(|f| t[*f] == borne[*f])
        };
        all.retain(|t| !same(t));
        all.push(borne);
    }
    all
}

/// A Pod of a set for a node.
pub(super) fn on(set: &Value, hash: &str, node: &str) -> Value {
    let mut pod = template::pod(&set["spec"]["template"], set);
    let labels = &mut pod["metadata"]["labels"];
    if let Some(generation) = set["metadata"]["annotations"][TEMPLATE_GENERATION].as_str() {
        labels[GENERATION] = json!(generation);
    }
    labels[HASH] = json!(hash);
    let spec = &mut pod["spec"];
    spec["tolerations"] = json!(tolerations(spec));
    let field = json!({"key": "metadata.name", "operator": "In", "values": [node]});
    spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"] =
        json!({"nodeSelectorTerms": [{"matchFields": [field]}]});
    pod
}

/// The node that a Pod is on, or is for.
pub(super) fn node_of(pod: &Value) -> Option<&str> {
    let spec = &pod["spec"];
    if let Some(node) = spec["nodeName"].as_str() {
        return Some(node);
    }
    let required =
        &spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"];
    let terms = required["nodeSelectorTerms"].as_array()?;
    let mut fields = terms
        .iter()
        .filter_map(|t| t["matchFields"].as_array())
        .flatten();
    let named = fields.find(|f| f["key"] == "metadata.name" && f["operator"] == "In")?;
    named["values"][0].as_str()
}

/// Whether a Pod is of the set's template.
pub(super) fn is_updated(set: &Value, pod: &Value, hash: &str) -> bool {
    let labels = &pod["metadata"]["labels"];
    let generation = set["metadata"]["annotations"][TEMPLATE_GENERATION].as_str();
    labels[HASH] == hash || generation.is_some_and(|g| labels[GENERATION] == g)
}

/// Those first that have a node, then the older ones.
pub(super) fn by_age(a: &Value, b: &Value) -> Ordering {
    let created = |p: &Value| {
        let created = p["metadata"]["creationTimestamp"].as_str();
        created.unwrap_or_default().to_owned()
    };
    let waits = |p: &Value| p["spec"]["nodeName"].is_null();
    waits(a)
        .cmp(&waits(b))
        .then_with(|| created(a).cmp(&created(b)))
        .then_with(|| name(a).cmp(name(b)))
}
