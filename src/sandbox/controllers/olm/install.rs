//! What an operator is made of: its CSV, its accounts and their rights, its Deployments.

use serde_json::{Value, json};

use super::{
    CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, COMPONENT, CSVS, ROLE_BINDINGS, ROLES, catalog::Bundle,
    component, hashed, owned_by, role_name, text,
};
use crate::sandbox::{
    controllers::cluster::{Cluster, DEPLOYMENTS, Kind, SERVICE_ACCOUNTS},
    status::Refusal,
    verbs::name,
};

/// What keeps a CSV until its rights in the whole cluster are gone.
pub(super) const FINALIZER: &str = "operators.coreos.com/csv-cleanup";
const API: &str = "rbac.authorization.k8s.io/v1";
const GROUP: &str = "rbac.authorization.k8s.io";

/// Makes a bundle's CSV with its accounts and their rights, as far as they are not there.
pub(super) fn csv(cluster: &Cluster<'_>, bundle: &Bundle, namespace: &str) -> Result<(), Refusal> {
    let csv = match cluster.get(CSVS, namespace, bundle.name()) {
        Some(found) => found,
        None => {
            let mut csv = bundle.csv.clone();
            csv["metadata"]["namespace"] = json!(namespace);
            csv["metadata"]["finalizers"] = json!([FINALIZER]);
            csv["metadata"]["labels"] =
                json!({"olm.managed": "true", component(&bundle.package, namespace): ""});
            csv["metadata"]["annotations"] =
                json!({"operatorframework.io/properties": bundle.properties()});
            cluster.create(CSVS, csv)?
        }
    };
    for mut object in accounts_and_roles(&csv, namespace, None) {
        let kind = kind_of(&object);
        let at = text(&object, "/metadata/namespace").to_owned();
        if cluster.get(kind, &at, name(&object)).is_some() {
            continue;
        }
        object["metadata"]["labels"][component(&bundle.package, namespace)] = json!("");
        cluster.create(kind, object)?;
    }
    Ok(())
}

fn kind_of(object: &Value) -> Kind {
    match text(object, "/kind") {
        "ClusterRole" => CLUSTER_ROLES,
        "ClusterRoleBinding" => CLUSTER_ROLE_BINDINGS,
        "Role" => ROLES,
        "RoleBinding" => ROLE_BINDINGS,
        _ => SERVICE_ACCOUNTS,
    }
}

/// The accounts and rights that a CSV asks for. In a plan they have names alone: nothing owns them yet.
pub(super) fn accounts_and_roles(
    csv: &Value,
    namespace: &str,
    planned: Option<&str>,
) -> Vec<Value> {
    let spec = &csv["spec"]["install"]["spec"];
    let list = |field: &str| spec[field].as_array().into_iter().flatten();
    let account = |p: &Value| text(p, "/serviceAccountName").to_owned();
    let mut accounts: Vec<String> = list("permissions")
        .chain(list("clusterPermissions"))
        .map(account)
        .collect();
    accounts.sort();
    accounts.dedup();
    let owners = if planned.is_some() {
        json!([])
    } else {
        json!([owned_by(csv)])
    };
    let mut all: Vec<Value> = accounts
        .iter()
        .map(|account| {
            json!({
                "apiVersion": "v1", "kind": "ServiceAccount",
                "metadata": {
                    "name": account, "namespace": namespace, "labels": {"olm.managed": "true"}, "ownerReferences": owners,
                },
            })
        })
        .collect();
    for permission in list("permissions") {
        all.extend(role(csv, namespace, permission, Some(&owners)));
    }
    for permission in list("clusterPermissions") {
        all.extend(role(csv, namespace, permission, None));
    }
    all
}

/// A role and its binding: in the namespace, with owners, or in the whole cluster.
fn role(csv: &Value, namespace: &str, permission: &Value, owners: Option<&Value>) -> [Value; 2] {
    let account = text(permission, "/serviceAccountName");
    let named = role_name(name(csv), namespace, account);
    let mut metadata = json!({
        "name": named,
        "labels": {
            "olm.managed": "true", "olm.owner": name(csv), "olm.owner.kind": "ClusterServiceVersion",
            "olm.owner.namespace": namespace,
            "olm.permissions.hash": hashed(&permission["rules"].to_string(), 38),
        },
    });
    if let Some(owners) = owners {
        metadata["namespace"] = json!(namespace);
        metadata["ownerReferences"] = owners.clone();
    }
    let kind = if owners.is_some() {
        "Role"
    } else {
        "ClusterRole"
    };
    [
        json!({"apiVersion": API, "kind": kind, "metadata": metadata, "rules": permission["rules"]}),
        json!({
            "apiVersion": API, "kind": format!("{kind}Binding"), "metadata": metadata,
            "roleRef": {"apiGroup": GROUP, "kind": kind, "name": named},
            "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": namespace}],
        }),
    ]
}

/// The Deployments of a CSV, which run with its annotations.
pub(super) fn deployments(csv: &Value) -> Vec<Value> {
    let namespace = text(csv, "/metadata/namespace");
    let all = csv["spec"]["install"]["spec"]["deployments"].as_array();
    let one = |given: &Value| {
        let mut spec = given["spec"].clone();
        spec["revisionHistoryLimit"] = json!(1);
        let annotations = csv["metadata"]["annotations"].as_object();
        for (key, value) in annotations.into_iter().flatten() {
            if key.starts_with("olm.") || key == "operatorframework.io/properties" {
                spec["template"]["metadata"]["annotations"][key] = value.clone();
            }
        }
        let containers = spec["template"]["spec"]["containers"].as_array_mut();
        for container in containers.into_iter().flatten() {
            if !container["env"].is_array() {
                container["env"] = json!([]);
            }
            if let Some(env) = container["env"].as_array_mut() {
                env.push(json!({"name": "OPERATOR_CONDITION_NAME", "value": name(csv)}));
            }
        }
        let mut labels = given["label"].as_object().cloned().unwrap_or_default();
        for (key, value) in [
            ("olm.deployment-spec-hash", hashed(&spec.to_string(), 38)),
            ("olm.managed", "true".to_owned()),
            ("olm.owner", name(csv).to_owned()),
            ("olm.owner.kind", "ClusterServiceVersion".to_owned()),
            ("olm.owner.namespace", namespace.to_owned()),
        ] {
            labels.insert(key.to_owned(), json!(value));
        }
        let of_csv = csv["metadata"]["labels"].as_object().into_iter().flatten();
        for (key, value) in of_csv.filter(|(k, _)| k.starts_with(COMPONENT)) {
            labels.insert(key.clone(), value.clone());
        }
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {
                "name": given["name"], "namespace": namespace, "labels": labels, "ownerReferences": [owned_by(csv)],
            },
            "spec": spec,
        })
    };
    all.into_iter().flatten().map(one).collect()
}

/// Makes the Deployments of a CSV that are not there.
pub(super) fn deploy(cluster: &Cluster<'_>, csv: &Value) -> Result<(), Refusal> {
    for deployment in deployments(csv) {
        let namespace = text(&deployment, "/metadata/namespace").to_owned();
        if cluster
            .get(DEPLOYMENTS, &namespace, name(&deployment))
            .is_none()
        {
            cluster.create(DEPLOYMENTS, deployment)?;
        }
    }
    Ok(())
}
