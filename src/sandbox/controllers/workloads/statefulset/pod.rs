//! The Pods of a `StatefulSet`: each has a number, by which it is known and finds its volumes.
//! <https://github.com/kubernetes/kubernetes/blob/master/pkg/controller/statefulset/stateful_set_utils.go>

use serde_json::{Value, json};

use super::claims;
use crate::sandbox::{
    controllers::workloads::{amount::number, template},
    verbs::name,
};

/// The label that tells which revision a Pod is of.
pub(super) const REVISION: &str = "controller-revision-hash";
const POD_NAME: &str = "statefulset.kubernetes.io/pod-name";
const POD_INDEX: &str = "apps.kubernetes.io/pod-index";
/// The most Pods of one set: more than any cluster holds.
const MOST: i64 = 10_000;

/// The number of the first Pod.
pub(super) fn start(set: &Value) -> i64 {
    number(&set["spec"]["ordinals"]["start"])
}

/// How many Pods there are to be.
pub(super) fn count(set: &Value) -> i64 {
    number(&set["spec"]["replicas"]).clamp(0, MOST)
}

/// The number of a Pod, by its name.
pub(super) fn ordinal(pod: &Value) -> Option<i64> {
    split(pod).map(|(_, ordinal)| ordinal)
}

fn split(pod: &Value) -> Option<(&str, i64)> {
    let (parent, ordinal) = name(pod).rsplit_once('-')?;
    let digits = ordinal.bytes().all(|b| b.is_ascii_digit());
    let ordinal: i32 = ordinal.parse().ok().filter(|_| digits)?;
    Some((parent, i64::from(ordinal)))
}

/// Whether a Pod's name is one that the set gives.
pub(super) fn is_member(set: &Value, pod: &Value) -> bool {
    split(pod).is_some_and(|(parent, _)| parent == name(set))
}

/// A Pod of a set.
pub(super) fn new(set: &Value, ordinal: i64, revision: &str) -> Value {
    let mut pod = template::pod(&set["spec"]["template"], set);
    let called = format!("{}-{ordinal}", name(set));
    pod["metadata"]["name"] = json!(called);
    pod["spec"]["hostname"] = json!(called);
    let service = set["spec"]["serviceName"].as_str().unwrap_or_default();
    if !service.is_empty() {
        pod["spec"]["subdomain"] = json!(service);
    }
    name_labels(&mut pod, ordinal);
    pod["metadata"]["labels"][REVISION] = json!(revision);
    claims::mount(set, &mut pod);
    pod
}

/// The labels that repeat a Pod's name.
pub(super) fn name_labels(pod: &mut Value, ordinal: i64) {
    let called = pod["metadata"]["name"].clone();
    pod["metadata"]["labels"][POD_NAME] = called;
    pod["metadata"]["labels"][POD_INDEX] = json!(ordinal.to_string());
}

/// Whether a Pod carries its name and has its volumes.
pub(super) fn is_right(set: &Value, pod: &Value) -> bool {
    pod["metadata"]["labels"][POD_NAME] == *name(pod) && claims::are_mounted(set, pod)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_is_known_by_its_number() {
        let set = json!({"metadata": {"name": "db"}});
        let pod = |name: &str| json!({"metadata": {"name": name}});
        assert_eq!(ordinal(&pod("db-12")), Some(12));
        assert!(is_member(&set, &pod("db-0")));
        for other in ["db-x", "db", "web-0", "db-1-2", "db-99999999999", "db-+1"] {
            assert!(!is_member(&set, &pod(other)), "{other}");
        }
    }
}
