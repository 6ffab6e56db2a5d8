//! Solutions: the actions of a step, its answers, and the wait until it passes.

use std::time::Duration;

use tokio::time::Instant;

use super::{Error, Session, actions::Decide};
use crate::{
    check::{
        evaluate::{self, Known},
        report::{CheckReport, StepReport},
        verdict::Outcome,
    },
    cluster::{pauses::Pauses, snapshot::Obstacle},
    lab::model::Subject,
};

/// The longest pause between two looks.
const PAUSE: Duration = Duration::from_millis(500);
/// For how long a solved step may fail without a check that is still waiting.
const FAILS: Duration = Duration::from_secs(15);
/// What a step may take beyond the time of its slowest check.
const GRACE: Duration = Duration::from_secs(30);

impl Session {
    /// The steps that a solution of `wanted` consists of: it alone or, with `through`, all up to it that are open or no
    /// longer pass.
    pub async fn to_solve(&self, wanted: &str, through: bool) -> Result<Vec<String>, Error> {
        if !through {
            return Ok(vec![wanted.to_owned()]);
        }
        let (judged, _) = self.look(None).await?;
        let mut ids = Vec::new();
        for (_, step) in self.course().steps() {
            let now = judged.steps.iter().find(|s| s.id == step.id);
            let regressed = now.is_some_and(|s| s.regressed.is_some());
            let open = self.progress.step(&step.id).passed_at.is_none() || regressed;
            if step.id == wanted || open {
                ids.push(step.id.clone());
            }
            if step.id == wanted {
                break;
            }
        }
        Ok(ids)
    }

    /// Solves one step and waits until it passes.
    pub async fn solve(&mut self, step: &str, decide: Decide<'_>) -> Result<StepReport, Error> {
        self.adopt().await?;
        let (before, _) = self.look(Some(step)).await?;
        self.record(&before);
        match before.steps.into_iter().next() {
            Some(report) if report.outcome == Outcome::Pass => {
                self.prepare().await?;
                self.save().await?;
                return Ok(report);
            }
            Some(report) if report.outcome == Outcome::Blocked => {
                return Err(Error::TooEarly {
                    step: step.to_owned(),
                    first: report.blocked_by.unwrap_or_default(),
                });
            }
            _ => {}
        }
        let found = self.find_step(step)?.1.clone();
        // What is remembered so far has to outlive a solution that breaks off.
        self.save().await?;
        for action in &found.solve {
            self.perform(action, Some(step), decide).await?;
        }
        self.progress.step_mut(step).solved = true;
        self.adopt().await?;
        let longest = found.checks.iter().filter_map(|c| c.within).max();
        let deadline = Instant::now() + longest.unwrap_or_default() + GRACE;
        let mut failing = Instant::now();
        let mut pauses = Pauses::up_to(PAUSE);
        let report = loop {
            self.answer_all(&found).await?;
            let (judged, _) = self.look(Some(step)).await?;
            self.record(&judged);
            let Some(report) = judged.steps.into_iter().next() else {
                let number = self.loaded.lab.number;
                return Err(Error::NotStarted { number });
            };
            // What converges is waiting; what fails for long, and waits for nothing, does not get there.
            let waits = |c: &CheckReport| !c.optional && c.verdict.outcome() == Outcome::Waiting;
            if report.outcome != Outcome::Fail || report.checks.iter().any(waits) {
                failing = Instant::now();
            }
            if matches!(report.outcome, Outcome::Pass | Outcome::Skipped)
                || Instant::now() > deadline
                || failing.elapsed() > FAILS
            {
                break report;
            }
            pauses.pause().await;
        };
        self.prepare().await?;
        self.save().await?;
        if matches!(report.outcome, Outcome::Pass | Outcome::Skipped) {
            return Ok(report);
        }
        Err(Error::Unsolved {
            step: step.to_owned(),
            report: Box::new(report),
        })
    }

    /// Answers the questions of a step with what the cluster says.
    async fn answer_all(&mut self, step: &crate::lab::model::Step) -> Result<(), Obstacle> {
        let asks = |s: &Subject| matches!(s, Subject::Question { .. });
        for check in step.checks.iter().filter(|c| asks(&c.subject)) {
            let seen = self
                .cluster
                .snapshot(crate::check::plan::reads(check))
                .await;
            let known = Known {
                params: self.loaded.lab.params.clone(),
                baseline: self.progress.step(&step.id).baseline,
                client: self.client.to_owned(),
                ..Known::default()
            };
            if let Some(answer) = evaluate::accepted_answer(check, &seen, &known)? {
                let answers = &mut self.progress.step_mut(&step.id).answers;
                answers.insert(check.id.clone(), answer);
            }
        }
        Ok(())
    }

    /// Remembers the learner's answer to the question of a step: `STEP`, or `STEP/CHECK` where there are several.
    /// Gives the step's id.
    pub fn answer(&mut self, wanted: &str, value: &str) -> Result<String, Error> {
        let (wanted, check) = match wanted.split_once('/') {
            Some((step, check)) => (step, Some(check)),
            None => (wanted, None),
        };
        let (_, id) = self.step(wanted)?;
        let of_step = self.loaded.lab.steps.iter().filter(|s| s.id == id);
        let questions: Vec<&str> = of_step
            .flat_map(|s| &s.checks)
            .filter(|c| matches!(c.subject, Subject::Question { .. }))
            .map(|c| c.id.as_str())
            .collect();
        let question = match (check, questions.as_slice()) {
            (_, []) => return Err(Error::NoQuestion { step: id }),
            (None, [only]) => (*only).to_owned(),
            (Some(check), all) if all.contains(&check) => check.to_owned(),
            (_, all) => {
                let known = all.iter().map(|q| format!("{id}/{q}")).collect();
                return Err(Error::WhichQuestion { step: id, known });
            }
        };
        let answers = &mut self.progress.step_mut(&id).answers;
        answers.insert(question, value.to_owned());
        Ok(id)
    }
}
