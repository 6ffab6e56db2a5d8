//! Scenarios: steps that belong together, in a namespace of their own, and what is there in the end.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    http::Client,
    normal::{self, Normal},
};

/// How long one wait may take.
const LIMIT: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_millis(100);
/// How long two sides have to come to the same.
const REST: Duration = Duration::from_secs(20);
/// What events are called among what is seen.
const EVENTS: &str = "events";
/// The event of a node that looks for a new namespace's certificate before it is there: a matter of luck.
const TOO_EARLY: &str = "Pod Warning FailedMount";

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
type Seen = Vec<(String, Value)>;

/// A scenario that was played on one side. Its namespace goes with it.
pub struct Played<'a> {
    client: &'a Client,
    scenario: &'a Scenario,
    namespace: &'a str,
    /// What was there on the way.
    looks: Seen,
    /// What was there when the last thing that was waited for was.
    end: Seen,
}

impl<'a> Played<'a> {
    /// Plays a scenario in a namespace that it makes.
    pub fn new(
        client: &'a Client,
        scenario: &'a Scenario,
        namespace: &'a str,
    ) -> Result<Self, String> {
        let own = json!({"metadata": {"name": namespace}});
        client.send("POST", "/api/v1/namespaces", Some(&own));
        let mut played = Self {
            client,
            scenario,
            namespace,
            looks: Vec::new(),
            end: Vec::new(),
        };
        let normal = Normal::of(namespace, std::iter::empty());
        let normal = normal.without(&scenario.without, &scenario.unordered);
        for (i, step) in scenario.steps.iter().enumerate() {
            let look = perform(client, step, namespace).map_err(|e| format!("step {i}: {e}"))?;
            let look = look.map(|(what, seen)| (format!("step {i}: {what}"), normal.value(&seen)));
            played.looks.extend(look);
        }
        played.end = played.now()?;
        Ok(played)
    }

    /// What is there now.
    fn now(&self) -> Result<Seen, String> {
        see(self.client, self.scenario, self.namespace)
    }
}

impl Drop for Played<'_> {
    fn drop(&mut self) {
        for ask in &self.scenario.after {
            let (method, path) = ask.split_once(' ').unwrap();
            let path = path.replace("NS", self.namespace);
            self.client.send(method, &path, None);
        }
        let path = format!("/api/v1/namespaces/{}", self.namespace);
        self.client.send("DELETE", &path, None);
    }
}

/// Compares both sides, the second of which is the real one. Neither is at rest as soon as the last thing that was waited for
/// is there, so what differs then is looked at again, for a while. What never rests, as a container that crashes, is as it was
/// at that moment.
pub fn compare(ours: &Played, theirs: &Played) -> Result<(), String> {
    let on_the_way = differences_of(&ours.looks, &theirs.looks);
    let at_the_end = differences_of(&ours.end, &theirs.end);
    if !on_the_way.is_empty() {
        return Err(on_the_way + &at_the_end);
    }
    let began = Instant::now();
    let mut told = at_the_end;
    while !told.is_empty() && began.elapsed() < REST {
        std::thread::sleep(PAUSE);
        let (ours_now, theirs_now) = (ours.now()?, theirs.now()?);
        told = differences_of(&ours_now, &theirs_now);
        let pairs = [(&ours.end, &theirs_now), (&ours_now, &theirs.end)];
        if pairs.iter().any(|(a, b)| differences_of(a, b).is_empty()) {
            return Ok(());
        }
    }
    if told.is_empty() { Ok(()) } else { Err(told) }
}

fn differences_of(ours: &Seen, theirs: &Seen) -> String {
    let names =
        |seen: &Seen| -> Vec<String> { seen.iter().map(|(name, _)| name.clone()).collect() };
    assert_eq!(names(ours), names(theirs), "both sides are looked at alike");
    let mut told = String::new();
    for ((what, ours), (_, theirs)) in ours.iter().zip(theirs) {
        let (mut ours, mut theirs) = (ours.clone(), theirs.clone());
        for seen in [&mut ours, &mut theirs] {
            if let Some(lines) = seen.as_array_mut().filter(|_| what == EVENTS) {
                lines.retain(|line| line != TOO_EARLY);
            }
        }
        normal::differences(what, &ours, &theirs, &mut told);
    }
    told
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
    all.push((EVENTS.to_owned(), told.map(Value::from).collect()));
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
