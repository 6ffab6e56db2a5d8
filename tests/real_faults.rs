//! Faults of a real API server, made by a proxy in front of it: every command ends within its bound, says in words what is
//! wrong, and never takes the cluster's trouble for the learner's.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Tests.

mod support;

use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Failed, Trial};
use support::{
    cluster::RealCluster,
    learner::{Learner, Role, Said},
    proxy::{Fault, Proxy, Rate},
};

/// Every command that asks the cluster.
const COMMANDS: [&[&str]; 11] = [
    &["doctor"],
    &["lab", "show"],
    &["lab", "show", "1"],
    &["lab", "start", "1", "--yes"],
    &["lab", "verify"],
    &["lab", "verify", "--wait", "2s"],
    &["lab", "status"],
    &["lab", "hint"],
    &["lab", "answer", "look-inside", "x"],
    &["lab", "solve", "--step", "project", "--yes"],
    &["lab", "reset", "--yes"],
];

/// Those that go on with the record where the cluster gives no answer.
const BY_RECORD: [&[&str]; 4] = [
    &["lab", "show"],
    &["lab", "show", "1"],
    &["lab", "status"],
    &["lab", "hint"],
];

/// The longest that a command may take whose every request meets a fault: some calls one after the other, each with its
/// own bound of 6 s, and what the program needs itself.
const BOUND: Duration = Duration::from_secs(14);

/// How many trials run at once: most of their time they wait for the cluster.
const THREADS: usize = 6;

fn main() {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(THREADS);
    let cluster = RealCluster::find();
    if let Err(reason) = &cluster {
        eprintln!("skipped: faults in front of a real cluster: {reason}");
    }
    let mut trials = Vec::new();
    let faults = [
        Fault::Busy,
        Fault::Down,
        Fault::Expired,
        Fault::Reset,
        Fault::Cut,
        Fault::Stall,
        Fault::Page,
    ];
    for fault in faults {
        let found = cluster.clone();
        let always = Trial::test(format!("{fault:?} always").to_lowercase(), move || {
            always(&found?, fault)
        });
        trials.push(always.with_ignored_flag(cluster.is_err()));
        let found = cluster.clone();
        let name = format!("{fault:?} on what is checked").to_lowercase();
        let on_reads = Trial::test(name, move || on_what_is_checked(&found?, fault));
        trials.push(on_reads.with_ignored_flag(cluster.is_err()));
        // What is expired or a portal stays so; and a stall is bounded, not hidden.
        if ![Fault::Expired, Fault::Stall, Fault::Page].contains(&fault) {
            let found = cluster.clone();
            let name = format!("{fault:?} now and then").to_lowercase();
            let sometimes = Trial::test(name, move || now_and_then(&found?, fault));
            trials.push(sometimes.with_ignored_flag(cluster.is_err()));
        }
    }
    libtest_mimic::run(&arguments, trials).exit();
}

/// A learner in the middle of lab 1, who comes through the proxy.
fn learner(cluster: &RealCluster) -> Result<(Learner, Proxy), Failed> {
    let mut learner = Learner::new(cluster, Role::Admin, &[]);
    let proxy = Proxy::start(&cluster.kubeconfig, learner.folder.path());
    learner.kubeconfig.clone_from(&proxy.kubeconfig);
    for command in [
        &["lab", "start", "1", "--yes"][..],
        &["lab", "solve", "--to", "project", "--yes"][..],
    ] {
        let said = run(&learner, command);
        ensure(said.code == 0, || format!("{command:?}: {said:?}"))?;
    }
    Ok((learner, proxy))
}

fn run(learner: &Learner, command: &[&str]) -> Said {
    let mut all = command.to_vec();
    all.extend(["--request-timeout", "1s"]);
    learner.ccnr(&all)
}

/// Every request meets the fault: exit code 3, a sentence, in time; nothing is the learner's fault.
fn always(cluster: &RealCluster, fault: Fault) -> Result<(), Failed> {
    let (learner, proxy) = learner(cluster)?;
    proxy.set(fault, Rate::Always);
    for command in COMMANDS {
        let began = Instant::now();
        let said = run(&learner, command);
        let took = began.elapsed();
        ensure(took < BOUND, || {
            format!("{command:?} took {took:?}: {said:?}")
        })?;
        // The record on this machine is enough for some; the trouble is told all the same.
        let by_record = BY_RECORD.contains(&command);
        let code = if by_record { 0 } else { 3 };
        ensure(said.code == code, || format!("{command:?}: {said:?}"))?;
        let told = if by_record {
            said.err.contains("this is from your record")
        } else {
            said.err.starts_with("error: ") || said.err.contains("\nerror: ")
        };
        ensure(told, || format!("{command:?} says nothing: {said:?}"))?;
        ensure(!said.out.contains('✘'), || {
            format!("{command:?} blames: {said:?}")
        })?;
    }
    proxy.set(Fault::None, Rate::Always);
    let after = learner.verdicts(&[]);
    let project = after.iter().find(|(id, _)| id == "project");
    ensure(project.is_some_and(|(_, v)| v == "pass"), || {
        format!("nothing was lost: {after:?}")
    })
}

/// The session opens, and what one check reads meets the fault: its verdict is `error`, nothing is the learner's fault, and
/// a step that passed is not told as undone.
fn on_what_is_checked(cluster: &RealCluster, fault: Fault) -> Result<(), Failed> {
    let (learner, proxy) = learner(cluster)?;
    let solved = run(&learner, &["lab", "solve", "--to", "configure", "--yes"]);
    ensure(solved.code == 0, || format!("{solved:?}"))?;
    let made = learner.shell("1", "kubectl apply -f 01-project/service.yaml");
    ensure(made.code == 0, || format!("{made:?}"))?;
    // The step that is open comes first: once it has passed, it is not looked at again.
    let mut places = vec![("/endpointslices", "service", "endpoints")];
    // Behind the proxy to a Service, a page for people may be the Service's own.
    if fault != Fault::Page {
        places.push(("/proxy/", "service", "answers"));
    }
    places.push(("/deployments/", "declare", "exists"));
    for (path, step, check) in places {
        proxy.set(fault, Rate::On(path));
        let began = Instant::now();
        let said = run(&learner, &["lab", "verify", "-o", "json"]);
        let took = began.elapsed();
        ensure(took < BOUND, || format!("{path} took {took:?}: {said:?}"))?;
        let report: serde_json::Value = serde_json::from_str(&said.out)?;
        let named = |list: &serde_json::Value, id: &str| {
            let found = list
                .as_array()
                .into_iter()
                .flatten()
                .find(|v| v["id"] == id);
            found.cloned().ok_or(format!("no {id} in {list}"))
        };
        let step = named(&report["steps"], step)?;
        let verdict = named(&step["checks"], check)?["verdict"].clone();
        ensure(verdict == "error", || format!("{path}: {step}"))?;
        let blames = |c: &serde_json::Value| c["verdict"] == "fail";
        let any = step["checks"]
            .as_array()
            .is_some_and(|all| all.iter().any(blames));
        ensure(!any && step["regressed"].is_null(), || {
            format!("{path} blames: {step}")
        })?;
    }
    Ok(())
}

/// One request of three meets the fault: nobody notices.
fn now_and_then(cluster: &RealCluster, fault: Fault) -> Result<(), Failed> {
    let (learner, proxy) = learner(cluster)?;
    proxy.set(fault, Rate::EveryThird);
    for command in COMMANDS {
        let began = Instant::now();
        let said = run(&learner, command);
        let took = began.elapsed();
        let bound = BOUND + Duration::from_secs(30);
        ensure(took < bound, || format!("{command:?} took {took:?}"))?;
        // Step 2 of the lab is not done, and the answer is wrong.
        let expected = match command {
            ["lab", "verify" | "answer", ..] => 1,
            _ => 0,
        };
        ensure(said.code == expected, || format!("{command:?}: {said:?}"))?;
    }
    Ok(())
}

fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), Failed> {
    if holds {
        Ok(())
    } else {
        Err(otherwise().into())
    }
}
