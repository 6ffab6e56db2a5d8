//! What a Job says of Pods that fail, and of indexes that are enough.
//! <https://github.com/kubernetes/kubernetes/blob/master/pkg/controller/job/pod_failure_policy.go>
//! <https://github.com/kubernetes/kubernetes/blob/master/pkg/controller/job/success_policy.go>

use std::collections::BTreeSet;

use serde_json::Value;

use super::index;
use crate::sandbox::{controllers::workloads::amount::number, pointer::items, verbs::name};

/// What a Job's policy says of a Pod that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Judgement {
    /// It counts.
    Counts,
    /// It does not count.
    Ignored,
    /// Its index has failed, whatever may be left of its limit.
    FailsIndex,
    /// The Job has failed, with a message.
    FailsJob(String),
}

/// What a Job says of a Pod that failed: by the first rule that it meets.
pub(super) fn judge(job: &Value, pod: &Value) -> Judgement {
    let rules = items(&job["spec"]["podFailurePolicy"]["rules"]);
    for (i, rule) in rules.iter().enumerate() {
        let action = rule["action"].as_str().unwrap_or_default();
        let Some(met) = by_exit_code(rule, pod).or_else(|| by_condition(rule, pod)) else {
            continue;
        };
        return match action {
            "Ignore" => Judgement::Ignored,
            "FailIndex" => Judgement::FailsIndex,
            "FailJob" => Judgement::FailsJob(format!("{met} matching {action} rule at index {i}")),
            _ => Judgement::Counts,
        };
    }
    Judgement::Counts
}

/// How a Pod's container meets a rule by the code with which it ended.
fn by_exit_code(rule: &Value, pod: &Value) -> Option<String> {
    let wanted = rule.get("onExitCodes").filter(|w| w.is_object())?;
    let lists = ["containerStatuses", "initContainerStatuses"].into_iter();
    let mut all = lists.flat_map(|list| items(&pod["status"][list]));
    let (container, code) = all.find_map(|container| {
        let named = &wanted["containerName"];
        let is_meant = named.is_null() || container["name"] == *named;
        let code = container["state"]["terminated"]["exitCode"].as_i64()?;
        let is_listed = items(&wanted["values"]).iter().any(|v| *v == code);
        let is_met = match wanted["operator"].as_str() {
            Some("In") => is_listed,
            Some("NotIn") => !is_listed,
            _ => false,
        };
        (is_meant && code != 0 && is_met).then_some((container, code))
    })?;
    let container = container["name"].as_str().unwrap_or_default();
    let namespace = pod["metadata"]["namespace"].as_str().unwrap_or_default();
    Some(format!(
        "Container {container} for pod {namespace}/{} failed with exit code {code}",
        name(pod)
    ))
}

/// How a Pod meets a rule by a condition.
fn by_condition(rule: &Value, pod: &Value) -> Option<String> {
    let patterns = items(&rule["onPodConditions"]);
    let met = items(&pod["status"]["conditions"]).iter().find(|c| {
        patterns
            .iter()
            .any(|p| p["type"] == c["type"] && p["status"] == c["status"])
    })?;
    let kind = met["type"].as_str().unwrap_or_default();
    let namespace = pod["metadata"]["namespace"].as_str().unwrap_or_default();
    Some(format!(
        "Pod {namespace}/{} has condition {kind}",
        name(pod)
    ))
}

/// Which rule of success the indexes that succeeded meet, in words.
pub(super) fn is_enough(job: &Value, succeeded: &BTreeSet<i64>) -> Option<String> {
    let rules = items(&job["spec"]["successPolicy"]["rules"]);
    let met = rules.iter().position(|rule| {
        let wanted = rule["succeededIndexes"].as_str().map(index::parse);
        let counted = match &wanted {
            Some(wanted) => wanted.intersection(succeeded).count(),
            None => succeeded.len(),
        };
        let needed = rule["succeededCount"].as_i64().map_or_else(
            || wanted.as_ref().map_or(usize::MAX, BTreeSet::len),
            |n| usize::try_from(n).unwrap_or_default(),
        );
        counted >= needed
    })?;
    Some(format!("Matched rules at index {met}"))
}

/// Whether the indexes of a Job have limits of their own.
pub(super) fn has_limit_per_index(job: &Value) -> bool {
    job["spec"]["backoffLimitPerIndex"].is_i64()
}

/// Whether a Pod that failed leaves its index no further try.
pub(super) fn ends_index(job: &Value, pod: &Value) -> bool {
    match judge(job, pod) {
        Judgement::FailsIndex => true,
        Judgement::Ignored => false,
        Judgement::Counts | Judgement::FailsJob(_) => {
            index::failures(pod) + 1 > number(&job["spec"]["backoffLimitPerIndex"])
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_first_rule_that_is_met_judges() {
        let job = json!({"spec": {"podFailurePolicy": {"rules": [
            {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
            {"action": "FailJob", "onExitCodes": {"containerName": "c", "operator": "In", "values": [42]}},
            {"action": "FailIndex", "onExitCodes": {"operator": "NotIn", "values": [1, 42]}},
        ]}}});
        let pod = |code: i64, disrupted: &str| {
            json!({
                "metadata": {"name": "p", "namespace": "n"},
                "status": {
                    "containerStatuses": [{"name": "c", "state": {"terminated": {"exitCode": code}}}],
                    "conditions": [{"type": "DisruptionTarget", "status": disrupted}],
                },
            })
        };
        assert_eq!(judge(&job, &pod(42, "True")), Judgement::Ignored);
        let why =
            "Container c for pod n/p failed with exit code 42 matching FailJob rule at index 1";
        assert_eq!(
            judge(&job, &pod(42, "False")),
            Judgement::FailsJob(why.to_owned())
        );
        assert_eq!(judge(&job, &pod(7, "False")), Judgement::FailsIndex);
        assert_eq!(judge(&job, &pod(1, "False")), Judgement::Counts);
        assert_eq!(judge(&json!({}), &pod(1, "False")), Judgement::Counts);
    }

    #[test]
    fn indexes_or_a_number_of_them_are_enough() {
        let job = |rules: Value| json!({"spec": {"successPolicy": {"rules": rules}}});
        let done = BTreeSet::from([0, 2]);
        for (rules, met) in [
            (json!([{"succeededIndexes": "0-1"}]), None),
            (
                json!([{"succeededIndexes": "0-1"}, {"succeededIndexes": "0,2"}]),
                Some("Matched rules at index 1"),
            ),
            (
                json!([{"succeededIndexes": "0-1", "succeededCount": 1}]),
                Some("Matched rules at index 0"),
            ),
            (json!([{"succeededCount": 3}]), None),
            (
                json!([{"succeededCount": 2}]),
                Some("Matched rules at index 0"),
            ),
        ] {
            assert_eq!(is_enough(&job(rules), &done).as_deref(), met);
        }
    }
}
