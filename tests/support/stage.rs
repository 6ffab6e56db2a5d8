//! A sandbox whose own controllers of some programs are off, for real ones to stand in.

use std::{path::PathBuf, process::Command};

use super::{
    machine::Machine,
    program::{Program, built, free_port, kubeconfig_as},
};

/// How many times faster than it says the sandbox does its simulated work.
const SPEED: &str = "20";

/// A sandbox without some programs, and a folder for what stands in for them.
pub struct Stage {
    pub machine: Machine,
    pub folder: tempfile::TempDir,
}

impl Stage {
    pub fn without(programs: &str) -> Self {
        let machine = Machine::new();
        let flavour = ["--flavour", "kubernetes-olm", "--speed", SPEED];
        let without = ["--without", programs];
        machine.good(&[&["sandbox", "start"][..], &flavour, &without].concat());
        Self {
            machine,
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub fn kubeconfig(&self) -> PathBuf {
        self.machine.folder().join("admin.kubeconfig")
    }

    /// The flags by which a part of Kubernetes finds the API and answers somewhere itself.
    pub fn of_kubernetes(&self, part: &str) -> Command {
        let config = kubeconfig_as(
            &self.kubeconfig(),
            &format!("system:{part}"),
            self.folder.path(),
        );
        let config = config.display();
        let mut command = Command::new(built("k8s").unwrap());
        command.arg(part);
        for flag in [
            "kubeconfig",
            "authentication-kubeconfig",
            "authorization-kubeconfig",
        ] {
            command.arg(format!("--{flag}={config}"));
        }
        command.arg("--bind-address=127.0.0.1").arg("--cert-dir=.");
        command.arg(format!("--secure-port={}", free_port()));
        command
    }

    pub fn start(&self, name: &str, command: &mut Command) -> Program {
        Program::start(self.folder.path(), name, command)
    }

    /// kubectl as the administrator, which has to succeed.
    pub fn kubectl(&self, args: &[&str]) {
        let mut command = Command::new(built("kubectl").unwrap());
        command
            .arg("--kubeconfig")
            .arg(self.kubeconfig())
            .args(args);
        let output = command.output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "kubectl {args:?}: {told}");
    }
}
