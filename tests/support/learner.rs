//! A learner with a folder, a record and a kubeconfig of their own, and the built `ccnr`.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::{Value, json};

use super::cluster::{RealCluster, fresh, kubectl};

/// With which rights a learner works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// cluster-admin, who makes the projects.
    Admin,
    /// Admin of projects that were made for them, and nothing else.
    Student,
}

/// A learner.
pub struct Learner {
    pub id: String,
    pub cluster: RealCluster,
    pub kubeconfig: PathBuf,
    pub folder: tempfile::TempDir,
    /// Projects that were made for the learner.
    projects: Vec<String>,
}

/// What a command said.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Learner {
    /// A learner with these rights; a student gets these projects.
    pub fn new(cluster: &RealCluster, role: Role, projects: &[&str]) -> Self {
        let id = fresh("t");
        let folder = tempfile::tempdir().unwrap();
        let mut learner = Self {
            id,
            cluster: cluster.clone(),
            kubeconfig: cluster.kubeconfig.clone(),
            folder,
            projects: Vec::new(),
        };
        if role == Role::Student {
            learner.provision(projects);
        }
        learner
    }

    /// What an instructor makes: an account, the projects, the right to work in them, and an `OperatorGroup` where there
    /// is an Operator Lifecycle Manager, which lets no student make one.
    fn provision(&mut self, suffixes: &[&str]) {
        let id = self.id.clone();
        let class = format!("{id}-class");
        let labels = json!({
            "app.kubernetes.io/managed-by": "ccnr", "ccnr.dev/class": "proof", "ccnr.dev/student": id,
        });
        let mut objects = vec![
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": class, "labels": labels}}),
            json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "student", "namespace": class}}),
        ];
        let olm = self.cluster.serves("operators.coreos.com");
        for suffix in suffixes {
            let name = format!("{id}-{suffix}");
            objects.push(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}));
            objects.push(json!({
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
                "metadata": {"name": "student", "namespace": name, "labels": labels},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "admin"},
                "subjects": [{"kind": "ServiceAccount", "name": "student", "namespace": class}],
            }));
            if olm && ["operator", "monitor"].contains(suffix) {
                objects.push(json!({
                    "apiVersion": "operators.coreos.com/v1", "kind": "OperatorGroup",
                    "metadata": {"name": "class", "namespace": name, "labels": labels},
                    "spec": {"targetNamespaces": [name]},
                }));
            }
            self.projects.push(name);
        }
        self.projects.push(class.clone());
        let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
        self.cluster.apply(&list.to_string());
        let token =
            self.cluster
                .kubectl(&["create", "token", "student", "-n", &class, "--duration=2h"]);
        self.kubeconfig = self.folder.path().join("kubeconfig");
        std::fs::write(&self.kubeconfig, self.student_config(token.trim())).unwrap();
    }

    fn student_config(&self, token: &str) -> String {
        let config = self
            .cluster
            .kubectl(&["config", "view", "--raw", "--minify", "-o", "json"]);
        let mut config: Value = serde_json::from_str(&config).unwrap();
        config["users"][0]["user"] = json!({"token": token});
        config.to_string()
    }

    /// A project of this learner.
    pub fn project(&self, suffix: &str) -> String {
        format!("{}-{suffix}", self.id)
    }

    /// Runs `ccnr`.
    pub fn ccnr(&self, args: &[&str]) -> Said {
        said(&self.command(args).output().unwrap())
    }

    /// `ccnr`, ready to run.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ccnr"));
        command
            .args(args)
            .args(["--student", &self.id])
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder.path())
            .env("XDG_STATE_HOME", self.folder.path().join("state"))
            .env("LANG", "C.UTF-8")
            .env("KUBECONFIG", &self.kubeconfig);
        command
    }

    /// Types a script into a shell in the learner's folder, where `$S` is the learner, `$P` the lab's first project and
    /// `$M` its second.
    pub fn shell(&self, lab: &str, script: &str) -> Said {
        let (first, second) = match lab {
            "1" => ("web", ""),
            "2" => ("build", ""),
            "3" => ("operator", ""),
            _ => ("jmx", "monitor"),
        };
        let output = Command::new("sh")
            .args(["-c", script])
            .current_dir(self.folder.path())
            .env("PATH", self.tools())
            .env("KUBECONFIG", &self.kubeconfig)
            .env("XDG_STATE_HOME", self.folder.path().join("state"))
            .env("S", &self.id)
            .env("P", self.project(first))
            .env("M", self.project(second))
            .output();
        said(&output.unwrap())
    }

    /// PATH with the built `ccnr` and the suites' kubectl before everything else.
    pub fn tools(&self) -> OsString {
        let programs = self.folder.path().join("bin");
        if !programs.exists() {
            std::fs::create_dir(&programs).unwrap();
            let client = kubectl(&self.kubeconfig).get_program().to_owned();
            if Path::new(&client).is_absolute() {
                std::os::unix::fs::symlink(client, programs.join("kubectl")).unwrap();
            }
            let ccnr = env!("CARGO_BIN_EXE_ccnr");
            std::os::unix::fs::symlink(ccnr, programs.join("ccnr")).unwrap();
        }
        let path = std::env::var_os("PATH").unwrap_or_default();
        let all = std::iter::once(programs).chain(std::env::split_paths(&path));
        std::env::join_paths(all).unwrap()
    }

    /// Runs kubectl as the learner.
    pub fn kubectl(&self, args: &[&str]) -> Said {
        let output = kubectl(&self.kubeconfig)
            .args(args)
            .current_dir(self.folder.path())
            .output()
            .unwrap();
        said(&output)
    }

    /// The steps of a report: id and verdict.
    pub fn verdicts(&self, args: &[&str]) -> Vec<(String, String)> {
        let mut all = vec!["lab", "verify", "-o", "json"];
        all.extend(args);
        let said = self.ccnr(&all);
        let report: Value = serde_json::from_str(&said.out)
            .unwrap_or_else(|e| panic!("{all:?}: {e}\n{}\n{}", said.out, said.err));
        let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
        let steps = report["steps"].as_array().unwrap().iter();
        steps
            .map(|s| (text(&s["id"]), text(&s["verdict"])))
            .collect()
    }
}

impl Drop for Learner {
    fn drop(&mut self) {
        for suffix in ["web", "build", "operator", "jmx", "monitor"] {
            self.projects.push(self.project(suffix));
        }
        let mut args = vec!["delete", "namespace", "--ignore-not-found", "--wait=false"];
        args.extend(self.projects.iter().map(String::as_str));
        self.cluster.try_kubectl(&args);
    }
}

fn said(output: &Output) -> Said {
    Said {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
