//! The same requests to the sandbox and to a real API server: the same answers, but for uids, times and versions.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Tests.

mod support;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    path::Path,
    sync::LazyLock,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ccnr::sandbox::protobuf::{self, Envelope};
use http_body_util::BodyExt as _;
use libtest_mimic::{Arguments, Failed, Trial};
use regex::Regex;
use serde::Deserialize;
use serde_json::{Value, json};
use support::cluster::{RealCluster, fresh};

/// How often a read is repeated, and the pause between two.
const TRIES: u32 = 100;
const PAUSE: std::time::Duration = std::time::Duration::from_millis(100);

/// The longest that an answer takes.
const LONGEST: std::time::Duration = std::time::Duration::from_secs(30);

/// What the server makes up: names of volumes and of Pods, addresses of Services.
static GENERATED: LazyLock<Regex> = LazyLock::new(|| {
    let suffix = "[bcdfghjklmnpqrstvwxz2456789]{5}";
    Regex::new(&format!(
        r"\b(kube-api-access-{suffix}|(?:x-|X_|1-){suffix}|10\.96\.\d+\.\d+)\b"
    ))
    .unwrap()
});

/// A letter, and how often it stands there.
static REPEATED: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\{(\w)\*(\d+)\}").unwrap());

/// Uids and versions that a text tells.
static TOLD: LazyLock<Regex> = LazyLock::new(|| {
    let uid = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}";
    let versions = r"(?:large|old) resource version: \d+(?:, current: \d+| \(\d+\))";
    let written = r#"resourceVersion\\?":\\?"\d+|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"#;
    Regex::new(&format!("{uid}|{versions}|{written}")).unwrap()
});

/// Requests that belong together, in a namespace of their own.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Script {
    name: String,
    requests: Vec<Asked>,
}

/// One request. `NS` in paths and bodies is the namespace; `{RV1}`, `{UID1}`, `{NAME1}`, `{CONT1}` are the version, the uid, the
/// name and the token to go on with of the first answer; `{y*300}` stands for so many of that letter.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// `METHOD PATH`.
    ask: String,
    #[serde(default)]
    body: Option<Value>,
    /// The body as it is sent, where it is no JSON.
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    content: Option<String>,
    #[serde(default)]
    accept: Option<String>,
    /// In whose name.
    #[serde(default, rename = "as")]
    user: Option<String>,
    /// More headers.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// Asked again for a while until the answer is the sandbox's: a real API server serves new kinds a moment later.
    #[serde(default)]
    awaited: bool,
    /// Whether it is asked when controllers have done their work.
    #[serde(default)]
    settles: bool,
}

fn main() {
    let arguments = Arguments::from_args();
    let cluster = RealCluster::find_api_only();
    if let Err(reason) = &cluster {
        eprintln!("skipped: the sandbox beside a real API server: {reason}");
    }
    let known = known_differences();
    for (name, _) in &known {
        let is_one = scripts().iter().any(|s| s.name == *name);
        assert!(is_one, "docs/sandbox-fidelity.md names no script: {name}");
    }
    let mut trials = Vec::new();
    for script in scripts() {
        let found = cluster.clone();
        let allowed: BTreeSet<Place> = known
            .iter()
            .filter(|(name, _)| *name == script.name)
            .flat_map(|(_, places)| places.clone())
            .collect();
        let trial = Trial::test(script.name.clone(), move || {
            judge(&compare(&found?, &script)?, &allowed)
        });
        trials.push(trial.with_ignored_flag(cluster.is_err()));
    }
    libtest_mimic::run(&arguments, trials).exit();
}

/// Where answers differ: the number of the request, from one on, and the path in the answer.
type Place = (usize, String);

/// The differences that `docs/sandbox-fidelity.md` lists: script, number of the request, paths.
fn known_differences() -> Vec<(String, Vec<Place>)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/sandbox-fidelity.md");
    let text = std::fs::read_to_string(path).unwrap();
    let read = |line: &str| {
        let mut cells = line.strip_prefix("| ")?.split(" | ");
        let (script, number, paths) = (cells.next()?, cells.next()?, cells.next()?);
        let number = number.parse().ok()?;
        let paths = paths.split(' ').map(|p| (number, p.replace('`', "")));
        Some((script.to_owned(), paths.collect()))
    };
    text.lines().filter_map(read).collect()
}

/// Whether a script differs where it is known to, and nowhere else.
fn judge(found: &BTreeMap<Place, String>, allowed: &BTreeSet<Place>) -> Result<(), Failed> {
    let mut told = String::new();
    for (_, text) in found.iter().filter(|(place, _)| !allowed.contains(*place)) {
        told.push_str(text);
    }
    for (number, path) in allowed.iter().filter(|place| !found.contains_key(*place)) {
        write!(
            told,
            "\nrequest {number} no longer differs at {path}: take it from docs/sandbox-fidelity.md"
        )?;
    }
    if told.is_empty() {
        Ok(())
    } else {
        Err(told.into())
    }
}

fn scripts() -> Vec<Script> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/differential");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|f| f.unwrap().path())
        .collect();
    files.sort();
    let read = |path: &std::path::PathBuf| -> Vec<Script> {
        let text = std::fs::read_to_string(path).unwrap();
        serde_yaml::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    };
    files.iter().flat_map(read).collect()
}

fn compare(cluster: &RealCluster, script: &Script) -> Result<BTreeMap<Place, String>, Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let namespace = fresh("diff");
    let (ours, theirs) = runtime.block_on(async {
        let config = kube::config::Kubeconfig::read_from(&cluster.kubeconfig).unwrap();
        let mut config = kube::Config::from_custom_kubeconfig(config, &<_>::default())
            .await
            .unwrap();
        config.default_retry = false;
        let real = kube::Client::try_from(config).unwrap();
        let ours = run(&sandbox().await, script, &namespace, None).await;
        let theirs = run(&real, script, &namespace, Some(&ours)).await;
        (ours, theirs)
    });
    cluster.try_kubectl(&["delete", "namespace", &namespace, "--wait=false"]);
    let mut found = BTreeMap::new();
    for (i, (asked, (ours, theirs))) in script
        .requests
        .iter()
        .zip(ours.iter().zip(&theirs))
        .enumerate()
    {
        differences("", ours, theirs, &mut |path, ours, theirs| {
            let told = format!(
                "\n{}. {}\n  {path}\n    sandbox {ours}\n    real    {theirs}",
                i + 1,
                asked.ask
            );
            found.insert((i + 1, path.to_owned()), told);
        });
    }
    Ok(found)
}

/// Where two answers differ.
fn differences(
    path: &str,
    ours: &Value,
    theirs: &Value,
    tell: &mut dyn FnMut(&str, &Value, &Value),
) {
    match (ours, theirs) {
        (Value::Object(a), Value::Object(b)) => {
            let keys: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            let none = json!("(nothing)");
            for key in keys {
                let (a, b) = (a.get(key).unwrap_or(&none), b.get(key).unwrap_or(&none));
                differences(&format!("{path}.{key}"), a, b, tell);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (i, (a, b)) in a.iter().zip(b).enumerate() {
                differences(&format!("{path}[{i}]"), a, b, tell);
            }
        }
        (a, b) if a == b => {}
        (a, b) => tell(path, a, b),
    }
}

async fn sandbox() -> kube::Client {
    let sandbox = support::sandbox::start().await;
    let body = sandbox.certificate.lines().filter(|l| !l.starts_with('-'));
    let mut config = kube::Config::new(sandbox.server.parse().unwrap());
    // A version that is not reached is answered with 504, which is an answer here.
    config.default_retry = false;
    config.root_cert = Some(vec![STANDARD.decode(body.collect::<String>()).unwrap()]);
    config.auth_info.token = Some(support::sandbox::TOKEN.to_owned().into());
    kube::Client::try_from(config).unwrap()
}

/// Asks everything. A read in somebody's name is asked again for a while until it is as `expected`: a real API server hears
/// of new bindings a moment later.
async fn run(
    client: &kube::Client,
    script: &Script,
    namespace: &str,
    expected: Option<&[Value]>,
) -> Vec<Value> {
    let own = Asked {
        ask: "POST /api/v1/namespaces".to_owned(),
        body: Some(json!({"metadata": {"name": namespace}})),
        text: None,
        content: None,
        accept: None,
        user: None,
        headers: BTreeMap::new(),
        awaited: false,
        settles: false,
    };
    ask(client, &own, namespace, &[]).await;
    let mut answers = Vec::new();
    let mut bodies = Vec::new();
    for (i, asked) in script.requests.iter().enumerate() {
        if asked.settles {
            tokio::time::sleep(5 * PAUSE).await;
        }
        let (mut answer, body) = ask(client, asked, namespace, &bodies).await;
        bodies.push(body);
        let wanted = expected.map(|e| &e[i]);
        let repeatable = asked.awaited
            || asked.settles
            || (asked.user.is_some() && (asked.ask.starts_with("GET ") || answer["status"] == 403));
        for _ in 0..TRIES {
            if !repeatable || wanted.is_none_or(|w| *w == answer) {
                break;
            }
            tokio::time::sleep(PAUSE).await;
            answer = ask(client, asked, namespace, &bodies).await.0;
        }
        answers.push(answer);
    }
    answers
}

/// Asks; gives the answer without what differs between any two runs, and its body with it. `before` are the bodies before it.
async fn ask(
    client: &kube::Client,
    asked: &Asked,
    namespace: &str,
    before: &[Value],
) -> (Value, Value) {
    let (method, path) = asked.ask.split_once(' ').unwrap();
    let named = |text: &str| repeated(&filled(&text.replace("NS", namespace), before));
    let content = asked.content.as_deref().unwrap_or("application/json");
    let body = match (&asked.body, &asked.text) {
        (Some(body), _) => named(&body.to_string()),
        (None, Some(text)) => named(text),
        (None, None) => String::new(),
    };
    let body = if content == protobuf::MEDIA_TYPE && asked.body.is_some() {
        let body: Value = serde_json::from_str(&body).unwrap();
        let text = |key: &str| body[key].as_str().unwrap();
        protobuf::object(text("apiVersion"), text("kind"), &body).unwrap()
    } else {
        body.into_bytes()
    };
    let request = http::Request::builder()
        .method(method)
        .uri(named(path))
        .header("Content-Type", content)
        .header(
            "Accept",
            asked.accept.as_deref().unwrap_or("application/json"),
        )
        .header("User-Agent", "differential/1");
    let request = match &asked.user {
        Some(user) => request
            .header("Impersonate-User", user)
            .header("Impersonate-Group", "students"),
        None => request,
    };
    let more = asked.headers.iter();
    let request = more.fold(request, |request, (name, value)| {
        request.header(name, named(value))
    });
    let request = request.body(kube::client::Body::from(body)).unwrap();
    let answer = tokio::time::timeout(LONGEST, client.send(request)).await;
    let answer = answer
        .unwrap_or_else(|_| panic!("{}: no answer", asked.ask))
        .unwrap();
    let (head, body) = answer.into_parts();
    let bytes = tokio::time::timeout(LONGEST, body.collect()).await;
    let bytes = bytes
        .unwrap_or_else(|_| panic!("{}: no end", asked.ask))
        .unwrap()
        .to_bytes();
    let kind = head.headers.get("content-type");
    let kind = kind
        .and_then(|k| k.to_str().ok())
        .unwrap_or_default()
        .to_owned();
    let mut body = match kind.split_once(';').unwrap_or((&kind, "")) {
        (protobuf::MEDIA_TYPE, "") => object(&bytes),
        (protobuf::MEDIA_TYPE, _) => Value::Array(frames(&bytes)),
        _ => read(&bytes),
    };
    let whole = body.clone();
    let own = body.to_string().replace(namespace, "NS");
    body = serde_json::from_str(&own).unwrap();
    // One event is a list of events too.
    if body["type"].is_string() && body["object"].is_object() {
        body = json!([body]);
    }
    if let Value::Array(events) = &mut body {
        // When a bookmark comes is the server's choice, but for the one that ends the initial events.
        events.retain(|e| {
            e["type"] != "BOOKMARK" || e["object"]["metadata"]["annotations"].is_object()
        });
    }
    without_others(&mut body);
    timeless(&mut body);
    let warnings: Vec<_> = head
        .headers
        .get_all("warning")
        .iter()
        .map(|w| w.to_str().unwrap().to_owned())
        .collect();
    let answer =
        json!({"status": head.status.as_u16(), "type": kind, "body": body, "warnings": warnings});
    (answer, whole)
}

/// With what answers before held in the places that name it.
fn filled(text: &str, before: &[Value]) -> String {
    let mut text = text.to_owned();
    for (i, body) in before.iter().enumerate() {
        for (name, field) in [
            ("RV", "resourceVersion"),
            ("UID", "uid"),
            ("NAME", "name"),
            ("CONT", "continue"),
        ] {
            let value = body["metadata"][field].as_str().unwrap_or_default();
            text = text.replace(&format!("{{{name}{}}}", i + 1), value);
        }
    }
    text
}

/// With so many letters where their number stands.
fn repeated(text: &str) -> String {
    let of = |found: &regex::Captures| found[1].repeat(found[2].parse().unwrap());
    REPEATED.replace_all(text, of).into_owned()
}

/// JSON, a line of it an event, or text.
fn read(bytes: &[u8]) -> Value {
    let text = String::from_utf8_lossy(bytes);
    let lines = || {
        text.lines()
            .map(serde_json::from_str)
            .collect::<Result<Vec<Value>, _>>()
    };
    let whole = serde_json::from_str(&text).or_else(|_| lines().map(Value::Array));
    whole.unwrap_or_else(|_| json!(text))
}

fn object(bytes: &[u8]) -> Value {
    let read = Envelope::open(bytes).and_then(|e| e.object("v1", ""));
    read.unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(bytes)))
}

/// The events of a watch in protobuf: lengths, and messages of a type and an object.
fn frames(mut bytes: &[u8]) -> Vec<Value> {
    let mut events = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<4>() {
        let (frame, rest) = rest.split_at(u32::from_be_bytes(*length) as usize);
        bytes = rest;
        let name = &frame[2..2 + usize::from(frame[1])];
        let at = frame.windows(4).position(|w| w == b"k8s\0").unwrap();
        let name = String::from_utf8_lossy(name);
        events.push(json!({"type": name, "object": object(&frame[at..])}));
    }
    events
}

/// Without the groups that other scripts serve at the same time.
fn without_others(body: &mut Value) {
    for field in ["groups", "items"] {
        let Some(all) = body.get_mut(field).and_then(Value::as_array_mut) else {
            continue;
        };
        all.retain(|item| {
            let name = item["name"].as_str().or(item["metadata"]["name"].as_str());
            name.is_none_or(|n| n.starts_with("NS.") || !n.ends_with(".diff.test"))
        });
    }
}

/// Entries of managed fields of the same operation are in the order of their seconds, which is luck: here by their managers.
fn by_manager(entries: &mut Value) {
    let Some(entries) = entries.as_array_mut() else {
        return;
    };
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    for of_one in entries.chunk_by_mut(|a, b| a["operation"] == b["operation"]) {
        of_one.sort_by_key(|e| (text(&e["manager"]), text(&e["subresource"])));
    }
}

/// Without what differs between any two runs.
fn timeless(value: &mut Value) {
    match value {
        Value::Object(map) => {
            *map = std::mem::take(map)
                .into_iter()
                .map(|(key, child)| (TOLD.replace_all(&key, "TOLD").into_owned(), child))
                .collect();
            for (key, child) in map.iter_mut() {
                match key.as_str() {
                    "uid" if child.is_string() => *child = json!("UID"),
                    "resourceVersion" if child.is_string() => *child = json!("RV"),
                    "continue" if child.is_string() => *child = json!("TOKEN"),
                    "creationTimestamp" | "time" | "deletionTimestamp" | "lastTransitionTime"
                        if child.is_string() =>
                    {
                        *child = json!("TIME");
                    }
                    // Some messages name a uid.
                    "message" if child.as_str().is_some_and(|m| m.contains("in record (")) => {
                        let text = child.as_str().unwrap_or_default();
                        let (before, rest) = text.split_once("in record (").unwrap();
                        let after = rest.split_once(')').map_or("", |(_, after)| after);
                        *child = json!(format!("{before}in record (X){after}"));
                    }
                    "nodePort" if child.is_number() => *child = json!("PORT"),
                    "generateName" | "description" => {}
                    "managedFields" if child.is_array() => {
                        timeless(child);
                        by_manager(child);
                    }
                    _ => timeless(child),
                }
            }
            // Texts of columns are not the sandbox's to repeat.
            map.remove("description");
        }
        Value::Array(items) => {
            // Groups of somebody's trials on the same server.
            let foreign = |v: &Value| {
                let name = v["metadata"]["name"].as_str().or(v["name"].as_str());
                name.is_some_and(|n| n.strip_suffix(".test").is_some())
            };
            items.retain(|item| !foreign(item));
            items.iter_mut().for_each(timeless);
        }
        Value::String(text) if GENERATED.is_match(text) => {
            *value = json!(GENERATED.replace_all(text, "GENERATED"));
        }
        Value::String(text) if TOLD.is_match(text) => {
            *value = json!(TOLD.replace_all(text, "TOLD"));
        }
        // An age in a table: both were asked within seconds.
        Value::String(text) if text.len() == 2 && text.ends_with('s') => *value = json!("AGE"),
        _ => {}
    }
}
