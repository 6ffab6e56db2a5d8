//! The two API servers that are compared: the sandbox, and the rig's, each new, in a process of its own and with nobody else.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use super::support::cluster::rig_out;

/// How often is looked whether a server is ready.
const LOOK: Duration = Duration::from_micros(500);
/// Ports that are not those of the suites' rigs.
const PORTS: [(&str, &str); 3] = [
    ("RIG_PORT", "26443"),
    ("RIG_ETCD_PORT", "22379"),
    ("KCM_ARGS", "--secure-port=0"),
];

/// A server that can be measured.
pub(crate) trait Rival {
    /// What it is called in the figures.
    fn name(&self) -> &'static str;
    /// The administrator's kubeconfig.
    fn kubeconfig(&self) -> &Path;
    /// From its start to its first answer.
    fn ready_after(&self) -> Duration;
    /// Its processes.
    fn processes(&self) -> Vec<u32>;

    /// The memory that its processes hold, in bytes.
    fn memory(&self) -> u64 {
        self.processes().iter().filter_map(|pid| held(*pid)).sum()
    }
}

/// The sandbox, with an empty home.
pub(crate) struct Sandbox {
    home: tempfile::TempDir,
    child: Child,
    kubeconfig: PathBuf,
    ready_after: Duration,
}

impl Sandbox {
    /// Starts one, with more arguments for `ccnr sandbox start`.
    pub(crate) fn start(more: &[&str]) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), more)
    }

    /// Stops it, and starts it again with what it kept.
    pub(crate) fn again(mut self, more: &[&str]) -> Self {
        self.end();
        let home = std::mem::replace(&mut self.home, tempfile::tempdir().unwrap());
        Self::start_in(home, more)
    }

    fn start_in(home: tempfile::TempDir, more: &[&str]) -> Self {
        let folder = home.path().join(".local/state/ccnr/sandbox");
        let announcement = folder.join("running.json");
        let _ = fs::remove_file(&announcement);
        let mut command = Command::new(env!("CARGO_BIN_EXE_ccnr"));
        command
            .args(["sandbox", "start", "--foreground"])
            .args(more);
        command.env_clear().env("HOME", home.path());
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let started = Instant::now();
        let mut child = command.spawn().unwrap();
        // It writes this file once it takes requests; the first one is answered within the time.
        while !announcement.exists() {
            assert!(child.try_wait().unwrap().is_none(), "the sandbox ended");
            thread::sleep(LOOK);
        }
        let kubeconfig = folder.join("admin.kubeconfig");
        answers(&kubeconfig);
        let ready_after = started.elapsed();
        Self {
            home,
            child,
            kubeconfig,
            ready_after,
        }
    }

    /// The machine's home, for commands that are to find this sandbox.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    fn end(&mut self) {
        if self.child.try_wait().unwrap().is_none() {
            let pid = self.child.id().to_string();
            let _ = Command::new("kill").arg(pid).status();
            let _ = self.child.wait();
        }
    }
}

impl Rival for Sandbox {
    fn name(&self) -> &'static str {
        "sandbox"
    }

    fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    fn ready_after(&self) -> Duration {
        self.ready_after
    }

    fn processes(&self) -> Vec<u32> {
        vec![self.child.id()]
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.end();
    }
}

/// The rig's API server alone: etcd, kube-apiserver, kube-controller-manager.
pub(crate) struct Rig {
    state: tempfile::TempDir,
    kubeconfig: PathBuf,
    ready_after: Duration,
}

impl Rig {
    /// Starts one, or says why there can be none.
    pub(crate) fn start() -> Result<Self, String> {
        if !rig_out().join("bin/k8s").exists() {
            return Err("the rig is not built; run `tests/rig/rig build`".to_owned());
        }
        let state = tempfile::tempdir().map_err(|e| e.to_string())?;
        let started = Instant::now();
        let up = rig(state.path(), &["up", "--api-only"]).output();
        let up = up.map_err(|e| e.to_string())?;
        let ready_after = started.elapsed();
        let rig = Self {
            kubeconfig: state.path().join("admin.kubeconfig"),
            state,
            ready_after,
        };
        if up.status.success() {
            return Ok(rig);
        }
        Err(String::from_utf8_lossy(&up.stderr).trim().to_owned())
    }
}

impl Rival for Rig {
    fn name(&self) -> &'static str {
        "rig"
    }

    fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    fn ready_after(&self) -> Duration {
        self.ready_after
    }

    fn processes(&self) -> Vec<u32> {
        let pids = fs::read_to_string(self.state.path().join("pids")).unwrap_or_default();
        let pids = pids
            .lines()
            .filter_map(|l| l.split(' ').nth(1)?.parse().ok());
        pids.collect()
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        let _ = rig(self.state.path(), &["down", "--wipe"]).output();
    }
}

fn rig(state: &Path, args: &[&str]) -> Command {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rig/rig");
    let mut command = Command::new(program);
    command.args(args).env("RIG_STATE", state).envs(PORTS);
    command.stdin(Stdio::null());
    command
}

/// Waits until the server of a kubeconfig says that it is ready.
fn answers(kubeconfig: &Path) {
    let client = super::support::http::Client::of(kubeconfig);
    let (status, _) = client.send("GET", "/readyz", None);
    assert_eq!(status, 200, "/readyz");
}

/// The memory that a process holds, in bytes: what it shares with others is shared out among them.
fn held(pid: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let line = text.lines().find_map(|l| l.strip_prefix("Pss:"))?;
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kib << 10)
}
