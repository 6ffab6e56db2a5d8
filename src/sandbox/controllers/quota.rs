//! Keeps count of what the quotas of a namespace limit.
//! <https://github.com/kubernetes/kubernetes/blob/master/pkg/controller/resourcequota/resource_quota_controller.go>

use serde_json::json;

use super::{
    Controller, Outcome,
    cluster::{Cluster, EVENTS, Kind, key_of},
};
use crate::sandbox::{
    quota::{self, Amounts},
    schema::amount::Amount,
    store::{Change, Key},
};

const QUOTAS: Kind = Kind::new("", "v1", "resourcequotas");

/// Counts.
#[derive(Debug, Default)]
pub struct Count;

impl Controller for Count {
    fn name(&self) -> &'static str {
        "resourcequota-controller"
    }

    fn touched(&self, cluster: &Cluster<'_>, change: &Change) -> Vec<Key> {
        if change.key.0.is_empty() || EVENTS.is_of(change) {
            return Vec::new();
        }
        let quotas = cluster.list(QUOTAS, Some(&change.key.0));
        quotas.iter().map(|q| key_of(q)).collect()
    }

    fn reconcile(&mut self, cluster: &Cluster<'_>, key: &Key) -> Outcome {
        let Some(quota) = cluster.get(QUOTAS, &key.0, &key.1) else {
            return Ok(None);
        };
        let hard = quota::read(&quota["spec"]["hard"]);
        let zero = |name: &String| (name.clone(), Amount::default());
        let mut used: Amounts = hard.keys().map(zero).collect();
        let now = cluster.api.clock.now();
        let registry = cluster.api.registry();
        for resource in registry.preferred().filter(|r| r.namespaced) {
            if !hard.keys().any(|name| quota::limits(resource, name)) {
                continue;
            }
            let objects: Vec<_> = cluster
                .api
                .store
                .with(|state| state.list(&resource.place, Some(&key.0)).collect());
            for object in objects {
                if quota::is_about(&quota, &hard, resource, &object) {
                    for (name, amount) in quota::usage(resource, &object, now) {
                        if let Some(sum) = used.get_mut(&name) {
                            *sum = sum.plus(amount);
                        }
                    }
                }
            }
        }
        let status = json!({"hard": quota["spec"]["hard"], "used": quota::write(&used)});
        if quota["status"] != status {
            let mut object = (*quota).clone();
            object["status"] = status;
            cluster.update_status(QUOTAS, object)?;
        }
        Ok(None)
    }
}
