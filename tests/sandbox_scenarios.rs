//! Whole scenarios, with controllers, in the sandbox and on a real cluster: the same objects in the end, the same conditions,
//! and the same reasons of events; but for uids, times, addresses and generated names.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Tests.

mod support;

use std::{
    collections::BTreeSet,
    path::Path,
    sync::{Mutex, OnceLock},
    thread,
};

use libtest_mimic::{Arguments, Failed, Trial};
use support::{
    cluster::{RealCluster, fresh},
    http::Client,
    machine::Machine,
    operator,
    scenario::{self, Played, Scenario},
};

/// How many times faster than it says the sandbox does its simulated work.
const SPEED: &str = "20";
/// How many scenarios run at once: most of their time they wait.
const THREADS: usize = 6;

fn main() {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(THREADS);
    let cluster = RealCluster::find();
    if let Err(reason) = &cluster {
        eprintln!("skipped: scenarios beside a real cluster: {reason}");
    }
    let known = known_differences();
    println!("{} scenarios are known to differ", known.len());
    let all = scenarios();
    for name in &known {
        let is_one = all.iter().any(|s| s.name == *name);
        assert!(is_one, "docs/sandbox-fidelity.md names no scenario: {name}");
    }
    let mut trials = Vec::new();
    for scenario in all {
        let found = cluster.clone();
        let differs = known.contains(&scenario.name);
        let namespaces = [fresh("scene"), fresh("scene")];
        if scenario.operator {
            for namespace in &namespaces {
                shared_operator().add(namespace);
            }
        }
        let trial = Trial::test(scenario.name.clone(), move || {
            match (compare(&found?, &scenario, &namespaces), differs) {
                (Ok(()), true) => {
                    Err("it no longer differs: take it from docs/sandbox-fidelity.md".into())
                }
                (Err(_), true) => Ok(()),
                (outcome, false) => outcome,
            }
        });
        trials.push(trial.with_ignored_flag(cluster.is_err()));
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    if let Ok(cluster) = &cluster {
        shared_operator().remove(cluster);
    }
    if let Some(sandbox) = SANDBOX.get() {
        sandbox.ccnr(&["sandbox", "stop"]);
    }
    conclusion.exit();
}

/// The scenarios that `docs/sandbox-fidelity.md` lists, in the table whose first column is `scenario`.
fn known_differences() -> BTreeSet<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/sandbox-fidelity.md");
    let text = std::fs::read_to_string(path).unwrap();
    let mut rows = text.lines().skip_while(|l| !l.starts_with("| scenario |"));
    rows.by_ref().take(2).count();
    rows.map_while(|line| line.strip_prefix("| ")?.split(" | ").next())
        .map(str::to_owned)
        .collect()
}

fn scenarios() -> Vec<Scenario> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|f| f.unwrap().path())
        .collect();
    files.sort();
    let read = |path: &std::path::PathBuf| -> Vec<Scenario> {
        let text = std::fs::read_to_string(path).unwrap();
        serde_yaml::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    };
    files.iter().flat_map(read).collect()
}

static SANDBOX: OnceLock<Machine> = OnceLock::new();

/// One for all scenarios: they have namespaces of their own.
fn sandbox() -> Client {
    let machine = SANDBOX.get_or_init(|| {
        let machine = Machine::new();
        let flavour = ["--flavour", "kubernetes-olm", "--speed", SPEED];
        machine.good(&[&["sandbox", "start"][..], &flavour].concat());
        machine
    });
    machine.admin()
}

/// The Prometheus Operator of all scenarios that need one: it takes long to be installed.
struct SharedOperator {
    namespace: String,
    targets: Mutex<Vec<String>>,
    ours: OnceLock<Result<(), String>>,
    theirs: OnceLock<Result<(), String>>,
}

fn shared_operator() -> &'static SharedOperator {
    static ONE: OnceLock<SharedOperator> = OnceLock::new();
    ONE.get_or_init(|| SharedOperator {
        namespace: fresh("scene-operator"),
        targets: Mutex::default(),
        ours: OnceLock::new(),
        theirs: OnceLock::new(),
    })
}

impl SharedOperator {
    fn add(&self, target: &str) {
        self.targets.lock().unwrap().push(target.to_owned());
    }

    fn need(&self, client: &Client, of: &OnceLock<Result<(), String>>) -> Result<(), String> {
        let install = || {
            let targets = self.targets.lock().unwrap().clone();
            let _turn = INSTALLS.lock().unwrap();
            operator::install(client, &self.namespace, &targets)
        };
        of.get_or_init(install).clone()
    }

    fn remove(&self, cluster: &RealCluster) {
        if self.theirs.get().is_some() {
            let real = Client::of(&cluster.kubeconfig);
            operator::remove(&real, &self.namespace, &self.targets.lock().unwrap());
        }
    }
}

/// Held while OLM installs something on the real side.
static INSTALLS: Mutex<()> = Mutex::new(());

/// Plays a scenario on one side.
fn play<'a>(
    client: &'a Client,
    scenario: &'a Scenario,
    namespace: &'a str,
    operator: &OnceLock<Result<(), String>>,
) -> Result<Played<'a>, String> {
    if scenario.operator {
        shared_operator().need(client, operator)?;
    }
    Played::new(client, scenario, namespace)
}

/// Compares both sides. Two clusters at work never meet at quite the same moment: what differs has to differ twice.
fn compare(
    cluster: &RealCluster,
    scenario: &Scenario,
    [first, second]: &[String; 2],
) -> Result<(), Failed> {
    compare_in(cluster, scenario, first).or_else(|told| {
        let why = told.message().unwrap_or_default();
        println!("tried again: {}:\n{why}", scenario.name);
        compare_in(cluster, scenario, second)
    })
}

fn compare_in(cluster: &RealCluster, scenario: &Scenario, namespace: &str) -> Result<(), Failed> {
    let operator = shared_operator();
    let _turn = scenario.installs.then(|| INSTALLS.lock().unwrap());
    let (ours, theirs) = (sandbox(), Client::of(&cluster.kubeconfig));
    let (ours, theirs) = thread::scope(|scope| {
        let ours = scope.spawn(|| play(&ours, scenario, namespace, &operator.ours));
        let theirs = play(&theirs, scenario, namespace, &operator.theirs);
        (ours.join().unwrap(), theirs)
    });
    match (ours, theirs) {
        (Ok(ours), Ok(theirs)) => Ok(scenario::compare(&ours, &theirs)?),
        (ours, theirs) => {
            let ours = ours.err().map(|e| format!("sandbox: {e}"));
            let theirs = theirs.err().map(|e| format!("real: {e}"));
            let told: Vec<_> = [ours, theirs].into_iter().flatten().collect();
            Err(told.join("\n").into())
        }
    }
}
