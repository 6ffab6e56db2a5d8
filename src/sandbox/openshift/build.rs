//! `BuildConfigs` and Builds: what is filled in, and what is refused.
//! <https://github.com/openshift/openshift-apiserver/tree/main/pkg/build/apis/build>

use serde_json::{Map, Value, json};

use super::{given, list, text};
use crate::sandbox::status::Cause;

/// The name of the configuration, as a label and an annotation of its Builds.
pub const CONFIG: &str = "openshift.io/build-config.name";
/// The older label of the same.
pub const OLD_CONFIG: &str = "buildconfig";
/// The number of a Build, as an annotation.
pub const NUMBER: &str = "openshift.io/build.number";
/// How Builds of a configuration follow each other, as a label.
pub const POLICY: &str = "openshift.io/build.start-policy";
/// The Build that another one repeats, as an annotation.
pub const CLONE_OF: &str = "openshift.io/build.clone-of";

/// The fields of strategies, and the types that they have, in the order in which Builds are asked for one.
const STRATEGIES: [(&str, &str); 4] = [
    ("dockerStrategy", "Docker"),
    ("sourceStrategy", "Source"),
    ("customStrategy", "Custom"),
    ("jenkinsPipelineStrategy", "JenkinsPipeline"),
];

/// A new configuration, with the numbers that are not the client's to choose.
pub(super) fn prepare_config(config: &mut Value) {
    if let Some(map) = config.as_object_mut() {
        map.remove("status");
    }
}

/// A client's older idea of how many Builds there were does not count.
pub(super) fn prepare_config_update(live: &Value, config: &mut Value) {
    let last = |c: &Value| c["status"]["lastVersion"].as_i64().unwrap_or_default();
    if last(config) < last(live) {
        config["status"] = live["status"].clone();
    }
}

/// A new Build is new.
pub(super) fn prepare(build: &mut Value) {
    if text(build, "/status/phase").is_empty() {
        given(&mut build["status"], &json!({"phase": "New"}));
    }
}

pub(super) fn default_config(config: &mut Value) {
    given(
        &mut config["spec"],
        &json!({
            "runPolicy": "Serial", "successfulBuildsHistoryLimit": 5, "failedBuildsHistoryLimit": 5,
        }),
    );
    given(&mut config["status"], &json!({"lastVersion": 0}));
    for noted in config
        .pointer_mut("/status/imageChangeTriggers")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
        .filter_map(Value::as_object_mut)
    {
        noted.entry("lastTriggerTime").or_insert(Value::Null);
    }
    for trigger in config
        .pointer_mut("/spec/triggers")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        if trigger["type"] == "ImageChange" {
            given(trigger, &json!({"imageChange": {}}));
        }
    }
    default(config);
}

pub(super) fn default(object: &mut Value) {
    let spec = &mut object["spec"];
    given(spec, &json!({"source": {}, "strategy": {}}));
    if spec["source"]["type"] == "Binary" {
        given(&mut spec["source"], &json!({"binary": {}}));
    }
    spec["source"]["type"] = json!(source_type(&spec["source"]));
    for (field, kind) in STRATEGIES {
        let strategy = &mut spec["strategy"];
        if strategy[field].is_object() {
            strategy["type"] = json!(kind);
            let from = strategy[field].get_mut("from");
            if let Some(from) = from.filter(|f| f.is_object()) {
                given(from, &json!({"kind": "ImageStreamTag"}));
            }
        } else if let Some(map) = strategy.as_object_mut() {
            map.remove(field);
        }
    }
    if let Some(map) = spec.as_object_mut() {
        map.entry("nodeSelector").or_insert(Value::Null);
    }
}

fn source_type(source: &Value) -> &'static str {
    let has = |field: &str| source.get(field).is_some_and(|v| !v.is_null());
    // A Dockerfile may stand beside another source, which is then the one that is named.
    [
        ("git", "Git"),
        ("binary", "Binary"),
        ("dockerfile", "Dockerfile"),
        ("images", "Image"),
    ]
    .into_iter()
    .find(|(field, _)| has(field))
    .map_or("None", |(_, kind)| kind)
}

/// The strategy of a Build or of its configuration: its field's content.
#[must_use]
pub fn strategy(object: &Value) -> Option<&Value> {
    let strategy = &object["spec"]["strategy"];
    let mut found = STRATEGIES.iter().map(|(field, _)| &strategy[*field]);
    found.find(|s| s.is_object())
}

/// What is wrong with a configuration.
pub(super) fn validate(config: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    let spec = &config["spec"];
    let policy = &spec["runPolicy"];
    if !matches!(
        policy.as_str(),
        Some("Serial" | "Parallel" | "SerialLatestOnly")
    ) {
        let why = "run policy must Parallel, Serial, or SerialLatestOnly";
        causes.push(Cause::invalid("spec.runPolicy", policy, why));
    }
    causes.extend(source(&spec["source"]));
    let to = &spec["output"]["to"];
    if to.is_object() {
        match to["kind"].as_str() {
            Some("ImageStreamTag") => causes.extend(stream_tag("spec.output.to", to)),
            Some("DockerImage") => {}
            _ => {
                let why = "the target of build output must be an 'ImageStreamTag' or 'DockerImage'";
                causes.push(Cause::invalid("spec.output.to.kind", &to["kind"], why));
            }
        }
    }
    causes.extend(one_strategy(&spec["strategy"]));
    causes
}

fn source(source: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    let (git, binary) = (&source["git"], &source["binary"]);
    if git.is_object() && binary.is_object() {
        for (field, other) in [("git", "binary"), ("binary", "git")] {
            let why = format!("may not be set when {other} is also set");
            causes.push(Cause::invalid(
                format!("spec.source.{field}"),
                &json!(""),
                &why,
            ));
        }
        return causes;
    }
    if git.is_object() {
        let uri = &git["uri"];
        let given = uri.as_str().unwrap_or_default();
        if given.is_empty() {
            causes.push(Cause::required("spec.source.git.uri", ""));
        } else if given.contains(char::is_whitespace) {
            causes.push(Cause::invalid(
                "spec.source.git.uri",
                uri,
                "uri is not a valid url",
            ));
        }
    }
    causes
}

fn stream_tag(field: &str, reference: &Value) -> Vec<Cause> {
    let name = &reference["name"];
    let given = name.as_str().unwrap_or_default();
    let field = format!("{field}.name");
    if given.is_empty() {
        return vec![Cause::required(field, "")];
    }
    match given.split_once(':') {
        Some((stream, tag)) if !stream.is_empty() && !tag.is_empty() => Vec::new(),
        _ => {
            let why = "ImageStreamTag object references must be in the form <name>:<tag>";
            vec![Cause::invalid(field, name, why)]
        }
    }
}

fn one_strategy(strategy: &Value) -> Vec<Cause> {
    let given: Vec<&str> = STRATEGIES
        .iter()
        .map(|(field, _)| *field)
        .filter(|field| strategy[*field].is_object())
        .collect();
    let [field] = given.as_slice() else {
        let why = "must provide a value for exactly one of sourceStrategy, customStrategy, dockerStrategy, or jenkinsPipelineStrategy";
        let mut cause = Cause::invalid("spec.strategy", &Value::Null, why);
        cause.message = format!("Invalid value: {}: {why}", as_go(strategy));
        return vec![cause];
    };
    let from = &strategy[*field]["from"];
    let path = format!("spec.strategy.{field}.from");
    match from["kind"].as_str() {
        Some("ImageStreamTag") => stream_tag(&path, from),
        Some("ImageStreamImage" | "DockerImage") if text(from, "/name").is_empty() => {
            vec![Cause::required(format!("{path}.name"), "")]
        }
        Some("ImageStreamImage" | "DockerImage") => Vec::new(),
        Some(_) => {
            let why = "valid types are 'ImageStreamTag', 'ImageStreamImage', and 'DockerImage'";
            vec![Cause::invalid(format!("{path}.kind"), &from["kind"], why)]
        }
        // A Dockerfile says itself what it is from; a builder image has to be named.
        None if matches!(*field, "dockerStrategy" | "jenkinsPipelineStrategy") => Vec::new(),
        None => vec![Cause::required(format!("{path}.name"), "")],
    }
}

/// Strategies as Go prints the server's own structs, in the order of their fields.
fn as_go(strategy: &Value) -> String {
    const REFERENCE: [&str; 7] = [
        "kind",
        "namespace",
        "name",
        "uid",
        "apiVersion",
        "resourceVersion",
        "fieldPath",
    ];
    const FIELDS: [(&str, &[&str]); 4] = [
        (
            "dockerStrategy",
            &[
                "from",
                "pullSecret",
                "noCache",
                "env",
                "buildArgs",
                "forcePull",
                "dockerfilePath",
                "imageOptimizationPolicy",
                "volumes",
            ],
        ),
        (
            "sourceStrategy",
            &[
                "from",
                "pullSecret",
                "env",
                "scripts",
                "incremental",
                "forcePull",
                "volumes",
            ],
        ),
        (
            "customStrategy",
            &[
                "from",
                "pullSecret",
                "env",
                "exposeDockerSocket",
                "forcePull",
                "secrets",
                "buildAPIVersion",
            ],
        ),
        (
            "jenkinsPipelineStrategy",
            &["jenkinsfilePath", "jenkinsfile", "env"],
        ),
    ];
    let go_name = |field: &str| match field {
        "uid" => "UID".to_owned(),
        "apiVersion" => "APIVersion".to_owned(),
        _ => field[..1].to_uppercase() + &field[1..],
    };
    let value = |field: &str, value: &Value| match field {
        "from" if value.is_object() => {
            let parts = REFERENCE.map(|f| {
                format!(
                    "\"{}\":{}",
                    go_name(f),
                    json!(text(value, &format!("/{f}")))
                )
            });
            format!("{{{}}}", parts.join(","))
        }
        "noCache" | "forcePull" | "exposeDockerSocket" => json!(*value == true).to_string(),
        "dockerfilePath" | "scripts" | "buildAPIVersion" | "jenkinsfilePath" | "jenkinsfile" => {
            json!(value.as_str().unwrap_or_default()).to_string()
        }
        _ => value.to_string(),
    };
    let parts = FIELDS.map(|(field, fields)| {
        let own = &strategy[field];
        let shown = if own.is_object() {
            let all = fields
                .iter()
                .map(|f| format!("\"{}\":{}", go_name(f), value(f, &own[*f])));
            format!("{{{}}}", all.collect::<Vec<_>>().join(","))
        } else {
            "null".to_owned()
        };
        format!("\"{}\":{shown}", go_name(field))
    });
    format!("{{{}}}", parts.join(","))
}

/// What is wrong with a change of a Build: its specification stays.
pub(super) fn validate_update(live: &Value, build: &Value) -> Vec<Cause> {
    let mut before = live["spec"].clone();
    // The revision of the source is found out while it runs.
    if before.get("revision").is_none()
        && let Some(revision) = build["spec"].get("revision")
    {
        before["revision"] = revision.clone();
    }
    if before == build["spec"] {
        return Vec::new();
    }
    let diff = json!({"spec": difference(&live["spec"], &build["spec"])});
    let why = format!("spec is immutable, diff: {diff}");
    let shown = json!("content of spec is not printed out, please refer to the details");
    vec![Cause::invalid("spec", &shown, &why)]
}

/// The merge patch that makes one value of another.
fn difference(before: &Value, after: &Value) -> Value {
    let (Value::Object(a), Value::Object(b)) = (before, after) else {
        return after.clone();
    };
    let mut out = Map::new();
    for (key, value) in b {
        match a.get(key) {
            Some(was) if was == value => {}
            was => {
                out.insert(key.clone(), difference(was.unwrap_or(&Value::Null), value));
            }
        }
    }
    for key in a.keys().filter(|k| !b.contains_key(*k)) {
        out.insert(key.clone(), Value::Null);
    }
    Value::Object(out)
}

/// The references to images of a configuration's triggers: that of the trigger itself, or of the strategy.
#[must_use]
pub fn trigger_references(config: &Value) -> Vec<Value> {
    let from = strategy(config).map_or(&Value::Null, |s| &s["from"]);
    list(config, "/spec/triggers")
        .iter()
        .filter(|t| t["type"] == "ImageChange")
        .map(|t| {
            let own = &t["imageChange"]["from"];
            if own.is_object() {
                own.clone()
            } else {
                from.clone()
            }
        })
        .filter(|from| from["kind"] == "ImageStreamTag")
        .collect()
}
