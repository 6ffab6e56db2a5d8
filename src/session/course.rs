//! The steps of a lab in order, judged on one snapshot. Pure.

use std::{collections::BTreeMap, time::Duration};

use serde_json::Value;

use super::{
    progress::{Missing, Progress},
    served::Served,
};
use crate::{
    check::{
        evaluate::{self, Known},
        plan,
        report::{CheckReport, StepReport},
        verdict::{Finding, Outcome, Verdict},
    },
    cluster::snapshot::{Answer, Obstacle, ObstacleKind, Read, Snapshot},
    lab::{
        model::{Check, Lab, ObjectRef, Step, Subject},
        text::Text,
    },
};

/// A lab with what is known of the cluster and the learner.
#[derive(Debug, Clone, Copy)]
pub struct Course<'a> {
    /// The lab.
    pub lab: &'a Lab,
    /// What the cluster serves.
    pub served: &'a Served,
    /// The learner's record.
    pub progress: &'a Progress,
    /// `oc` or `kubectl`.
    pub client: &'a str,
}

/// What a snapshot says of the steps.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Judged {
    /// The steps, in order.
    pub steps: Vec<StepReport>,
    /// Baselines that were taken: step id, then name and value.
    pub baselines: BTreeMap<String, BTreeMap<String, Value>>,
    /// What was not there of what the steps name, by step id.
    pub missing: BTreeMap<String, Missing>,
}

impl<'a> Course<'a> {
    /// The steps that exist on this cluster, with their numbers, from 1.
    pub fn steps(self) -> impl Iterator<Item = (usize, &'a Step)> {
        let here = move |s: &&Step| self.served.lacks(&s.when).is_none();
        (1..).zip(self.lab.steps.iter().filter(here))
    }

    /// The step that comes next: the first that has to be done and has never passed.
    #[must_use]
    pub fn current(self) -> Option<(usize, &'a Step)> {
        let passed = |s: &Step| self.progress.step(&s.id).passed_at.is_some();
        self.steps().find(|(_, s)| !s.optional && !passed(s))
    }

    /// The optional steps between the last one that passed and the current one: what the learner may do now or leave.
    #[must_use]
    pub fn open_options(self) -> Vec<(usize, &'a Step)> {
        let current = self.current().map(|(number, _)| number);
        let passed = |s: &Step| self.progress.step(&s.id).passed_at.is_some();
        let mut open = Vec::new();
        for (number, step) in self.steps() {
            if Some(number) == current {
                break;
            } else if passed(step) {
                open.clear();
            } else {
                open.push((number, step));
            }
        }
        open
    }

    /// Everything that has to be read for these steps, or for all.
    #[must_use]
    pub fn reads(self, only: Option<&str>) -> Vec<Read> {
        let wanted = |s: &&Step| only.is_none_or(|id| s.id == id);
        let steps = self.steps().map(|(_, s)| s).filter(wanted);
        steps.flat_map(|s| self.reads_of(s)).collect()
    }

    fn reads_of(self, step: &Step) -> Vec<Read> {
        if self.stays_passed(step) {
            return Vec::new();
        }
        let progress = self.progress.step(&step.id);
        let kept = |name: &String| progress.baseline.contains_key(name);
        let baselines = step.baseline.iter().filter(|(name, _)| !kept(name));
        self.checks(step)
            .flat_map(plan::reads)
            .chain(baselines.map(|(_, b)| plan::given_read(&b.given)))
            .collect()
    }

    /// The reads that only the first answers name, such as an address, and those that say why something is not ready.
    #[must_use]
    pub fn further_reads(self, only: Option<&str>, seen: &Snapshot) -> Vec<Read> {
        let wanted = |s: &&Step| only.is_none_or(|id| s.id == id);
        let steps = self.steps().map(|(_, s)| s).filter(wanted);
        let mut reads = Vec::new();
        for step in steps.filter(|s| !self.stays_passed(s)) {
            for check in self.checks(step) {
                reads.extend(plan::follow_up(check, seen));
            }
        }
        reads.retain(|r| !seen.answers.contains_key(r));
        reads
    }

    /// What to read to say why these steps are not done.
    #[must_use]
    pub fn evidence(self, judged: &Judged, seen: &Snapshot) -> Vec<Read> {
        let open = |step: &&Step| {
            let report = judged.steps.iter().find(|r| r.id == step.id);
            report.is_some_and(|r| matches!(r.outcome, Outcome::Fail | Outcome::Waiting))
        };
        let steps = self.steps().map(|(_, s)| s).filter(open);
        let mut reads: Vec<Read> = steps
            .flat_map(|s| self.checks(s).collect::<Vec<_>>())
            .flat_map(|c| plan::evidence(c, seen))
            .collect();
        reads.retain(|r| !seen.answers.contains_key(r));
        reads
    }

    /// The checks of a step that exist on this cluster.
    fn checks(self, step: &'a Step) -> impl Iterator<Item = &'a Check> {
        let here = move |c: &&Check| self.served.lacks(&c.when).is_none();
        step.checks.iter().filter(here)
    }

    /// Judges the steps in order: what comes after a step that was never done is blocked. With `only`, that step alone.
    #[must_use]
    pub fn judge(self, only: Option<&str>, seen: &Snapshot) -> Judged {
        let mut judged = Judged::default();
        let (mut number, mut open) = (0, None);
        for step in &self.lab.steps {
            let lacks = self.served.lacks(&step.when);
            if lacks.is_none() {
                number += 1;
            }
            if only.is_some_and(|id| id != step.id) {
                continue;
            }
            let empty = Self::empty(step, number);
            let report = if let Some(reason) = lacks {
                StepReport {
                    outcome: Outcome::Skipped,
                    skipped: Some(reason),
                    ..empty
                }
            } else if self.stays_passed(step) {
                StepReport {
                    kept: self.progress.step(&step.id).passed_at,
                    ..empty
                }
            } else if let Some(first) = open.or_else(|| only.and(self.too_early(step))) {
                StepReport {
                    outcome: Outcome::Blocked,
                    blocked_by: Some(first),
                    ..empty
                }
            } else {
                let missing = self.missing(step, seen);
                judged.missing.insert(step.id.clone(), missing);
                self.step(step, empty, seen, &mut judged.baselines)
            };
            let done = matches!(report.outcome, Outcome::Pass | Outcome::Skipped);
            // A step that passed before holds nobody up: it is told of beside the one that the learner is at. But without its
            // project no step can do anything.
            let passed_before = self.progress.step(&step.id).passed_at.is_some();
            let holds_up = !passed_before || self.checks(step).any(|c| is_without_project(c, seen));
            if !done && !step.optional && holds_up && open.is_none() {
                open = Some(number);
            }
            judged.steps.push(report);
        }
        judged
    }

    /// The number of the open step before this one, if this one compares with what was there when it began: no baseline
    /// can be taken yet.
    fn too_early(self, step: &Step) -> Option<usize> {
        let (number, current) = self.current()?;
        let before = self.steps().take_while(|(_, s)| s.id != step.id);
        let open = before.into_iter().any(|(_, s)| s.id == current.id);
        (open && !step.baseline.is_empty()).then_some(number)
    }

    /// Whether it passed once and is to be undone by a later step.
    fn stays_passed(self, step: &Step) -> bool {
        step.once && self.progress.step(&step.id).passed_at.is_some()
    }

    fn empty(step: &Step, number: usize) -> StepReport {
        StepReport {
            id: step.id.clone(),
            number,
            title: step.title.clone(),
            outcome: Outcome::Pass,
            blocked_by: None,
            skipped: None,
            regressed: None,
            kept: None,
            optional: step.optional,
            checks: Vec::new(),
        }
    }

    fn step(
        self,
        step: &Step,
        empty: StepReport,
        seen: &Snapshot,
        taken: &mut BTreeMap<String, BTreeMap<String, Value>>,
    ) -> StepReport {
        let before = self.progress.step(&step.id);
        let mut baseline = before.baseline;
        let mut trouble = None;
        for (name, wanted) in &step.baseline {
            if baseline.contains_key(name) {
                continue;
            }
            match evaluate::keep(&wanted.given, &wanted.keep, seen) {
                Ok(kept) => {
                    baseline.insert(name.clone(), kept.clone());
                    let of_step = taken.entry(step.id.clone()).or_default();
                    of_step.insert(name.clone(), kept);
                }
                Err(obstacle) => trouble = Some(obstacle),
            }
        }
        let age = self.unchanged_for(step, seen);
        let mut checks: Vec<CheckReport> = step
            .checks
            .iter()
            .map(|check| {
                let known = Known {
                    params: self.lab.params.clone(),
                    baseline: baseline.clone(),
                    answer: before.answers.get(&check.id).cloned(),
                    client: self.client.to_owned(),
                    step: step.id.clone(),
                    unchanged_for: age,
                };
                let new = before.passed_at.is_none();
                let mut report = self.check(check, &known, new, trouble.as_ref(), seen);
                if !new && is_without_project(check, seen) {
                    report.verdict = with_advice(report.verdict, Some(&self.start_over()));
                }
                report
            })
            .collect();
        nothing_to_wait_for(step, &mut checks, seen);
        let outcome = outcome(&checks);
        StepReport {
            outcome,
            // What could not be checked may pass as before.
            regressed: before
                .passed_at
                .filter(|_| matches!(outcome, Outcome::Fail | Outcome::Waiting)),
            checks,
            ..empty
        }
    }

    fn check(
        self,
        check: &Check,
        known: &Known,
        new: bool,
        trouble: Option<&Obstacle>,
        seen: &Snapshot,
    ) -> CheckReport {
        let verdict = match (self.served.lacks(&check.when), trouble) {
            (Some(reason), _) => Verdict::Skipped(reason),
            (None, Some(obstacle)) => Verdict::Error(obstacle.clone()),
            (None, None) => evaluate::evaluate(check, seen, known),
        };
        let verdict = match (verdict, check.stable, known.unchanged_for) {
            (Verdict::Pass, Some(stable), Some(age)) if new && age < stable => {
                Verdict::Waiting(Box::new(must_hold(stable, age)), age)
            }
            (verdict, ..) => verdict,
        };
        // What an author says of a wrong object misleads about one that is missing.
        let failed = matches!(verdict, Verdict::Fail(_)) && !plan::is_missing(check, seen);
        let advice = check.next.as_ref().filter(|_| failed);
        CheckReport {
            id: check.id.clone(),
            title: check.title.clone(),
            verdict: with_advice(verdict, advice),
            fail: check.fail.clone().filter(|_| failed),
            within: check.within.map(|w| w.as_secs()),
            optional: check.optional,
        }
    }

    /// What to do where a lab's project is gone.
    fn start_over(self) -> Text {
        let number = self.lab.number;
        Text::new(
            format!("`ccnr lab start {number}` starts the lab over, from this step on"),
            format!("`ccnr lab start {number}` で、このステップからラボをやり直せます"),
        )
    }

    /// What is not there of what the checks of a step name, and since when. At the first look nothing tells whether it
    /// ever was, but for what is to be gone.
    fn missing(self, step: &Step, seen: &Snapshot) -> Missing {
        let missing = self.checks(step).filter(|c| plan::is_missing(c, seen));
        let objects = missing
            .filter_map(object)
            .map(ToString::to_string)
            .collect();
        let mut unwanted = self.checks(step).filter(|c| is_unwanted(c)).peekable();
        let gone = unwanted.peek().is_some() && unwanted.all(|c| plan::is_missing(c, seen));
        let since = match self.progress.step(&step.id).missing {
            Some(before) if before.objects == objects => before.since,
            Some(_) => Some(seen.at),
            None => gone.then_some(seen.at),
        };
        Missing { objects, since }
    }

    /// How long ago something of the step last changed. A step that looks at no objects changed when it began.
    fn unchanged_for(self, step: &Step, seen: &Snapshot) -> Option<Duration> {
        let reads: Vec<Read> = self.checks(step).flat_map(plan::reads).collect();
        let objects = |r: &&Read| matches!(r, Read::Object(_) | Read::List(_));
        let changed = if reads.iter().any(|r| objects(&r)) {
            reads
                .iter()
                .filter(objects)
                .filter_map(|r| plan::changed_at(r, seen))
                .max()
        } else {
            let passes = self.progress.steps.values().filter_map(|s| s.passed_at);
            passes.chain(self.progress.started_at).max()
        };
        let changed = changed.max(self.missing(step, seen).since);
        let age = seen.at.duration_since(changed?);
        // The cluster's clock may be ahead of ours.
        Some(Duration::try_from(age).unwrap_or_default())
    }
}

/// What the learner has to make first does not come by waiting: where one check fails because its object is not there, the
/// others on that object fail with it.
fn nothing_to_wait_for(step: &Step, reports: &mut [CheckReport], seen: &Snapshot) {
    let missing = |check: &Check| {
        object(check)
            .filter(|_| plan::is_missing(check, seen))
            .cloned()
    };
    let failed = |r: &CheckReport| matches!(r.verdict, Verdict::Fail(_));
    let to_make: Vec<ObjectRef> = step
        .checks
        .iter()
        .zip(reports.iter())
        .filter(|(_, report)| failed(report))
        .filter_map(|(check, _)| missing(check))
        .collect();
    for (check, report) in step.checks.iter().zip(reports) {
        if missing(check).is_some_and(|object| to_make.contains(&object))
            && let Verdict::Waiting(finding, _) = &report.verdict
        {
            report.verdict = Verdict::Fail(finding.clone());
        }
    }
}

/// The object that a check names.
fn object(check: &Check) -> Option<&ObjectRef> {
    match &check.subject {
        Subject::Object { object, .. } => Some(object),
        _ => None,
    }
}

/// Whether a check wants a project that is not there, or not to be seen, which is the same to a student.
fn is_without_project(check: &Check, seen: &Snapshot) -> bool {
    let Some(project) = object(check).filter(|o| o.kind == "Namespace" && !is_unwanted(check))
    else {
        return false;
    };
    match seen.answers.get(&Read::Object(project.clone())) {
        Some(Ok(Answer::Missing)) => true,
        Some(Err(obstacle)) => obstacle.kind == ObstacleKind::Forbidden,
        _ => false,
    }
}

/// Whether the check wants an object gone.
fn is_unwanted(check: &Check) -> bool {
    matches!(check.subject, Subject::Object { absent: true, .. })
}

/// What a step comes to. The learner's part is told before trouble, and trouble before waiting.
fn outcome(checks: &[CheckReport]) -> Outcome {
    let required = || checks.iter().filter(|c| !c.optional);
    let is = |o: Outcome| required().any(|c| c.verdict.outcome() == o);
    [Outcome::Fail, Outcome::Error, Outcome::Waiting]
        .into_iter()
        .find(|o| is(*o))
        .unwrap_or(Outcome::Pass)
}

/// The author's advice, where the program has none of its own.
fn with_advice(mut verdict: Verdict, next: Option<&Text>) -> Verdict {
    if let (Verdict::Fail(finding), Some(next)) = (&mut verdict, next) {
        finding.next.get_or_insert_with(|| next.clone());
    }
    verdict
}

fn must_hold(stable: Duration, age: Duration) -> Finding {
    let (stable, age) = (stable.as_secs(), age.as_secs());
    Finding {
        expected: Text::new(
            format!("it holds for {stable} s"),
            format!("{stable} 秒間その状態が続くこと"),
        ),
        observed: Text::new(
            format!("it has held for {age} s"),
            format!("{age} 秒間続いています"),
        ),
        ..Finding::default()
    }
}
