//! The same kubectl commands against the sandbox and against a real API server: the same output, but for uids, times and ages.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Tests.

mod support;

use std::{
    fmt::Write as _,
    io::Write as _,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use libtest_mimic::{Arguments, Failed, Trial};
use serde::Deserialize;
use serde_json::json;
use support::cluster::{RealCluster, fresh, kubectl};

/// Commands that belong together, in a namespace of their own.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Script {
    name: String,
    commands: Vec<Typed>,
}

/// One command, without the `kubectl` before it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Typed {
    run: String,
    #[serde(default)]
    stdin: String,
    /// Whether it is typed again until it goes well, for a while.
    #[serde(default)]
    patient: bool,
}

/// How long a patient one types.
const PATIENCE: Duration = Duration::from_secs(90);

fn main() {
    let arguments = Arguments::from_args();
    let cluster = RealCluster::find_api_only();
    if let Err(reason) = &cluster {
        eprintln!("skipped: kubectl against the sandbox and a real API server: {reason}");
    }
    let whole = RealCluster::find();
    if let Err(reason) = &whole {
        eprintln!("skipped: kubectl against the sandbox and a whole cluster: {reason}");
    }
    let trials =
        [("scripts", cluster, false), ("whole", whole, true)].map(|(file, cluster, whole)| {
            scripts(file).into_iter().map(move |script| {
                let found = cluster.clone();
                let trial = Trial::test(script.name.clone(), move || {
                    compare(&found?, whole, &script)
                });
                trial.with_ignored_flag(cluster.is_err())
            })
        });
    libtest_mimic::run(&arguments, trials.into_iter().flatten().collect()).exit();
}

/// The scripts of a file.
fn scripts(file: &str) -> Vec<Script> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/kubectl/{file}.yaml"));
    serde_yaml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Compares with a cluster, which has a node and more where it is a whole one.
fn compare(cluster: &RealCluster, whole: bool, script: &Script) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let folder = tempfile::tempdir()?;
    let sandbox = runtime.block_on(sandbox(folder.path(), whole));
    let namespace = fresh("ctl");
    let mut told = String::new();
    for kubeconfig in [&sandbox, &cluster.kubeconfig] {
        run(kubeconfig, &project(), &namespace, folder.path());
    }
    for command in &script.commands {
        let ours = run(&sandbox, command, &namespace, folder.path());
        let theirs = run(&cluster.kubeconfig, command, &namespace, folder.path());
        if ours != theirs {
            write!(
                told,
                "\nkubectl {}\n--- sandbox\n{ours}\n--- real\n{theirs}",
                command.run
            )?;
        }
    }
    cluster.try_kubectl(&["delete", "namespace", &namespace, "--wait=false"]);
    if told.is_empty() {
        Ok(())
    } else {
        Err(told.into())
    }
}

/// What makes the namespace.
fn project() -> Typed {
    Typed {
        run: "create -f -".to_owned(),
        stdin: json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "NS"}})
            .to_string(),
        patient: false,
    }
}

/// A sandbox, and the kubeconfig that leads to it.
async fn sandbox(folder: &Path, whole: bool) -> PathBuf {
    let sandbox = if whole {
        support::sandbox::start_whole().await
    } else {
        support::sandbox::start().await
    };
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "sandbox",
        "clusters": [{"name": "sandbox", "cluster": {
            "server": sandbox.server, "certificate-authority-data": STANDARD.encode(&sandbox.certificate),
        }}],
        "users": [{"name": "admin", "user": {"token": support::sandbox::TOKEN}}],
        "contexts": [{"name": "sandbox", "context": {"cluster": "sandbox", "user": "admin"}}],
    });
    let path = folder.join("sandbox.kubeconfig");
    std::fs::write(&path, config.to_string()).unwrap();
    path
}

/// What a command prints, and how it ends.
fn run(kubeconfig: &Path, typed: &Typed, namespace: &str, home: &Path) -> String {
    let end = Instant::now() + PATIENCE;
    loop {
        let said = run_once(kubeconfig, typed, namespace, home);
        if !typed.patient || said.ends_with("exit 0") || Instant::now() > end {
            return said;
        }
        std::thread::sleep(Duration::from_secs(1));
    }
}

fn run_once(kubeconfig: &Path, typed: &Typed, namespace: &str, home: &Path) -> String {
    let named = |text: &str| text.replace("NS", namespace);
    // A Namespace lies in none, and some commands say themselves where they look.
    let elsewhere = typed.stdin.contains("\"Namespace\"") || typed.run.contains(" -n ");
    let namespaced: &[&str] = if elsewhere {
        &[]
    } else {
        &["--namespace", namespace]
    };
    let mut child = kubectl(kubeconfig)
        .args(named(&typed.run).split(' '))
        .args(namespaced)
        .env("HOME", home)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(named(&typed.stdin).as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let all = format!(
        "{}{}exit {}",
        text(&output.stdout),
        text(&output.stderr),
        output.status.code().unwrap_or(-1)
    );
    timeless(&all.replace(namespace, "NS"))
}

/// Without what differs between any two runs.
fn timeless(text: &str) -> String {
    const FILTERS: [(&str, &str); 10] = [
        // What was measured, the node, and what names of Pods end with.
        (r"\b\d+m +\d+Mi\b|\b\d+[nu]? +\d+[KM]i\b +\S+", "USED"),
        (r"\b\d+m +\d+% +\d+Mi +\d+%", "USED"),
        (r"(?m)^(sandbox-1|node) ", "NODE "),
        (r"\b[0-9a-f]{8,10}-[a-z0-9]{5}\b|\b\d+%/", "ONE"),
        (
            r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
            "UID",
        ),
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "TIME"),
        (r#"resourceVersion: "\d+""#, "resourceVersion: RV"),
        (r"\b\d+(s|m|m\d+s)\b", "AGE"),
        (r" +", " "),
        (r"http[s]?://127\.0\.0\.1:\d+", "SERVER"),
    ];
    FILTERS.iter().fold(text.to_owned(), |text, (from, to)| {
        let from = regex::Regex::new(from).unwrap();
        from.replace_all(&text, *to).into_owned()
    })
}
