//! Whole scenarios, with controllers, in the sandbox and on a real cluster: the same objects in the end, the same conditions,
//! and the same reasons of events; but for uids, times, addresses and generated names.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Tests.

mod support;

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    path::Path,
    sync::OnceLock,
    time::{Duration, Instant},
};

use libtest_mimic::{Arguments, Failed, Trial};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use support::{
    cluster::{RealCluster, fresh},
    http::Client,
    machine::Machine,
    normal::Normal,
};

/// How many times faster than it says the sandbox does its simulated work.
const SPEED: &str = "20";
/// How many scenarios run at once: most of their time they wait.
const THREADS: usize = 4;
/// How long one wait may take.
const LIMIT: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_millis(100);

/// The reason of events that depend on what a node holds already: compared only where a scenario waits for it.
const LUCK: &str = "Pulling";
/// The event of a real node that looks for a new namespace's certificate before it is there. The sandbox has it in time.
const TOO_EARLY: &str = "Pod Warning FailedMount";

/// Steps that belong together, in a namespace of their own.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Scenario {
    name: String,
    steps: Vec<Step>,
    /// The collections that are compared in the end, as paths below the namespace: `apps/v1/deployments`, `v1/pods`.
    see: Vec<String>,
    /// The reasons of events that are not compared, because when they come is a matter of luck.
    #[serde(default)]
    luck: Vec<String>,
}

/// One step: objects that are made, a request, or a wait.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    /// Objects, applied server-side in their order.
    #[serde(default)]
    apply: Vec<Value>,
    /// `METHOD PATH`, with `NS` for the namespace.
    #[serde(default)]
    ask: Option<String>,
    #[serde(default)]
    body: Option<Value>,
    #[serde(default)]
    content: Option<String>,
    /// A path that is read until what it gives is as wanted.
    #[serde(default)]
    wait: Option<String>,
    /// JSON pointers with their values; `#` after a pointer for the number of items.
    #[serde(default)]
    until: Map<String, Value>,
    /// Whether it is to be gone.
    #[serde(default)]
    gone: bool,
    /// The reasons of events that have to be there.
    #[serde(default)]
    events: Vec<String>,
}

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
        let trial = Trial::test(scenario.name.clone(), move || {
            match (compare(&found?, &scenario), differs) {
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

fn compare(cluster: &RealCluster, scenario: &Scenario) -> Result<(), Failed> {
    let namespace = fresh("scene");
    let ours = run(&sandbox(), scenario, &namespace).map_err(|e| format!("sandbox: {e}"));
    let real = Client::of(&cluster.kubeconfig);
    let theirs = run(&real, scenario, &namespace).map_err(|e| format!("real: {e}"));
    let (ours, mut theirs) = match (ours, theirs) {
        (Ok(ours), Ok(theirs)) => (ours, theirs),
        (ours, theirs) => {
            let told = [ours.err(), theirs.err()];
            return Err(told
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
                .join("\n")
                .into());
        }
    };
    let mut told = String::new();
    for ((what, ours), (_, theirs)) in ours.iter().zip(&mut theirs) {
        if let (Some(ours), Some(theirs)) = (ours.as_array(), theirs.as_array_mut()) {
            let early = json!(TOO_EARLY);
            theirs.retain(|line| *line != early || ours.contains(line));
        }
        support::normal::differences(what, ours, theirs, &mut told);
    }
    if told.is_empty() {
        Ok(())
    } else {
        Err(told.into())
    }
}

/// Runs a scenario; gives what is there in the end.
fn run(
    client: &Client,
    scenario: &Scenario,
    namespace: &str,
) -> Result<Vec<(String, Value)>, String> {
    let own = json!({"metadata": {"name": namespace}});
    client.send("POST", "/api/v1/namespaces", Some(&own));
    let outcome = scenario
        .steps
        .iter()
        .try_for_each(|step| perform(client, step, namespace));
    let seen = outcome.and_then(|()| see(client, scenario, namespace));
    client.send("DELETE", &format!("/api/v1/namespaces/{namespace}"), None);
    seen
}

fn perform(client: &Client, step: &Step, namespace: &str) -> Result<(), String> {
    for object in &step.apply {
        let path = client.path_of(object, namespace)?;
        let path = format!("{path}?fieldManager=scenario&force=true");
        let content = "application/apply-patch+yaml";
        let text = object
            .to_string()
            .replace("\"NS\"", &format!("\"{namespace}\""));
        let object = serde_json::from_str(&text).unwrap();
        let (status, answer) = client.send_as("PATCH", &path, content, Some(&object));
        if status >= 300 {
            return Err(format!("apply {path}: {status} {answer}"));
        }
    }
    if let Some(ask) = &step.ask {
        let (method, path) = ask.split_once(' ').unwrap();
        let content = step.content.as_deref().unwrap_or("application/json");
        let path = path.replace("NS", namespace);
        let (status, answer) = client.send_as(method, &path, content, step.body.as_ref());
        if status >= 300 {
            return Err(format!("{ask}: {status} {answer}"));
        }
    }
    let began = Instant::now();
    if let Some(path) = &step.wait {
        let path = path.replace("NS", namespace);
        loop {
            let (status, answer) = client.send("GET", &path, None);
            let done = if step.gone {
                status == 404
            } else {
                status == 200
                    && step
                        .until
                        .iter()
                        .all(|(at, wanted)| is(&answer, at, wanted))
            };
            if done {
                break;
            }
            if began.elapsed() > LIMIT {
                let wanted = Value::Object(step.until.clone());
                return Err(format!("{path} never is {wanted}: {status} {answer}"));
            }
            std::thread::sleep(PAUSE);
        }
    }
    let path = format!("/api/v1/namespaces/{namespace}/events");
    loop {
        let (_, events) = client.send("GET", &path, None);
        let there = reasons(&events);
        let missing = |r: &&String| !there.iter().any(|t| t.ends_with(&format!(" {r}")));
        let Some(missing) = step.events.iter().find(missing) else {
            return Ok(());
        };
        if began.elapsed() > LIMIT {
            return Err(format!("there is no event {missing}: {there:?}"));
        }
        std::thread::sleep(PAUSE);
    }
}

/// Whether what lies at a pointer is as wanted.
fn is(answer: &Value, at: &str, wanted: &Value) -> bool {
    match at.strip_suffix('#') {
        Some(at) => {
            let items = answer.pointer(at).and_then(Value::as_array);
            json!(items.map_or(0, Vec::len)) == *wanted
        }
        None => answer.pointer(at).unwrap_or(&Value::Null) == wanted,
    }
}

fn see(
    client: &Client,
    scenario: &Scenario,
    namespace: &str,
) -> Result<Vec<(String, Value)>, String> {
    let mut collections = Vec::new();
    for what in &scenario.see {
        let (group_version, plural) = what.rsplit_once('/').ok_or("no path")?;
        let root = if group_version.contains('/') {
            "apis"
        } else {
            "api"
        };
        let path = format!("/{root}/{group_version}/namespaces/{namespace}/{plural}");
        let (status, answer) = client.send("GET", &path, None);
        if status != 200 {
            return Err(format!("{path}: {status} {answer}"));
        }
        collections.push((what.clone(), answer["items"].clone()));
    }
    let normal = Normal::of(namespace, collections.iter().map(|(_, items)| items));
    let mut all: Vec<_> = collections
        .into_iter()
        .map(|(what, items)| (what, normal.list(&items)))
        .collect();
    let path = format!("/api/v1/namespaces/{namespace}/events");
    let (_, events) = client.send("GET", &path, None);
    let told = reasons(&events);
    let waited = scenario
        .steps
        .iter()
        .any(|s| s.events.iter().any(|e| e == LUCK));
    let luck = (!waited).then_some(LUCK).into_iter();
    let luck = luck.chain(scenario.luck.iter().map(String::as_str));
    let luck: Vec<String> = luck.map(|l| format!(" {l}")).collect();
    let told = told
        .into_iter()
        .filter(|r| !luck.iter().any(|l| r.ends_with(l)));
    all.push(("events".to_owned(), told.map(Value::from).collect()));
    Ok(all)
}

/// The reasons of events, each once, with the kind and type that they are of.
fn reasons(events: &Value) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for event in events["items"].as_array().into_iter().flatten() {
        let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
        let mut line = String::new();
        let kind = text(&event["involvedObject"]["kind"]);
        write!(
            line,
            "{kind} {} {}",
            text(&event["type"]),
            text(&event["reason"])
        )
        .unwrap();
        all.insert(line);
    }
    all
}
