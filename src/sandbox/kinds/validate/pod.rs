//! Pods, and the templates of Pods.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    container,
    found::{Found, each, is_empty, text_of},
};

/// What a specification of Pods has wrong.
pub(super) fn spec(spec: &Value, at: &str, found: &mut Found) {
    let volumes = volumes(&spec["volumes"], &format!("{at}.volumes"), found);
    let names = container::all(spec, at, &volumes, found);
    container::initial(spec, at, &volumes, names, found);
    found.one_of(
        format!("{at}.restartPolicy"),
        &spec["restartPolicy"],
        &["Always", "OnFailure", "Never"],
    );
    found.one_of(
        format!("{at}.dnsPolicy"),
        &spec["dnsPolicy"],
        &["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"],
    );
    found.selected_labels(&format!("{at}.nodeSelector"), &spec["nodeSelector"]);
    for (i, secret) in each(&spec["imagePullSecrets"]) {
        found.text(format!("{at}.imagePullSecrets[{i}].name"), &secret["name"]);
    }
    if !is_empty(&spec["serviceAccountName"]) {
        found.subdomain(
            format!("{at}.serviceAccountName"),
            &spec["serviceAccountName"],
        );
    }
    if !is_empty(&spec["nodeName"]) {
        found.subdomain(format!("{at}.nodeName"), &spec["nodeName"]);
    }
    let deadline = &spec["activeDeadlineSeconds"];
    if deadline
        .as_i64()
        .is_some_and(|d| !(1..=i64::from(i32::MAX)).contains(&d))
    {
        let why = "must be between 1 and 2147483647, inclusive";
        found.invalid(format!("{at}.activeDeadlineSeconds"), deadline, why);
    }
    for field in ["hostname", "subdomain"] {
        if !is_empty(&spec[field]) {
            found.label_name(format!("{at}.{field}"), &spec[field]);
        }
    }
    tolerations(&spec["tolerations"], &format!("{at}.tolerations"), found);
    if !is_empty(&spec["priorityClassName"]) {
        found.subdomain(
            format!("{at}.priorityClassName"),
            &spec["priorityClassName"],
        );
    }
}

/// The kinds of volumes, in the order in which they are looked at.
const KINDS: [&str; 27] = [
    "emptyDir",
    "hostPath",
    "gitRepo",
    "gcePersistentDisk",
    "awsElasticBlockStore",
    "secret",
    "nfs",
    "iscsi",
    "glusterfs",
    "flocker",
    "persistentVolumeClaim",
    "rbd",
    "cinder",
    "cephfs",
    "quobyte",
    "downwardAPI",
    "fc",
    "configMap",
    "azureFile",
    "vsphereVolume",
    "photonPersistentDisk",
    "portworxVolume",
    "azureDisk",
    "storageos",
    "projected",
    "scaleIO",
    "csi",
];

/// The volumes of a Pod; gives the names of those that are right.
fn volumes<'a>(volumes: &'a Value, at: &str, found: &mut Found) -> BTreeSet<&'a str> {
    let mut right = BTreeSet::new();
    for (i, volume) in each(volumes) {
        let at = format!("{at}[{i}]");
        let mut own = Found::default();
        source(volume, &at, &mut own);
        let name = volume["name"].as_str().unwrap_or_default();
        if name.is_empty() {
            own.required(format!("{at}.name"), "");
        } else {
            own.label_name(format!("{at}.name"), &volume["name"]);
        }
        if right.contains(name) {
            own.duplicate(format!("{at}.name"), &volume["name"]);
        }
        if own.0.is_empty() {
            right.insert(name);
        }
        found.0.extend(own.0);
    }
    right
}

fn source(volume: &Value, at: &str, found: &mut Found) {
    let mut given = KINDS.iter().filter(|kind| !volume[**kind].is_null());
    let Some(kind) = given.next() else {
        return;
    };
    let of = &volume[*kind];
    let at_kind = format!("{at}.{kind}");
    match *kind {
        "hostPath" => found.text(format!("{at_kind}.path"), &of["path"]),
        "secret" => {
            found.text(format!("{at_kind}.secretName"), &of["secretName"]);
            items(&of["items"], &at_kind, found);
        }
        "configMap" => {
            found.text(format!("{at_kind}.name"), &of["name"]);
            items(&of["items"], &at_kind, found);
        }
        "persistentVolumeClaim" => found.text(format!("{at_kind}.claimName"), &of["claimName"]),
        "nfs" => {
            found.text(format!("{at_kind}.server"), &of["server"]);
            found.text(format!("{at_kind}.path"), &of["path"]);
        }
        _ => {}
    }
    for more in given {
        found.forbidden(
            format!("{at}.{more}"),
            "may not specify more than 1 volume type",
        );
    }
}

/// Which keys become which files.
fn items(items: &Value, at: &str, found: &mut Found) {
    for (i, item) in each(items) {
        let at = format!("{at}.items[{i}]");
        found.text(format!("{at}.key"), &item["key"]);
        found.text(format!("{at}.path"), &item["path"]);
        let path = item["path"].as_str().unwrap_or_default();
        if path.starts_with('/') {
            let why = "must be a relative path";
            found.invalid(format!("{at}.path"), &item["path"], why);
        }
        if path.split('/').any(|part| part == "..") {
            found.invalid(format!("{at}.path"), &item["path"], "must not contain '..'");
        }
    }
}

fn tolerations(tolerations: &Value, at: &str, found: &mut Found) {
    for (i, toleration) in each(tolerations) {
        let at = format!("{at}[{i}]");
        let operator = &toleration["operator"];
        if is_empty(&toleration["key"]) && *operator != "Exists" {
            found.invalid(
                format!("{at}.operator"),
                text_of(operator),
                "operator must be Exists when `key` is empty, which means \"match all values and all keys\"",
            );
        }
        if !toleration["tolerationSeconds"].is_null() && toleration["effect"] != "NoExecute" {
            let why = "effect must be 'NoExecute' when `tolerationSeconds` is set";
            found.invalid(format!("{at}.effect"), text_of(&toleration["effect"]), why);
        }
        match operator.as_str().unwrap_or_default() {
            "" | "Equal" => {}
            "Exists" => {
                if !is_empty(&toleration["value"]) {
                    let why = "value must be empty when `operator` is 'Exists'";
                    found.invalid(format!("{at}.operator"), &toleration["value"], why);
                }
            }
            _ => found.one_of(format!("{at}.operator"), operator, &["Equal", "Exists"]),
        }
        found.optional_of(
            format!("{at}.effect"),
            &toleration["effect"],
            &["NoSchedule", "PreferNoSchedule", "NoExecute"],
        );
    }
}

/// What the template of a kind whose Pods run for ever may not hold.
pub(super) fn for_ever(spec: &Value, at: &str, kind: &str, found: &mut Found) {
    found.one_of(
        format!("{at}.restartPolicy"),
        &spec["restartPolicy"],
        &["Always"],
    );
    if !spec["activeDeadlineSeconds"].is_null() {
        found.forbidden(
            format!("{at}.activeDeadlineSeconds"),
            &format!("activeDeadlineSeconds in {kind} is not Supported"),
        );
    }
}

/// The template of Pods that a selector has to select.
pub(super) fn selected(template: &Value, selector: &Value, found: &mut Found) {
    use crate::sandbox::store::selector::Selector;
    let labels = template["metadata"]["labels"].as_object();
    if !Selector::of(selector).matches_labels(labels) {
        let shown = json!(labels.cloned().unwrap_or_default());
        let why = "`selector` does not match template `labels`";
        found.invalid("spec.template.metadata.labels", &shown, why);
    }
}
