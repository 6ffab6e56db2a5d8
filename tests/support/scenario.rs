//! Scenarios: steps that belong together, in a namespace of their own, and what is there in the end.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{http::Client, normal::Normal};

/// How long one wait may take.
const LIMIT: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_millis(100);

/// The reason of events that depend on what a node holds already: compared only where a scenario waits for it.
const LUCK: &str = "Pulling";

/// Steps that belong together, in a namespace of their own.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    pub name: String,
    /// Whether a Prometheus Operator works for the namespace.
    #[serde(default)]
    pub operator: bool,
    /// Whether OLM installs an operator in it. One at a time: the operators bring the same kinds, over which plans fall out.
    #[serde(default)]
    pub installs: bool,
    steps: Vec<Step>,
    /// The collections that are compared in the end, as paths below the namespace: `apps/v1/deployments`, `v1/pods`.
    #[serde(default)]
    see: Vec<String>,
    /// The reasons of events that are not compared, because when they come is a matter of luck.
    #[serde(default)]
    luck: Vec<String>,
    /// The names of fields that are not compared.
    #[serde(default)]
    without: Vec<String>,
    /// The names of lists whose order says nothing.
    #[serde(default)]
    unordered: Vec<String>,
    /// Requests that take away what is outside of the namespace.
    #[serde(default)]
    after: Vec<String>,
}

/// One step: objects that are made, a request, a wait, or a look.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    /// Objects, applied server-side in their order.
    #[serde(default)]
    apply: Vec<Value>,
    /// `METHOD PATH`, with `NS` for the namespace and `FIRST` for the first object of a collection.
    #[serde(default)]
    ask: Option<String>,
    #[serde(default)]
    body: Option<Value>,
    #[serde(default)]
    content: Option<String>,
    /// The status with which the request is refused; the answer is compared.
    #[serde(default)]
    refused: Option<u16>,
    /// A path that is read until what it gives is as wanted.
    #[serde(default)]
    wait: Option<String>,
    /// JSON pointers with their values: `#` after a pointer for the number of items, `KEY=VALUE` in it for the item that has it.
    #[serde(default)]
    until: Map<String, Value>,
    /// Whether it is to be gone.
    #[serde(default)]
    gone: bool,
    /// The reasons of events that have to be there.
    #[serde(default)]
    events: Vec<String>,
    /// A path whose answer is compared as it is now.
    #[serde(default)]
    look: Option<String>,
    /// The part of that answer that is compared, or of the one that was waited for, as such a pointer.
    #[serde(default)]
    at: Option<String>,
}

/// What was seen, by name.
pub type Seen = Vec<(String, Value)>;

/// Runs a scenario in a namespace; gives what was there on the way and in the end.
pub fn run(client: &Client, scenario: &Scenario, namespace: &str) -> Result<Seen, String> {
    let own = json!({"metadata": {"name": namespace}});
    client.send("POST", "/api/v1/namespaces", Some(&own));
    let seen = all_of(client, scenario, namespace);
    for ask in &scenario.after {
        let (method, path) = ask.split_once(' ').unwrap();
        client.send(method, &path.replace("NS", namespace), None);
    }
    client.send("DELETE", &format!("/api/v1/namespaces/{namespace}"), None);
    seen
}

fn all_of(client: &Client, scenario: &Scenario, namespace: &str) -> Result<Seen, String> {
    let mut looks = Vec::new();
    for (i, step) in scenario.steps.iter().enumerate() {
        let answer = perform(client, step, namespace).map_err(|e| format!("step {i}: {e}"))?;
        looks.extend(answer.map(|(what, answer)| (format!("step {i}: {what}"), answer)));
    }
    let normal = Normal::of(namespace, std::iter::empty());
    let normal = normal.without(&scenario.without, &scenario.unordered);
    let mut all: Seen = looks
        .into_iter()
        .map(|(what, answer)| (what, normal.value(&answer)))
        .collect();
    all.extend(see(client, scenario, namespace)?);
    Ok(all)
}

/// Performs a step; gives what it looks at.
fn perform(
    client: &Client,
    step: &Step,
    namespace: &str,
) -> Result<Option<(String, Value)>, String> {
    for object in &step.apply {
        apply(client, object, namespace)?;
    }
    let mut seen = None;
    if let Some(ask) = &step.ask {
        seen = request(client, step, ask, namespace)?.map(|answer| (ask.clone(), answer));
    }
    let began = Instant::now();
    if step.wait.is_some() {
        let answer = wait(client, step, namespace, began)?;
        let part = step.at.as_ref().map(|at| part(&answer, at));
        seen = part.map(|part| (step.wait.clone().unwrap_or_default(), part));
    }
    if !step.events.is_empty() {
        wait_for_events(client, &step.events, namespace, began)?;
    }
    if let Some(path) = &step.look {
        let (_, answer) = client.send("GET", &place(client, path, namespace), None);
        let at = step.at.as_deref().unwrap_or_default();
        seen = Some((path.clone(), part(&answer, at)));
    }
    Ok(seen)
}

/// Puts the namespace where `NS` stands alone.
fn in_namespace(value: &Value, namespace: &str) -> Value {
    let text = value.to_string();
    serde_json::from_str(&text.replace("\"NS\"", &format!("\"{namespace}\""))).unwrap()
}

/// The path that is meant: `NS` is the namespace, `FIRST` the name of a collection's first object.
fn place(client: &Client, path: &str, namespace: &str) -> String {
    let path = path.replace("NS", namespace);
    let Some((collection, rest)) = path.split_once("/FIRST") else {
        return path;
    };
    let (_, list) = client.send("GET", collection, None);
    let first = list["items"][0]["metadata"]["name"].as_str();
    format!("{collection}/{}{rest}", first.unwrap_or("none"))
}

/// Applies an object server-side.
pub fn apply(client: &Client, object: &Value, namespace: &str) -> Result<(), String> {
    let object = in_namespace(object, namespace);
    let path = client.path_of(&object, namespace)?;
    let path = format!("{path}?fieldManager=scenario&force=true");
    let content = "application/apply-patch+yaml";
    let (status, answer) = client.send_as("PATCH", &path, content, Some(&object));
    if status >= 300 {
        return Err(format!("apply {path}: {status} {answer}"));
    }
    Ok(())
}

/// Sends a request; gives the answer of one that was to be refused.
fn request(
    client: &Client,
    step: &Step,
    ask: &str,
    namespace: &str,
) -> Result<Option<Value>, String> {
    let (method, path) = ask.split_once(' ').unwrap();
    let content = step.content.as_deref().unwrap_or("application/json");
    let path = place(client, path, namespace);
    let body = step.body.as_ref().map(|b| in_namespace(b, namespace));
    let (status, answer) = client.send_as(method, &path, content, body.as_ref());
    match step.refused {
        Some(wanted) if wanted == status => Ok(Some(answer)),
        None if status < 300 => Ok(None),
        _ => Err(format!("{ask}: {status} {answer}")),
    }
}

/// Reads a path until what it gives is as wanted; gives that.
fn wait(client: &Client, step: &Step, namespace: &str, began: Instant) -> Result<Value, String> {
    let path = step.wait.as_deref().unwrap_or_default();
    let path = &place(client, path, namespace);
    loop {
        let (status, answer) = client.send("GET", path, None);
        let as_wanted = || {
            step.until
                .iter()
                .all(|(at, wanted)| is(&answer, &at.replace("NS", namespace), wanted))
        };
        let done = if step.gone {
            status == 404
        } else {
            status == 200 && as_wanted()
        };
        if done {
            return Ok(answer);
        }
        if began.elapsed() > LIMIT {
            let wanted = Value::Object(step.until.clone());
            return Err(format!("{path} never is {wanted}: {status} {answer}"));
        }
        std::thread::sleep(PAUSE);
    }
}

fn wait_for_events(
    client: &Client,
    wanted: &[String],
    namespace: &str,
    began: Instant,
) -> Result<(), String> {
    let path = format!("/api/v1/namespaces/{namespace}/events");
    loop {
        let (_, events) = client.send("GET", &path, None);
        let there = reasons(&events);
        let missing = |r: &&String| !there.iter().any(|t| t.ends_with(&format!(" {r}")));
        let Some(missing) = wanted.iter().find(missing) else {
            return Ok(());
        };
        if began.elapsed() > LIMIT {
            return Err(format!("there is no event {missing}: {there:?}"));
        }
        std::thread::sleep(PAUSE);
    }
}

/// A copy of what lies at a pointer.
fn part(answer: &Value, at: &str) -> Value {
    find(answer, at).cloned().unwrap_or_default()
}

/// Whether what lies at a pointer is as wanted.
fn is(answer: &Value, at: &str, wanted: &Value) -> bool {
    match at.strip_suffix('#') {
        Some(at) => {
            let items = find(answer, at).and_then(Value::as_array);
            json!(items.map_or(0, Vec::len)) == *wanted
        }
        None => find(answer, at).unwrap_or(&Value::Null) == wanted,
    }
}

/// What lies at a pointer, in which `KEY=VALUE` stands for the item of a list that has it.
fn find<'a>(value: &'a Value, at: &str) -> Option<&'a Value> {
    at.split('/')
        .skip(1)
        .try_fold(value, |value, part| match part.split_once('=') {
            Some((key, wanted)) => value.as_array()?.iter().find(|item| item[key] == wanted),
            None => value.pointer(&format!("/{part}")),
        })
}

fn see(client: &Client, scenario: &Scenario, namespace: &str) -> Result<Seen, String> {
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
    let lists = collections.iter().map(|(_, items)| items);
    let normal = Normal::of(namespace, lists);
    let normal = normal.without(&scenario.without, &scenario.unordered);
    let mut all: Seen = collections
        .into_iter()
        .map(|(what, items)| (what, normal.list(&items)))
        .collect();
    let path = format!("/api/v1/namespaces/{namespace}/events");
    let (_, events) = client.send("GET", &path, None);
    let waited = scenario
        .steps
        .iter()
        .any(|s| s.events.iter().any(|e| e == LUCK));
    let luck = (!waited).then_some(LUCK).into_iter();
    let luck = luck.chain(scenario.luck.iter().map(String::as_str));
    let luck: Vec<String> = luck.map(|l| format!(" {l}")).collect();
    let told = reasons(&events)
        .into_iter()
        .filter(|r| !luck.iter().any(|l| r.ends_with(l)));
    all.push(("events".to_owned(), told.map(Value::from).collect()));
    Ok(all)
}

/// The reasons of events, each once, with the kind and type that they are of.
fn reasons(events: &Value) -> BTreeSet<String> {
    let line = |event: &Value| {
        let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
        let kind = text(&event["involvedObject"]["kind"]);
        format!("{kind} {} {}", text(&event["type"]), text(&event["reason"]))
    };
    let events = events["items"].as_array().into_iter().flatten();
    events.map(line).collect()
}
