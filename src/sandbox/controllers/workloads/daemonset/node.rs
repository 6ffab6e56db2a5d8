//! Whether a node is to have a Pod of a `DaemonSet`.

use serde_json::Value;

use super::pod::tolerations;
use crate::sandbox::{
    controllers::placement::{is_asked_for, is_tolerated},
    store::Change,
    verbs::name,
};

/// What a node wants of a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wants {
    /// A Pod.
    Pod,
    /// No new Pod; one that is there may stay.
    Present,
    /// No Pod.
    Nothing,
}

/// What a node wants of a set.
pub(super) fn wants(set: &Value, node: &Value) -> Wants {
    let spec = &set["spec"]["template"]["spec"];
    let named = spec["nodeName"].as_str().unwrap_or_default();
    if !(named.is_empty() || named == name(node)) || !is_asked_for(spec, node) {
        return Wants::Nothing;
    }
    let borne = tolerations(spec);
    if is_tolerated(&borne, node, &["NoSchedule", "NoExecute"]) {
        Wants::Pod
    } else if is_tolerated(&borne, node, &["NoExecute"]) {
        Wants::Present
    } else {
        Wants::Nothing
    }
}

/// Whether a change of a node matters to sets.
pub(super) fn matters(change: &Change) -> bool {
    let (Some(before), Some(after)) = (&change.before, &change.after) else {
        return true;
    };
    before["metadata"]["labels"] != after["metadata"]["labels"]
        || before["spec"]["taints"] != after["spec"]["taints"]
}
