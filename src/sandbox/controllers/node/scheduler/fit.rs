//! Whether a Pod fits on a node, and why not.
//! <https://github.com/kubernetes/kubernetes/tree/master/pkg/scheduler/framework/plugins>

use std::sync::Arc;

use serde_json::Value;

use super::super::requests::{self, Amounts};
use crate::sandbox::{controllers::placement, pointer::items, store::selector::Selector};

/// Why a Pod does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    /// In the scheduler's words.
    pub reasons: Vec<String>,
    /// Whether it could fit if others went.
    pub others: bool,
}

impl Misfit {
    pub(super) fn for_good(reason: &str) -> Self {
        Self {
            reasons: vec![reason.to_owned()],
            others: false,
        }
    }

    pub(super) fn by_others(reason: &str) -> Self {
        Self {
            reasons: vec![reason.to_owned()],
            others: true,
        }
    }
}

/// Why a Pod does not fit on a node; nothing if it does. `others` are the Pods that the node runs, which are read only where the
/// node comes into question; `uneven` tells how it looks with all nodes.
#[must_use]
pub fn misfit(
    pod: &Value,
    node: &Value,
    others: impl FnOnce() -> Vec<Arc<Value>>,
    uneven: impl FnOnce() -> Option<Misfit>,
) -> Option<Misfit> {
    let unfit = unschedulable(pod, node)
        .or_else(|| tainted(pod, node))
        .or_else(|| unwanted(pod, node));
    if unfit.is_some() {
        return unfit;
    }
    let others = others();
    ports_taken(pod, &others)
        .or_else(|| too_large(pod, node, &others))
        .or_else(uneven)
        .or_else(|| apart(pod, node, &others))
}

/// Whether a node that has so many Pods may have one more.
#[must_use]
pub fn has_place(node: &Value, pods: usize) -> bool {
    let most = requests::of_list(&node["status"]["allocatable"]);
    let most = most.get("pods").copied().unwrap_or_default() / 1_000_000_000;
    i128::try_from(pods).unwrap_or(i128::MAX) < most
}

fn unschedulable(pod: &Value, node: &Value) -> Option<Misfit> {
    let taint =
        serde_json::json!({"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"});
    let closed = node["spec"]["unschedulable"] == true && !tolerates(pod, &taint);
    closed.then(|| Misfit::for_good("node(s) were unschedulable"))
}

fn tainted(pod: &Value, node: &Value) -> Option<Misfit> {
    let all = items(&node["spec"]["taints"]).iter();
    let mut hard = all.filter(|t| t["effect"] == "NoSchedule" || t["effect"] == "NoExecute");
    let untolerated = hard.any(|t| !tolerates(pod, t));
    untolerated.then(|| Misfit::for_good("node(s) had untolerated taint(s)"))
}

/// Whether a Pod tolerates a taint.
#[must_use]
pub fn tolerates(pod: &Value, taint: &Value) -> bool {
    let mut tolerations = items(&pod["spec"]["tolerations"]).iter();
    tolerations.any(|t| placement::tolerates(t, taint))
}

/// Whether a Pod wants another node: by its selector and its required affinity.
fn unwanted(pod: &Value, node: &Value) -> Option<Misfit> {
    (!placement::is_asked_for(&pod["spec"], node))
        .then(|| Misfit::for_good("node(s) didn't match Pod's node affinity/selector"))
}

fn ports_taken(pod: &Value, others: &[Arc<Value>]) -> Option<Misfit> {
    let of = |pod: &Value| -> Vec<i64> {
        let containers = items(&pod["spec"]["containers"]).iter();
        containers
            .flat_map(|c| items(&c["ports"]))
            .filter_map(|p| p["hostPort"].as_i64())
            .filter(|p| *p > 0)
            .collect()
    };
    let wanted = of(pod);
    let taken = !wanted.is_empty()
        && others
            .iter()
            .any(|o| of(o).iter().any(|p| wanted.contains(p)));
    taken.then(|| Misfit::by_others("node(s) didn't have free ports for the requested pod ports"))
}

fn too_large(pod: &Value, node: &Value, others: &[Arc<Value>]) -> Option<Misfit> {
    let room = requests::of_list(&node["status"]["allocatable"]);
    let mut taken = Amounts::new();
    for other in others {
        requests::add(&mut taken, &requests::of_pod(other));
    }
    let of = |amounts: &Amounts, name: &str| amounts.get(name).copied().unwrap_or_default();
    let (mut reasons, mut for_good) = (Vec::new(), false);
    if !has_place(node, others.len()) {
        reasons.push("Too many pods".to_owned());
    }
    for (name, wanted) in requests::of_pod(pod) {
        if wanted > 0 && wanted > of(&room, &name) - of(&taken, &name) {
            for_good |= wanted > of(&room, &name);
            reasons.push(format!("Insufficient {name}"));
        }
    }
    (!reasons.is_empty()).then_some(Misfit {
        reasons,
        others: !for_good,
    })
}

/// Pods that are to be beside others, or apart from them. All of a cluster of one node are beside each other.
fn apart(pod: &Value, node: &Value, others: &[Arc<Value>]) -> Option<Misfit> {
    const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
    let spread = |term: &Value| {
        let key = term["topologyKey"].as_str().unwrap_or_default();
        node["metadata"]["labels"][key].is_string()
    };
    let meets = |term: &Value, of: &Value, other: &Value| {
        let own = &of["metadata"]["namespace"];
        let named = items(&term["namespaces"]);
        let there = &other["metadata"]["namespace"];
        let here = if named.is_empty() {
            there == own
        } else {
            named.contains(there)
        };
        here && Selector::of(&term["labelSelector"]).matches(other)
    };
    let affinity = &pod["spec"]["affinity"];
    for term in items(&affinity["podAffinity"][REQUIRED]) {
        let found = others.iter().any(|o| meets(term, pod, o));
        // The first of a group that wants to be together begins it.
        if !spread(term) || !(found || meets(term, pod, pod)) {
            return Some(Misfit::for_good("node(s) didn't match pod affinity rules"));
        }
    }
    for term in items(&affinity["podAntiAffinity"][REQUIRED]) {
        if spread(term) && others.iter().any(|o| meets(term, pod, o)) {
            return Some(Misfit::by_others(
                "node(s) didn't match pod anti-affinity rules",
            ));
        }
    }
    let kept_off = others.iter().any(|other| {
        let terms = items(&other["spec"]["affinity"]["podAntiAffinity"][REQUIRED]).iter();
        terms
            .into_iter()
            .any(|term| spread(term) && meets(term, other, pod))
    });
    kept_off.then(|| Misfit::by_others("node(s) didn't satisfy existing pods anti-affinity rules"))
}

/// Why no node takes a Pod, as its condition and its event say it.
#[must_use]
pub fn told(misfits: &[Misfit]) -> String {
    let count = misfits.len();
    let mut counted: std::collections::BTreeMap<&str, usize> = std::collections::BTreeMap::new();
    for reason in misfits.iter().flat_map(|m| &m.reasons) {
        *counted.entry(reason).or_default() += 1;
    }
    let mut reasons: Vec<String> = counted
        .iter()
        .map(|(why, n)| format!("{n} {why}"))
        .collect();
    reasons.sort();
    if reasons.is_empty() {
        return "no nodes available to schedule pods".to_owned();
    }
    let helped = misfits.iter().filter(|m| m.others).count();
    let mut after = Vec::new();
    if helped > 0 {
        after.push(format!(
            "{helped} No preemption victims found for incoming pod"
        ));
    }
    if helped < count {
        after.push(format!(
            "{} Preemption is not helpful for scheduling",
            count - helped
        ));
    }
    format!(
        "0/{count} nodes are available: {}. no new claims to deallocate, preemption: 0/{count} nodes are available: {}.",
        reasons.join(", "),
        after.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn node() -> Value {
        json!({
            "metadata": {"name": "n", "labels": {"disk": "ssd", "kubernetes.io/hostname": "n"}},
            "status": {"allocatable": {"cpu": "4", "memory": "16Gi", "pods": "2"}},
        })
    }

    fn why(pod: &Value, others: &[Arc<Value>]) -> Option<String> {
        misfit(pod, &node(), || others.to_vec(), || None).map(|m| told(&[m]))
    }

    #[test]
    fn what_is_too_large_is_told_as_on_a_real_cluster() {
        let pod = |cpu: &str, memory: &str| json!({"spec": {"containers": [{"resources": {"requests": {"cpu": cpu, "memory": memory}}}]}});
        assert_eq!(why(&pod("4", "1Gi"), &[]), None);
        // As seen on Kubernetes 1.34.
        assert_eq!(
            why(&pod("400", "4000Gi"), &[]).unwrap(),
            "0/1 nodes are available: 1 Insufficient cpu, 1 Insufficient memory. no new claims to deallocate, preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling."
        );
        let other = Arc::new(pod("3", "1Gi"));
        assert!(
            why(&pod("2", "1Gi"), &[Arc::clone(&other)])
                .unwrap()
                .ends_with("1 No preemption victims found for incoming pod.")
        );
        assert!(
            why(&pod("0", "1"), &[Arc::clone(&other), other])
                .unwrap()
                .contains("1 Too many pods.")
        );
    }

    #[test]
    fn nodes_are_chosen_by_selector_affinity_and_taints() {
        let ok = json!({"spec": {"nodeSelector": {"disk": "ssd"}}});
        assert_eq!(why(&ok, &[]), None);
        let no = json!({"spec": {"nodeSelector": {"disk": "hdd"}}});
        assert!(
            why(&no, &[])
                .unwrap()
                .contains("1 node(s) didn't match Pod's node affinity/selector.")
        );
        let by_name = |name: &str| {
            json!({"spec": {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
            {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [name]}]}]}}}}})
        };
        assert_eq!(why(&by_name("n"), &[]), None);
        assert!(why(&by_name("m"), &[]).is_some());
        let mut tainted = node();
        tainted["spec"]["taints"] = json!([{"key": "a", "value": "b", "effect": "NoSchedule"}]);
        assert!(misfit(&ok, &tainted, Vec::new, || None).is_some());
        let tolerant =
            json!({"spec": {"tolerations": [{"key": "a", "operator": "Equal", "value": "b"}]}});
        assert_eq!(misfit(&tolerant, &tainted, Vec::new, || None), None);
    }

    #[test]
    fn pods_that_are_to_be_apart_are() {
        let pod = json!({"metadata": {"namespace": "a", "labels": {"app": "x"}}, "spec": {"affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
            {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": "x"}}}]}}}});
        assert_eq!(why(&pod, &[]), None);
        assert!(
            why(&pod, &[Arc::new(pod.clone())])
                .unwrap()
                .contains("didn't match pod anti-affinity rules")
        );
    }
}
