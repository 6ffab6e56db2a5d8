//! The start of a lab: setup, files, baselines.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use jiff::Timestamp;

use super::{Error, Session, actions::Decide, files};

/// What the start did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Started {
    /// The learner's files.
    pub files: Vec<(String, files::Outcome)>,
    /// Whether it had been started before.
    pub again: bool,
}

impl Session {
    /// Whether the start writes to the cluster: it then has to be confirmed.
    #[must_use]
    pub fn start_writes(&self) -> bool {
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

    /// Starts the lab, or goes on with it: every part may be repeated.
    pub async fn start(&mut self, folder: &Path, decide: Decide<'_>) -> Result<Started, Error> {
        let again = self.progress.started_at.is_some();
        self.progress.started_at.get_or_insert_with(Timestamp::now);
        self.save().await?;
        for action in &self.loaded.lab.setup {
            self.perform(action, None, decide).await?;
        }
        let files = files::write(folder, &self.files_here())?;
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
