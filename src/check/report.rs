//! The outcome of a verification as a value, which renderers turn into text.

use jiff::Timestamp;

use super::verdict::{Outcome, Verdict};
use crate::lab::text::Text;

/// The report of one lab.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Lab id.
    pub lab: String,
    /// Lab number.
    pub number: u32,
    /// Lab title.
    pub title: Text,
    /// The learner.
    pub student: String,
    /// The API server's URL.
    pub cluster: String,
    /// The client that commands are shown for: `oc` or `kubectl`.
    pub client: String,
    /// When.
    pub at: Timestamp,
    /// The steps, in order.
    pub steps: Vec<StepReport>,
}

/// One step.
#[derive(Debug, Clone, PartialEq)]
pub struct StepReport {
    /// Step id.
    pub id: String,
    /// Its number, from 1.
    pub number: usize,
    /// Its title.
    pub title: Text,
    /// Its outcome.
    pub outcome: Outcome,
    /// The number of the step that it waits for, if blocked.
    pub blocked_by: Option<usize>,
    /// Why it is skipped, if it is.
    pub skipped: Option<Text>,
    /// When it passed first, if it did and does not any more: a regression.
    pub regressed: Option<Timestamp>,
    /// When it passed, if it is not looked at again because later steps undo it.
    pub kept: Option<Timestamp>,
    /// Whether it is optional.
    pub optional: bool,
    /// The checks.
    pub checks: Vec<CheckReport>,
}

/// One check.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckReport {
    /// Check id.
    pub id: String,
    /// What is true when it passes.
    pub title: Text,
    /// The verdict.
    pub verdict: Verdict,
    /// The author's own sentence, for one that failed.
    pub fail: Option<Text>,
    /// Seconds in which it is normal to wait, where the lab says.
    pub within: Option<u64>,
    /// Whether it is optional.
    pub optional: bool,
}

impl Report {
    /// The exit code of the design: 0 all pass, 1 some fail, 3 could not check, 4 still converging. An optional step
    /// counts where it alone was asked for.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        let alone = self.steps.len() == 1;
        let counts = self.steps.iter().filter(|s| alone || !s.optional);
        let counted = |o: Outcome| counts.clone().any(|s| s.outcome == o);
        if counted(Outcome::Fail) {
            1
        } else if counted(Outcome::Error) {
            3
        } else if counted(Outcome::Waiting) {
            4
        } else {
            u8::from(counted(Outcome::Blocked))
        }
    }

    /// How many steps passed, and how many there are on this cluster.
    #[must_use]
    pub fn progress(&self) -> (usize, usize) {
        let here = self.steps.iter().filter(|s| s.outcome != Outcome::Skipped);
        (
            here.clone().filter(|s| s.outcome == Outcome::Pass).count(),
            here.count(),
        )
    }
}
