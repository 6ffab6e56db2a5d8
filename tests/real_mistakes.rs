//! Mistakes of beginners on a real cluster, each with the verdict and the words that the learner sees, kept as snapshots.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Tests.

mod support;

use std::{
    panic::AssertUnwindSafe,
    path::Path,
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
const SETTLES: Duration = Duration::from_secs(120);

/// After how many verifications in a row that say the same a new report counts as settled.
const UNCHANGED: u32 = 4;

/// For how long a report that waits for something may become another one. What waits longer is kept as it waits.
const CONVERGES: Duration = Duration::from_secs(75);

/// Where the reports are kept.
const SNAPSHOTS: &str = "tests/snapshots/mistakes";

/// How many trials run at once: most of their time they wait for the cluster.
const THREADS: usize = 4;

fn main() {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(THREADS);
    let cluster = RealCluster::find();
    if let Err(reason) = &cluster {
        eprintln!("skipped: mistakes on a real cluster: {reason}");
    }
    let trials = SCENES.iter().map(|scene| {
        let after = scene.solved.unwrap_or("start");
        let names: Vec<&str> = scene.mistakes.iter().map(|m| m.name).collect();
        let name = format!("lab {} after {after}: {}", scene.lab, names.join(", "));
        let lacks_olm =
            |c: &RealCluster| ["3", "4"].contains(&scene.lab) && !c.serves("operators.coreos.com");
        let skipped = cluster.as_ref().map_or(true, lacks_olm);
        if skipped && cluster.is_ok() {
            eprintln!("skipped: {name}: this cluster has no OLM");
        }
        let found = cluster.clone();
        let trial = Trial::test(name, move || match found {
            Ok(cluster) => make(&cluster, scene),
            Err(reason) => Err(reason.into()),
        });
        trial.with_ignored_flag(skipped)
    });
    libtest_mimic::run(&arguments, trials.collect()).exit();
}

fn make(cluster: &RealCluster, scene: &Scene) -> Result<(), Failed> {
    let learner = Learner::new(cluster, Role::Admin, &[]);
    succeeded(&learner.ccnr(&["lab", "start", scene.lab, "--yes"]))?;
    if let Some(step) = scene.solved {
        succeeded(&learner.ccnr(&["lab", "solve", scene.lab, "--to", step, "--yes"]))?;
    }
    let mut wrong = Vec::new();
    for mistake in scene.mistakes {
        shell(&learner, scene.lab, mistake.typed)?;
        let report = settled(&learner, scene, mistake)?;
        wrong.extend(differs(mistake, &report));
        shell(&learner, scene.lab, mistake.undo)?;
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(wrong.join("\n").into())
    }
}

/// Verifies until the report reads as its snapshot does: how soon the cluster gets there is no part of the words. A report
/// without a snapshot counts as settled when it no longer changes. None ever passes, or takes the mistake for the cluster's
/// trouble.
fn settled(learner: &Learner, scene: &Scene, mistake: &Mistake) -> Result<String, Failed> {
    let kept = kept(mistake);
    let began = Instant::now();
    let deadline = began + SETTLES;
    let mut last = String::new();
    let mut unchanged = 0;
    loop {
        let said = learner.ccnr(&["lab", "verify", scene.lab]);
        if said.code == 0 || said.code == 3 {
            return Err(format!("{}: {said:?}", mistake.name).into());
        }
        let says = said.out.contains(mistake.settled);
        let report = timeless(learner, &said.out);
        unchanged = if report == last { unchanged + 1 } else { 0 };
        let may_change = report.contains(" s so far") && began.elapsed() < CONVERGES;
        let done = match &kept {
            Some(kept) => kept.trim() == report.trim(),
            None => unchanged >= UNCHANGED && !may_change,
        };
        if says && (done || Instant::now() > deadline) {
            return Ok(report);
        }
        if Instant::now() > deadline {
            let (name, settled) = (mistake.name, mistake.settled);
            return Err(format!("{name}: no \"{settled}\" in:\n{report}").into());
        }
        last = report;
        sleep(Duration::from_secs(1));
    }
}

/// The report that the snapshot holds; none while snapshots are being made.
fn kept(mistake: &Mistake) -> Option<String> {
    if std::env::var_os("INSTA_UPDATE").is_some_and(|how| how == "always") {
        return None;
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = root.join(format!("{SNAPSHOTS}/{}.snap", mistake.name));
    let text = std::fs::read_to_string(path).ok()?;
    let (_, body) = text.strip_prefix("---\n")?.split_once("---\n")?;
    Some(body.to_owned())
}

/// The report without names that Kubernetes makes, addresses and times, and without the padding that depends on them.
fn timeless(learner: &Learner, report: &str) -> String {
    const FILTERS: [(&str, &str); 10] = [
        (r"-[a-z0-9]{8,10}-[a-z0-9]{5}\b", "-HASH"),
        (
            r"\b(test-nginx|web|java-demo|other)-[a-f0-9]{8,10}\b",
            "$1-HASH",
        ),
        (r"10\.244\.\d+\.\d+", "POD-IP"),
        (r"\d+ in all", "N in all"),
        (r"\s+\d+ s so far", "  N s so far"),
        // A run over midnight reads of yesterday, with its date.
        (r"passed at (\d{4}-\d\d-\d\d )?\d\d:\d\d", "passed at HH:MM"),
        (r"\b\d+ restarts?\b", "N restarts"),
        (r"restarted \d+ times?\b", "restarted N times"),
        // How far to the right stands what is waited for depends on how long.
        (r"(?m)^( +… \S.*?\S) {2,}", "$1  "),
        // How far to the right the code stands depends on the name.
        (r"(-HASH.*?) +(\[[A-Za-z]+\])", "$1    $2"),
    ];
    let named = report.replace(&learner.id, "ID");
    FILTERS.iter().fold(named, |text, (from, to)| {
        let from = regex::Regex::new(from).unwrap();
        from.replace_all(&text, *to).into_owned()
    })
}

/// Compares the report with its snapshot.
fn differs(mistake: &Mistake, report: &str) -> Option<String> {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_snapshot_path("snapshots/mistakes");
    settings.set_omit_expression(true);
    let compare = || insta::assert_snapshot!(mistake.name, report);
    let outcome = std::panic::catch_unwind(AssertUnwindSafe(|| settings.bind(compare)));
    outcome
        .err()
        .map(|_| format!("{} reads otherwise:\n{report}", mistake.name))
}

/// Types a script. A wrong answer makes `ccnr` fail: that is the mistake.
fn shell(learner: &Learner, lab: &str, script: &str) -> Result<(), Failed> {
    let said = learner.shell(lab, script);
    if said.code != 0 && !script.starts_with("ccnr ") {
        return Err(format!("{script}: {}", said.err).into());
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
