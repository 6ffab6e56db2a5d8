//! Pass-through to the real client, with the lab's project and the context of this program.

use std::{
    env,
    ffi::OsString,
    path::PathBuf,
    process::{Command, ExitCode},
};

use clap::Args;

use super::desk::Desk;
use crate::session::store::Store;

/// What is passed on.
#[derive(Debug, Args)]
pub(super) struct Client {
    /// The client's own arguments
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "ARGS"
    )]
    args: Vec<OsString>,
}

/// Flags by which a command says itself in which project it looks.
const PLACES: [&str; 4] = ["-n", "--namespace", "-A", "--all-namespaces"];
/// Flags by which a command says itself on which cluster it looks.
const CLUSTERS: [&str; 6] = [
    "--kubeconfig",
    "--context",
    "--cluster",
    "--server",
    "-s",
    "--config",
];

pub(super) async fn run(desk: &Desk, program: &str, client: Client) -> anyhow::Result<ExitCode> {
    // Nothing is started for a client that is not there.
    let Some(found) = in_path(program) else {
        anyhow::bail!(
            "{program} is not installed, or not in PATH; {}",
            how_to_get(program)
        );
    };
    let mut command = Command::new(found);
    // A lab's project lies on the lab's cluster: on another one it says nothing.
    if !says(&client.args, &CLUSTERS) {
        let practice = desk.kubeconfig()?;
        if let Some(kubeconfig) = practice.as_ref().or(desk.globals.kubeconfig.as_ref()) {
            command.env("KUBECONFIG", kubeconfig);
        }
        if let Some(context) = &desk.globals.context {
            command.arg("--context").arg(context);
        }
        if !says(&client.args, &PLACES)
            && let Some(project) = project(desk).await
        {
            command.arg("--namespace").arg(project);
        }
    } else if let Some(kubeconfig) = &desk.globals.kubeconfig {
        command.env("KUBECONFIG", kubeconfig);
    }
    match command.args(&client.args).status() {
        Ok(status) => {
            let code = status.code().and_then(|c| u8::try_from(c).ok());
            Ok(ExitCode::from(code.unwrap_or_else(|| killed(status))))
        }
        Err(error) => anyhow::bail!("{program} can't be run: {error}"),
    }
}

/// Where a program is.
pub(super) fn in_path(program: &str) -> Option<PathBuf> {
    env::var_os("PATH")
        .iter()
        .flat_map(env::split_paths)
        .map(|folder| folder.join(program))
        .find(|path| path.is_file())
}

/// The exit code of a client that a signal ended, as shells give it.
fn killed(status: std::process::ExitStatus) -> u8 {
    #[cfg(unix)]
    {
        use std::os::unix::process::ExitStatusExt as _;
        let signal = status.signal().and_then(|s| u8::try_from(s).ok());
        signal.map_or(1, |s| s.saturating_add(128))
    }
    #[cfg(not(unix))]
    {
        let _ = status;
        1
    }
}

/// Whether one of these flags is given: alone, as `--flag=value`, or as `-fvalue`.
fn says(args: &[OsString], flags: &[&str]) -> bool {
    // What comes after -- is not the client's.
    let own = args.iter().take_while(|arg| *arg != "--");
    own.into_iter().any(|arg| {
        let arg = arg.to_string_lossy();
        flags.iter().any(|flag| match arg.strip_prefix(flag) {
            Some(rest) if flag.starts_with("--") => rest.is_empty() || rest.starts_with('='),
            Some(_) => true,
            None => false,
        })
    })
}

/// The current lab's first project. Without a lab, or without a cluster that answers, the client decides itself.
async fn project(desk: &Desk) -> Option<String> {
    let learner = desk.learner().ok()?;
    let cluster = desk.cluster(desk.limits()).await.ok()?;
    let store = Store::of(&cluster.server, &learner.student);
    let current = store.current().ok()??;
    let folder = learner.catalogue.find(&current).ok()?;
    // Projects' names don't depend on what the cluster serves.
    let loaded = learner
        .load(&folder, &crate::session::served::Served::default())
        .ok()?;
    loaded.lab.projects.first().cloned()
}

fn how_to_get(program: &str) -> &'static str {
    if program == "oc" {
        "download it from your cluster's console (? > Command line tools) or https://mirror.openshift.com/pub/openshift-v4/clients/ocp/"
    } else {
        "see https://kubernetes.io/docs/tasks/tools/"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_that_is_given_is_kept() {
        let of = |args: &[&str], flags: &[&str]| {
            super::says(&args.iter().map(OsString::from).collect::<Vec<_>>(), flags)
        };
        let says = |args: &[&str]| of(args, &PLACES);
        assert!(says(&["get", "pods", "-n", "x"]));
        assert!(says(&["get", "pods", "-nx"]));
        assert!(says(&["get", "pods", "--namespace=x"]));
        assert!(says(&["get", "pods", "-A"]));
        assert!(!says(&["get", "pods", "-o", "name"]));
        assert!(!says(&["exec", "web", "--", "tail", "-n", "5", "log"]));
        let elsewhere = |args: &[&str]| of(args, &CLUSTERS);
        assert!(elsewhere(&["get", "pods", "--context", "other"]));
        assert!(elsewhere(&["get", "pods", "--kubeconfig=x"]));
        assert!(!elsewhere(&["config", "get-contexts", "--contexts"]));
        assert!(!elsewhere(&["get", "pods", "-n", "x"]));
    }
}
