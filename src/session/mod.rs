//! A learner's run of a lab: start, verify, solve, reset, and what is remembered between them.

pub mod actions;
pub mod course;
pub mod files;
pub mod ownership;
pub mod preflight;
pub mod progress;
pub mod reset;
pub mod served;
mod shared;
pub mod solve;
pub mod start;
pub mod store;
pub mod verify;

use std::collections::BTreeMap;

use self::{
    course::Course, ownership::Ownership, progress::Progress, served::Served, store::Store,
};
use crate::{
    check::verdict::Outcome,
    cluster::{
        Cluster,
        project::{LAB, MANAGED_BY, STUDENT},
        snapshot::{Obstacle, ObstacleKind},
    },
    lab::{
        catalogue::{self, Catalogue, Loaded},
        template::Context,
    },
};

/// Who takes labs, and from where they come.
#[derive(Debug, Clone)]
pub struct Learner {
    /// The learner's id, a DNS label.
    pub student: String,
    /// The labs.
    pub catalogue: Catalogue,
    /// The image of lab 4's Java app, if it is not the usual one.
    pub java_image: Option<String>,
}

/// One lab, for one learner, on one cluster.
pub struct Session {
    /// The cluster.
    pub cluster: Cluster,
    /// The learner.
    pub learner: Learner,
    /// What the cluster serves.
    pub served: Served,
    /// The lab.
    pub loaded: Loaded,
    /// `oc` or `kubectl`.
    pub client: &'static str,
    /// The learner's record of this lab.
    pub progress: Progress,
    /// Where records lie on this machine.
    pub store: Store,
    /// The record as it was read, to write it only when it changed.
    saved: Progress,
}

/// Why a session can't go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The lab can't be had.
    #[error(transparent)]
    Lab(#[from] catalogue::Error),
    /// The cluster is in the way.
    #[error(transparent)]
    Cluster(#[from] Obstacle),
    /// Several things are in the way at once.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Many(Vec<Obstacle>),
    /// The record on this machine can't be read or written.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// A manifest can't be written.
    #[error(transparent)]
    Files(#[from] files::Error),
    /// No lab was named, and none is current.
    #[error("no lab is current; `ccnr lab start 1` starts the first")]
    NoLab,
    /// The lab was not started.
    #[error("lab {number} is not started; `ccnr lab start {number}` starts it")]
    NotStarted {
        /// The lab's number.
        number: u32,
    },
    /// There is no such step.
    #[error("lab {number} has no step \"{wanted}\"; it has {}", known.join(", "))]
    NoStep {
        /// The lab's number.
        number: u32,
        /// What was asked for.
        wanted: String,
        /// The steps there are.
        known: Vec<String>,
    },
    /// The step has no question, or the lab no such one.
    #[error("step \"{step}\" asks no question")]
    NoQuestion {
        /// The step.
        step: String,
    },
    /// The step has other questions, or several.
    #[error("which question of step \"{step}\"? Its questions are {}", known.join(", "))]
    WhichQuestion {
        /// The step.
        step: String,
        /// Its questions, as they are typed.
        known: Vec<String>,
    },
    /// A project of this name belongs to somebody else.
    #[error(
        "project {name} exists and was not made by ccnr for {student}: it is left alone; delete it yourself, or choose another id with --student"
    )]
    Foreign {
        /// The project.
        name: String,
        /// The learner.
        student: String,
    },
    /// A step can't be solved before the ones it builds on.
    #[error(
        "step {step} comes after step {first}, which is not done yet; `ccnr lab solve --to {step}` does all up to it"
    )]
    TooEarly {
        /// The step's id.
        step: String,
        /// The number of the first open step.
        first: usize,
    },
    /// A solution was applied, but its step does not pass.
    #[error("the solution of step {step} is applied, but its checks {}", match .report.outcome {
        Outcome::Waiting => "do not pass yet",
        Outcome::Error => "could not be made",
        _ => "do not pass",
    })]
    Unsolved {
        /// The step's id.
        step: String,
        /// The step's report.
        report: Box<crate::check::report::StepReport>,
    },
}

impl Session {
    /// Opens a lab by number or id; with none, the current one.
    pub async fn open(
        cluster: Cluster,
        learner: Learner,
        wanted: Option<&str>,
        store: Store,
    ) -> Result<Self, Error> {
        let current = match wanted {
            Some(_) => None,
            None => store.current()?,
        };
        let wanted = wanted.or(current.as_deref()).ok_or(Error::NoLab)?;
        let folder = learner.catalogue.find(wanted)?;
        // The lab's own names are needed to know where its record lies; they don't depend on the platform.
        let early = learner.load(&folder, &Served::default())?;
        let record = async {
            match shared::place(&early.lab) {
                Some(place) => shared::load(&cluster, &place, &early.lab.id).await,
                None => Ok(Progress::default()),
            }
        };
        let (served, record) = tokio::try_join!(cluster.groups(), record)?;
        let served = Served(served);
        let loaded = learner.load(&folder, &served)?;
        let local = store.load(&loaded.lab.id)?;
        let record = if local.started_at.is_none() && record.user.is_some() {
            let user = cluster.identity().await?.name;
            // Two people took the same id: the other's record is not ours.
            Some(record)
                .filter(|r| r.user == Some(user))
                .unwrap_or_default()
        } else {
            record
        };
        let progress = local.merged(record);
        let client = if served.is_openshift() {
            "oc"
        } else {
            "kubectl"
        };
        Ok(Self {
            cluster,
            learner,
            served,
            loaded,
            client,
            saved: progress.clone(),
            progress,
            store,
        })
    }

    /// The steps in order, as the pure functions see them.
    #[must_use]
    pub fn course(&self) -> Course<'_> {
        Course {
            lab: &self.loaded.lab,
            served: &self.served,
            progress: &self.progress,
            client: self.client,
        }
    }

    /// The step of this number or id, with its number.
    pub fn step(&self, wanted: &str) -> Result<(usize, String), Error> {
        let is = |(number, step): &(usize, &crate::lab::model::Step)| {
            step.id == wanted || number.to_string() == wanted
        };
        match self.course().steps().find(is) {
            Some((number, step)) => Ok((number, step.id.clone())),
            None => Err(Error::NoStep {
                number: self.loaded.lab.number,
                wanted: wanted.to_owned(),
                known: self.course().steps().map(|(_, s)| s.id.clone()).collect(),
            }),
        }
    }

    /// Whether the lab was started.
    pub fn require_started(&self) -> Result<(), Error> {
        if self.progress.started_at.is_none() {
            let number = self.loaded.lab.number;
            return Err(Error::NotStarted { number });
        }
        Ok(())
    }

    /// Whose the lab's projects are, by name, in the lab's order.
    pub async fn ownership(&self) -> Result<Vec<(String, Ownership)>, Obstacle> {
        let all = self.loaded.lab.projects.iter();
        let all = all.map(|name| async move { Ok((name.clone(), self.ownership_of(name).await?)) });
        futures::future::try_join_all(all).await
    }

    /// Whose a project is.
    pub(super) async fn ownership_of(&self, name: &str) -> Result<Ownership, Obstacle> {
        let (found, user) = tokio::try_join!(self.cluster.project(name), self.cluster.identity())?;
        let student = &self.learner.student;
        Ok(ownership::of(found, &self.progress, student, &user.name))
    }

    /// Remembers the projects that the learner made in this lab, so that reset knows them; marks them where it may.
    async fn adopt(&mut self) -> Result<(), Obstacle> {
        if self.progress.started_at.is_none() {
            return Ok(());
        }
        let known = |name: &String| self.progress.projects.contains_key(name);
        if self.loaded.lab.projects.iter().all(known) {
            return Ok(());
        }
        for (name, ownership) in self.ownership().await? {
            let Ownership::Ours(project) = ownership else {
                continue;
            };
            if !project.labels.contains_key(MANAGED_BY) && !project.terminating {
                self.cluster
                    .label_project(&name, &self.labels(None))
                    .await?;
            }
            self.progress.projects.insert(name, project.uid);
        }
        Ok(())
    }

    /// The labels of everything that this lab makes.
    fn labels(&self, step: Option<&str>) -> BTreeMap<String, String> {
        let mut labels = BTreeMap::from([
            (MANAGED_BY.to_owned(), "ccnr".to_owned()),
            (LAB.to_owned(), self.loaded.lab.id.clone()),
            (STUDENT.to_owned(), self.learner.student.clone()),
        ]);
        if let Some(step) = step {
            labels.insert(crate::cluster::project::STEP.to_owned(), step.to_owned());
        }
        labels
    }

    /// Writes the record if it changed: on this machine always, into the project where it is ours and that can be.
    pub async fn save(&mut self) -> Result<(), Error> {
        if self.progress == self.saved {
            return Ok(());
        }
        self.progress.updated_at = Some(self.cluster.now());
        let lab = &self.loaded.lab;
        self.progress = self.store.save(&lab.id, self.progress.clone())?;
        self.saved = self.progress.clone();
        let student = &self.learner.student;
        let shared = async {
            match lab.projects.first() {
                Some(name) => match self.ownership_of(name).await? {
                    Ownership::Ours(_) | Ownership::Given(_) => {
                        shared::save(&self.cluster, lab, student, &self.progress).await
                    }
                    Ownership::Absent | Ownership::Foreign(_) => Ok(()),
                },
                None => Ok(()),
            }
        };
        match shared.await {
            Ok(()) => {}
            // The record here is enough; the next change brings everything there.
            Err(obstacle) if obstacle.kind != ObstacleKind::Credentials => {
                tracing::warn!("the record in the project was not written: {obstacle}");
            }
            Err(obstacle) => return Err(obstacle.into()),
        }
        Ok(())
    }
}

impl Learner {
    /// A lab as this learner gets it on a cluster that serves this.
    pub fn load(&self, folder: &str, served: &Served) -> Result<Loaded, catalogue::Error> {
        let mut context = Context::new(&self.student, |group| served.has(group));
        if let Some(image) = &self.java_image {
            context.java_image.clone_from(image);
        }
        self.catalogue.load(folder, &context)
    }
}
