//! The board of a class: students × steps, judged by the same pure checks as each student's own `lab verify`, on objects that a
//! few lists over the whole cluster read. The number of requests depends on kinds and pages, never on students.

mod choose;
mod judge;
mod live;
pub mod picture;
mod scope;
mod selector;
mod tally;
pub mod web;
mod world;

use jiff::Timestamp;

pub use self::{
    choose::Filter,
    judge::{board, row},
    live::{Depth, Watcher},
    scope::{Pupil, Scope},
    world::World,
};
use crate::{
    check::verdict::Outcome,
    cluster::snapshot::Read,
    lab::text::{Lang, Text},
};

/// A class at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Board {
    /// The class's name.
    pub class: String,
    /// When, by the cluster's clock.
    pub at: Timestamp,
    /// Its labs, in the class's order.
    pub labs: Vec<LabBoard>,
}

/// One lab of a class.
#[derive(Debug, Clone, PartialEq)]
pub struct LabBoard {
    /// Id.
    pub id: String,
    /// Number.
    pub number: u32,
    /// Title.
    pub title: Text,
    /// The steps that exist on this cluster.
    pub steps: Vec<Head>,
    /// A row for each student, in the class's order.
    pub rows: Vec<Row>,
    /// What all rows come to, also those that are not shown.
    pub totals: Totals,
}

/// How far a class is in a lab.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// How many students there are.
    pub students: usize,
    /// How many have begun.
    pub begun: usize,
    /// How many are done.
    pub done: usize,
    /// The number of the step that the middle one of those who have begun is at; one more than there are where that one is done.
    pub median_step: Option<usize>,
}

/// What is above a column.
#[derive(Debug, Clone, PartialEq)]
pub struct Head {
    /// The step's id.
    pub id: String,
    /// Its number, from 1.
    pub number: usize,
    /// Its title.
    pub title: Text,
    /// Whether it is optional.
    pub optional: bool,
    /// How many students have done it.
    pub done: usize,
    /// How many are at it.
    pub here: usize,
    /// How long it took, in seconds: the median of those whose records tell.
    pub median: Option<u64>,
}

/// One student in one lab.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The student's id.
    pub student: String,
    /// The person's name.
    pub name: Option<String>,
    /// When the student started the lab, by the record; none before.
    pub started: Option<Timestamp>,
    /// One for each step.
    pub cells: Vec<Cell>,
    /// The column of the step that the student is at; none where the lab is done or was not started.
    pub current: Option<usize>,
    /// Since when that is the step.
    pub since: Option<Timestamp>,
    /// How long each step took, in seconds, as far as the record tells.
    pub spent: Vec<Option<u64>>,
    /// What its checks read that no list answers, with whether it is needed for what is not done yet.
    pub wanted: Vec<(Read, bool)>,
}

/// One step of one student.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// The outcome.
    pub outcome: Outcome,
    /// Why it is not done, where it is open.
    pub why: Option<Why>,
    /// When the student's own record said that it passed, where that is all there is to tell it by.
    pub recorded: Option<Timestamp>,
    /// When the oldest answer was given that no list gives.
    pub asked: Option<Timestamp>,
    /// When it passed first, if it did and does not any more.
    pub regressed: Option<Timestamp>,
    /// Whether something that it depends on was not asked yet.
    pub unasked: bool,
}

/// Why a step is not done: its first check that is not met.
#[derive(Debug, Clone, PartialEq)]
pub struct Why {
    /// The check's id.
    pub check: String,
    /// What is true when it passes.
    pub title: Text,
    /// What is wrong, in a sentence.
    pub text: Text,
    /// The code of a known cause.
    pub code: Option<String>,
}

impl Why {
    /// What is wrong, in one line: beside a known cause, what should be is not needed to understand it.
    #[must_use]
    pub fn sentence(&self, lang: Lang) -> String {
        let first = |text: &Text| text.get(lang).lines().next().unwrap_or_default().to_owned();
        let (title, text) = (first(&self.title), first(&self.text));
        match (&self.code, text.is_empty()) {
            (_, true) => title,
            (Some(_), false) => text,
            (None, false) => format!("{title}: {text}"),
        }
    }
}

impl Cell {
    /// Whether nothing is left to do.
    #[must_use]
    pub fn is_done(&self) -> bool {
        matches!(self.outcome, Outcome::Pass | Outcome::Skipped)
    }
}

impl Row {
    /// The cell of the step that the student is at.
    #[must_use]
    pub fn open(&self) -> Option<&Cell> {
        self.cells.get(self.current?)
    }

    /// Whether the lab is done.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.started.is_some() && self.current.is_none()
    }

    /// Whether the student is at a step that fails.
    #[must_use]
    pub fn is_stuck(&self) -> bool {
        self.open().is_some_and(|c| c.outcome == Outcome::Fail)
    }
}

impl Board {
    /// The exit code, as of `lab verify`: 0 all pass, 1 some fail or are not there yet, 3 could not check, 4 still converging.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        let mut codes: Vec<u8> = Vec::new();
        for lab in &self.labs {
            for row in &lab.rows {
                let counts = lab.steps.iter().zip(&row.cells);
                let counts = counts
                    .filter(|(head, _)| !head.optional)
                    .map(|(_, cell)| cell.outcome);
                codes.extend(counts.map(|outcome| match outcome {
                    Outcome::Pass | Outcome::Skipped => 0,
                    Outcome::Fail => 1,
                    Outcome::Error => 3,
                    Outcome::Waiting => 4,
                    Outcome::Blocked => u8::MAX,
                }));
                if row.started.is_none() {
                    codes.push(1);
                }
            }
        }
        // What is blocked counts as not done, unless what blocks it says more.
        for code in [1, 3, 4] {
            if codes.contains(&code) {
                return code;
            }
        }
        u8::from(codes.contains(&u8::MAX))
    }
}
