//! The Operator Lifecycle Manager: from a Subscription to an `InstallPlan`, from that to a `ClusterServiceVersion`, and from that to an
//! operator that runs.
//! <https://olm.operatorframework.io/docs/concepts/crds/>

pub mod catalog;
pub mod catalog_source;
pub mod csv;
pub mod group;
pub mod install;
pub mod plan;
pub mod requirements;
pub mod resolve;
pub mod subscription;

use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::Arc,
};

use serde_json::{Value, json};

use super::{
    Controller,
    cluster::{Cluster, Kind, is_going},
};
use crate::sandbox::pointer::text;

/// `CatalogSources`.
pub const CATALOGS: Kind = Kind::new("operators.coreos.com", "v1alpha1", "catalogsources");
/// `Subscriptions`.
pub const SUBSCRIPTIONS: Kind = Kind::new("operators.coreos.com", "v1alpha1", "subscriptions");
/// `InstallPlans`.
pub const PLANS: Kind = Kind::new("operators.coreos.com", "v1alpha1", "installplans");
/// `ClusterServiceVersions`.
pub const CSVS: Kind = Kind::new("operators.coreos.com", "v1alpha1", "clusterserviceversions");
/// `OperatorGroups`.
pub const GROUPS: Kind = Kind::new("operators.coreos.com", "v1", "operatorgroups");
/// `CustomResourceDefinitions`.
pub const DEFINITIONS: Kind = Kind::new("apiextensions.k8s.io", "v1", "customresourcedefinitions");
/// `ClusterRoles`.
pub const CLUSTER_ROLES: Kind = Kind::new("rbac.authorization.k8s.io", "v1", "clusterroles");
/// `ClusterRoleBindings`.
pub const CLUSTER_ROLE_BINDINGS: Kind =
    Kind::new("rbac.authorization.k8s.io", "v1", "clusterrolebindings");
/// `Roles`.
pub const ROLES: Kind = Kind::new("rbac.authorization.k8s.io", "v1", "roles");
/// `RoleBindings`.
pub const ROLE_BINDINGS: Kind = Kind::new("rbac.authorization.k8s.io", "v1", "rolebindings");

/// The controllers of OLM.
#[must_use]
pub fn all() -> Vec<Box<dyn Controller>> {
    vec![
        Box::new(catalog_source::CatalogSources),
        Box::new(csv::Csvs::default()),
        Box::new(group::Groups),
        Box::new(plan::Plans::default()),
        Box::new(subscription::Subscriptions::default()),
    ]
}

/// The letters of names that OLM makes of hashes.
const LETTERS: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// A text of so many letters that stands for what is hashed.
fn hashed(what: &impl std::hash::Hash, length: usize) -> String {
    let mut out = String::with_capacity(length);
    let mut round = 0_u64;
    while out.len() < length {
        let mut hasher = DefaultHasher::new();
        (what, round).hash(&mut hasher);
        let mut rest = hasher.finish();
        for _ in 0..10 {
            let at = usize::try_from(rest % 62).unwrap_or_default();
            out.push(char::from(LETTERS[at]));
            rest /= 62;
        }
        round += 1;
    }
    out.truncate(length);
    out
}

/// The name of a role that belongs to a CSV.
fn role_name(csv: &str, namespace: &str, account: &str) -> String {
    // What would be longer than a label's value is cut.
    let base: String = csv.chars().take(24).collect();
    format!("{base}-{}", hashed(&(csv, namespace, account), 38))
}

/// A reference to an object that owns others without controlling them.
fn owned_by(owner: &Value) -> Value {
    json!({
        "apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"], "controller": false, "blockOwnerDeletion": false,
    })
}

/// How the label begins by which everything of an operator is found.
const COMPONENT: &str = "operators.coreos.com/";

/// The label by which everything of an operator is found.
fn component(package: &str, namespace: &str) -> String {
    let mut label = format!("{package}.{namespace}");
    label.truncate(63);
    format!("{COMPONENT}{label}")
}

/// The groups of a namespace that are not going.
fn groups_of(cluster: &Cluster<'_>, namespace: &str) -> Vec<Arc<Value>> {
    let mut all = cluster.list(GROUPS, Some(namespace));
    all.retain(|g| !is_going(g));
    all
}

/// The namespaces that a group's operators work for; one that is empty stands for all.
fn targets(group: &Value) -> Vec<String> {
    let wanted = group["spec"]["targetNamespaces"].as_array();
    let wanted = wanted.filter(|w| !w.is_empty());
    let Some(wanted) = wanted else {
        return vec![String::new()];
    };
    let mut names: Vec<String> = wanted
        .iter()
        .filter_map(|n| n.as_str().map(str::to_owned))
        .collect();
    names.sort();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_roles_fit_and_stay() {
        let name = role_name("prometheusoperator.v0.85.0", "a", "b");
        assert!(name.starts_with("prometheusoperator.v0.85-"), "{name}");
        assert_eq!(name.len(), 63);
        assert_eq!(name, role_name("prometheusoperator.v0.85.0", "a", "b"));
        assert_ne!(name, role_name("prometheusoperator.v0.85.0", "b", "b"));
    }
}
