//! `APIServices`: one for each group and version that is the server's own. That of the metrics is made at the start.
//! <https://github.com/kubernetes/kube-aggregator/blob/master/pkg/controllers/autoregister/autoregister_controller.go>

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::sandbox::{
    metrics,
    registry::{self, Registry},
    verbs::{Api, How, delete::Options, key, name},
};

/// What marks those that come and go with what is served.
const MANAGED: &str = "kube-aggregator.kubernetes.io/automanaged";
/// The order of the groups that are Kubernetes' own: which comes first in discovery, and for a short name.
/// <https://github.com/kubernetes/kubernetes/blob/master/pkg/controlplane/apiserver/aggregator.go>
const PRIORITIES: [(&str, i64); 21] = [
    ("", 18000),
    ("apps", 17800),
    ("events.k8s.io", 17750),
    ("authentication.k8s.io", 17700),
    ("authorization.k8s.io", 17600),
    ("autoscaling", 17500),
    ("batch", 17400),
    ("certificates.k8s.io", 17300),
    ("networking.k8s.io", 17200),
    ("policy", 17100),
    ("rbac.authorization.k8s.io", 17000),
    ("storage.k8s.io", 16800),
    ("admissionregistration.k8s.io", 16700),
    ("apiextensions.k8s.io", 16700),
    ("scheduling.k8s.io", 16600),
    ("coordination.k8s.io", 16500),
    ("node.k8s.io", 16300),
    ("discovery.k8s.io", 16200),
    ("flowcontrol.apiserver.k8s.io", 16100),
    ("resource.k8s.io", 16200),
    ("apiregistration.k8s.io", 20000),
];

/// Makes those that are missing, and deletes those of groups and versions that are gone.
pub fn follow(api: &Api) {
    let registry = api.registry();
    let Some(resource) = registry.of_kind("apiregistration.k8s.io/v1", "APIService") else {
        return;
    };
    let place = registry::place("apiregistration.k8s.io", "apiservices");
    let there: Vec<String> = api.store.with(|state| {
        let managed = |o: &Value| o["metadata"]["labels"].get(MANAGED).is_some();
        let all = state.list(&place, None).filter(|o| managed(o));
        all.map(|o| name(&o).to_owned()).collect()
    });
    let wanted = wanted(&registry);
    for gone in there.iter().filter(|name| !wanted.contains_key(*name)) {
        let options = Options::default();
        if let Err(refusal) = api.delete(&resource, None, gone, &options) {
            tracing::debug!("an APIService stays: {}", refusal.message);
        }
    }
    let how = How::by("kube-apiserver");
    for (name, object) in wanted {
        if there.contains(&name) {
            continue;
        }
        match api.create(&resource, None, object, &how) {
            Ok(made) => {
                let mut object = (*made.object).clone();
                object["status"] = json!({"conditions": [{
                    "type": "Available", "status": "True", "lastTransitionTime": api.clock.stamp(), "reason": "Local",
                    "message": "Local APIServices are always available",
                }]});
                // Nobody manages this status.
                api.store
                    .with(|state| state.put(&place, &key(None, &name), object));
            }
            Err(refusal) => tracing::debug!("an APIService was not made: {}", refusal.message),
        }
    }
}

/// Those that there are to be, by name.
fn wanted(registry: &Registry) -> BTreeMap<String, Value> {
    let mut all = BTreeMap::new();
    for group in registry
        .groups()
        .iter()
        .filter(|g| !["apiregistration.k8s.io", metrics::GROUP].contains(&g.name.as_str()))
    {
        let own = PRIORITIES.iter().find(|(name, _)| *name == group.name);
        for (i, version) in group.versions.iter().enumerate() {
            let later = i64::try_from(i).unwrap_or_default();
            let (managed, priority, place) = match own {
                Some((_, priority)) => ("onstart", *priority, 15 - later.min(14)),
                None => ("true", 1000, 100 - later.min(99)),
            };
            let name = format!("{version}.{}", group.name);
            let mut spec = json!({"version": version, "groupPriorityMinimum": priority, "versionPriority": place});
            if !group.name.is_empty() {
                spec["group"] = json!(group.name);
            }
            let object = json!({
                "apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService",
                "metadata": {"name": name, "labels": {MANAGED: managed}}, "spec": spec,
            });
            all.insert(name, object);
        }
    }
    all
}
