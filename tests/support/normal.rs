//! Objects without what differs between any two clusters.

use std::{collections::BTreeSet, fmt::Write as _};

use regex::Regex;
use serde_json::{Value, json};

/// How the objects of one run are made comparable.
pub struct Normal {
    /// Hashes of templates, with what stands for them.
    hashes: Vec<(String, String)>,
    namespace: String,
    patterns: Vec<(Regex, &'static str)>,
    /// The names of more fields that are left out.
    without: Vec<String>,
    /// The names of lists whose order says nothing.
    unordered: Vec<String>,
}

/// What generated texts look like, and what stands for them.
const PATTERNS: [(&str, &str); 11] = [
    (
        r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
        "UID",
    ),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "TIME"),
    (r"(containerd|cri-o)://[0-9a-f]{64}", "CONTAINER"),
    (r"[\w./:-]*@?sha256:[0-9a-f]{64}", "IMAGE"),
    (r"\b(10|192|172)\.\d{1,3}\.\d{1,3}\.\d{1,3}\b", "ADDRESS"),
    (
        r"kube-api-access-[bcdfghjklmnpqrstvwxz2456789]{5}",
        "kube-api-access-*",
    ),
    (r"-[bcdfghjklmnpqrstvwxz2456789]{5}\b", "-*"),
    // How far it is when OLM first looks.
    (r"to become ready: .*", "to become ready: *"),
    // The hash of a template that is of no object that is compared.
    (r"-[bcdfghjklmnpqrstvwxz2456789]{7,10}\b", "-HASH"),
    // What OLM makes of a CSV's roles.
    (r"-[0-9A-Za-z]{36,}\b", "-HASH"),
    (r"\b(docker|quay)\.io/", "REGISTRY/"),
];

/// Labels whose values are hashes of templates.
const HASHES: [&str; 5] = [
    "pod-template-hash",
    "controller-revision-hash",
    "controller.kubernetes.io/hash",
    "olm.deployment-spec-hash",
    "olm.permissions.hash",
];

/// Fields that say nothing of the outcome.
const LEFT_OUT: [&str; 3] = ["managedFields", "resourceVersion", "selfLink"];

impl Normal {
    /// For all objects of a run.
    pub fn of<'a>(namespace: &str, lists: impl Iterator<Item = &'a Value>) -> Self {
        // The same hash is of the same revision on both sides.
        let mut found: BTreeSet<(String, i64, String)> = BTreeSet::new();
        for object in lists.flat_map(|l| l.as_array().into_iter().flatten()) {
            let annotations = &object["metadata"]["annotations"];
            let revision = annotations["deployment.kubernetes.io/revision"].as_str();
            let revision = revision.and_then(|r| r.parse().ok());
            // A ControllerRevision says itself which one it is.
            let revision = revision.or(object["revision"].as_i64());
            for label in HASHES {
                if let (Some(hash), Some(revision)) =
                    (object["metadata"]["labels"][label].as_str(), revision)
                {
                    let name = object["metadata"]["name"].as_str().unwrap_or_default();
                    found.insert((name.replace(hash, ""), revision, hash.to_owned()));
                }
            }
        }
        let hashes = found.into_iter().enumerate();
        Self {
            hashes: hashes
                .map(|(i, (_, _, hash))| (hash, format!("HASH{i}")))
                .collect(),
            namespace: namespace.to_owned(),
            without: Vec::new(),
            unordered: Vec::new(),
            patterns: PATTERNS
                .iter()
                .map(|(pattern, with)| (Regex::new(pattern).unwrap(), *with))
                .collect(),
        }
    }

    /// Without fields of some names, and with the items of others in any order.
    pub fn without(mut self, without: &[String], unordered: &[String]) -> Self {
        self.without = without.to_vec();
        self.unordered = unordered.to_vec();
        self
    }

    /// A list, in an order that does not depend on generated names.
    pub fn list(&self, items: &Value) -> Value {
        let items = items.as_array().into_iter().flatten();
        let mut all: Vec<Value> = items.map(|item| self.value(item)).collect();
        all.sort_by_key(|item| (item["metadata"]["name"].to_string(), item.to_string()));
        all.into()
    }

    /// A value that is no list of objects.
    pub fn value(&self, value: &Value) -> Value {
        match value {
            Value::Object(map) => map
                .iter()
                .filter(|(key, _)| !LEFT_OUT.contains(&key.as_str()) && !self.without.contains(key))
                .map(|(key, child)| {
                    let child = match (key.as_str(), child) {
                        (key, Value::String(_)) if HASHES.contains(&key) => {
                            let named = self.text(child.as_str().unwrap());
                            json!(if named.starts_with("HASH") {
                                named
                            } else {
                                "HASH".to_owned()
                            })
                        }
                        ("nodeName", Value::String(_)) => json!("NODE"),
                        ("image", Value::String(image)) if map.contains_key("imageID") => {
                            json!(self.text(&one_name(image)))
                        }
                        (key, Value::Array(items)) if self.unordered.iter().any(|u| u == key) => {
                            let mut items: Vec<Value> =
                                items.iter().map(|i| self.value(i)).collect();
                            items.sort_by_key(Value::to_string);
                            items.into()
                        }
                        _ => self.value(child),
                    };
                    (self.text(key), child)
                })
                .collect(),
            Value::Array(items) => items.iter().map(|i| self.value(i)).collect(),
            Value::String(text) => json!(self.text(text)),
            other => other.clone(),
        }
    }

    fn text(&self, text: &str) -> String {
        let mut out = text.replace(&self.namespace, "NS");
        for (hash, with) in &self.hashes {
            out = out.replace(hash, with);
        }
        for (pattern, with) in &self.patterns {
            out = pattern.replace_all(&out, *with).into_owned();
        }
        in_order(out)
    }
}

/// What OLM's solver tells: the parts come in any order.
fn in_order(text: String) -> String {
    const HEAD: &str = "constraints not satisfiable: ";
    let Some(parts) = text.strip_prefix(HEAD) else {
        return text;
    };
    let mut parts: Vec<&str> = parts.split(", ").collect();
    parts.sort_unstable();
    format!("{HEAD}{}", parts.join(", "))
}

/// An image of several names, of which a node tells any: on the rig, both versions of nginx are the same.
fn one_name(image: &str) -> String {
    image.replace("nginx-unprivileged:1.26", "nginx-unprivileged:1.27")
}

/// Where two values differ.
pub fn differences(path: &str, ours: &Value, theirs: &Value, told: &mut String) {
    match (ours, theirs) {
        (Value::Object(a), Value::Object(b)) => {
            let mut keys: Vec<&String> = a.keys().chain(b.keys()).collect();
            keys.sort();
            keys.dedup();
            for key in keys {
                let nothing = json!("(nothing)");
                let (a, b) = (
                    a.get(key).unwrap_or(&nothing),
                    b.get(key).unwrap_or(&nothing),
                );
                differences(&format!("{path}.{key}"), a, b, told);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (i, (a, b)) in a.iter().zip(b).enumerate() {
                differences(&format!("{path}[{i}]"), a, b, told);
            }
        }
        (a, b) if a == b => {}
        (a, b) => write!(told, "\n  {path}\n    sandbox {a}\n    real    {b}").unwrap(),
    }
}
