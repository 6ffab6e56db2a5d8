//! A machine with nothing on it, and the built `ccnr`.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;

use super::{http::Client, wait};

/// A machine with nothing on it: an empty home, no kubeconfig.
pub struct Machine(tempfile::TempDir);

impl Machine {
    /// A new one.
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// A file on it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs `ccnr`.
    pub fn ccnr(&self, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ccnr"));
        command.args(args).env_clear().env("HOME", self.0.path());
        command.env("PATH", "/nowhere").current_dir(self.0.path());
        command.output().unwrap()
    }

    /// Runs `ccnr` where commands are found in this folder; gives its answer.
    pub fn with_path(&self, folder: &Path, args: &[&str]) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ccnr"));
        command.args(args).env_clear().env("HOME", self.0.path());
        command.env("PATH", folder).current_dir(self.0.path());
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    }

    /// Runs `ccnr`, which has to go well; gives its answer.
    pub fn good(&self, args: &[&str]) -> String {
        let output = self.ccnr(args);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{args:?}: {told}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// What `ccnr sandbox status` says.
    pub fn status(&self) -> Value {
        let output = self.ccnr(&["sandbox", "status", "-o", "json"]);
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// The practice cluster's folder.
    pub fn folder(&self) -> PathBuf {
        self.0.path().join(".local/state/ccnr/sandbox")
    }

    /// What the practice cluster wrote.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder().join("log")).unwrap()
    }

    /// The API, as the administrator.
    pub fn admin(&self) -> Client {
        Client::of(&self.folder().join("admin.kubeconfig"))
    }

    /// Ends the practice cluster at once.
    pub fn kill(&self) {
        let pid = self.status()["pid"].to_string();
        assert!(
            Command::new("kill")
                .args(["-9", &pid])
                .status()
                .unwrap()
                .success()
        );
        wait::until("the end of what was killed", || {
            let status = self.status();
            if status["running"] == true {
                Err(status)
            } else {
                Ok(())
            }
        });
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.ccnr(&["sandbox", "stop"]);
    }
}
