//! What the cluster can't tell: baselines, answers, hints used, first passes. Fields of newer versions are kept.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The progress in one lab.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Progress {
    /// When the lab was started; none before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// Who started it, as the API server knows them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// When this was written last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<Timestamp>,
    /// The projects that were made in this lab, by name with their uid.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub projects: BTreeMap<String, String>,
    /// The projects of this lab that an instructor made, by name with their uid.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub given: BTreeMap<String, String>,
    /// Whether this was written into the lab's project too.
    #[serde(skip_serializing_if = "is_false")]
    pub shared: bool,
    /// By step id.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub steps: BTreeMap<String, StepProgress>,
    /// What this version does not know.
    #[serde(flatten)]
    pub unknown: Map<String, Value>,
}

/// The progress in one step.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct StepProgress {
    /// When it passed first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passed_at: Option<Timestamp>,
    /// Hints that were shown.
    #[serde(skip_serializing_if = "is_zero")]
    pub hints: usize,
    /// Whether its solution was applied.
    #[serde(skip_serializing_if = "is_false")]
    pub solved: bool,
    /// What was kept when the step began, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub baseline: BTreeMap<String, Value>,
    /// Answers to its questions, by check id.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub answers: BTreeMap<String, String>,
    /// What its checks name that was not there when we last looked; none before the first look.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing: Option<Missing>,
    /// What this version does not know.
    #[serde(flatten)]
    pub unknown: Map<String, Value>,
}

/// Objects that are not there. When they went, only who looks again and again can say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Missing {
    /// Which, as `KIND NAMESPACE/NAME`.
    pub objects: BTreeSet<String>,
    /// When we saw first that it is these; none where nothing shows that it was ever otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
}

// serde's skip_serializing_if passes references.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_false(value: &bool) -> bool {
    !*value
}

impl Progress {
    /// The progress in a step; the default where there is none yet.
    #[must_use]
    pub fn step(&self, id: &str) -> StepProgress {
        self.steps.get(id).cloned().unwrap_or_default()
    }

    /// The progress in a step, to change it.
    pub fn step_mut(&mut self, id: &str) -> &mut StepProgress {
        self.steps.entry(id.to_owned()).or_default()
    }

    /// Two records of a lab as one. Of two runs the later one counts alone; within one run nothing is lost.
    #[must_use]
    pub fn merged(self, other: Self) -> Self {
        let run = |p: &Self| p.started_at;
        let (mut newer, older) = if (run(&other), other.updated_at) > (run(&self), self.updated_at)
        {
            (other, self)
        } else {
            (self, other)
        };
        if run(&newer) != run(&older) {
            return newer;
        }
        for (name, uid) in older.projects {
            newer.projects.entry(name).or_insert(uid);
        }
        for (name, uid) in older.given {
            newer.given.entry(name).or_insert(uid);
        }
        newer.shared |= older.shared;
        for (id, step) in older.steps {
            let known = newer.steps.remove(&id).unwrap_or_default();
            newer.steps.insert(id, known.merged(step));
        }
        newer
    }
}

impl StepProgress {
    /// With what an older record of the same step has, and this one has not.
    fn merged(mut self, older: Self) -> Self {
        self.passed_at = match (self.passed_at, older.passed_at) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        self.hints = self.hints.max(older.hints);
        self.solved |= older.solved;
        // What was kept when the step began stays.
        self.baseline.extend(older.baseline);
        for (check, answer) in older.answers {
            self.answers.entry(check).or_insert(answer);
        }
        self.missing = self.missing.or(older.missing);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_newer_version_wrote_is_kept() {
        let text = r#"{"steps":{"a":{"hints":2,"mood":"good"}},"weather":"fine"}"#;
        let progress: Progress = serde_json::from_str(text).unwrap();
        assert_eq!(progress.step("a").hints, 2);
        assert_eq!(serde_json::to_string(&progress).unwrap(), text);
    }

    fn run(started: &str, updated: &str) -> Progress {
        Progress {
            started_at: started.parse().ok(),
            updated_at: updated.parse().ok(),
            ..Progress::default()
        }
    }

    const MONDAY: &str = "2026-01-05T00:00:00Z";
    const TUESDAY: &str = "2026-01-06T00:00:00Z";

    #[test]
    fn of_two_runs_the_later_one_counts() {
        let (old, new) = (run(MONDAY, TUESDAY), run(TUESDAY, TUESDAY));
        assert_eq!(old.clone().merged(new.clone()), new);
        assert_eq!(new.clone().merged(old.clone()), new);
        assert_eq!(Progress::default().merged(old.clone()), old);
    }

    #[test]
    fn two_commands_at_once_lose_nothing_of_each_other() {
        let (mut one, mut other) = (run(MONDAY, MONDAY), run(MONDAY, TUESDAY));
        one.step_mut("a").passed_at = MONDAY.parse().ok();
        one.step_mut("b")
            .baseline
            .insert("pods".to_owned(), Value::from(1));
        one.step_mut("b")
            .answers
            .insert("q".to_owned(), "first".to_owned());
        other.step_mut("a").passed_at = TUESDAY.parse().ok();
        other.step_mut("b").hints = 2;
        other
            .step_mut("b")
            .answers
            .insert("q".to_owned(), "second".to_owned());
        for merged in [one.clone().merged(other.clone()), other.merged(one)] {
            assert_eq!(merged.step("a").passed_at, MONDAY.parse().ok());
            let step = merged.step("b");
            assert_eq!((step.hints, step.answers["q"].as_str()), (2, "second"));
            assert_eq!(step.baseline["pods"], 1);
        }
    }
}
