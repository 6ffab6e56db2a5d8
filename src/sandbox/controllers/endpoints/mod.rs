//! Where the traffic of a Service goes: Endpoints, `EndpointSlices`, and slices for Endpoints that people wrote themselves.

mod mirror;
mod pods;
mod slices;
mod subsets;
mod trigger;

pub use mirror::Mirror;
pub use slices::Slices;

use serde_json::{Value, json};

use self::{pods::selected, trigger::Triggers};
use super::{
    Controller, Outcome,
    accounts::unless_ending,
    cluster::{Cluster, ENDPOINTS, Kind, PODS, SERVICES, is_going},
};
use crate::sandbox::{
    store::{Change, Key},
    verbs::delete::Options,
};

/// `EndpointSlices`.
pub const ENDPOINT_SLICES: Kind = Kind::new("discovery.k8s.io", "v1", "endpointslices");

/// Headless Services are known by it.
const HEADLESS: &str = "service.kubernetes.io/headless";
const MANAGED_BY: &str = "endpoints.kubernetes.io/managed-by";

/// Keeps the Endpoints of Services that select Pods.
/// <https://github.com/kubernetes/kubernetes/blob/master/pkg/controller/endpoint/endpoints_controller.go>
#[derive(Debug, Default)]
pub struct Endpoints {
    triggers: Triggers,
}

impl Controller for Endpoints {
    fn name(&self) -> &'static str {
        "endpoint-controller"
    }

    fn touched(&self, cluster: &Cluster<'_>, change: &Change) -> Vec<Key> {
        let lost = ENDPOINTS.is_of(change) && change.after.is_none();
        if SERVICES.is_of(change) || lost {
            return vec![change.key.clone()];
        }
        pods::services_of(cluster, change)
    }

    fn reconcile(&mut self, cluster: &Cluster<'_>, key: &Key) -> Outcome {
        let (namespace, name) = key;
        let found = cluster.get(ENDPOINTS, namespace, name);
        let Some(service) = cluster.get(SERVICES, namespace, name) else {
            self.triggers.forget(key);
            if let Some(endpoints) = found {
                cluster.delete(ENDPOINTS, &endpoints, &Options::default())?;
            }
            return Ok(None);
        };
        let Some(selector) = pods::selector(&service) else {
            return Ok(None);
        };
        let pods = cluster.list(PODS, Some(namespace));
        let pods = selected(&pods, selector);
        let changed = self.triggers.time(key, &service, &pods);
        let subsets = subsets::of(&service, &pods);
        let mut labels = pods::labels(&service);
        if let Some(found) = &found {
            let before = found["subsets"].as_array().cloned().unwrap_or_default();
            labels.remove(HEADLESS);
            if before == subsets && bare(&found["metadata"]["labels"]) == labels {
                return Ok(None);
            }
        }
        if !pods::has_address(&service) {
            labels.insert(HEADLESS.to_owned(), json!(""));
        }
        labels.insert(MANAGED_BY.to_owned(), json!("endpoint-controller"));
        let mut object = found.as_deref().cloned().unwrap_or_else(|| {
            json!({
                "apiVersion": "v1", "kind": "Endpoints",
                "metadata": {"name": name, "namespace": namespace},
            })
        });
        object["metadata"]["labels"] = json!(labels);
        trigger::note(&mut object, changed);
        match object.as_object_mut() {
            Some(map) if subsets.is_empty() => map.remove("subsets"),
            Some(map) => map.insert("subsets".to_owned(), json!(subsets)),
            None => None,
        };
        let written = if found.is_some() {
            cluster.update(ENDPOINTS, object)
        } else if is_going(&service) {
            return Ok(None);
        } else {
            cluster.create(ENDPOINTS, object)
        };
        unless_ending(written.map(|_| ()))
    }
}

/// Labels without those that the controller sets.
fn bare(labels: &Value) -> serde_json::Map<String, Value> {
    let mut labels = labels.as_object().cloned().unwrap_or_default();
    labels.remove(HEADLESS);
    labels.remove(MANAGED_BY);
    labels
}
