//! Volumes that outlive Pods, what claims them, and how they are made.

use serde_json::{Value, json};

use super::{
    found::{Found, each, is_empty},
    resources,
};

/// How a volume may be used.
const MODES: [&str; 4] = [
    "ReadOnlyMany",
    "ReadWriteMany",
    "ReadWriteOnce",
    "ReadWriteOncePod",
];

fn modes(spec: &Value, why: &str, found: &mut Found) {
    if is_empty(&spec["accessModes"]) {
        found.required("spec.accessModes", why);
    }
    for (_, mode) in each(&spec["accessModes"]) {
        found.one_of("spec.accessModes", mode, &MODES);
    }
}

/// A `PersistentVolume`.
pub(super) fn volume(object: &Value, found: &mut Found) {
    const OTHERS: [&str; 8] = [
        "capacity",
        "accessModes",
        "claimRef",
        "persistentVolumeReclaimPolicy",
        "storageClassName",
        "mountOptions",
        "volumeMode",
        "nodeAffinity",
    ];
    let spec = &object["spec"];
    modes(spec, "", found);
    if is_empty(&spec["capacity"]) {
        found.required("spec.capacity", "");
    }
    let storage = &spec["capacity"]["storage"];
    if storage.is_null() {
        let shown = spec["capacity"].clone();
        found.0.push(crate::sandbox::status::Cause::not_supported(
            "spec.capacity",
            &shown,
            &["storage"],
        ));
    } else {
        resources::positive(storage, "spec.capacity[storage]", found);
    }
    let fields = spec.as_object().into_iter().flatten();
    let source = fields
        .map(|(name, _)| name.as_str())
        .find(|name| !OTHERS.contains(name) && *name != "volumeAttributesClassName");
    match source {
        None => found.required("spec", "must specify a volume type"),
        Some("hostPath") => found.text("spec.hostPath.path", &spec["hostPath"]["path"]),
        Some(_) => {}
    }
}

/// A claim.
pub(super) fn claim(object: &Value, found: &mut Found) {
    let spec = &object["spec"];
    modes(spec, "at least 1 access mode is required", found);
    let storage = &spec["resources"]["requests"]["storage"];
    if storage.is_null() {
        found.required("spec.resources[storage]", "");
    } else {
        resources::positive(storage, "spec.resources[storage]", found);
    }
    if !is_empty(&spec["storageClassName"]) {
        found.subdomain("spec.storageClassName", &spec["storageClassName"]);
    }
    found.optional_of(
        "spec.volumeMode",
        &spec["volumeMode"],
        &["Block", "Filesystem"],
    );
}

/// A `StorageClass`.
pub(super) fn class(object: &Value, found: &mut Found) {
    found.text("provisioner", &object["provisioner"]);
    found.one_of(
        "reclaimPolicy",
        &object["reclaimPolicy"],
        &["Delete", "Retain"],
    );
    found.one_of(
        "volumeBindingMode",
        &object["volumeBindingMode"],
        &["Immediate", "WaitForFirstConsumer"],
    );
}

/// A `PriorityClass`.
pub(super) fn priority(object: &Value, found: &mut Found) {
    /// The highest that a user may give.
    const HIGHEST: i64 = 1_000_000_000;
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    let system = matches!(name, "system-cluster-critical" | "system-node-critical");
    if name.starts_with("system-") && !system {
        let why = format!(
            "priority class names with 'system-' prefix are reserved for system use only. error: {name} is not a known system priority class"
        );
        found.forbidden("metadata.name", &why);
    } else if !system && object["value"].as_i64().is_some_and(|v| v > HIGHEST) {
        let why = format!("maximum allowed value of a user defined priority is {HIGHEST}");
        found.forbidden("value", &why);
    }
    found.optional_of(
        "preemptionPolicy",
        &object["preemptionPolicy"],
        &["PreemptLowerPriority", "Never"],
    );
}

/// A `RuntimeClass`.
pub(super) fn runtime(object: &Value, found: &mut Found) {
    let handler = &object["handler"];
    let shown = if handler.is_null() {
        &json!("")
    } else {
        handler
    };
    found.label_name("handler", shown);
}
