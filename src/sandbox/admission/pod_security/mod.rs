//! Pod Security admission: what namespaces' labels enforce, and warn of.
//! <https://kubernetes.io/docs/concepts/security/pod-security-admission/>
//! <https://github.com/kubernetes/kubernetes/blob/master/staging/src/k8s.io/pod-security-admission/admission/admission.go>

mod baseline;
mod restricted;

use std::{collections::BTreeMap, fmt};

use serde_json::Value;

use super::{Operation, Request, items};
use crate::sandbox::{
    registry,
    status::{Cause, Refusal},
    store::State,
    verbs::{key, name},
};

const PREFIX: &str = "pod-security.kubernetes.io/";

/// How much Pods may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Privileged,
    Baseline,
    Restricted,
}

/// A level, as it was in a version of Kubernetes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Policy {
    level: Level,
    version: String,
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            Level::Privileged => "privileged",
            Level::Baseline => "baseline",
            Level::Restricted => "restricted",
        };
        write!(f, "{level}:{}", self.version)
    }
}

/// Something that a policy does not allow.
#[derive(Debug, PartialEq, Eq)]
struct Violation {
    reason: String,
    detail: String,
}

impl Violation {
    fn new(reason: &str, detail: String) -> Self {
        Self {
            reason: reason.to_owned(),
            detail,
        }
    }
}

/// Refuses Pods that the namespace's policy does not allow; gives what to warn of.
pub(super) fn check(
    state: &State,
    request: &Request<'_>,
    object: &Value,
) -> Result<Vec<String>, Refusal> {
    if request.operation == Operation::Delete {
        return Ok(Vec::new());
    }
    if request.is_about("", "namespaces") {
        return namespace(state, request, object);
    }
    let is_pod = request.is_about("", "pods");
    let Some(spec) = pod_spec(request, object).filter(|_| request.subresource.is_empty()) else {
        return Ok(Vec::new());
    };
    if is_pod && !is_significant(request, spec) {
        return Ok(Vec::new());
    }
    let namespaces = registry::place("", "namespaces");
    let of = request.namespace.unwrap_or_default();
    let Some(namespace) = state.get(&namespaces, &key(None, of)) else {
        return Ok(Vec::new());
    };
    let labels = &namespace["metadata"]["labels"];
    let enforced = policy(labels, "enforce");
    if is_pod {
        let violations = violations(&enforced, spec);
        if !violations.is_empty() {
            let why = format!("violates PodSecurity \"{enforced}\": {}", told(&violations));
            return Err(request.forbidden(object, &why));
        }
    }
    let warned = warned(labels, &enforced);
    let violations = violations(&warned, spec);
    Ok(if violations.is_empty() {
        Vec::new()
    } else {
        let told = told(&violations);
        vec![format!("would violate PodSecurity \"{warned}\": {told}")]
    })
}

/// The specification of Pods that an object of a kind of Kubernetes' own has.
fn pod_spec<'a>(request: &Request<'_>, object: &'a Value) -> Option<&'a Value> {
    let resource = request.resource;
    let pointer = match (resource.group.as_str(), resource.plural.as_str()) {
        ("", "pods") => "/spec",
        ("", "podtemplates") => "/template/spec",
        ("", "replicationcontrollers")
        | ("batch", "jobs")
        | ("apps", "deployments" | "replicasets" | "statefulsets" | "daemonsets") => {
            "/spec/template/spec"
        }
        ("batch", "cronjobs") => "/spec/jobTemplate/spec/template/spec",
        _ => return None,
    };
    object.pointer(pointer)
}

/// Whether a change of a Pod is one of its images or of its number of containers; a new Pod always is.
fn is_significant(request: &Request<'_>, spec: &Value) -> bool {
    let Some(before) = request.before else {
        return true;
    };
    let images = |spec: &Value| {
        let lists = ["initContainers", "containers", "ephemeralContainers"];
        let all = lists.map(|list| {
            let all = items(spec, list).iter();
            all.map(|c| c["image"].clone()).collect::<Vec<_>>()
        });
        all.to_vec()
    };
    images(&before["spec"]) != images(spec)
}

fn policy(labels: &Value, mode: &str) -> Policy {
    let text = |what: &str| labels[format!("{PREFIX}{what}")].as_str();
    let level = text(mode).map_or(Some(Level::Privileged), parse_level);
    // What can't be read is enforced strictly, and not warned of.
    let unread = if mode == "enforce" {
        Level::Restricted
    } else {
        Level::Privileged
    };
    let version = text(&format!("{mode}-version")).unwrap_or("latest");
    Policy {
        level: level.unwrap_or(unread),
        version: version.to_owned(),
    }
}

/// The policy of warnings: the enforced one, where that is stricter and nothing else is said.
fn warned(labels: &Value, enforced: &Policy) -> Policy {
    let mut warned = policy(labels, "warn");
    let said = labels[format!("{PREFIX}warn")].is_string();
    let readable = labels[format!("{PREFIX}enforce")]
        .as_str()
        .and_then(parse_level);
    if !said && readable.is_some() && enforced.level > warned.level {
        warned.level = enforced.level;
        if labels[format!("{PREFIX}warn-version")].is_null() {
            warned.version.clone_from(&enforced.version);
        }
    }
    warned
}

fn parse_level(text: &str) -> Option<Level> {
    match text {
        "privileged" => Some(Level::Privileged),
        "baseline" => Some(Level::Baseline),
        "restricted" => Some(Level::Restricted),
        _ => None,
    }
}

fn is_version(text: &str) -> bool {
    let number = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
    let minor = text.strip_prefix("v1.");
    text == "latest" || minor.is_some_and(number)
}

/// What a policy does not allow of a Pod, in the order in which it is told.
fn violations(policy: &Policy, spec: &Value) -> Vec<Violation> {
    match policy.level {
        Level::Privileged => Vec::new(),
        Level::Baseline => baseline::violations(spec, false),
        Level::Restricted => {
            let mut all = baseline::violations(spec, true);
            all.extend(restricted::violations(spec));
            all
        }
    }
}

fn told(violations: &[Violation]) -> String {
    let each = |v: &Violation| {
        if v.detail.is_empty() {
            v.reason.clone()
        } else {
            format!("{} ({})", v.reason, v.detail)
        }
    };
    violations.iter().map(each).collect::<Vec<_>>().join(", ")
}

/// Labels that make no sense are refused; Pods that a stricter policy would refuse are told.
fn namespace(state: &State, request: &Request<'_>, object: &Value) -> Result<Vec<String>, Refusal> {
    let labels = &object["metadata"]["labels"];
    let wrong = wrong_labels(labels);
    let before = request.before.map(|b| &b["metadata"]["labels"]);
    if !wrong.is_empty() && before.is_none_or(|b| wrong_labels(b) != wrong) {
        return Err(Refusal::invalid(
            request.resource.about_kind(),
            name(object),
            wrong,
        ));
    }
    let enforced = policy(labels, "enforce");
    let Some(before) = before.map(|b| policy(b, "enforce")) else {
        return Ok(Vec::new());
    };
    let relaxed = enforced.version == before.version && enforced.level <= before.level;
    if relaxed || enforced.level == Level::Privileged {
        return Ok(Vec::new());
    }
    Ok(existing(state, name(object), &enforced))
}

fn wrong_labels(labels: &Value) -> Vec<Cause> {
    let mut wrong = Vec::new();
    for mode in ["enforce", "audit", "warn"] {
        let (level, version) = (format!("{PREFIX}{mode}"), format!("{PREFIX}{mode}-version"));
        if let Some(text) = labels[&level].as_str().filter(|t| parse_level(t).is_none()) {
            let why = "must be one of privileged, baseline, restricted";
            let field = format!("metadata.labels[{level}]");
            wrong.push(Cause::invalid(field, &Value::from(text), why));
        }
        if let Some(text) = labels[&version].as_str().filter(|t| !is_version(t)) {
            let why = "must be \"latest\" or \"v1.x\"";
            let field = format!("metadata.labels[{version}]");
            wrong.push(Cause::invalid(field, &Value::from(text), why));
        }
    }
    wrong
}

/// The Pods that a policy would refuse, by what it would refuse them for.
fn existing(state: &State, namespace: &str, enforced: &Policy) -> Vec<String> {
    let pods = registry::place("", "pods");
    let mut by_reason: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for pod in state.list(&pods, Some(namespace)) {
        let violations = violations(enforced, &pod["spec"]);
        if !violations.is_empty() {
            let reasons: Vec<&str> = violations.iter().map(|v| v.reason.as_str()).collect();
            let of = by_reason.entry(reasons.join(", ")).or_default();
            of.push(name(&pod).to_owned());
        }
    }
    let mut told: Vec<String> = by_reason
        .iter()
        .map(|(reason, pods)| {
            let first = pods.iter().min().map_or("", String::as_str);
            match pods.len() {
                0 | 1 => format!("{first}: {reason}"),
                2 => format!("{first} (and 1 other pod): {reason}"),
                n => format!("{first} (and {} other pods): {reason}", n - 1),
            }
        })
        .collect();
    told.sort();
    if !told.is_empty() {
        told.insert(
            0,
            format!(
                "existing pods in namespace \"{namespace}\" violate the new PodSecurity enforce level \"{enforced}\""
            ),
        );
    }
    told
}

/// The containers of a Pod, in the order in which they are told.
fn containers(spec: &Value) -> impl Iterator<Item = &Value> {
    let lists = ["initContainers", "containers", "ephemeralContainers"];
    lists.into_iter().flat_map(|list| items(spec, list))
}

/// The names of the containers of which something is true.
fn named(spec: &Value, is: impl Fn(&Value) -> bool) -> Vec<String> {
    let found = containers(spec).filter(|c| is(c));
    let names = found.map(|c| c["name"].as_str().unwrap_or_default().to_owned());
    names.collect()
}

/// `container "a"`, `containers "a", "b"`.
fn these(names: &[String]) -> String {
    let noun = plural("container", names.len());
    format!("{noun} {}", quoted(names))
}

fn plural(noun: &str, count: usize) -> String {
    let end = if count == 1 { "" } else { "s" };
    format!("{noun}{end}")
}

fn quoted(names: &[String]) -> String {
    let all: Vec<String> = names.iter().map(|n| format!("\"{n}\"")).collect();
    all.join(", ")
}

/// Texts without repetition, in order.
fn sorted(texts: impl IntoIterator<Item = String>) -> Vec<String> {
    let all: std::collections::BTreeSet<String> = texts.into_iter().collect();
    all.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_plain_pod_is_told_everything_that_restricted_wants() {
        let policy = Policy {
            level: Level::Restricted,
            version: "latest".to_owned(),
        };
        let spec = json!({"containers": [{"name": "c"}]});
        assert_eq!(
            told(&violations(&policy, &spec)),
            "allowPrivilegeEscalation != false (container \"c\" must set securityContext.allowPrivilegeEscalation=false), unrestricted capabilities (container \"c\" must set securityContext.capabilities.drop=[\"ALL\"]), runAsNonRoot != true (pod or container \"c\" must set securityContext.runAsNonRoot=true), seccompProfile (pod or container \"c\" must set securityContext.seccompProfile.type to \"RuntimeDefault\" or \"Localhost\")"
        );
        let good = json!({
            "securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{"name": "c", "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}}}],
        });
        assert_eq!(violations(&policy, &good), []);
    }

    #[test]
    fn warnings_follow_what_is_enforced() {
        let labels = json!({"pod-security.kubernetes.io/enforce": "baseline"});
        let enforced = policy(&labels, "enforce");
        assert_eq!(warned(&labels, &enforced).to_string(), "baseline:latest");
        let labels = json!({"pod-security.kubernetes.io/enforce": "baseline", "pod-security.kubernetes.io/warn": "privileged"});
        assert_eq!(warned(&labels, &enforced).level, Level::Privileged);
        assert!(is_version("v1.30") && !is_version("1.30") && !is_version("v2"));
    }
}
