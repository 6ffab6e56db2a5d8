//! What of a namespace's quotas an object takes.
//! <https://kubernetes.io/docs/concepts/policy/resource-quotas/>
//! <https://github.com/kubernetes/kubernetes/tree/master/pkg/quota/v1/evaluator/core>

mod pods;
mod scopes;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{registry::Resource, schema::amount::Amount};

pub use pods::{missing, of_containers};

/// Amounts by the names under which quotas limit them.
pub type Amounts = BTreeMap<String, Amount>;

const STORAGE_CLASS: &str = ".storageclass.storage.k8s.io/";

/// The amounts of a list such as `{cpu: 100m}`.
#[must_use]
pub fn read(list: &Value) -> Amounts {
    let list = list.as_object().into_iter().flatten();
    list.filter_map(|(name, amount)| Some((name.clone(), Amount::read(amount)?)))
        .collect()
}

/// Amounts as objects carry them.
#[must_use]
pub fn write(amounts: &Amounts) -> Value {
    let texts = amounts
        .iter()
        .map(|(name, a)| (name.clone(), json!(a.to_string())));
    Value::Object(texts.collect())
}

/// What an object takes.
#[must_use]
pub fn usage(resource: &Resource, object: &Value, now: Timestamp) -> Amounts {
    let one = |names: &[&str]| {
        let names = names.iter().map(|n| ((*n).to_owned(), Amount::of(1)));
        names.collect::<Amounts>()
    };
    match (resource.group.as_str(), resource.plural.as_str()) {
        ("", "pods") => pods::usage(object, now),
        ("", "services") => service(object),
        ("", "persistentvolumeclaims") => claim(object),
        ("", plural @ ("configmaps" | "secrets" | "resourcequotas" | "replicationcontrollers")) => {
            one(&[plural, &format!("count/{plural}")])
        }
        ("", plural) => one(&[&format!("count/{plural}")]),
        (group, plural) => one(&[&format!("count/{plural}.{group}")]),
    }
}

/// Whether a name of a quota limits objects of a resource.
#[must_use]
pub fn limits(resource: &Resource, name: &str) -> bool {
    match (resource.group.as_str(), resource.plural.as_str()) {
        ("", "pods") => pods::is_limited_by(name),
        ("", "services") => matches!(
            name,
            "services" | "services.nodeports" | "services.loadbalancers" | "count/services"
        ),
        ("", "persistentvolumeclaims") => {
            let own = |n: &str| matches!(n, "persistentvolumeclaims" | "requests.storage");
            let of_class = name.split_once(STORAGE_CLASS);
            own(name)
                || name == "count/persistentvolumeclaims"
                || of_class.is_some_and(|(_, n)| own(n))
        }
        ("", plural) => {
            let alias = matches!(
                plural,
                "configmaps" | "secrets" | "resourcequotas" | "replicationcontrollers"
            );
            name.strip_prefix("count/") == Some(plural) || alias && name == plural
        }
        (group, plural) => {
            let counted = name.strip_prefix("count/").and_then(|n| n.split_once('.'));
            counted == Some((plural, group))
        }
    }
}

/// Whether a quota is about an object: by one of its names, and by all of its scopes.
#[must_use]
pub fn is_about(quota: &Value, hard: &Amounts, resource: &Resource, object: &Value) -> bool {
    hard.keys().any(|name| limits(resource, name)) && scopes::match_all(quota, resource, object)
}

fn service(service: &Value) -> Amounts {
    let spec = &service["spec"];
    let ports = spec["ports"].as_array().map_or(&[][..], Vec::as_slice);
    let given = |p: &&Value| p["nodePort"].as_i64().is_some_and(|n| n != 0);
    let (node_ports, balancers) = match spec["type"].as_str() {
        Some("NodePort") => (ports.len(), 0),
        Some("LoadBalancer") if spec["allocateLoadBalancerNodePorts"] == false => {
            (ports.iter().filter(given).count(), 1)
        }
        Some("LoadBalancer") => (ports.len(), 1),
        _ => (0, 0),
    };
    let counts = [
        ("services", 1),
        ("count/services", 1),
        ("services.nodeports", node_ports),
        ("services.loadbalancers", balancers),
    ];
    let counts = counts.map(|(name, count)| (name.to_owned(), Amount::of(count)));
    counts.into_iter().collect()
}

fn claim(claim: &Value) -> Amounts {
    let mut out = Amounts::new();
    out.insert("count/persistentvolumeclaims".to_owned(), Amount::of(1));
    let storage = Amount::read(&claim["spec"]["resources"]["requests"]["storage"]);
    let mut takes = vec![("persistentvolumeclaims", Amount::of(1))];
    takes.extend(storage.map(|s| ("requests.storage", s)));
    let annotation = "volume.beta.kubernetes.io/storage-class";
    let class = claim["metadata"]["annotations"][annotation].as_str();
    let class = class.or_else(|| claim["spec"]["storageClassName"].as_str());
    for (name, amount) in takes {
        out.insert(name.to_owned(), amount);
        if let Some(class) = class.filter(|c| !c.is_empty()) {
            out.insert(format!("{class}{STORAGE_CLASS}{name}"), amount);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_counts_for_its_class_too() {
        let taken = claim(
            &json!({"spec": {"storageClassName": "fast", "resources": {"requests": {"storage": "1Gi"}}}}),
        );
        assert_eq!(
            taken["fast.storageclass.storage.k8s.io/requests.storage"].to_string(),
            "1Gi"
        );
        assert_eq!(taken["persistentvolumeclaims"], Amount::of(1));
    }

    #[test]
    fn ports_of_the_nodes_are_counted_by_intent() {
        let spec = json!({"spec": {"type": "LoadBalancer", "ports": [{"port": 1}, {"port": 2}]}});
        assert_eq!(service(&spec)["services.nodeports"], Amount::of(2));
        assert_eq!(service(&spec)["services.loadbalancers"], Amount::of(1));
        let spec = json!({"spec": {"type": "ClusterIP", "ports": [{"port": 1}]}});
        assert!(service(&spec)["services.nodeports"].is_zero());
    }
}
