//! Figures on a real API server, each beside what it is compared with, in turn and in one run:
//! `cargo bench --bench real_cluster`. Ratios depend less on the machine than times do.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    missing_docs
)] // A bench.

mod distance;
mod process;
#[path = "../tests/support/mod.rs"]
mod support;

use std::{
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use ccnr::cluster::{Cluster, apply::How, call::Limits, connect};
use distance::Distance;
use futures::StreamExt as _;
use process::run;
use serde_json::{Value, json};
use support::{
    cluster::{RealCluster, fresh, kubectl},
    learner::{Learner, Role},
};

/// Objects of the apply bench.
const OBJECTS: usize = 400;
/// Rounds of the apply bench.
const ROUNDS: usize = 3;
/// How far the cluster of the second apply bench is away and back.
const ROUND_TRIP: Duration = Duration::from_millis(20);
/// Rounds of the others.
const RUNS: usize = 21;

fn main() {
    // `cargo test --benches` only builds it.
    if !std::env::args().any(|a| a == "--bench") {
        return;
    }
    help();
    match RealCluster::find() {
        Err(reason) => println!("skipped: figures on a real cluster: {reason}"),
        Ok(cluster) => {
            verify(&cluster);
            apply("beside the server", &cluster, &cluster.kubeconfig);
            let folder = tempfile::tempdir().unwrap();
            let distant = Distance::new(&cluster.kubeconfig, ROUND_TRIP, folder.path());
            apply("20 ms away", &cluster, &distant.kubeconfig);
        }
    }
}

/// The start of the program.
fn help() {
    let mut took = times(RUNS * 3, || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ccnr"));
        command.arg("--help");
        run(&mut command).0
    });
    println!(
        "ccnr --help            {:>8.1} ms  (goal: under 10 ms)",
        ms(median(&mut took))
    );
}

/// `lab verify` of a step with ten checks done, against one `kubectl get`.
fn verify(cluster: &RealCluster) {
    let learner = Learner::new(cluster, Role::Admin, &[]);
    for args in [
        &["lab", "start", "1", "--yes"][..],
        &["lab", "solve", "--to", "project", "--yes"],
    ] {
        assert_eq!(learner.ccnr(args).code, 0, "{args:?}");
    }
    let project = learner.project("web");
    let (mut ours, mut theirs, mut memory) = (Vec::new(), Vec::new(), 0);
    for _ in 0..RUNS {
        let (took, peak) = run(&mut learner.command(&["lab", "verify", "-o", "json"]));
        ours.push(took);
        memory = memory.max(peak);
        let mut get = kubectl(&cluster.kubeconfig);
        get.args(["get", "pods", "-n", &project])
            .env("HOME", learner.folder.path());
        theirs.push(run(&mut get).0);
    }
    let (ours, theirs) = (median(&mut ours), median(&mut theirs));
    println!(
        "ccnr lab verify        {:>8.1} ms, {:.1} MiB\nkubectl get pods       {:>8.1} ms\n  ratio                {:>8.2}     (goal: at most 1.5, and under 25 MiB)",
        ms(ours),
        memory as f64 / 1024.0,
        ms(theirs),
        ms(ours) / ms(theirs)
    );
}

/// Objects applied by us, by kubectl from the same files, and by a client that does nothing but keep the server busy; all
/// through this kubeconfig.
fn apply(place: &str, cluster: &RealCluster, kubeconfig: &Path) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let (mut ours, mut theirs, mut busy) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        ours.push(in_a_project(cluster, |objects| {
            runtime.block_on(applied(kubeconfig, objects));
        }));
        busy.push(in_a_project(cluster, |objects| {
            runtime.block_on(saturated(kubeconfig, objects));
        }));
        theirs.push(in_a_project(cluster, |objects| {
            by_kubectl(kubeconfig, objects);
        }));
    }
    let (ours, theirs, busy) = (median(&mut ours), median(&mut theirs), median(&mut busy));
    let rate = |d: Duration| OBJECTS as f64 / d.as_secs_f64();
    println!(
        "apply {OBJECTS} objects, {place}: ccnr {:>6.0}/s   kubectl apply --server-side {:>6.0}/s   saturating client {:>6.0}/s",
        rate(ours),
        rate(theirs),
        rate(busy)
    );
    println!(
        "  against kubectl      {:>8.1} ×   (goal: at least 10)\n  of a saturating one  {:>8.2}     (goal: at least 0.9)",
        rate(ours) / rate(theirs),
        rate(ours) / rate(busy)
    );
}

/// The time of some work on the objects, in a project of its own; the files for kubectl lie where the objects say.
fn in_a_project(cluster: &RealCluster, work: impl FnOnce(&[Value])) -> Duration {
    let project = fresh("bench");
    cluster.kubectl(&["create", "namespace", &project]);
    cluster.kubectl(&[
        "wait",
        "--for=create",
        "serviceaccount/default",
        "-n",
        &project,
        "--timeout=20s",
    ]);
    let objects = objects(&project);
    let started = Instant::now();
    work(&objects);
    let took = started.elapsed();
    cluster.kubectl(&["delete", "namespace", &project]);
    took
}

fn objects(project: &str) -> Vec<Value> {
    let object = |i: usize| {
        let (name, labels) = (format!("o{i}"), json!({"app": "bench"}));
        let metadata = json!({"name": name, "namespace": project, "labels": labels});
        match i % 4 {
            0 => {
                json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"a": "1"}})
            }
            1 => json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}),
            2 => json!({
                "apiVersion": "v1", "kind": "Service", "metadata": metadata,
                "spec": {"selector": labels, "ports": [{"port": 80}]},
            }),
            _ => json!({
                "apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata,
                "spec": {"replicas": 0, "selector": {"matchLabels": labels}, "template": {
                    "metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "none"}]},
                }},
            }),
        }
    };
    (0..OBJECTS).map(object).collect()
}

async fn applied(kubeconfig: &Path, objects: &[Value]) {
    let source = connect::find(Some(kubeconfig)).unwrap();
    let cluster = Cluster::connect(source, None, Limits::default())
        .await
        .unwrap();
    cluster.apply_all(objects, &How::default()).await.unwrap();
}

/// The same requests, as many at once as make no more difference, in any order.
async fn saturated(kubeconfig: &Path, objects: &[Value]) {
    let config = kube::config::Kubeconfig::read_from(kubeconfig).unwrap();
    let config = kube::Config::from_custom_kubeconfig(config, &<_>::default())
        .await
        .unwrap();
    let client = kube::Client::try_from(config).unwrap();
    let requests: Vec<_> = objects
        .iter()
        .map(|o| {
            let text = |p: &str| o.pointer(p).unwrap().as_str().unwrap();
            let kind = text("/kind").to_lowercase();
            let group = if kind == "deployment" {
                "/apis/apps/v1"
            } else {
                "/api/v1"
            };
            let path = format!(
                "{group}/namespaces/{}/{kind}s/{}?fieldManager=bench",
                text("/metadata/namespace"),
                text("/metadata/name")
            );
            http::Request::patch(path)
                .header("Content-Type", "application/apply-patch+yaml")
                .body(kube::client::Body::from(o.to_string().into_bytes()))
                .unwrap()
        })
        .collect();
    futures::stream::iter(requests)
        .map(|request| client.send(request))
        .buffer_unordered(64)
        .for_each(|answer| async { assert!(answer.unwrap().status().is_success()) })
        .await;
}

fn by_kubectl(kubeconfig: &Path, objects: &[Value]) {
    let folder = tempfile::tempdir().unwrap();
    for (i, object) in objects.iter().enumerate() {
        std::fs::write(folder.path().join(format!("{i}.json")), object.to_string()).unwrap();
    }
    let applied = kubectl(kubeconfig)
        .args(["apply", "--server-side", "-f"])
        .arg(folder.path())
        .stdout(Stdio::null())
        .status();
    assert!(applied.unwrap().success());
}

fn times(count: usize, mut work: impl FnMut() -> Duration) -> Vec<Duration> {
    (0..count).map(|_| work()).collect()
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
