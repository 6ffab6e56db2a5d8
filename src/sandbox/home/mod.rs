//! Where a sandbox lives on this machine: a folder that only its owner reads, with what has to survive, and a lock that is held
//! while the sandbox runs. The system lets go of the lock when the process ends, however it ends.

mod credentials;
pub mod process;
pub mod run;

use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{flavour::Flavour, serve::tls, store::journal};

/// The file that says which version the cluster had reached that was forgotten.
const REACHED: &str = "reached-version";

/// The folder of a sandbox.
#[derive(Debug, Clone)]
pub struct Home {
    folder: PathBuf,
}

/// A sandbox that runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Running {
    /// Its process.
    pub pid: u32,
    /// The version of the program.
    pub version: String,
    /// The API server's URL.
    pub server: String,
    /// Where the router listens, host and port; empty where none does.
    #[serde(default)]
    pub router: String,
    /// What it is like.
    pub flavour: String,
    /// How many times faster than it says simulated work is done.
    pub speed: f64,
    /// The programs whose control loops it leaves to others.
    #[serde(default)]
    pub without: String,
    /// When it was started.
    pub started: jiff::Timestamp,
}

/// What stays the same from one start to the next.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Settings {
    flavour: String,
    speed: f64,
    /// The programs whose control loops are left to others.
    #[serde(default)]
    without: String,
    /// The port, so that what clients remember of the cluster stays true.
    port: Option<u16>,
    /// That of the router.
    #[serde(default)]
    router: Option<u16>,
}

/// Whose kubeconfig.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identity {
    /// A student, who may do what students may do on a class cluster.
    Student,
    /// The administrator.
    Admin,
}

/// Why a sandbox can't be started, stopped or found.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file of the folder.
    #[error("{path} can't be {action}: {source}")]
    File {
        /// The file.
        path: String,
        /// What was tried.
        action: &'static str,
        /// Why.
        source: io::Error,
    },
    /// Another process runs it.
    #[error("the sandbox runs already")]
    Busy,
    /// It has another flavour.
    #[error(
        "the sandbox is of flavour {kept}, not {wanted}; `ccnr sandbox start --flavour {wanted} --fresh` forgets what is in it and begins anew"
    )]
    Flavour {
        /// The one that it has.
        kept: String,
        /// The one that is wanted.
        wanted: Flavour,
    },
    /// Nothing says any more what it is like.
    #[error(
        "{path} is gone or damaged, and with it of which flavour the sandbox is; say it with `ccnr sandbox start --flavour FLAVOUR`, or begin anew with `ccnr sandbox start --fresh`"
    )]
    Unsettled {
        /// The file.
        path: String,
    },
    /// What was kept can't be read.
    #[error("what the sandbox kept can't be read: {0}")]
    Kept(#[from] journal::Error),
    /// No certificate.
    #[error(transparent)]
    Tls(#[from] tls::Error),
    /// Its network.
    #[error("the sandbox can't answer on this machine's loopback address: {0}")]
    Network(io::Error),
    /// The process ended before it was ready.
    #[error("the sandbox ended before it was ready; its log {path} ends with: {last}")]
    Ended {
        /// The log.
        path: String,
        /// Its last line.
        last: String,
    },
    /// The process does not get ready.
    #[error("the sandbox was not ready within {seconds} s; see its log {path}")]
    Late {
        /// How long was waited.
        seconds: u64,
        /// The log.
        path: String,
    },
    /// The process does not end.
    #[error("the sandbox's process {pid} can't be stopped: {why}")]
    Unstoppable {
        /// The process.
        pid: u32,
        /// Why.
        why: String,
    },
}

impl Home {
    /// The sandbox below a state folder.
    #[must_use]
    pub fn below(state: &Path) -> Self {
        Self {
            folder: state.join("sandbox"),
        }
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The kubeconfig of somebody.
    #[must_use]
    pub fn kubeconfig(&self, of: Identity) -> PathBuf {
        self.folder.join(match of {
            Identity::Student => "kubeconfig",
            Identity::Admin => "admin.kubeconfig",
        })
    }

    /// What the process writes of itself.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// Whether something was kept.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.objects().exists()
    }

    /// How many bytes it takes on disk.
    #[must_use]
    pub fn size(&self) -> u64 {
        let files = [self.objects(), self.folder.clone()];
        let files = files.iter().filter_map(|f| fs::read_dir(f).ok()).flatten();
        let files = files.filter_map(|f| f.ok()?.metadata().ok());
        files.filter(fs::Metadata::is_file).map(|m| m.len()).sum()
    }

    /// The sandbox that runs here.
    pub fn running(&self) -> Result<Option<Running>, Error> {
        if !self.folder.exists() {
            return Ok(None);
        }
        match self.lock() {
            Ok(_) => Ok(None),
            Err(Error::Busy) => Ok(self.announced()),
            Err(error) => Err(error),
        }
    }

    /// Forgets everything, but not the credentials: kubeconfigs that were handed out stay good, in the namespace they began with.
    pub fn clear(&self) -> Result<(), Error> {
        let _lock = self.lock()?;
        self.clear_locked()
    }

    fn clear_locked(&self) -> Result<(), Error> {
        let objects = self.objects();
        let reached = journal::newest_version(&objects);
        if reached > 0 {
            self.write(REACHED, &reached.to_string())?;
        }
        credentials::forget_namespaces(self)?;
        match fs::remove_dir_all(&objects) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(failed(&objects, "removed")(error))
            }
            _ => Ok(()),
        }
    }

    /// Makes the folder of the objects. The versions of a cluster go on from those of the one before, as those of an etcd that
    /// is restored should: clients that watched that one hear that their version is too old, and list anew.
    /// <https://etcd.io/docs/v3.6/op-guide/recovery/#restoring-with-revision-bump>
    fn make_objects(&self) -> Result<(), Error> {
        let objects = self.objects();
        fs::create_dir_all(&objects).map_err(failed(&objects, "made"))?;
        let reached = fs::read_to_string(self.folder.join(REACHED)).unwrap_or_default();
        match reached.parse::<u64>() {
            Ok(reached) => Ok(journal::begin_at(&objects, reached.saturating_add(1))?),
            Err(_) => Ok(()),
        }
    }

    /// What a process says of itself once it is ready.
    fn announced(&self) -> Option<Running> {
        let text = fs::read_to_string(self.announcement()).ok()?;
        serde_json::from_str(&text).ok()
    }

    /// Takes the lock; it is let go of when the file is dropped.
    fn lock(&self) -> Result<File, Error> {
        self.make_folder()?;
        let path = self.folder.join("lock");
        let file = File::create(&path).map_err(failed(&path, "made"))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err(Error::Busy),
            Err(TryLockError::Error(source)) => Err(failed(&path, "locked")(source)),
        }
    }

    /// Begins the log anew. A log that is not there is no trouble.
    fn empty_log(&self) {
        if let Ok(file) = File::options().write(true).open(self.log()) {
            let _ = file.set_len(0);
        }
    }

    fn make_folder(&self) -> Result<(), Error> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        let made = builder.create(&self.folder);
        made.map_err(failed(&self.folder, "made"))
    }

    /// The API server's URL, as it was the last time; none where it never ran.
    #[must_use]
    pub fn server(&self) -> Option<String> {
        let text = fs::read_to_string(self.kubeconfig(Identity::Student)).ok()?;
        let config: serde_json::Value = serde_yaml::from_str(&text).ok()?;
        let server = &config["clusters"][0]["cluster"]["server"];
        server.as_str().map(str::to_owned)
    }

    fn settings_file(&self) -> PathBuf {
        self.folder.join("settings.json")
    }

    fn settings(&self) -> Option<Settings> {
        let text = fs::read_to_string(self.settings_file()).ok()?;
        serde_json::from_str(&text).ok()
    }

    /// The API server's port by the kubeconfig, for when the settings are lost.
    fn port(&self) -> Option<u16> {
        self.server()?.rsplit_once(':')?.1.parse().ok()
    }

    fn objects(&self) -> PathBuf {
        self.folder.join("objects")
    }

    fn announcement(&self) -> PathBuf {
        self.folder.join("running.json")
    }

    /// Writes a whole file or nothing; only its owner reads it.
    fn write(&self, name: &str, text: &str) -> Result<(), Error> {
        let path = self.folder.join(name);
        let written = || -> io::Result<()> {
            // A temporary file is made with mode 0600.
            let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
            io::Write::write_all(&mut file, text.as_bytes())?;
            file.persist(&path)?;
            Ok(())
        };
        written().map_err(failed(&path, "written"))
    }
}

fn failed(path: &Path, action: &'static str) -> impl FnOnce(io::Error) -> Error {
    let path = path.display().to_string();
    move |source| Error::File {
        path,
        action,
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_nobody_holds_runs_nothing_whatever_lies_in_it() {
        let state = tempfile::tempdir().unwrap();
        let home = Home::below(state.path());
        assert_eq!(home.running().unwrap(), None);
        let running = Running {
            pid: 1,
            version: "0".to_owned(),
            server: "https://127.0.0.1:1".to_owned(),
            router: "127.0.0.1:2".to_owned(),
            flavour: "openshift".to_owned(),
            speed: 1.0,
            without: "none".to_owned(),
            started: jiff::Timestamp::UNIX_EPOCH,
        };
        home.make_folder().unwrap();
        let text = serde_json::to_string(&running).unwrap();
        home.write("running.json", &text).unwrap();
        assert_eq!(home.running().unwrap(), None);
        let held = home.lock().unwrap();
        assert_eq!(home.running().unwrap(), Some(running));
        assert!(matches!(home.clear(), Err(Error::Busy)));
        drop(held);
        home.clear().unwrap();
    }
}
