//! What `setup` and `solve` do, one action after the other.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Error, Session, ownership::Ownership};
use crate::{
    check::verdict::Verdict,
    cluster::{apply::How, pauses::Pauses, snapshot::Obstacle},
    lab::{
        model::{Action, ObjectRef, Verb},
        text::Text,
    },
};

/// How long kinds that an operator brings may take until they are served.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long a `wait` lasts where its check has no time of its own.
const WAIT: Duration = Duration::from_secs(60);
/// The longest pause between two looks.
const PAUSE: Duration = Duration::from_millis(500);

/// How conflicts are decided: whether to take over the fields that the text names.
pub type Decide<'a> = &'a (dyn Fn(&Text) -> Decision + Sync);

/// What somebody says of fields that others manage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Take them over.
    TakeOver,
    /// Leave them.
    Leave,
    /// Nobody can be asked.
    Unasked,
    /// Stop everything.
    Stop,
}

impl Session {
    /// Does one action. `step` is the step whose solution it belongs to; none for the setup.
    pub(super) async fn perform(
        &self,
        action: &Action,
        step: Option<&str>,
        decide: Decide<'_>,
    ) -> Result<(), Error> {
        if self.served.lacks(&action.when).is_some() {
            return Ok(());
        }
        let cluster = &self.cluster;
        match &action.verb {
            Verb::Project(name) => self.make_project(name).await?,
            Verb::Apply(_, objects) => {
                let how = How {
                    patience: PATIENCE,
                    ..How::default()
                };
                self.write(objects, step, how, decide).await?;
            }
            Verb::Ensure(_, objects) => {
                let how = How {
                    patience: PATIENCE,
                    only_missing: true,
                    ..How::default()
                };
                self.write(objects, step, how, decide).await?;
            }
            Verb::Delete(object) => cluster.delete(object, None).await?,
            Verb::DeleteSome(list, limit) => cluster.delete_some(list, *limit).await?,
            Verb::Patch(object, merge) => cluster.patch(object, merge).await?,
            Verb::Scale(object, replicas) => cluster.scale(object, *replicas).await?,
            Verb::Restart(object) => cluster.restart(object, cluster.now()).await?,
            Verb::Build(namespace, name) => cluster.start_build(namespace, name).await?,
            Verb::Rollback(namespace, name) => cluster.rollback(namespace, name).await?,
            Verb::Wait(check) => self.wait(step, check).await?,
        }
        Ok(())
    }

    async fn make_project(&self, name: &str) -> Result<(), Error> {
        match self.ownership_of(name).await? {
            Ownership::Absent => {
                let labels = self.labels(None);
                let openshift = self.served.is_openshift();
                self.cluster
                    .create_project(name, &labels, openshift)
                    .await?;
                Ok(())
            }
            Ownership::Ours(_) | Ownership::Given(_) => Ok(()),
            Ownership::Foreign(_) => Err(Error::Foreign {
                name: name.to_owned(),
                student: self.learner.student.clone(),
            }),
        }
    }

    /// Writes objects with the lab's labels. What belongs to somebody else is taken over only if so decided, and only of the
    /// objects that were named.
    async fn write(
        &self,
        objects: &[Value],
        step: Option<&str>,
        mut how: How,
        decide: Decide<'_>,
    ) -> Result<(), Error> {
        let labels = json!(self.labels(step));
        let labelled: Vec<Value> = objects.iter().map(|o| with_labels(o, &labels)).collect();
        loop {
            let Err(failed) = self.cluster.apply_all(&labelled, &how).await else {
                return Ok(());
            };
            // A conflict that stays after a yes is none that a yes decides.
            let new_conflict = |(object, obstacle): &(ObjectRef, Obstacle)| {
                obstacle.status == Some(409) && !how.take_over.contains(object)
            };
            let many = |failed: Vec<(ObjectRef, Obstacle)>| {
                Error::Many(failed.into_iter().map(|(_, o)| o).collect())
            };
            if !failed.iter().all(new_conflict) {
                return Err(many(failed));
            }
            let told = Text::lines(failed.iter().map(|(_, o)| &o.message));
            match decide(&told) {
                Decision::TakeOver => {}
                Decision::Leave => return Err(Error::Left),
                Decision::Unasked => return Err(many(failed)),
                Decision::Stop => return Err(Error::Interrupted),
            }
            how.take_over
                .extend(failed.into_iter().map(|(object, _)| object));
        }
    }

    /// Waits until a check of this step passes.
    async fn wait(&self, step: Option<&str>, check: &str) -> Result<(), Error> {
        let Some(step) = step else { return Ok(()) };
        let started = Instant::now();
        let mut pauses = Pauses::up_to(PAUSE);
        loop {
            let (judged, _) = self.look(Some(step)).await?;
            let Some(report) = judged.steps.into_iter().next() else {
                return Ok(());
            };
            let Some(found) = report.checks.iter().find(|c| c.id == check) else {
                return Ok(());
            };
            let limit = found.within.map_or(WAIT, Duration::from_secs);
            match &found.verdict {
                Verdict::Pass | Verdict::Skipped(_) => return Ok(()),
                _ if started.elapsed() > limit => {
                    return Err(Error::Unsolved {
                        step: step.to_owned(),
                        report: Box::new(report),
                    });
                }
                _ => pauses.pause().await,
            }
        }
    }
}

/// The object with more labels.
fn with_labels(object: &Value, labels: &Value) -> Value {
    let mut object = object.clone();
    if let (Some(to), Some(from)) = (
        object["metadata"]
            .as_object_mut()
            .map(|m| m.entry("labels").or_insert_with(|| json!({}))),
        labels.as_object(),
    ) {
        for (key, value) in from {
            to[key.as_str()] = value.clone();
        }
    }
    object
}
