//! A learner's run of a lab: start, verify, solve, reset, and what is remembered between them.

pub mod actions;
pub mod course;
mod error;
pub mod files;
pub mod ownership;
pub mod preflight;
pub mod progress;
pub mod reset;
pub mod served;
pub mod shared;
pub mod solve;
pub mod start;
pub mod store;
pub mod verify;

use std::collections::BTreeMap;

pub use self::error::Error;
use self::{
    course::Course, ownership::Ownership, progress::Progress, served::Served, store::Store,
};
use crate::{
    cluster::{
        Cluster,
        project::{LAB, MANAGED_BY, STUDENT},
        snapshot::{Obstacle, ObstacleKind},
    },
    lab::{
        catalogue::{self, Catalogue, Loaded},
        model::Step,
        template::Context,
    },
};

/// Who takes labs, and from where they come.
#[derive(Debug, Clone)]
pub struct Learner {
    /// The learner's id, a DNS label.
    pub student: String,
    /// As whom the learner is known to the API server, where an instructor asks for them.
    pub user: Option<String>,
    /// The labs.
    pub catalogue: Catalogue,
    /// The image of lab 4's Java app, if it is not the usual one.
    pub java_image: Option<String>,
    /// Whether there is an `oc` to type commands with.
    pub has_oc: bool,
    /// Where the practice cluster's router listens, host and port, if that is the cluster.
    pub router: Option<String>,
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
    /// Whether there is for certain no record in the lab's project.
    shared_is_missing: bool,
    /// Whether the cluster gave no answer, and the record here is all there is.
    offline: bool,
}

impl Session {
    /// Opens a lab by number or id; with none, the current one.
    pub async fn open(
        cluster: Cluster,
        learner: Learner,
        wanted: Option<&str>,
        store: Store,
    ) -> Result<Self, Error> {
        let folder = learner.folder(wanted, &store)?;
        // The lab's own names are needed to know where its record lies; they don't depend on the platform.
        let early = learner.load(&folder, &Served::default())?;
        let record = async {
            match shared::place(&early.lab) {
                Some(place) => shared::load(&cluster, &place, &early.lab.id).await,
                None => Ok(shared::Shared::default()),
            }
        };
        let (served, record) = tokio::try_join!(cluster.groups(), record)?;
        store.remember_served(&served)?;
        let loaded = learner.load(&folder, &Served(served.clone()))?;
        let local = store.load(&loaded.lab.id)?;
        // Two people took the same id: the other's record is not ours.
        let owner = match (&learner.user, &record.progress.user) {
            (Some(user), _) => Some(user.clone()),
            (None, Some(_)) if local.started_at.is_none() => Some(cluster.identity().await?.name),
            _ => local.user.clone(),
        };
        let ours = owner.is_none() || record.progress.user == owner;
        let shared = Some(record.progress).filter(|_| ours).unwrap_or_default();
        let progress = local.merged(shared);
        Ok(Self {
            shared_is_missing: record.is_missing,
            offline: false,
            ..Self::of(cluster, learner, loaded, served, progress, store)
        })
    }

    /// Opens a lab from the record on this machine alone, for a cluster that gives no answer; none where nothing is known
    /// of the cluster yet.
    pub fn open_offline(
        cluster: Cluster,
        learner: Learner,
        wanted: Option<&str>,
        store: Store,
    ) -> Result<Option<Self>, Error> {
        let folder = learner.folder(wanted, &store)?;
        let Some(served) = store.served()? else {
            return Ok(None);
        };
        let loaded = learner.load(&folder, &Served(served.clone()))?;
        let progress = store.load(&loaded.lab.id)?;
        Ok(Some(Self::of(
            cluster, learner, loaded, served, progress, store,
        )))
    }

    fn of(
        cluster: Cluster,
        learner: Learner,
        loaded: Loaded,
        served: Vec<String>,
        progress: Progress,
        store: Store,
    ) -> Self {
        let served = Served(served);
        let client = learner.context(&served).client();
        Self {
            cluster,
            learner,
            served,
            loaded,
            client,
            saved: progress.clone(),
            progress,
            store,
            shared_is_missing: false,
            offline: true,
        }
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
        let (number, step) = self.find_step(wanted)?;
        Ok((number, step.id.clone()))
    }

    fn find_step(&self, wanted: &str) -> Result<(usize, &Step), Error> {
        let is =
            |(number, step): &(usize, &Step)| step.id == wanted || number.to_string() == wanted;
        let found = self.course().steps().find(is);
        found.ok_or_else(|| Error::NoStep {
            number: self.loaded.lab.number,
            wanted: wanted.to_owned(),
            known: self.course().steps().map(|(_, s)| s.id.clone()).collect(),
        })
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

    /// Remembers the projects of this lab, so that reset and a later start know them; marks those that the learner made,
    /// where it may.
    async fn adopt(&mut self) -> Result<(), Obstacle> {
        if self.progress.started_at.is_none() {
            return Ok(());
        }
        let (made, given) = (&self.progress.projects, &self.progress.given);
        let known = |name: &String| made.contains_key(name) || given.contains_key(name);
        if self.loaded.lab.projects.iter().all(known) {
            return Ok(());
        }
        for (name, ownership) in self.ownership().await? {
            match ownership {
                Ownership::Ours(project) => {
                    if !project.labels.contains_key(MANAGED_BY) && !project.terminating {
                        let labels = self.labels(None);
                        self.cluster.label_project(&name, &labels).await?;
                    }
                    self.progress.projects.insert(name, project.uid);
                }
                Ownership::Given(project) => {
                    self.progress.given.insert(name, project.uid);
                }
                Ownership::Absent | Ownership::Foreign(_) => {}
            }
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
        let id = self.loaded.lab.id.clone();
        self.progress = self.store.save(&id, self.progress.clone())?;
        self.saved = self.progress.clone();
        if self.offline {
            return Ok(());
        }
        match self.share().await {
            Ok(true) if !self.progress.shared => {
                self.progress.shared = true;
                self.progress = self.store.save(&id, self.progress.clone())?;
                self.saved = self.progress.clone();
            }
            Ok(_) => {}
            // The record here is enough; the next change brings everything there.
            Err(obstacle) if obstacle.kind != ObstacleKind::Credentials => {
                tracing::warn!("the record in the project was not written: {obstacle}");
            }
            Err(obstacle) => return Err(obstacle.into()),
        }
        Ok(())
    }

    /// Writes the record into the lab's project, if that is ours; tells whether it is there now.
    async fn share(&self) -> Result<bool, Obstacle> {
        let lab = &self.loaded.lab;
        let Some(name) = lab.projects.first() else {
            return Ok(false);
        };
        match self.ownership_of(name).await? {
            Ownership::Ours(_) | Ownership::Given(_) => {
                let student = &self.learner.student;
                shared::save(&self.cluster, lab, student, &self.progress).await
            }
            Ownership::Absent | Ownership::Foreign(_) => Ok(false),
        }
    }
}

impl Learner {
    /// The folder of a lab by number or id; with none, of the current one.
    fn folder(&self, wanted: Option<&str>, store: &Store) -> Result<String, Error> {
        let current = match wanted {
            Some(_) => None,
            None => store.current()?,
        };
        match wanted.or(current.as_deref()) {
            Some(wanted) => Ok(self.catalogue.find(wanted)?),
            None => Err(Error::NoLab {
                server: store.cluster().to_owned(),
                elsewhere: store.elsewhere(),
            }),
        }
    }

    /// A lab as this learner gets it on a cluster that serves this.
    pub fn load(&self, folder: &str, served: &Served) -> Result<Loaded, catalogue::Error> {
        self.catalogue.load(folder, &self.context(served))
    }

    /// For whom and for which cluster labs are rendered.
    fn context(&self, served: &Served) -> Context {
        let mut context = Context::new(&self.student, |group| served.has(group));
        if let Some(image) = &self.java_image {
            context.java_image.clone_from(image);
        }
        context.has_oc = self.has_oc;
        context.router.clone_from(&self.router);
        context
    }
}
