//! The real cluster of the suites: `CCNR_TEST_KUBECONFIG`, else the rig if it is up.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::Value;

/// A cluster, as its administrator.
#[derive(Clone)]
pub struct RealCluster {
    pub kubeconfig: PathBuf,
}

impl RealCluster {
    /// Finds the cluster, or says why there is none.
    pub fn find() -> Result<Self, String> {
        let given = env::var_os("CCNR_TEST_KUBECONFIG").filter(|v| !v.is_empty());
        if let Some(given) = given {
            return Self::answering(PathBuf::from(given));
        }
        let rig = rig();
        let said = Command::new(&rig)
            .arg("env")
            .output()
            .map_err(|e| format!("{} can't be run: {e}", rig.display()))?;
        let said = String::from_utf8_lossy(&said.stdout).into_owned();
        let path = said
            .trim()
            .strip_prefix("export KUBECONFIG=")
            .ok_or("the rig says no kubeconfig")?;
        if !Path::new(path).exists() {
            return Err(
                "no cluster: set CCNR_TEST_KUBECONFIG, or run `tests/rig/rig build && tests/rig/rig up`"
                    .to_owned(),
            );
        }
        Self::answering(PathBuf::from(path))
    }

    /// Finds the API server that stands alone, without a node and without addons: `CCNR_TEST_API_KUBECONFIG`, else the
    /// rig's, if it is up.
    pub fn find_api_only() -> Result<Self, String> {
        let given = env::var_os("CCNR_TEST_API_KUBECONFIG").filter(|v| !v.is_empty());
        let path = given.map_or_else(|| rig_out().join("api/admin.kubeconfig"), PathBuf::from);
        if !path.exists() {
            return Err(
                "no API server alone: run `tests/rig/rig build && RIG_STATE=~/.cache/ccnr-rig/api tests/rig/rig up --api-only`"
                    .to_owned(),
            );
        }
        Self::answering(path)
    }

    fn answering(kubeconfig: PathBuf) -> Result<Self, String> {
        let cluster = Self { kubeconfig };
        let answer = cluster.try_kubectl(&["get", "--raw", "/readyz"]);
        if answer.status.success() {
            return Ok(cluster);
        }
        let why = String::from_utf8_lossy(&answer.stderr).into_owned();
        Err(format!(
            "the cluster of {} does not answer: {}",
            cluster.kubeconfig.display(),
            why.trim()
        ))
    }

    /// Whether the cluster serves an API group.
    pub fn serves(&self, group: &str) -> bool {
        let groups = self.kubectl(&["get", "--raw", "/apis"]);
        let groups: Value = serde_json::from_str(&groups).unwrap();
        let mut all = groups["groups"].as_array().unwrap().iter();
        all.any(|g| g["name"] == group)
    }

    /// kubectl as the administrator; it has to succeed.
    pub fn kubectl(&self, args: &[&str]) -> String {
        let answer = self.try_kubectl(args);
        assert!(
            answer.status.success(),
            "kubectl {args:?}: {}",
            String::from_utf8_lossy(&answer.stderr)
        );
        String::from_utf8(answer.stdout).unwrap()
    }

    /// kubectl as the administrator, whatever comes of it.
    pub fn try_kubectl(&self, args: &[&str]) -> Output {
        kubectl(&self.kubeconfig).args(args).output().unwrap()
    }

    /// Applies YAML as the administrator.
    pub fn apply(&self, yaml: &str) {
        use std::io::Write as _;
        let mut child = kubectl(&self.kubeconfig)
            .args(["apply", "-f", "-"])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(yaml.as_bytes()).unwrap();
        drop(stdin);
        assert!(child.wait().unwrap().success(), "apply:\n{yaml}");
    }
}

/// The kubectl that the rig built, else the one in PATH.
pub fn kubectl(kubeconfig: &Path) -> Command {
    let built = rig_out().join("bin/kubectl");
    let mut command = Command::new(if built.exists() {
        built
    } else {
        PathBuf::from("kubectl")
    });
    command.arg("--kubeconfig").arg(kubeconfig);
    command
}

/// Where the rig is built.
pub fn rig_out() -> PathBuf {
    env::var_os("RIG_OUT").map_or_else(
        || {
            let home = env::home_dir().unwrap_or_default();
            env::var_os("XDG_CACHE_HOME")
                .map_or_else(|| home.join(".cache"), PathBuf::from)
                .join("ccnr-rig")
        },
        PathBuf::from,
    )
}

fn rig() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rig/rig")
}

/// A name of its own for each run, so that suites run beside each other.
pub fn fresh(prefix: &str) -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{prefix}{:x}{number:x}", now.as_millis() & 0x00ff_ffff)
}
