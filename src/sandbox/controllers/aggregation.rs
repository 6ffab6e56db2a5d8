//! `ClusterRoles` that gather the rules of others, by labels.
//! <https://github.com/kubernetes/kubernetes/blob/master/pkg/controller/clusterroleaggregation/clusterroleaggregation_controller.go>

use serde_json::{Value, json};

use super::{
    Controller, Outcome,
    cluster::{Cluster, Kind, key_of},
};
use crate::sandbox::{
    store::{Change, Key, selector::Selector},
    verbs::{How, name, patch},
};

const CLUSTER_ROLES: Kind = Kind::new("rbac.authorization.k8s.io", "v1", "clusterroles");

/// Gathers rules.
#[derive(Debug, Default)]
pub struct Aggregation;

impl Controller for Aggregation {
    fn name(&self) -> &'static str {
        "clusterrole-aggregation-controller"
    }

    fn touched(&self, cluster: &Cluster<'_>, change: &Change) -> Vec<Key> {
        if !CLUSTER_ROLES.is_of(change) {
            return Vec::new();
        }
        let roles = cluster.list(CLUSTER_ROLES, None);
        let gathering = roles.iter().filter(|r| r["aggregationRule"].is_object());
        gathering.map(|r| key_of(r)).collect()
    }

    fn reconcile(&mut self, cluster: &Cluster<'_>, key: &Key) -> Outcome {
        let found = cluster.get(CLUSTER_ROLES, "", &key.1);
        let Some(role) = found.filter(|r| r["aggregationRule"].is_object()) else {
            return Ok(None);
        };
        let selectors = role["aggregationRule"]["clusterRoleSelectors"].as_array();
        let mut rules: Vec<Value> = Vec::new();
        for selector in selectors.into_iter().flatten().map(Selector::of) {
            for other in cluster.list(CLUSTER_ROLES, None) {
                let labels = other["metadata"]["labels"].as_object();
                if name(&other) == key.1 || !selector.matches_labels(labels) {
                    continue;
                }
                for rule in other["rules"].as_array().into_iter().flatten() {
                    if !rules.contains(rule) {
                        rules.push(rule.clone());
                    }
                }
            }
        }
        let before = role["rules"].as_array().cloned().unwrap_or_default();
        if before == rules {
            return Ok(None);
        }
        let mut config = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
            "metadata": {"name": key.1},
        });
        if !rules.is_empty() {
            config["rules"] = json!(rules);
        }
        let how = How {
            manager: self.name().to_owned(),
            force: true,
            ..cluster.through("")
        };
        let resource = cluster.resource(CLUSTER_ROLES)?;
        let patch = (patch::Kind::Apply, &config);
        cluster.api.patch(&resource, None, &key.1, patch, &how)?;
        Ok(None)
    }
}
