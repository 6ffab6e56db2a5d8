//! What a check comes to, and why.

use std::time::Duration;

use serde::Serialize;

use crate::cluster::snapshot::Obstacle;
use crate::lab::{model::ObjectRef, text::Text};

/// The verdict of one check, or of one step.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// It holds.
    Pass,
    /// It does not, and that is the learner's.
    Fail(Box<Finding>),
    /// Not yet: still converging, so long already.
    Waiting(Box<Finding>, Duration),
    /// An earlier step comes first: its number.
    Blocked(usize),
    /// Could not be checked.
    Error(Obstacle),
    /// Not on this cluster, for this reason.
    Skipped(Text),
}

/// The name of a verdict, as reports write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It holds.
    Pass,
    /// It does not.
    Fail,
    /// Not yet.
    Waiting,
    /// An earlier step comes first.
    Blocked,
    /// Could not be checked.
    Error,
    /// Not on this cluster.
    Skipped,
}

impl Verdict {
    /// The verdict's name.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Pass => Outcome::Pass,
            Self::Fail(_) => Outcome::Fail,
            Self::Waiting(..) => Outcome::Waiting,
            Self::Blocked(_) => Outcome::Blocked,
            Self::Error(_) => Outcome::Error,
            Self::Skipped(_) => Outcome::Skipped,
        }
    }
}

/// What was expected, what was seen, why, and what to do.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Finding {
    /// What was expected.
    pub expected: Text,
    /// What was observed.
    pub observed: Text,
    /// Why, where that is known.
    pub cause: Option<Cause>,
    /// A command that shows it.
    pub see: Option<String>,
    /// What to do next.
    pub next: Option<Text>,
    /// The objects that it is about.
    pub objects: Vec<ObjectRef>,
}

/// A known cause, with a stable code such as `ImagePull`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// Stable code.
    pub code: &'static str,
    /// In words.
    pub text: Text,
}
