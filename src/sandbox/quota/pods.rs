//! What Pods take.
//! <https://github.com/kubernetes/kubernetes/blob/master/pkg/quota/v1/evaluator/core/pods.go>

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{Amounts, read};
use crate::sandbox::schema::amount::Amount;

const KNOWN: [&str; 11] = [
    "count/pods",
    "cpu",
    "memory",
    "ephemeral-storage",
    "requests.cpu",
    "requests.memory",
    "requests.ephemeral-storage",
    "limits.cpu",
    "limits.memory",
    "limits.ephemeral-storage",
    "pods",
];

/// What every container has to name where a quota limits it.
const NEEDED: [&str; 6] = [
    "cpu",
    "memory",
    "requests.cpu",
    "requests.memory",
    "limits.cpu",
    "limits.memory",
];

/// Whether a name of a quota limits Pods.
pub(super) fn is_limited_by(name: &str) -> bool {
    let extended = |n: &str| n.contains('/') && !n.starts_with("kubernetes.io/");
    KNOWN.contains(&name)
        || name.starts_with("hugepages-")
        || name
            .strip_prefix("requests.")
            .is_some_and(|n| n.starts_with("hugepages-") || extended(n))
}

/// What a Pod takes: nothing but its place once it has ended.
pub(super) fn usage(pod: &Value, now: Timestamp) -> Amounts {
    let mut out = Amounts::new();
    if lives(pod, now) {
        let (requests, limits) = (of_containers(pod, "requests"), of_containers(pod, "limits"));
        out = named(&requests, &limits);
    }
    out.insert("count/pods".to_owned(), Amount::of(1));
    out
}

/// Whether a Pod has not ended, and is not overdue.
fn lives(pod: &Value, now: Timestamp) -> bool {
    if matches!(
        pod["status"]["phase"].as_str(),
        Some("Succeeded" | "Failed")
    ) {
        return false;
    }
    let metadata = &pod["metadata"];
    let end = metadata["deletionTimestamp"].as_str();
    let end = end.and_then(|t| t.parse::<Timestamp>().ok());
    let grace = metadata["deletionGracePeriodSeconds"].as_i64();
    let (Some(end), Some(grace)) = (end, grace) else {
        return true;
    };
    let last = end.checked_add(SignedDuration::from_secs(grace));
    last.is_ok_and(|last| now <= last)
}

/// Requests and limits, as quotas name them.
fn named(requests: &Amounts, limits: &Amounts) -> Amounts {
    let mut out = Amounts::from([("pods".to_owned(), Amount::of(1))]);
    for (name, amount) in requests {
        let plain = matches!(name.as_str(), "cpu" | "memory" | "ephemeral-storage");
        if plain || name.starts_with("hugepages-") {
            out.insert(name.clone(), *amount);
        }
        out.insert(format!("requests.{name}"), *amount);
    }
    for (name, amount) in limits {
        out.insert(format!("limits.{name}"), *amount);
    }
    out
}

/// The requests or limits of a Pod: its containers together, or more while it is initialized.
#[must_use]
pub fn of_containers(pod: &Value, kind: &str) -> Amounts {
    let spec = &pod["spec"];
    let list = |name: &str| spec[name].as_array().map_or(&[][..], Vec::as_slice);
    let (mut all, mut sidecars, mut highest) = (Amounts::new(), Amounts::new(), Amounts::new());
    for container in list("containers") {
        add(&mut all, &read(&container["resources"][kind]));
    }
    for container in list("initContainers") {
        let own = read(&container["resources"][kind]);
        let mut meanwhile = sidecars.clone();
        add(&mut meanwhile, &own);
        if container["restartPolicy"] == "Always" {
            add(&mut sidecars, &own);
            add(&mut all, &own);
        }
        raise(&mut highest, &meanwhile);
    }
    raise(&mut all, &highest);
    all
}

fn add(to: &mut Amounts, more: &Amounts) {
    for (name, amount) in more {
        let sum = to.entry(name.clone()).or_default();
        *sum = sum.plus(*amount);
    }
}

fn raise(to: &mut Amounts, others: &Amounts) {
    for (name, amount) in others {
        let highest = to.entry(name.clone()).or_default();
        *highest = (*highest).max(*amount);
    }
}

/// What containers of a Pod do not name though a quota limits it, in words.
#[must_use]
pub fn missing<'a>(pod: &Value, limited: impl Iterator<Item = &'a String>) -> Option<String> {
    let limited = limited.filter(|n| NEEDED.contains(&n.as_str()));
    let limited: BTreeSet<&String> = limited.collect();
    let mut missing: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for list in ["containers", "initContainers"] {
        for container in pod["spec"][list].as_array().into_iter().flatten() {
            let of = |kind: &str| read(&container["resources"][kind]);
            let given = named(&of("requests"), &of("limits"));
            for name in limited.iter().filter(|n| !given.contains_key(**n)) {
                let without = missing.entry(name).or_default();
                without.extend(container["name"].as_str());
            }
        }
    }
    let each = |(name, without): (&&str, &BTreeSet<&str>)| {
        let without: Vec<&str> = without.iter().copied().collect();
        format!("{name} for: {}", without.join(","))
    };
    let all: Vec<String> = missing.iter().map(each).collect();
    (!all.is_empty()).then(|| format!("must specify {}", all.join("; ")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_ended_pod_takes_only_its_place() {
        let mut pod = json!({"spec": {"containers": [{"name": "c", "resources": {"requests": {"cpu": "1"}, "limits": {"memory": "1Gi"}}}]}});
        let now = Timestamp::UNIX_EPOCH;
        let taken = usage(&pod, now);
        assert_eq!(taken["requests.cpu"].to_string(), "1");
        assert_eq!(taken["limits.memory"].to_string(), "1Gi");
        assert_eq!(taken["pods"], Amount::of(1));
        pod["status"]["phase"] = json!("Failed");
        assert_eq!(usage(&pod, now).keys().collect::<Vec<_>>(), ["count/pods"]);
    }

    #[test]
    fn what_is_not_named_is_told_by_container() {
        let pod = json!({"spec": {"containers": [{"name": "b"}, {"name": "a", "resources": {"limits": {"cpu": "1"}}}]}});
        let limited = ["limits.cpu", "requests.memory", "pods"].map(str::to_owned);
        assert_eq!(
            missing(&pod, limited.iter()).unwrap(),
            "must specify limits.cpu for: b; requests.memory for: a,b"
        );
    }
}
