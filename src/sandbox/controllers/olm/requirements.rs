//! What a CSV needs before its operator can run, and how far its operator is.
//! <https://github.com/operator-framework/operator-lifecycle-manager/blob/master/pkg/controller/operators/olm/requirements.go>

use serde_json::{Value, json};

use super::{DEFINITIONS, text};
use crate::sandbox::{
    controllers::cluster::{Cluster, DEPLOYMENTS, SERVICE_ACCOUNTS},
    verbs::name,
};

/// The version of the server, to which CSVs may be too new.
const SERVER: &str = "v1.34.4";

/// Whether everything is there, and what is said of each part.
pub(super) fn check(cluster: &Cluster<'_>, csv: &Value) -> (bool, Vec<Value>) {
    let mut met = true;
    let mut all = Vec::new();
    if let Some(least) = csv["spec"]["minKubeVersion"].as_str() {
        all.push(json!({
            "group": "operators.coreos.com", "version": "v1alpha1", "kind": "ClusterServiceVersion", "name": name(csv),
            "status": "Present", "message": format!("CSV minKubeVersion ({least}) less than server version ({SERVER})"),
        }));
    }
    let owned = csv["spec"]["customresourcedefinitions"]["owned"].as_array();
    for kind in owned.into_iter().flatten() {
        let (present, said) = definition(cluster, text(kind, "/name"));
        met &= present;
        all.push(said);
    }
    for (account, rules) in accounts(csv) {
        let (present, said) = service_account(cluster, csv, &account, &rules);
        met &= present;
        all.push(said);
    }
    (met, all)
}

fn definition(cluster: &Cluster<'_>, wanted: &str) -> (bool, Value) {
    let mut said = json!({
        "group": "apiextensions.k8s.io", "version": "v1", "kind": "CustomResourceDefinition", "name": wanted,
    });
    let found = cluster.get(DEFINITIONS, "", wanted);
    let Some(found) = found else {
        said["status"] = json!("NotPresent");
        said["message"] = json!("CRD is not present");
        return (false, said);
    };
    said["status"] = json!("Present");
    said["message"] = json!("CRD is present and Established condition is true");
    said["uuid"] = found["metadata"]["uid"].clone();
    (true, said)
}

/// The accounts of a CSV, each with what it may do: in the namespace, or everywhere.
fn accounts(csv: &Value) -> Vec<(String, Vec<(bool, Value)>)> {
    let spec = &csv["spec"]["install"]["spec"];
    let mut all: Vec<(String, Vec<(bool, Value)>)> = Vec::new();
    for (field, everywhere) in [("permissions", false), ("clusterPermissions", true)] {
        for permission in spec[field].as_array().into_iter().flatten() {
            let account = text(permission, "/serviceAccountName");
            let rules = permission["rules"].as_array().into_iter().flatten();
            let rules = rules.map(|r| (everywhere, r.clone()));
            match all.iter_mut().find(|(a, _)| a == account) {
                Some((_, known)) => known.extend(rules),
                None => all.push((account.to_owned(), rules.collect())),
            }
        }
    }
    all
}

fn service_account(
    cluster: &Cluster<'_>,
    csv: &Value,
    account: &str,
    rules: &[(bool, Value)],
) -> (bool, Value) {
    let namespace = text(csv, "/metadata/namespace");
    let present = cluster.get(SERVICE_ACCOUNTS, namespace, account).is_some();
    let rule = |(everywhere, rule): &(bool, Value)| {
        let place = if *everywhere { "cluster" } else { "namespaced" };
        json!({
            "group": "rbac.authorization.k8s.io", "version": "v1", "kind": "PolicyRule",
            "status": if present { "Satisfied" } else { "NotSatisfied" },
            "message": format!("{place} rule:{}", shown(rule)),
        })
    };
    let mut said = json!({
        "group": "", "version": "v1", "kind": "ServiceAccount", "name": account,
        "status": if present { "Present" } else { "NotPresent" },
        "message": if present { "" } else { "Service account does not exist" },
    });
    if present {
        said["dependents"] = rules.iter().map(rule).collect();
    }
    (present, said)
}

/// A rule as Go writes it.
fn shown(rule: &Value) -> String {
    let part = |field: &str| {
        let value = rule.get(field)?;
        Some(format!("\"{field}\":{value}"))
    };
    let fields = [
        "verbs",
        "apiGroups",
        "resources",
        "resourceNames",
        "nonResourceURLs",
    ];
    let parts: Vec<String> = fields.into_iter().filter_map(part).collect();
    format!("{{{}}}", parts.join(","))
}

/// What keeps the operator of a CSV from being installed; none if all of it runs.
pub(super) enum Unfinished {
    /// A Deployment is not there.
    Missing(String),
    /// One is not ready.
    Waiting(String),
}

/// How far the Deployments are.
pub(super) fn unfinished(cluster: &Cluster<'_>, csv: &Value) -> Option<Unfinished> {
    let namespace = text(csv, "/metadata/namespace");
    let all = csv["spec"]["install"]["spec"]["deployments"].as_array();
    for wanted in all.into_iter().flatten() {
        let wanted = text(wanted, "/name");
        let Some(found) = cluster.get(DEPLOYMENTS, namespace, wanted) else {
            return Some(Unfinished::Missing(format!(
                "missing deployment with name={wanted}"
            )));
        };
        let observed = found["status"]["observedGeneration"].as_i64();
        let why = if observed < found["metadata"]["generation"].as_i64() {
            format!("waiting for spec update of deployment \"{wanted}\" to be observed...")
        } else {
            let conditions = found["status"]["conditions"].as_array();
            let mut conditions = conditions.into_iter().flatten();
            match conditions.find(|c| c["type"] == "Available") {
                Some(c) if c["status"] == "True" => continue,
                Some(c) => format!(
                    "deployment \"{wanted}\" not available: {}",
                    text(c, "/message")
                ),
                None => format!(
                    "deployment \"{wanted}\" not available: missing condition \"Available\""
                ),
            }
        };
        return Some(Unfinished::Waiting(format!(
            "waiting for deployment {wanted} to become ready: {why}"
        )));
    }
    None
}
