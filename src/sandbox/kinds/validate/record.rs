//! Records: revisions, leases, events, and what is known of nodes.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::found::{Found, each, text_of};

/// A `ControllerRevision`.
pub(super) fn revision(object: &Value, found: &mut Found) {
    if object["data"].is_null() {
        found.required("data", "data is mandatory");
    }
    found.natural("revision", &object["revision"]);
}

/// A lease.
pub(super) fn lease(object: &Value, found: &mut Found) {
    let spec = &object["spec"];
    let duration = &spec["leaseDurationSeconds"];
    if duration.as_i64().is_some_and(|d| d <= 0) {
        found.invalid(
            "spec.leaseDurationSeconds",
            duration,
            "must be greater than 0",
        );
    }
    found.natural("spec.leaseTransitions", &spec["leaseTransitions"]);
}

/// An event of the core group: it lies where the object does that it is about.
pub(super) fn event(object: &Value, found: &mut Found) {
    let of = object["involvedObject"]["namespace"]
        .as_str()
        .unwrap_or("default");
    if object["metadata"]["namespace"] != of {
        let why = "does not match event.namespace";
        let shown = text_of(&object["involvedObject"]["namespace"]);
        found.invalid("involvedObject.namespace", shown, why);
    }
}

/// An event of the newer group.
pub(super) fn new_event(object: &Value, found: &mut Found) {
    if object["eventTime"].is_null() {
        found.required("eventTime", "");
    }
    let kind = text_of(&object["type"]);
    if !matches!(kind.as_str(), Some("Normal" | "Warning")) {
        let why = format!("has invalid value: {}", kind.as_str().unwrap_or_default());
        found.invalid("type", &json!(""), &why);
    }
}

/// A node.
pub(super) fn node(object: &Value, found: &mut Found) {
    let mut seen = BTreeSet::new();
    for (i, taint) in each(&object["spec"]["taints"]) {
        let text = |key: &str| taint[key].as_str().unwrap_or_default();
        found.one_of(
            format!("metadata.taints[{i}].effect"),
            &taint["effect"],
            &["NoSchedule", "PreferNoSchedule", "NoExecute"],
        );
        if !seen.insert((text("key"), text("effect"))) {
            // As Go prints a struct without names for JSON.
            let shown = format!(
                r#"{{"Key":{},"Value":{},"Effect":{},"TimeAdded":null}}"#,
                text_of(&taint["key"]),
                text_of(&taint["value"]),
                text_of(&taint["effect"])
            );
            found.worded(
                "FieldValueDuplicate",
                format!("metadata.taints[{i}]"),
                format!("Duplicate value: {shown}: taints must be unique by key and effect pair"),
            );
        }
    }
}
