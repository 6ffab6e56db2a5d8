//! Verification: plan, snapshot, verdict; and what follows from it for the record.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{Instant, sleep};

use super::{Error, Session, course::Judged};
use crate::{
    check::{report::Report, verdict::Outcome},
    cluster::snapshot::Snapshot,
};

/// The pause between two looks while waiting.
const PAUSE: Duration = Duration::from_secs(1);

/// What a verification found.
#[derive(Debug, Clone)]
pub struct Verified {
    /// The report.
    pub report: Report,
    /// The steps that passed now for the first time, by id.
    pub passed: Vec<String>,
}

impl Session {
    /// Verifies the lab, or one step. With `patience`, waits while a step that is converging at the first look still does,
    /// at most so long; `waiting` hears of every look that found it so.
    pub async fn verify(
        &mut self,
        only: Option<&str>,
        patience: Option<Duration>,
        waiting: &dyn Fn(&Report),
    ) -> Result<Verified, Error> {
        self.require_started()?;
        let deadline = patience.map(|p| Instant::now() + p);
        let mut passed = Vec::new();
        let mut awaited: Option<Vec<String>> = None;
        loop {
            self.adopt().await?;
            let (judged, at) = self.look(only).await?;
            passed.extend(self.record(&judged));
            let report = self.report(judged, at);
            // What comes after the awaited step is not begun yet: nobody waits for it.
            let converging = converging(&report);
            let awaited = awaited.get_or_insert_with(|| converging.clone());
            let goes_on = report.exit_code() == 4 && converging.iter().any(|s| awaited.contains(s));
            let early = deadline.is_some_and(|d| Instant::now() + PAUSE < d);
            if !(goes_on && early) {
                self.prepare().await?;
                self.save().await?;
                return Ok(Verified { report, passed });
            }
            // Ctrl-C while waiting loses nothing.
            self.save().await?;
            waiting(&report);
            sleep(PAUSE).await;
        }
    }

    /// One look at the cluster: the reads of the plan at once, then those that only their answers name.
    pub(super) async fn look(&self, only: Option<&str>) -> Result<(Judged, Timestamp), Error> {
        let course = self.course();
        let mut seen = self.cluster.snapshot(course.reads(only)).await;
        let further = course.further_reads(only, &seen);
        self.complete(&mut seen, further).await;
        let judged = course.judge(only, &seen);
        let evidence = course.evidence(&judged, &seen);
        if evidence.is_empty() {
            return Ok((judged, seen.at));
        }
        self.complete(&mut seen, evidence).await;
        Ok((course.judge(only, &seen), seen.at))
    }

    async fn complete(&self, seen: &mut Snapshot, reads: Vec<crate::cluster::snapshot::Read>) {
        if !reads.is_empty() {
            seen.answers
                .extend(self.cluster.snapshot(reads).await.answers);
        }
    }

    /// Looks at the step that comes next before the learner begins with it: takes its baselines, and sees what is there,
    /// unless this look has done so already.
    pub(super) async fn prepare(&mut self) -> Result<(), Error> {
        let Some((_, step)) = self.course().current() else {
            return Ok(());
        };
        let id = step.id.clone();
        let known = self.progress.step(&id);
        let taken = |name| known.baseline.contains_key(name);
        if known.missing.is_some() && step.baseline.keys().all(taken) {
            return Ok(());
        }
        let (judged, _) = self.look(Some(&id)).await?;
        self.record(&Judged {
            steps: Vec::new(),
            ..judged
        });
        Ok(())
    }

    /// Remembers baselines, what is missing, and first passes; gives the steps that passed for the first time.
    pub(super) fn record(&mut self, judged: &Judged) -> Vec<String> {
        for (step, baseline) in &judged.baselines {
            let known = &mut self.progress.step_mut(step).baseline;
            for (name, value) in baseline {
                known.entry(name.clone()).or_insert_with(|| value.clone());
            }
        }
        for (step, missing) in &judged.missing {
            self.progress.step_mut(step).missing = Some(missing.clone());
        }
        let now = self.cluster.now();
        let mut passed = Vec::new();
        for step in judged.steps.iter().filter(|s| s.outcome == Outcome::Pass) {
            let progress = self.progress.step_mut(&step.id);
            if progress.passed_at.is_none() {
                progress.passed_at = Some(now);
                passed.push(step.id.clone());
            }
        }
        passed
    }

    fn report(&self, judged: Judged, at: Timestamp) -> Report {
        let lab = &self.loaded.lab;
        Report {
            lab: lab.id.clone(),
            number: lab.number,
            title: lab.title.clone(),
            student: self.learner.student.clone(),
            cluster: self.cluster.server.clone(),
            client: self.client.to_owned(),
            at,
            steps: judged.steps,
        }
    }
}

/// The steps that are still converging, by id.
fn converging(report: &Report) -> Vec<String> {
    let steps = report.steps.iter();
    let waiting = steps.filter(|s| s.outcome == Outcome::Waiting);
    waiting.map(|s| s.id.clone()).collect()
}
