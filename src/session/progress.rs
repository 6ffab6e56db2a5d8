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
    /// When this was written last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<Timestamp>,
    /// The projects that were made in this lab, by name with their uid.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub projects: BTreeMap<String, String>,
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

    /// Of two records of the same lab, the one that was written last.
    #[must_use]
    pub fn newer(self, other: Self) -> Self {
        if other.updated_at > self.updated_at {
            other
        } else {
            self
        }
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

    #[test]
    fn the_last_record_wins() {
        let at = |text: &str| Progress {
            updated_at: text.parse().ok(),
            ..Progress::default()
        };
        let (old, new) = (at("2026-01-01T00:00:00Z"), at("2026-01-02T00:00:00Z"));
        assert_eq!(old.clone().newer(new.clone()), new);
        assert_eq!(new.clone().newer(old.clone()), new);
        assert_eq!(Progress::default().newer(old.clone()), old);
    }
}
