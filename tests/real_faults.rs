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

/// The longest that a command may take whose every request meets a fault: some calls one after the other, each with its
/// own bound of 6 s, and what the program needs itself.
const BOUND: Duration = Duration::from_secs(14);

fn main() {
    let arguments = Arguments::from_args();
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
    ];
    for fault in faults {
        let found = cluster.clone();
        let always = Trial::test(format!("{fault:?} always").to_lowercase(), move || {
            always(&found?, fault)
        });
        trials.push(always.with_ignored_flag(cluster.is_err()));
        // What is expired stays so; and a stall is bounded, not hidden.
        if ![Fault::Expired, Fault::Stall].contains(&fault) {
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
        ensure(said.code == 3, || format!("{command:?}: {said:?}"))?;
        let told = said.err.starts_with("error: ") || said.err.contains("\nerror: ");
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
