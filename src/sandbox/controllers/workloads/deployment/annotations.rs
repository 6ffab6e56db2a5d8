//! The annotations by which `ReplicaSets` remember what their Deployment was like.
//! <https://github.com/kubernetes/kubernetes/blob/master/pkg/controller/deployment/util/deployment_util.go>

use serde_json::{Value, json};

/// Which of the Deployment's templates it is, counted from one.
pub(super) const REVISION: &str = "deployment.kubernetes.io/revision";
/// Which ones it was before.
const HISTORY: &str = "deployment.kubernetes.io/revision-history";
const DESIRED: &str = "deployment.kubernetes.io/desired-replicas";
const MAX: &str = "deployment.kubernetes.io/max-replicas";
/// What a `ReplicaSet` does not take over from its Deployment.
const OWN: [&str; 6] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    REVISION,
    HISTORY,
    DESIRED,
    MAX,
    "deprecated.deployment.rollback.to",
];
/// How long the list of earlier revisions may become.
const LONGEST_HISTORY: usize = 2000;

fn get<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object["metadata"]["annotations"][key].as_str()
}

/// Sets an annotation; whether that changed anything.
pub(super) fn set(object: &mut Value, key: &str, value: &str) -> bool {
    if get(object, key) == Some(value) {
        return false;
    }
    object["metadata"]["annotations"][key] = json!(value);
    true
}

/// The revision of a `ReplicaSet`; zero where it has none.
pub(super) fn revision(set: &Value) -> i64 {
    let revision = get(set, REVISION);
    revision.and_then(|r| r.parse().ok()).unwrap_or_default()
}

/// How many replicas the Deployment wanted when the set was scaled last.
pub(super) fn desired(set: &Value) -> Option<i64> {
    let desired = get(set, DESIRED)?.parse::<i32>().ok()?;
    (desired >= 0).then_some(i64::from(desired))
}

/// How many replicas there could be at most when the set was scaled last.
pub(super) fn most(set: &Value) -> Option<i64> {
    let most = get(set, MAX)?.parse::<i32>().ok()?;
    (most > 0).then_some(i64::from(most))
}

/// Notes how many replicas there are to be and may be; whether that is new.
pub(super) fn set_replicas(set: &mut Value, wanted: i64, most: i64) -> bool {
    let changed = self::set(set, DESIRED, &wanted.to_string());
    self::set(set, MAX, &most.to_string()) || changed
}

/// Makes a set the one of a revision, with the annotations of its Deployment; whether that changed anything.
pub(super) fn take_over(deployment: &Value, set: &mut Value, revision: i64) -> bool {
    let mut changed = false;
    let all = deployment["metadata"]["annotations"].as_object();
    for (key, value) in all.into_iter().flatten() {
        if !OWN.contains(&key.as_str()) {
            changed |= self::set(set, key, value.as_str().unwrap_or_default());
        }
    }
    let before = get(set, REVISION).map(str::to_owned);
    if self::revision(set) >= revision {
        return changed;
    }
    self::set(set, REVISION, &revision.to_string());
    if let Some(before) = before {
        remember(set, &before);
    }
    true
}

/// Adds a revision to the list of earlier ones; the oldest are forgotten.
fn remember(set: &mut Value, revision: &str) {
    let history = get(set, HISTORY).unwrap_or_default();
    let mut all: Vec<&str> = history.split(',').filter(|r| !r.is_empty()).collect();
    all.push(revision);
    let mut text = all.join(",");
    while text.len() > LONGEST_HISTORY && all.len() > 1 {
        all.remove(0);
        text = all.join(",");
    }
    self::set(set, HISTORY, &text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_that_comes_back_remembers_what_it_was() {
        let deployment = json!({"metadata": {"annotations": {"kubernetes.io/change-cause": "x", REVISION: "2"}}});
        let mut set = json!({"metadata": {"annotations": {REVISION: "1"}}});
        assert!(take_over(&deployment, &mut set, 3));
        assert!(take_over(&deployment, &mut set, 5));
        assert!(!take_over(&deployment, &mut set, 5));
        assert_eq!(
            set["metadata"]["annotations"],
            json!({"kubernetes.io/change-cause": "x", REVISION: "5", HISTORY: "1,3"})
        );
    }
}
