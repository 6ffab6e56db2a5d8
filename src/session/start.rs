//! The start of a lab: setup, files, baselines.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use super::{Error, Session, actions::Decide, files, progress::Progress};
use crate::cluster::snapshot::Obstacle;

/// What the start did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Started {
    /// The learner's files.
    pub files: Vec<(String, files::Outcome)>,
    /// Whether it had been started before.
    pub again: bool,
}

impl Session {
    /// Whether the start makes something on the cluster besides the record: it then has to be confirmed.
    #[must_use]
    pub fn has_setup(&self) -> bool {
        !self.loaded.lab.setup.is_empty()
    }

    /// The files of the steps that exist on this cluster.
    fn files_here(&self) -> BTreeMap<String, String> {
        let named: BTreeSet<&String> = self.course().steps().flat_map(|(_, s)| &s.files).collect();
        let all = self.loaded.files.iter();
        all.filter(|(name, _)| named.contains(name))
            .map(|(name, text)| (name.clone(), text.clone()))
            .collect()
    }

    /// Whether what was made in an earlier run is gone: its projects were deleted, the cluster is another one at the same
    /// address, or the lab was reset from another machine.
    async fn is_over(&self) -> Result<bool, Obstacle> {
        // A reset of what was given leaves the project, and takes the record.
        let given = !self.progress.given.is_empty();
        if given && self.progress.shared && self.shared_is_missing {
            return Ok(true);
        }
        let known = self.progress.projects.iter();
        for (name, uid) in known.chain(&self.progress.given) {
            let found = self.cluster.project(name).await?;
            if found.is_none_or(|p| p.uid != *uid || p.terminating) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Starts the lab, or goes on with it: every part may be repeated.
    pub async fn start(&mut self, folder: &Path, decide: Decide<'_>) -> Result<Started, Error> {
        let user = self.cluster.identity().await?.name;
        if self.is_over().await? {
            self.progress = Progress::default();
        }
        let again = self.progress.started_at.is_some();
        if !again {
            self.progress.started_at = Some(self.cluster.now());
            self.progress.user = Some(user);
        }
        self.save().await?;
        for action in &self.loaded.lab.setup {
            self.perform(action, None, decide).await?;
        }
        let files = files::write(folder, &self.files_here(), &self.store.written_files())?;
        self.store.set_current(&self.loaded.lab.id)?;
        self.adopt().await?;
        // The first step may pass already, and the baselines of the one after it are due then.
        let (judged, _) = self.look(None).await?;
        self.record(&judged);
        self.prepare().await?;
        self.save().await?;
        Ok(Started { files, again })
    }
}
