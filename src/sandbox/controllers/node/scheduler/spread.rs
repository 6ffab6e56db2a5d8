//! Pods that are to be spread over a topology.
//! <https://kubernetes.io/docs/concepts/scheduling-eviction/topology-spread-constraints/>

use std::{collections::BTreeMap, sync::Arc};

use serde_json::Value;

use super::fit::{Misfit, tolerates};
use crate::sandbox::{
    controllers::{cluster::is_going, placement},
    pointer::items,
    store::selector::Selector,
};

/// Why a Pod would be spread too unevenly if it ran on a node; nothing if it would not. `pods` are those of a node that have not
/// ended.
pub(super) fn uneven(
    pod: &Value,
    node: &Value,
    nodes: &[Arc<Value>],
    pods: impl Fn(&Value) -> Vec<Arc<Value>>,
) -> Option<Misfit> {
    let constraints = items(&pod["spec"]["topologySpreadConstraints"]).iter();
    let hard: Vec<&Value> = constraints
        .filter(|c| c["whenUnsatisfiable"] == "DoNotSchedule")
        .collect();
    let is_labelled = |node: &Value| hard.iter().all(|c| domain(c, node).is_some());
    if !is_labelled(node) {
        return Some(Misfit::for_good(
            "node(s) didn't match pod topology spread constraints (missing required label)",
        ));
    }
    let labelled: Vec<&Arc<Value>> = nodes.iter().filter(|n| is_labelled(n)).collect();
    let is_uneven = hard.iter().any(|constraint| {
        let counts = counts(pod, constraint, &labelled, &pods);
        let least = counts.values().copied().min().unwrap_or_default();
        let wanted = constraint["minDomains"].as_u64().unwrap_or(1);
        let few = u64::try_from(counts.len()).unwrap_or(u64::MAX) < wanted;
        let least = if few { 0 } else { least };
        let here = domain(constraint, node).and_then(|d| counts.get(d));
        let own = selector(pod, constraint).matches(pod);
        let skew = here.copied().unwrap_or_default() + i64::from(own) - least;
        skew > constraint["maxSkew"].as_i64().unwrap_or(1)
    });
    is_uneven.then(|| Misfit::by_others("node(s) didn't match pod topology spread constraints"))
}

/// The domain of a node.
fn domain<'a>(constraint: &Value, node: &'a Value) -> Option<&'a str> {
    let key = constraint["topologyKey"].as_str()?;
    node["metadata"]["labels"][key].as_str()
}

/// How many Pods of the same kind each domain holds, of the nodes that the Pod may have.
fn counts<'a>(
    pod: &Value,
    constraint: &Value,
    nodes: &[&'a Arc<Value>],
    pods: impl Fn(&Value) -> Vec<Arc<Value>>,
) -> BTreeMap<&'a str, i64> {
    let selector = selector(pod, constraint);
    let counted = |node: &Value| {
        let affine = constraint["nodeAffinityPolicy"] == "Ignore"
            || placement::is_asked_for(&pod["spec"], node);
        let mut taints = items(&node["spec"]["taints"]).iter();
        let borne = constraint["nodeTaintsPolicy"] != "Honor"
            || taints.all(|t| t["effect"] == "PreferNoSchedule" || tolerates(pod, t));
        affine && borne
    };
    let mut counts = BTreeMap::new();
    for node in nodes.iter().filter(|n| counted(n)) {
        let all = pods(node);
        let there = all.iter().filter(|p| {
            p["metadata"]["namespace"] == pod["metadata"]["namespace"]
                && !is_going(p)
                && selector.matches(p)
        });
        let there = i64::try_from(there.count()).unwrap_or(i64::MAX);
        if let Some(domain) = domain(constraint, node) {
            *counts.entry(domain).or_default() += there;
        }
    }
    counts
}

/// The Pods that are spread: those that are selected and, by some labels, like the Pod itself.
fn selector(pod: &Value, constraint: &Value) -> Selector {
    let mut wanted = constraint["labelSelector"].clone();
    for key in items(&constraint["matchLabelKeys"])
        .iter()
        .filter_map(Value::as_str)
    {
        let value = &pod["metadata"]["labels"][key];
        if value.is_string() {
            wanted["matchLabels"][key] = value.clone();
        }
    }
    Selector::of(&wanted)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn node(name: &str, zone: Option<&str>) -> Arc<Value> {
        Arc::new(json!({"metadata": {"name": name, "labels": {"zone": zone}}}))
    }

    #[test]
    fn no_domain_gets_too_far_ahead() {
        let pod = |on: Option<&str>| {
            json!({
                "metadata": {"namespace": "n", "labels": {"app": "a"}},
                "spec": {"nodeName": on, "topologySpreadConstraints": [{
                    "maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule",
                    "labelSelector": {"matchLabels": {"app": "a"}},
                }]},
            })
        };
        let nodes = [node("a", Some("1")), node("b", Some("2")), node("c", None)];
        let there = |node: &Value| match node["metadata"]["name"].as_str() {
            Some("a") => vec![Arc::new(pod(Some("a")))],
            _ => Vec::new(),
        };
        let new = pod(None);
        let told = |i: usize| uneven(&new, &nodes[i], &nodes, there).map(|m| m.reasons);
        assert!(told(0).unwrap()[0].ends_with("topology spread constraints"));
        assert_eq!(told(1), None);
        assert!(told(2).unwrap()[0].ends_with("(missing required label)"));
    }
}
