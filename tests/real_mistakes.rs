//! Mistakes of beginners on a real cluster, each with the verdict and the words that the learner sees, kept as snapshots.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Tests.

mod support;

use std::{
    panic::AssertUnwindSafe,
    process::Command,
    thread::sleep,
    time::{Duration, Instant},
};

use libtest_mimic::{Arguments, Failed, Trial};
use support::{
    cluster::RealCluster,
    learner::{Learner, Role, Said},
    mistakes::{Mistake, SCENES, Scene},
};

/// How long a mistake may take until the cluster shows it.
const SETTLES: Duration = Duration::from_secs(90);

fn main() {
    let arguments = Arguments::from_args();
    let cluster = RealCluster::find();
    if let Err(reason) = &cluster {
        eprintln!("skipped: mistakes on a real cluster: {reason}");
    }
    let trials = SCENES.iter().map(|scene| {
        let after = scene.solved.unwrap_or("start");
        let names: Vec<&str> = scene.mistakes.iter().map(|m| m.name).collect();
        let name = format!("lab {} after {after}: {}", scene.lab, names.join(", "));
        let found = cluster.clone();
        let trial = Trial::test(name, move || match found {
            Ok(cluster) => make(&cluster, scene),
            Err(reason) => Err(reason.into()),
        });
        trial.with_ignored_flag(cluster.is_err())
    });
    libtest_mimic::run(&arguments, trials.collect()).exit();
}

fn make(cluster: &RealCluster, scene: &Scene) -> Result<(), Failed> {
    let olm = ["3", "4"].contains(&scene.lab);
    if olm && !cluster.serves("operators.coreos.com") {
        eprintln!("skipped: lab {}: this cluster has no OLM", scene.lab);
        return Ok(());
    }
    let learner = Learner::new(cluster, Role::Admin, &[]);
    succeeded(&learner.ccnr(&["lab", "start", scene.lab, "--yes"]))?;
    if let Some(step) = scene.solved {
        succeeded(&learner.ccnr(&["lab", "solve", scene.lab, "--to", step, "--yes"]))?;
    }
    let mut wrong = Vec::new();
    for mistake in scene.mistakes {
        shell(&learner, scene.lab, mistake.typed)?;
        let report = settled(&learner, scene, mistake)?;
        wrong.extend(differs(&learner, mistake, &report));
        shell(&learner, scene.lab, mistake.undo)?;
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(wrong.join("\n").into())
    }
}

/// Verifies until the report says what it is to say; it never passes, and never takes the mistake for the cluster's trouble.
fn settled(learner: &Learner, scene: &Scene, mistake: &Mistake) -> Result<Said, Failed> {
    let deadline = Instant::now() + SETTLES;
    loop {
        let said = learner.ccnr(&["lab", "verify", scene.lab]);
        if said.code == 0 || said.code == 3 {
            return Err(format!("{}: {said:?}", mistake.name).into());
        }
        if said.out.contains(mistake.settled) {
            return Ok(said);
        }
        if Instant::now() > deadline {
            let why = format!(
                "{}: no \"{}\" in:\n{}",
                mistake.name, mistake.settled, said.out
            );
            return Err(why.into());
        }
        sleep(Duration::from_secs(1));
    }
}

/// Compares the report with its snapshot.
fn differs(learner: &Learner, mistake: &Mistake, said: &Said) -> Option<String> {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_snapshot_path("snapshots/mistakes");
    settings.set_omit_expression(true);
    settings.add_filter(&learner.id, "ID");
    // Names that Kubernetes makes, addresses, and times.
    settings.add_filter(r"-[a-z0-9]{8,10}-[a-z0-9]{5}\b", "-HASH");
    settings.add_filter(
        r"\b(test-nginx|web|java-demo|other)-[a-f0-9]{8,10}\b",
        "$1-HASH",
    );
    settings.add_filter(r"10\.244\.\d+\.\d+", "POD-IP");
    settings.add_filter(r"\d+ in all", "N in all");
    settings.add_filter(r"\d+ s so far", "N s so far");
    settings.add_filter(r"passed at \d\d:\d\d", "passed at HH:MM");
    settings.add_filter(r"\b\d+ restarts?\b", "N restarts");
    // The report's own page, without the step that passed before.
    let compare = || insta::assert_snapshot!(mistake.name, said.out);
    let outcome = std::panic::catch_unwind(AssertUnwindSafe(|| settings.bind(compare)));
    outcome
        .err()
        .map(|_| format!("{} reads otherwise:\n{}", mistake.name, said.out))
}

fn shell(learner: &Learner, lab: &str, script: &str) -> Result<(), Failed> {
    let (first, second) = match lab {
        "1" => ("web", ""),
        "2" => ("build", ""),
        "3" => ("operator", ""),
        _ => ("jmx", "monitor"),
    };
    let tools = learner.tools();
    let output = Command::new("sh")
        .args(["-c", script])
        .current_dir(learner.folder.path())
        .env("PATH", tools)
        .env("KUBECONFIG", &learner.kubeconfig)
        .env("XDG_STATE_HOME", learner.folder.path().join("state"))
        .env("S", &learner.id)
        .env("P", learner.project(first))
        .env("M", learner.project(second))
        .output()?;
    // A wrong answer makes the command fail: that is the mistake.
    if !output.status.success() && !script.starts_with("ccnr ") {
        let why = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(format!("{script}: {why}").into());
    }
    Ok(())
}

fn succeeded(said: &Said) -> Result<(), Failed> {
    if said.code == 0 {
        Ok(())
    } else {
        Err(format!("{said:?}").into())
    }
}
