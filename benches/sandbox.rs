//! Figures of the sandbox, each beside the rig's API server, in one run: `cargo bench --bench sandbox`. Both are started for
//! it, new and empty; the client is the same, and shares the machine with them. Ratios depend less on the machine than times do.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    missing_docs
)] // A bench.

mod load;
mod rivals;
#[path = "../tests/support/mod.rs"]
mod support;

use std::{
    path::Path,
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

use load::Load;
use rivals::{Rig, Rival, Sandbox};
use serde_json::Value;

/// How many times the sandbox is started.
const STARTS: usize = 9;
/// Objects of the write benches.
const OBJECTS: usize = 2000;
/// Pods of the list benches.
const PODS: usize = 10_000;
/// How many times lists are read.
const READS: usize = 5;
/// How many times faster than it says simulated work is done for the labs.
const SPEED: &str = "1000";
/// Pods that get a node and run: few, and many.
const RUNNING: [usize; 2] = [250, 1000];
/// How many of them there are to a node.
const PODS_OF_NODE: usize = 100;
/// How many changes are waited for.
const CHANGES: usize = 200;

/// How often is looked whether all Pods run.
const LOOK: Duration = Duration::from_millis(100);

/// The figures of one server.
struct Figures {
    ready: Duration,
    /// Bytes.
    empty: u64,
    /// Per second.
    creates: f64,
    /// Per second.
    patches: f64,
    list: Duration,
    /// Bytes.
    length: usize,
    table: Duration,
    heard: Duration,
    heard_late: Duration,
    /// Bytes.
    full: u64,
}

fn main() {
    // `cargo test --benches` only builds it.
    if !std::env::args().any(|a| a == "--bench") {
        return;
    }
    let plain = ["--flavour", "kubernetes"];
    let mut starts: Vec<_> = (0..STARTS)
        .map(|_| Sandbox::start(&plain).ready_after())
        .collect();
    let sandbox = Sandbox::start(&plain);
    let mut ours = figures(&sandbox);
    ours.ready = median(&mut starts);
    println!(
        "the sandbox with {PODS} Pods, started again: ready after {:.0} ms",
        ms(sandbox.again(&plain).ready_after())
    );
    running();
    match Rig::start() {
        Ok(rig) => compare(&ours, &figures(&rig)),
        Err(reason) => {
            println!("skipped: figures of the rig: {reason}");
            print(&ours);
        }
    }
    for flavour in ["openshift", "kubernetes-olm", "kubernetes"] {
        labs(flavour);
    }
}

fn figures(server: &dyn Rival) -> Figures {
    println!("measuring: {}", server.name());
    let load = Load::of(server.kubeconfig());
    let empty = server.memory();
    load.namespace("bench-writes");
    let rate = |took: Duration| OBJECTS as f64 / took.as_secs_f64();
    let creates = rate(load.all("POST", load::objects("bench-writes", OBJECTS)));
    let patches = rate(load.all("PATCH", load::changes("bench-writes", OBJECTS)));
    let mut heard = load.heard_after("bench-writes", CHANGES);
    load.namespace("bench-pods");
    load.all("POST", load::pods("bench-pods", PODS));
    let full = server.memory();
    let mut length = 0;
    let mut read = |accept: &str| {
        let mut took: Vec<_> = (0..READS)
            .map(|_| {
                let (status, bytes, took) = load.get("/api/v1/namespaces/bench-pods/pods", accept);
                assert_eq!(status, 200);
                length = length.max(bytes);
                took
            })
            .collect();
        median(&mut took)
    };
    let list = read("application/json");
    let table = read("application/json;as=Table;v=v1;g=meta.k8s.io");
    let heard_after = median(&mut heard);
    Figures {
        ready: server.ready_after(),
        empty,
        creates,
        patches,
        list,
        length,
        table,
        heard: heard_after,
        heard_late: heard[heard.len() * 99 / 100],
        full,
    }
}

fn compare(ours: &Figures, rig: &Figures) {
    let line = |what: &str, unit: &str, ours: f64, rig: f64, ratio: f64, goal: &str| {
        println!("{what:<34} {ours:>9.1} {rig:>9.1} {unit:<4} {ratio:>8.1} ×  {goal}");
    };
    println!(
        "{:<34} {:>9} {:>9} {:<4} {:>8}",
        "", "sandbox", "rig", "", "better"
    );
    let time = |what: &str, ours: Duration, rig: Duration, goal: &str| {
        line(what, "ms", ms(ours), ms(rig), ms(rig) / ms(ours), goal);
    };
    let memory = |what: &str, ours: u64, rig: u64, goal: &str| {
        line(what, "MiB", mib(ours), mib(rig), mib(rig) / mib(ours), goal);
    };
    let rate = |what: &str, ours: f64, rig: f64, goal: &str| {
        line(what, "/s", ours, rig, ours / rig, goal);
    };
    time(
        "ready after its start",
        ours.ready,
        rig.ready,
        "goal: under 100 ms",
    );
    rate("creates", ours.creates, rig.creates, "goal: at least 5 ×");
    rate("patches", ours.patches, rig.patches, "goal: at least 5 ×");
    time(&format!("a list of {PODS} Pods"), ours.list, rig.list, "");
    time("the same as a table", ours.table, rig.table, "");
    time("a watcher hears of a change", ours.heard, rig.heard, "");
    time(
        "  99 of 100 times within",
        ours.heard_late,
        rig.heard_late,
        "",
    );
    memory("memory, empty", ours.empty, rig.empty, "goal: under 50 MiB");
    memory(
        &format!("memory with {PODS} Pods"),
        ours.full,
        rig.full,
        "goal: under 150 MiB",
    );
}

fn print(ours: &Figures) {
    println!(
        "ready {:.0} ms, creates {:.0}/s, patches {:.0}/s, list {:.0} ms ({:.1} MiB), table {:.0} ms, heard {:.2} ms, memory {:.1} and {:.1} MiB",
        ms(ours.ready),
        ours.creates,
        ours.patches,
        ms(ours.list),
        mib(ours.length as u64),
        ms(ours.table),
        ms(ours.heard),
        mib(ours.empty),
        mib(ours.full)
    );
}

/// How long it takes until Pods run, with what is simulated taking no time: where there are more of them, each takes no longer.
fn running() {
    let each = RUNNING.map(|count| {
        let took = until_all_run(count);
        let each = ms(took) / count as f64;
        println!(
            "{count} Pods get a node and run: {:.2} s, {each:.2} ms each",
            took.as_secs_f64()
        );
        each
    });
    println!(
        "each of {} Pods takes {:.2} × as long as each of {}   goal: under 2 ×",
        RUNNING[1],
        each[1] / each[0],
        RUNNING[0]
    );
}

fn until_all_run(count: usize) -> Duration {
    let sandbox = Sandbox::start(&["--flavour", "kubernetes", "--speed", SPEED]);
    let load = Load::of(sandbox.kubeconfig());
    load.namespace("bench-running");
    load.nodes(count.div_ceil(PODS_OF_NODE));
    let pods = load::pods("bench-running", count).map(|(path, mut pod)| {
        pod["spec"]["schedulerName"] = Value::from("default-scheduler");
        (path, pod)
    });
    let started = Instant::now();
    load.all("POST", pods);
    let waiting = "/api/v1/namespaces/bench-running/pods?fieldSelector=status.phase%21%3DRunning";
    while !load.items(waiting).is_empty() {
        std::thread::sleep(LOOK);
    }
    started.elapsed()
}

/// All four labs, as a learner goes through them, with what is simulated taking no time.
fn labs(flavour: &str) {
    let sandbox = Sandbox::start(&["--flavour", flavour, "--speed", SPEED]);
    let mut whole = Duration::ZERO;
    let mut each = Vec::new();
    for lab in ["1", "2", "3", "4"] {
        let mut took = good(sandbox.home(), &["lab", "start", lab, "--yes"]);
        let last = last_step(sandbox.home(), lab);
        for args in [
            &["lab", "solve", lab, "--to", &last, "--yes"][..],
            &["lab", "verify", lab],
            &["lab", "reset", lab, "--yes"],
        ] {
            took += good(sandbox.home(), args);
        }
        whole += took;
        each.push(format!("{:.0}", ms(took)));
    }
    println!(
        "labs 1 to 4, {flavour}: start, solve, verify, reset in {:.2} s ({} ms)   goal: under 3 s",
        whole.as_secs_f64(),
        each.join(" + ")
    );
}

/// The last step of a lab.
fn last_step(home: &Path, lab: &str) -> String {
    let output = ccnr(home, &["lab", "verify", lab, "-o", "json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut steps = report["steps"].as_array().unwrap().iter();
    // Steps for another kind of cluster are passed over.
    let last = steps.rfind(|s| s["verdict"] != "skipped").unwrap();
    last["id"].as_str().unwrap().to_owned()
}

/// Runs `ccnr`, which has to go well; gives the time.
fn good(home: &Path, args: &[&str]) -> Duration {
    let started = Instant::now();
    let output = ccnr(home, args);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {told}");
    started.elapsed()
}

fn ccnr(home: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ccnr"))
        .args(args)
        .env_clear()
        .env("HOME", home)
        .env("PATH", "/nowhere")
        .current_dir(home)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / 1_048_576.0
}
