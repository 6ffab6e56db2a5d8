//! `OperatorGroups`: for which namespaces the operators of one work, and who may use what these bring.
//! <https://github.com/operator-framework/operator-lifecycle-manager/blob/master/pkg/controller/operators/olm/operatorgroup.go>

use std::sync::Arc;

use serde_json::{Value, json};

use super::{CLUSTER_ROLES, CSVS, DEFINITIONS, GROUPS, groups_of, hashed, owned_by, targets, text};
use crate::sandbox::{
    controllers::{
        Controller, Outcome,
        cluster::{Cluster, NAMESPACES, is_going, key_of},
    },
    status::Refusal,
    store::{Change, Key},
    verbs::name,
};

/// Where a CSV stands with the groups of its namespace.
pub(super) enum Placed {
    /// In one; the annotations that tell of it.
    In(Vec<(String, Value)>),
    /// It can't be installed: reason and message.
    Refused(&'static str, String),
}

/// Where a CSV stands.
pub(super) fn place(cluster: &Cluster<'_>, csv: &Value) -> Placed {
    let namespace = text(csv, "/metadata/namespace");
    let groups = groups_of(cluster, namespace);
    let group = match groups.as_slice() {
        [] => {
            let why = "csv in namespace with no operatorgroups".to_owned();
            return Placed::Refused("NoOperatorGroup", why);
        }
        [one] => one,
        _ => {
            let why = "csv created in namespace with multiple operatorgroups, can't pick one automatically".to_owned();
            return Placed::Refused("TooManyOperatorGroups", why);
        }
    };
    let targets = targets(group);
    if let Some(why) = unsupported(csv, namespace, &targets) {
        return Placed::Refused("UnsupportedOperatorGroup", why);
    }
    Placed::In(vec![
        ("olm.operatorGroup".to_owned(), json!(name(group))),
        ("olm.operatorNamespace".to_owned(), json!(namespace)),
        ("olm.targetNamespaces".to_owned(), json!(targets.join(","))),
    ])
}

/// Why a CSV does not work for these namespaces.
/// <https://github.com/operator-framework/api/blob/master/pkg/operators/v1alpha1/clusterserviceversion.go> (`InstallModeSet.Supports`)
fn unsupported(csv: &Value, own: &str, targets: &[String]) -> Option<String> {
    let supports = |kind: &str| {
        let modes = csv["spec"]["installModes"].as_array();
        let mut modes = modes.into_iter().flatten();
        modes.any(|m| m["type"] == kind && m["supported"] == true)
    };
    let refuse = |kind: &str, what: &str| {
        (!supports(kind)).then(|| {
            format!("{kind} InstallModeType not supported, cannot configure to watch {what}")
        })
    };
    match targets {
        [one] if one.is_empty() => refuse("AllNamespaces", "all namespaces"),
        [one] if one == own => refuse("OwnNamespace", "own namespace"),
        [_] => refuse("SingleNamespace", "one namespace"),
        many => refuse("MultiNamespace", &format!("{} namespaces", many.len())).or_else(|| {
            let own = many.iter().any(|t| t == own);
            own.then(|| refuse("OwnNamespace", "own namespace"))?
        }),
    }
}

/// Whether a CSV is the copy of one in another namespace.
pub(super) fn is_copy(csv: &Value) -> bool {
    csv["metadata"]["labels"]["olm.copiedFrom"].is_string()
}

/// The copies of a CSV.
pub(super) fn copies(cluster: &Cluster<'_>, csv: &Value) -> Vec<Arc<Value>> {
    let from = text(csv, "/metadata/namespace");
    let mut all = cluster.list(CSVS, None);
    all.retain(|c| name(c) == name(csv) && c["metadata"]["labels"]["olm.copiedFrom"] == from);
    all
}

/// Shows a CSV that works for all namespaces, or for others, in each of them.
pub(super) fn copy(cluster: &Cluster<'_>, csv: &Value, placed: &Placed) -> Result<(), Refusal> {
    let Placed::In(annotations) = placed else {
        return Ok(());
    };
    let Some(csv) = cluster.get(CSVS, text(csv, "/metadata/namespace"), name(csv)) else {
        return Ok(());
    };
    if text(&csv, "/status/phase") != "Succeeded" {
        return Ok(());
    }
    let own = text(&csv, "/metadata/namespace");
    let wanted = annotations
        .iter()
        .find(|(k, _)| k == "olm.targetNamespaces");
    let wanted = wanted.and_then(|(_, v)| v.as_str()).unwrap_or_default();
    for namespace in cluster.list(NAMESPACES, None) {
        let at = name(&namespace);
        let is_target = wanted.is_empty() || wanted.split(',').any(|t| t == at);
        if at == own || !is_target || is_going(&namespace) {
            continue;
        }
        if cluster.get(CSVS, at, name(&csv)).is_none() {
            copy_to(cluster, &csv, own, at)?;
        }
    }
    Ok(())
}

fn copy_to(cluster: &Cluster<'_>, csv: &Value, own: &str, at: &str) -> Result<(), Refusal> {
    let mut labels = csv["metadata"]["labels"].clone();
    labels["olm.copiedFrom"] = json!(own);
    let mut annotations = csv["metadata"]["annotations"].clone();
    if let Some(map) = annotations.as_object_mut() {
        map.remove("olm.targetNamespaces");
    }
    let made = cluster.create(
        CSVS,
        json!({
            "apiVersion": csv["apiVersion"], "kind": csv["kind"],
            "metadata": {"name": name(csv), "namespace": at, "labels": labels, "annotations": annotations},
            "spec": csv["spec"],
        }),
    )?;
    let mut status = csv["status"].clone();
    status["reason"] = json!("Copied");
    status["message"] = json!(format!(
        "The operator is running in {own} but is managing this namespace"
    ));
    let mut object = (*made).clone();
    object["status"] = status;
    cluster.update_status(CSVS, object)?;
    Ok(())
}

/// Keeps the status of `OperatorGroups`, and the roles of the kinds that their operators bring.
#[derive(Debug, Default)]
pub struct Groups;

impl Controller for Groups {
    fn name(&self) -> &'static str {
        "operator-lifecycle-manager"
    }

    fn program(&self) -> &'static str {
        "olm"
    }

    fn touched(&self, cluster: &Cluster<'_>, change: &Change) -> Vec<Key> {
        if !GROUPS.is_of(change) && !CSVS.is_of(change) {
            return Vec::new();
        }
        let all = cluster.list(GROUPS, Some(&change.key.0));
        all.iter().map(|g| key_of(g)).collect()
    }

    fn reconcile(&mut self, cluster: &Cluster<'_>, key: &Key) -> Outcome {
        let found = cluster.get(GROUPS, &key.0, &key.1);
        let Some(group) = found.filter(|g| !is_going(g)) else {
            return Ok(None);
        };
        let alone = groups_of(cluster, &key.0).len() == 1;
        status(cluster, &group, alone)?;
        if alone {
            let csvs = cluster.list(CSVS, Some(&key.0));
            provide(cluster, &group, &csvs)?;
        }
        Ok(None)
    }
}

fn status(cluster: &Cluster<'_>, group: &Value, alone: bool) -> Result<(), Refusal> {
    let now = cluster.stamp();
    let mut wanted = group["status"].clone();
    wanted["namespaces"] = json!(targets(group));
    let before = &group["status"]["conditions"][0]["status"];
    if let Some(map) = wanted.as_object_mut() {
        map.remove("conditions");
    }
    if !alone {
        let since = if *before == "True" {
            group["status"]["conditions"][0]["lastTransitionTime"].clone()
        } else {
            json!(now)
        };
        wanted["conditions"] = json!([{
            "type": "MultipleOperatorGroup", "status": "True", "reason": "MultipleOperatorGroupsFound",
            "message": "Multiple OperatorGroup found in the same namespace", "lastTransitionTime": since,
        }]);
    }
    if wanted != group["status"] {
        wanted["lastUpdated"] = json!(now);
        let mut object = group.clone();
        object["status"] = wanted;
        cluster.update_status(GROUPS, object)?;
    }
    Ok(())
}

/// Lets those who may administer, edit or view a namespace do so with the kinds that come with its operators.
fn provide(cluster: &Cluster<'_>, group: &Value, csvs: &[Arc<Value>]) -> Result<(), Refusal> {
    let mut provided = Vec::new();
    for csv in csvs.iter().filter(|c| !is_copy(c) && !is_going(c)) {
        let owned = csv["spec"]["customresourcedefinitions"]["owned"].as_array();
        for kind in owned.into_iter().flatten() {
            let (crd, version) = (text(kind, "/name"), text(kind, "/version"));
            let Some(found) = cluster.get(DEFINITIONS, "", crd) else {
                continue;
            };
            let (plural, of) = crd.split_once('.').unwrap_or_default();
            provided.push(format!("{}.{version}.{of}", text(kind, "/kind")));
            for role in roles(&found, plural, of, version) {
                if cluster.get(CLUSTER_ROLES, "", name(&role)).is_none() {
                    cluster.create(CLUSTER_ROLES, role)?;
                }
            }
        }
    }
    provided.sort();
    provided.dedup();
    let provided = provided.join(",");
    if !provided.is_empty()
        && group["metadata"]["annotations"]["olm.providedAPIs"] != provided.as_str()
    {
        let patch = json!({"metadata": {"annotations": {"olm.providedAPIs": provided}}});
        cluster.merge(GROUPS, group, &patch)?;
    }
    Ok(())
}

fn roles(crd: &Value, plural: &str, group: &str, version: &str) -> Vec<Value> {
    let mut hash = hashed(&(plural, group, version), 16).to_lowercase();
    hash.truncate(16);
    let role = |suffix: &str, to: &str, rules: Value| {
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
            "metadata": {
                "name": format!("{plural}.{group}-{version}-{suffix}"),
                "labels": {
                    "olm.managed": "true",
                    format!("olm.opgroup.permissions/aggregate-to-{hash}-{to}"): "true",
                    format!("rbac.authorization.k8s.io/aggregate-to-{to}"): "true",
                },
                "ownerReferences": [owned_by(crd)],
            },
            "rules": [rules],
        })
    };
    let with =
        |verbs: &[&str]| json!({"apiGroups": [group], "resources": [plural], "verbs": verbs});
    let definition = json!({
        "apiGroups": ["apiextensions.k8s.io"], "resourceNames": [format!("{plural}.{group}")],
        "resources": ["customresourcedefinitions"], "verbs": ["get"],
    });
    vec![
        role("admin", "admin", with(&["*"])),
        role(
            "edit",
            "edit",
            with(&["create", "update", "patch", "delete"]),
        ),
        role("view", "view", with(&["get", "list", "watch"])),
        role("crdview", "view", definition),
    ]
}
