//! Jobs whose Pods have numbers: each number is to succeed once.
//! <https://kubernetes.io/docs/concepts/workloads/controllers/job/#completion-mode>

use std::{collections::BTreeSet, fmt::Write as _, sync::Arc};

use serde_json::{Value, json};

use crate::sandbox::controllers::workloads::amount::number;

const INDEX: &str = "batch.kubernetes.io/job-completion-index";
/// How often a Pod's number failed before it, and how often that did not count.
const FAILURES: &str = "batch.kubernetes.io/job-index-failure-count";
const IGNORED: &str = "batch.kubernetes.io/job-index-ignored-failure-count";
/// The most numbers of one Job.
const MOST: i64 = 100_000;

/// Whether the Pods of a Job have numbers.
pub(super) fn is_indexed(job: &Value) -> bool {
    job["spec"]["completionMode"] == "Indexed"
}

/// The number of a Pod.
pub(super) fn of(pod: &Value) -> Option<i64> {
    pod["metadata"]["annotations"][INDEX].as_str()?.parse().ok()
}

/// How often a Pod's number failed before it.
pub(super) fn failures(pod: &Value) -> i64 {
    counted(pod, FAILURES)
}

fn counted(pod: &Value, annotation: &str) -> i64 {
    let count = pod["metadata"]["annotations"][annotation].as_str();
    count.and_then(|c| c.parse().ok()).unwrap_or_default()
}

/// Notes on a new Pod how often its number failed; `before` is the last Pod of the number, and whether its failure counts.
pub(super) fn note_failures(pod: &mut Value, before: Option<(&Value, bool)>) {
    let (mut failed, mut ignored) = (0, 0);
    if let Some((before, counts)) = before {
        failed = failures(before) + i64::from(counts);
        ignored = counted(before, IGNORED) + i64::from(!counts);
    }
    let annotations = &mut pod["metadata"]["annotations"];
    annotations[FAILURES] = json!(failed.to_string());
    if ignored > 0 {
        annotations[IGNORED] = json!(ignored.to_string());
    }
}

/// Numbers of the form `0,2-4`.
pub(super) fn parse(text: &str) -> BTreeSet<i64> {
    let mut all = BTreeSet::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        if let (Ok(first), Ok(last)) = (first.parse::<i64>(), last.parse::<i64>()) {
            all.extend(first.max(0)..=last.min(MOST));
        }
    }
    all
}

/// Numbers in the form `0,2-4`.
pub(super) fn text(all: &BTreeSet<i64>) -> String {
    let mut runs: Vec<(i64, i64)> = Vec::new();
    for index in all {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == *index => *last = *index,
            _ => runs.push((*index, *index)),
        }
    }
    let mut out = String::new();
    for (first, last) in runs {
        let comma = if out.is_empty() { "" } else { "," };
        // Writing to a String does not fail.
        let _ = match last - first {
            0 => write!(out, "{comma}{first}"),
            1 => write!(out, "{comma}{first},{last}"),
            _ => write!(out, "{comma}{first}-{last}"),
        };
    }
    out
}

/// The numbers that are neither done, nor given up, nor being worked on.
pub(super) fn open(
    job: &Value,
    status: &Value,
    active: &[Arc<Value>],
) -> impl Iterator<Item = i64> + use<> {
    let mut taken = parse(status["completedIndexes"].as_str().unwrap_or_default());
    taken.extend(parse(status["failedIndexes"].as_str().unwrap_or_default()));
    taken.extend(active.iter().filter_map(|p| of(p)));
    let count = number(&job["spec"]["completions"]).min(MOST);
    (0..count).filter(move |i| !taken.contains(i))
}

/// Gives a Pod its number.
pub(super) fn number_pod(pod: &mut Value, job: &str, index: i64) {
    let metadata = &mut pod["metadata"];
    metadata["annotations"][INDEX] = json!(index.to_string());
    metadata["labels"][INDEX] = json!(index.to_string());
    metadata["generateName"] = json!(format!("{job}-{index}-"));
    pod["spec"]["hostname"] = json!(format!("{job}-{index}"));
    let path = format!("metadata.labels['{INDEX}']");
    let variable =
        json!({"name": "JOB_COMPLETION_INDEX", "valueFrom": {"fieldRef": {"fieldPath": path}}});
    for list in ["initContainers", "containers"] {
        let all = pod["spec"][list].as_array_mut().into_iter().flatten();
        for container in all {
            match container["env"].as_array_mut() {
                Some(env) => env.push(variable.clone()),
                None => container["env"] = json!([variable]),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_they_are_written() {
        for form in ["", "0", "0,1", "0-2", "1,3-5,7,8"] {
            assert_eq!(text(&parse(form)), form);
        }
        assert_eq!(parse("x,-1,2-1").len(), 0);
        assert!(parse("0-99999999999").len() <= 100_001);
    }
}
