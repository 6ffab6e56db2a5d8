//! Figures of a class on a real API server of its own, in one run: `cargo bench --bench class`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    missing_docs
)] // A bench.

mod process;
#[allow(dead_code)] // Of the two servers, the rig alone.
mod rivals;
#[path = "../tests/support/mod.rs"]
mod support;

use std::{
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use ccnr::{
    class::{apply::Work, desired::Blueprint, live, model::Class, plan::Plan},
    cluster::{Cluster, call::Limits, connect},
    lab::catalogue::Catalogue,
};
use futures::StreamExt as _;
use rivals::{Rig, Rival as _};
use serde_json::Value;
use support::cluster::kubectl;

/// Students of the classes that are provisioned in turn.
const STUDENTS: usize = 50;
/// How often each way is taken.
const ROUNDS: usize = 3;
/// The classes whose memory is compared.
const SIZES: [usize; 2] = [100, 1000];
/// The most requests under way at once, of ours and of the saturating client.
const AT_ONCE: usize = 64;

fn main() {
    // `cargo test --benches` only builds it.
    if !std::env::args().any(|a| a == "--bench") {
        return;
    }
    let rig = match Rig::start() {
        Ok(rig) => rig,
        Err(reason) => {
            println!("skipped: figures of a class: {reason}");
            return;
        }
    };
    provision(rig.kubeconfig());
    memory(rig.kubeconfig());
}

/// A class's file in a folder.
fn file(folder: &Path, name: &str, students: usize) -> std::path::PathBuf {
    let path = folder.join(format!("{name}.yaml"));
    let text = format!(
        "apiVersion: ccnr.dev/v1\nkind: Class\nmetadata: {{name: {name}}}\nspec:\n  students: {{count: {students}, prefix: {name}}}\n  \
         labs: [1, 2, 3, 4]\n"
    );
    std::fs::write(&path, text).unwrap();
    path
}

/// The objects of classes, written by ccnr, by a client that only keeps the server busy, and by kubectl, in turn.
fn provision(kubeconfig: &Path) {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let (mut ours, mut busy, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
    let mut count = 0;
    for round in 0..ROUNDS {
        let prepare = |way: &str| {
            let path = file(folder.path(), &format!("{way}{round}"), STUDENTS);
            runtime.block_on(survey(kubeconfig, &path))
        };
        let (cluster, blueprint) = prepare("a");
        ours.push(runtime.block_on(by_ccnr(&cluster, &blueprint)));
        let (_, blueprint) = prepare("b");
        let objects = objects(&blueprint);
        count = objects.len();
        busy.push(runtime.block_on(saturated(kubeconfig, &objects)));
        let (_, blueprint) = prepare("c");
        theirs.push(by_kubectl(kubeconfig, &self::objects(&blueprint)));
    }
    let rate = |took: &mut Vec<Duration>| {
        took.sort();
        count as f64 / took[took.len() / 2].as_secs_f64()
    };
    let (ours, busy, theirs) = (rate(&mut ours), rate(&mut busy), rate(&mut theirs));
    println!(
        "{STUDENTS} students, {count} objects: ccnr {ours:.0}/s   kubectl apply --server-side {theirs:.0}/s   saturating client {busy:.0}/s"
    );
    println!(
        "  against kubectl      {:>8.1} ×   (goal: at least 10)",
        ours / theirs
    );
    println!(
        "  of a saturating one  {:>8.2}     (goal: at least 0.9)",
        ours / busy
    );
}

async fn survey(kubeconfig: &Path, file: &Path) -> (Cluster, Blueprint) {
    let source = connect::find(Some(kubeconfig)).unwrap();
    let cluster = Cluster::connect(source, None, Limits::default())
        .await
        .unwrap();
    let class = Class::read(file).unwrap();
    let blueprint = Blueprint::survey(&cluster, &Catalogue::embedded(), class)
        .await
        .unwrap();
    (cluster, blueprint)
}

fn objects(blueprint: &Blueprint) -> Vec<Value> {
    let students = blueprint
        .class
        .students
        .iter()
        .flat_map(|s| blueprint.of_student(s));
    blueprint.shared().into_iter().chain(students).collect()
}

async fn by_ccnr(cluster: &Cluster, blueprint: &Blueprint) -> Duration {
    let started = Instant::now();
    let students: Vec<_> = blueprint.class.students.iter().collect();
    let compared = live::compare(cluster, blueprint, None).await.unwrap();
    let plan = Plan::of(blueprint, &compared, &students);
    let work = Work {
        cluster,
        blueprint,
        compared: &compared,
        most: AT_ONCE,
    };
    let shared = work.shared(&|_| {}).await;
    let own = work.students(&students, &plan, &|_| {}).await;
    assert!(
        shared.failures.is_empty() && own.failures.is_empty(),
        "{:?}",
        own.failures
    );
    started.elapsed()
}

/// The same objects by server-side apply, namespaces before the rest, as many at once as ccnr may have.
async fn saturated(kubeconfig: &Path, objects: &[Value]) -> Duration {
    let config = kube::config::Kubeconfig::read_from(kubeconfig).unwrap();
    let config = kube::Config::from_custom_kubeconfig(config, &<_>::default())
        .await
        .unwrap();
    let client = kube::Client::try_from(config).unwrap();
    let (first, rest): (Vec<_>, Vec<_>) = objects.iter().partition(|o| o["kind"] == "Namespace");
    let started = Instant::now();
    for wave in [first, rest] {
        let requests: Vec<_> = wave.into_iter().map(request).collect();
        futures::stream::iter(requests)
            .map(|request| client.send(request))
            .buffer_unordered(AT_ONCE)
            .for_each(|answer| async { assert!(answer.unwrap().status().is_success()) })
            .await;
    }
    started.elapsed()
}

fn request(object: &Value) -> http::Request<kube::client::Body> {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
    let version = text("/apiVersion").unwrap();
    let root = if version.contains('/') {
        "/apis"
    } else {
        "/api"
    };
    let kind = text("/kind").unwrap().to_lowercase();
    let plural = if kind == "networkpolicy" {
        "networkpolicies".to_owned()
    } else {
        format!("{kind}s")
    };
    let place =
        text("/metadata/namespace").map_or_else(String::new, |n| format!("/namespaces/{n}"));
    let name = text("/metadata/name").unwrap();
    http::Request::patch(format!(
        "{root}/{version}{place}/{plural}/{name}?fieldManager=bench"
    ))
    .header("Content-Type", "application/apply-patch+yaml")
    .body(kube::client::Body::from(object.to_string().into_bytes()))
    .unwrap()
}

fn by_kubectl(kubeconfig: &Path, objects: &[Value]) -> Duration {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("all.json");
    let text: Vec<String> = objects.iter().map(Value::to_string).collect();
    std::fs::write(&file, text.join("\n---\n")).unwrap();
    let started = Instant::now();
    let applied = kubectl(kubeconfig)
        .args(["apply", "--server-side", "-f"])
        .arg(&file)
        .stdout(Stdio::null())
        .status();
    assert!(applied.unwrap().success());
    started.elapsed()
}

/// What an apply holds at most, for a small and a large class.
fn memory(kubeconfig: &Path) {
    let folder = tempfile::tempdir().unwrap();
    let peaks = SIZES.map(|students| {
        let path = file(folder.path(), &format!("m{students}"), students);
        let mut command = Command::new(env!("CARGO_BIN_EXE_ccnr"));
        command
            .args(["class", "apply", "--yes", "--no-credentials"])
            .arg(path);
        command
            .env("KUBECONFIG", kubeconfig)
            .env("HOME", folder.path());
        let (took, peak) = process::run(&mut command);
        let mib = peak as f64 / 1024.0;
        println!(
            "class apply, {students} students: {:.1} s, {mib:.1} MiB at most",
            took.as_secs_f64()
        );
        mib
    });
    println!(
        "  the larger of the smaller {:>8.2}     (goal: at most 1.2)",
        peaks[1] / peaks[0]
    );
}
