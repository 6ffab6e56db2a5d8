//! The learner's own record: one readable file per cluster and student, under the XDG state folder.
//! <https://specifications.freedesktop.org/basedir-spec/latest/>

use std::{
    collections::BTreeMap,
    env, fs, io,
    io::Write as _,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::progress::Progress;
use crate::lab::text::Text;

/// A file of progress.
#[derive(Debug, Clone)]
pub struct Store {
    path: PathBuf,
    cluster: String,
    student: String,
}

/// What the file holds.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Record {
    api_version: String,
    kind: String,
    cluster: String,
    student: String,
    /// The current lab's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    lab: Option<String>,
    /// The groups and group/versions that the cluster served last.
    #[serde(skip_serializing_if = "Option::is_none")]
    served: Option<Vec<String>>,
    labs: BTreeMap<String, Progress>,
    #[serde(flatten)]
    unknown: Map<String, Value>,
}

/// Why the record can't be read or written.
#[derive(Debug, thiserror::Error)]
#[error("the progress file {path} can't be {action}: {source}")]
pub struct Error {
    path: String,
    action: &'static str,
    #[source]
    source: io::Error,
}

impl Error {
    /// The error as a learner reads it.
    #[must_use]
    pub fn text(&self) -> Text {
        let (path, source) = (&self.path, &self.source);
        let action = match self.action {
            "read" => "読み取れません",
            "written" => "書き込めません",
            "locked" => "ロックできません",
            "removed" => "削除できません",
            _ => "よけておけません",
        };
        Text::new(
            self.to_string(),
            format!("進行状況のファイル {path} を{action}: {source}"),
        )
    }
}

impl Store {
    /// The file of a student on a cluster, in the state folder of this machine.
    #[must_use]
    pub fn of(cluster: &str, student: &str) -> Self {
        Self::within(&state_folder(), cluster, student)
    }

    /// The same below another folder.
    #[must_use]
    pub fn within(folder: &Path, cluster: &str, student: &str) -> Self {
        let host = cluster.split_once("://").map_or(cluster, |(_, rest)| rest);
        let safe = |c: char| {
            if c.is_ascii_alphanumeric() || ".-".contains(c) {
                c
            } else {
                '_'
            }
        };
        let host: String = host.chars().map(safe).collect();
        Self {
            path: folder.join(host).join(format!("{student}.yaml")),
            cluster: cluster.to_owned(),
            student: student.to_owned(),
        }
    }

    /// Where is noted which files were written into learners' folders.
    #[must_use]
    pub fn written_files(&self) -> PathBuf {
        let clusters = self.path.parent().and_then(Path::parent);
        clusters.unwrap_or(Path::new(".")).join("written.json")
    }

    /// The API server's URL.
    #[must_use]
    pub fn cluster(&self) -> &str {
        &self.cluster
    }

    /// Another cluster on which this student has a current lab, if there is one.
    #[must_use]
    pub fn elsewhere(&self) -> Option<String> {
        let own = self.path.parent()?;
        let name = self.path.file_name()?;
        let others = fs::read_dir(own.parent()?).ok()?.filter_map(Result::ok);
        let others = others.map(|e| e.path()).filter(|p| p != own);
        let record = |folder: PathBuf| -> Option<Record> {
            let text = fs::read_to_string(folder.join(name)).ok()?;
            serde_yaml::from_str(&text).ok()
        };
        let found = others.filter_map(record).find(|r| r.lab.is_some());
        found.map(|r| r.cluster)
    }

    /// The current lab's id.
    pub fn current(&self) -> Result<Option<String>, Error> {
        Ok(self.read()?.lab)
    }

    /// The progress in a lab.
    pub fn load(&self, lab: &str) -> Result<Progress, Error> {
        Ok(self.read()?.labs.remove(lab).unwrap_or_default())
    }

    /// The progress in every lab that was touched.
    pub fn all(&self) -> Result<BTreeMap<String, Progress>, Error> {
        Ok(self.read()?.labs)
    }

    /// Remembers the progress in a lab, together with what another command has remembered meanwhile; gives both.
    pub fn save(&self, lab: &str, progress: Progress) -> Result<Progress, Error> {
        let _lock = self.lock()?;
        let mut record = self.read()?;
        let meanwhile = record.labs.remove(lab).unwrap_or_default();
        let merged = progress.merged(meanwhile);
        record.labs.insert(lab.to_owned(), merged.clone());
        self.write(record)?;
        Ok(merged)
    }

    /// Makes a lab the current one.
    pub fn set_current(&self, lab: &str) -> Result<(), Error> {
        let _lock = self.lock()?;
        let mut record = self.read()?;
        record.lab = Some(lab.to_owned());
        self.write(record)
    }

    /// What the cluster served last; none where it was never asked.
    pub fn served(&self) -> Result<Option<Vec<String>>, Error> {
        Ok(self.read()?.served)
    }

    /// Remembers what the cluster serves, for when it gives no answer. Where nothing was done yet, nothing is written.
    pub fn remember_served(&self, served: &[String]) -> Result<(), Error> {
        let record = self.read()?;
        if record.lab.is_none() || record.served.as_deref() == Some(served) {
            return Ok(());
        }
        let _lock = self.lock()?;
        let mut record = self.read()?;
        record.served = Some(served.to_vec());
        self.write(record)
    }

    /// Forgets the progress in a lab.
    pub fn forget(&self, lab: &str) -> Result<(), Error> {
        let _lock = self.lock()?;
        let mut record = self.read()?;
        record.labs.remove(lab);
        self.write(record)
    }

    /// Keeps other commands from changing the record until the file is dropped.
    fn lock(&self) -> Result<fs::File, Error> {
        let taken = || -> io::Result<fs::File> {
            fs::create_dir_all(self.path.parent().unwrap_or(Path::new(".")))?;
            let file = fs::File::create(self.path.with_extension("lock"))?;
            file.lock()?;
            Ok(file)
        };
        taken().map_err(|e| self.error("locked", e))
    }

    /// A file that makes no sense is set aside, not lost: the truth lies in the cluster.
    fn read(&self) -> Result<Record, Error> {
        let text = match fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Record::default()),
            Err(e) if e.kind() == io::ErrorKind::InvalidData => String::new(),
            Err(e) => return Err(self.error("read", e)),
        };
        if let Ok(record) = serde_yaml::from_str(&text) {
            return Ok(record);
        }
        let aside = self.path.with_extension("yaml.unreadable");
        tracing::warn!(
            "{} makes no sense; it is kept as {}",
            self.path.display(),
            aside.display()
        );
        fs::rename(&self.path, aside).map_err(|e| self.error("set aside", e))?;
        Ok(Record::default())
    }

    /// Writes the whole file or nothing; it can be read by its owner only.
    fn write(&self, mut record: Record) -> Result<(), Error> {
        "ccnr.dev/v1".clone_into(&mut record.api_version);
        "Progress".clone_into(&mut record.kind);
        record.cluster.clone_from(&self.cluster);
        record.student.clone_from(&self.student);
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let written = || -> io::Result<()> {
            let text = serde_yaml::to_string(&record).map_err(io::Error::other)?;
            fs::create_dir_all(folder)?;
            // A temporary file is made with mode 0600.
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            file.write_all(text.as_bytes())?;
            file.as_file().sync_all()?;
            file.persist(&self.path)?;
            Ok(())
        };
        written().map_err(|e| self.error("written", e))
    }

    fn error(&self, action: &'static str, source: io::Error) -> Error {
        Error {
            path: self.path.display().to_string(),
            action,
            source,
        }
    }
}

/// Forgets what every student of this machine did on a cluster that begins anew.
pub fn forget_cluster(cluster: &str) -> Result<(), Error> {
    let any = Store::of(cluster, "any");
    let folder = any.path.parent().unwrap_or(Path::new("."));
    match fs::remove_dir_all(folder) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(Error {
            path: folder.display().to_string(),
            action: "removed",
            source: e,
        }),
        _ => Ok(()),
    }
}

/// `$XDG_STATE_HOME/ccnr`, by default `~/.local/state/ccnr`.
#[must_use]
pub fn state_folder() -> PathBuf {
    let given = env::var_os("XDG_STATE_HOME")
        .map(PathBuf::from)
        .filter(|p| p.is_absolute());
    let base = given.or_else(|| env::home_dir().map(|h| h.join(".local/state")));
    base.unwrap_or_else(env::temp_dir).join("ccnr")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(folder: &Path) -> Store {
        Store::within(folder, "https://api.example.com:6443", "sato")
    }

    #[test]
    fn progress_survives_and_only_its_owner_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path());
        let mut progress = Progress::default();
        progress.step_mut("scale").hints = 2;
        store.save("project", progress.clone()).unwrap();
        store.set_current("project").unwrap();
        assert_eq!(store.load("project").unwrap(), progress);
        assert_eq!(store.current().unwrap().as_deref(), Some("project"));
        let path = folder.path().join("api.example.com_6443/sato.yaml");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        store.forget("project").unwrap();
        assert_eq!(store.load("project").unwrap(), Progress::default());
    }

    #[test]
    fn a_lab_on_another_cluster_is_remembered() {
        let folder = tempfile::tempdir().unwrap();
        store(folder.path()).set_current("project").unwrap();
        let other = Store::within(folder.path(), "https://other:6443", "sato");
        let there = "https://api.example.com:6443";
        assert_eq!(other.elsewhere().as_deref(), Some(there));
        assert_eq!(store(folder.path()).elsewhere(), None);
    }

    #[test]
    fn a_broken_file_is_set_aside() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path());
        store.set_current("project").unwrap();
        let path = folder.path().join("api.example.com_6443/sato.yaml");
        fs::write(&path, "labs: [").unwrap();
        assert_eq!(store.current().unwrap(), None);
        let aside = path.with_extension("yaml.unreadable");
        assert_eq!(fs::read_to_string(aside).unwrap(), "labs: [");
    }
}
