//! From a world to a board. Pure: no I/O, no clock but the one that is given.

use std::collections::HashMap;

use jiff::Timestamp;

use super::{
    Board, Cell, Head, LabBoard, Row, Totals, Why,
    scope::{Pupil, RECORDS, Scope},
    tally,
    world::World,
};
use crate::{
    check::{
        plan,
        report::{CheckReport, StepReport},
        verdict::{Outcome, Verdict},
    },
    cluster::snapshot::{Read, Snapshot},
    lab::{
        model::{Check, Step},
        text::Text,
    },
    session::{
        course::{Course, Judged},
        progress::Progress,
        shared,
    },
};

/// The board of all students.
#[must_use]
pub fn board(scope: &Scope, world: &World, at: Timestamp) -> Board {
    let all: Vec<usize> = (0..scope.students.len()).collect();
    let labs = (0..scope.labs.len()).filter_map(|lab| {
        let rows = rows(scope, world, lab, &all, at);
        lab_board(scope, lab, rows)
    });
    Board {
        class: scope.class.clone(),
        at,
        labs: labs.collect(),
    }
}

/// The rows of these students, in their order, on as many threads as there are processors.
fn rows(scope: &Scope, world: &World, lab: usize, students: &[usize], at: Timestamp) -> Vec<Row> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let share = students.len().div_ceil(threads).max(1);
    std::thread::scope(|threads| {
        let of = |some: &'_ [usize]| -> Vec<Row> {
            some.iter()
                .filter_map(|s| row(scope, world, lab, *s, at))
                .collect()
        };
        let running: Vec<_> = students
            .chunks(share)
            .map(|some| threads.spawn(move || of(some)))
            .collect();
        running
            .into_iter()
            .flat_map(|t| t.join().unwrap_or_default())
            .collect()
    })
}

/// The heads of a lab above its rows, with what the rows come to.
pub(super) fn lab_board(scope: &Scope, lab: usize, rows: Vec<Row>) -> Option<LabBoard> {
    let someone = scope.students.first()?;
    let lab = scope.lab(lab, &someone.id)?;
    let here = lab
        .steps
        .iter()
        .filter(|s| scope.served.lacks(&s.when).is_none());
    let heads = (1..).zip(here).map(|(number, step)| Head {
        id: step.id.clone(),
        number,
        title: step.title.clone(),
        optional: step.optional,
        done: 0,
        here: 0,
        median: None,
    });
    let mut found = LabBoard {
        id: lab.id.clone(),
        number: lab.number,
        title: lab.title.clone(),
        steps: heads.collect(),
        rows,
        totals: Totals::default(),
    };
    tally::count(&mut found);
    Some(found)
}

/// One student in one lab, by their places in the class.
#[must_use]
pub fn row(scope: &Scope, world: &World, lab: usize, student: usize, at: Timestamp) -> Option<Row> {
    let pupil = scope.students.get(student)?;
    let lab = scope.lab(lab, &pupil.id)?;
    let record = lab.projects.first().and_then(|place| {
        let object = world.get(RECORDS, place, shared::NAME)?;
        shared::held(&object, &lab.id)
    });
    let progress = record.unwrap_or_default();
    let course = Course {
        lab: &lab,
        served: &scope.served,
        progress: &progress,
        client: scope.client(),
    };
    let mut look = Look {
        world,
        pupil,
        seen: Snapshot {
            at,
            answers: HashMap::new(),
        },
        asked: HashMap::new(),
    };
    let judged = if progress.started_at.is_some() {
        look.judge(course)
    } else {
        not_begun(course)
    };
    Some(look.row(course, &judged))
}

/// A lab that was not started: nothing is judged, as `lab verify` judges nothing.
fn not_begun(course: Course<'_>) -> Judged {
    let steps = course.steps().map(|(number, step)| StepReport {
        id: step.id.clone(),
        number,
        title: step.title.clone(),
        outcome: Outcome::Blocked,
        blocked_by: None,
        skipped: None,
        regressed: None,
        kept: None,
        optional: step.optional,
        checks: Vec::new(),
    });
    Judged {
        steps: steps.collect(),
        ..Judged::default()
    }
}

/// One look at one student.
struct Look<'a> {
    world: &'a World,
    pupil: &'a Pupil,
    seen: Snapshot,
    /// When what no list answers was asked; none for what was not asked yet.
    asked: HashMap<Read, Option<Timestamp>>,
}

impl Look<'_> {
    /// As a verification looks: the reads of the plan, those that the answers name, and the evidence.
    fn judge(&mut self, course: Course<'_>) -> Judged {
        self.add(course.reads(None));
        let further = course.further_reads(None, &self.seen);
        self.add(further);
        let judged = course.judge(None, &self.seen);
        let evidence = course.evidence(&judged, &self.seen);
        if evidence.is_empty() {
            return judged;
        }
        self.add(evidence);
        course.judge(None, &self.seen)
    }

    fn add(&mut self, reads: Vec<Read>) {
        for read in reads {
            let asked = self.on_behalf(&read);
            match self.world.answer(&asked) {
                Some((answer, None)) => {
                    self.seen.answers.insert(read, answer);
                }
                Some((answer, at)) => {
                    self.asked.insert(read.clone(), at);
                    self.seen.answers.insert(read, answer);
                }
                None => {
                    self.asked.insert(read, None);
                }
            }
        }
    }

    /// What a student may do is asked for the student, not for the instructor.
    fn on_behalf(&self, read: &Read) -> Read {
        match read {
            Read::Access(access) if access.user.is_none() => {
                let mut access = access.clone();
                access.user = Some(self.pupil.user.clone());
                Read::Access(access)
            }
            other => other.clone(),
        }
    }

    fn row(&self, course: Course<'_>, judged: &Judged) -> Row {
        let progress = course.progress;
        let mut wanted = Vec::new();
        let mut cells = Vec::new();
        for (_, step) in course.steps() {
            if let Some(report) = judged.steps.iter().find(|r| r.id == step.id) {
                let (cell, reads) = self.cell(step, report, progress);
                cells.push(cell);
                wanted.extend(reads);
            }
        }
        let current = progress.started_at.and_then(|_| current(&cells, course));
        let ids: Vec<&str> = course.steps().map(|(_, s)| s.id.as_str()).collect();
        Row {
            student: self.pupil.id.clone(),
            name: self.pupil.name.clone(),
            started: progress.started_at,
            since: current.and_then(|_| since(progress)),
            spent: tally::spent(&ids, progress),
            cells,
            current,
            wanted,
        }
    }

    fn cell(
        &self,
        step: &Step,
        report: &StepReport,
        progress: &Progress,
    ) -> (Cell, Vec<(Read, bool)>) {
        let passed = progress.step(&step.id).passed_at;
        let of = |check: &Check| -> Vec<Read> {
            let mut reads = plan::reads(check);
            reads.extend(plan::follow_up(check, &self.seen));
            reads.retain(|r| self.asked.contains_key(r));
            reads
        };
        let pairs: Vec<(&Check, &CheckReport)> = step.checks.iter().zip(&report.checks).collect();
        let not_asked = |check: &Check| of(check).iter().any(|r| self.asked.get(r) == Some(&None));
        let open: Vec<&(&Check, &CheckReport)> = pairs
            .iter()
            .filter(|(_, r)| !r.optional && r.verdict.outcome() == Outcome::Error)
            .collect();
        // All that stands against it is what was not asked yet.
        let unasked = report.outcome == Outcome::Error
            && !open.is_empty()
            && open.iter().all(|(c, _)| not_asked(c));
        let recorded = report.kept.or_else(|| passed.filter(|_| unasked));
        let outcome = match (unasked, recorded) {
            (true, Some(_)) => Outcome::Pass,
            (true, None) => Outcome::Waiting,
            _ => report.outcome,
        };
        let reads: Vec<Read> = if report.checks.is_empty() {
            Vec::new()
        } else {
            pairs.iter().flat_map(|(c, _)| of(c)).collect()
        };
        let needed = outcome != Outcome::Pass;
        let told = reads
            .iter()
            .filter_map(|r| self.asked.get(r).copied().flatten())
            .min();
        let cell = Cell {
            outcome,
            why: why(report, outcome, unasked),
            recorded,
            asked: told,
            regressed: report.regressed,
            unasked,
        };
        (
            cell,
            reads.iter().map(|r| (self.on_behalf(r), needed)).collect(),
        )
    }
}

/// The column of the first step that has to be done and is not. One that passed before holds nobody up, as long as another is
/// open.
fn current(cells: &[Cell], course: Course<'_>) -> Option<usize> {
    let steps: Vec<&Step> = course.steps().map(|(_, s)| s).collect();
    let open = |i: &usize| steps.get(*i).is_some_and(|s| !s.optional) && !cells[*i].is_done();
    let new = (0..cells.len()).find(|i| open(i) && cells[*i].regressed.is_none());
    new.or_else(|| (0..cells.len()).find(open))
}

/// When the step that is open now became so: when the last one passed, or the lab was started.
fn since(progress: &Progress) -> Option<Timestamp> {
    let passes = progress.steps.values().filter_map(|s| s.passed_at);
    passes.chain(progress.started_at).max()
}

fn why(report: &StepReport, outcome: Outcome, unasked: bool) -> Option<Why> {
    if outcome == Outcome::Pass {
        return None;
    }
    let weight = |c: &&CheckReport| {
        let order = [Outcome::Fail, Outcome::Error, Outcome::Waiting];
        order.iter().position(|o| *o == c.verdict.outcome())
    };
    let against = report
        .checks
        .iter()
        .filter(|c| !c.optional && weight(c).is_some());
    let first = against.min_by_key(weight)?;
    let (text, code) = match &first.verdict {
        Verdict::Fail(f) | Verdict::Waiting(f, _) => {
            let told = f.cause.as_ref().map_or(&f.observed, |c| &c.text);
            (told.clone(), f.cause.as_ref().map(|c| c.code.to_owned()))
        }
        Verdict::Error(_) if unasked => (Text::new("not asked yet", "まだ確認していません"), None),
        Verdict::Error(o) => (o.message.clone(), None),
        _ => return None,
    };
    Some(Why {
        check: first.id.clone(),
        title: first.title.clone(),
        text,
        code,
    })
}
