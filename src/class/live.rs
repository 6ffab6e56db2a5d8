//! What there is of a class on the cluster, against what should be: by lists over the whole cluster, a page at a time. What is
//! in order is remembered as a number each, so that memory hardly grows with the class.

use std::{
    collections::{HashMap, HashSet, hash_map::DefaultHasher},
    hash::{Hash as _, Hasher as _},
};

use serde_json::Value;

use super::{
    Error, budget,
    desired::{Blueprint, DESIRED},
    model::Student,
};
use crate::{
    cluster::{
        Cluster, apply,
        project::{CLASS, STUDENT},
    },
    lab::model::ObjectRef,
};

/// The comparison of what there is with what should be.
#[derive(Debug, Default)]
pub struct Compared {
    /// Digests of the references of objects that are as they should be.
    settled: HashSet<u64>,
    /// Objects that are there, but differ: where.
    pub drifted: HashMap<ObjectRef, String>,
    /// Objects that are the class's and should not be there, with the student that they belong to.
    pub surplus: Vec<(ObjectRef, Option<String>)>,
    /// Namespaces of the class that are being deleted, with what holds them.
    pub ending: HashMap<String, String>,
}

impl Compared {
    /// Whether an object is there and as it should be.
    #[must_use]
    pub fn is_settled(&self, object: &ObjectRef) -> bool {
        self.settled.contains(&number(object))
    }

    /// How many objects are as they should be.
    #[must_use]
    pub fn settled(&self) -> usize {
        self.settled.len()
    }

    /// Compares one object that is there.
    fn add(&mut self, live: &Value, wanted: Option<&Value>) {
        let object = apply::reference(live);
        if live["metadata"]["deletionTimestamp"].is_string() {
            if object.kind == "Namespace" {
                self.ending.insert(object.name, held_by(live));
            }
            return;
        }
        match wanted.map(|wanted| difference(wanted, live, "")) {
            None => {
                let student = student_of(live).map(str::to_owned);
                self.surplus.push((object, student));
            }
            Some(None) => {
                self.settled.insert(number(&object));
            }
            Some(Some(path)) => {
                self.drifted.insert(object, path);
            }
        }
    }
}

/// Reads what there is of the class; `only`, of these students.
pub async fn compare(
    cluster: &Cluster,
    blueprint: &Blueprint,
    only: Option<&[&Student]>,
) -> Result<Compared, Error> {
    let mut compared = Compared::default();
    let shared = by_reference(blueprint.shared());
    let chosen = |id: &str| only.is_none_or(|all| all.iter().any(|s| s.id == id));
    for (api_version, kind) in blueprint.kinds() {
        // Pages are in the order of namespaces, so that the student rarely changes.
        let mut last: (String, HashMap<ObjectRef, Value>) = Default::default();
        let selector = format!("{CLASS}={}", blueprint.class.name);
        cluster
            .each(api_version, kind, &selector, |live| {
                let Some(student) = student_of(live) else {
                    compared.add(live, shared.get(&apply::reference(live)));
                    return;
                };
                if !chosen(student) {
                    return;
                }
                if last.0 != student {
                    let found = blueprint.class.student(student);
                    let wanted = found.map(|s| by_reference(blueprint.of_student(s)));
                    last = (student.to_owned(), wanted.unwrap_or_default());
                }
                compared.add(live, last.1.get(&apply::reference(live)));
            })
            .await?;
    }
    Ok(compared)
}

/// The student that an object belongs to, by its label.
pub(super) fn student_of(object: &Value) -> Option<&str> {
    object["metadata"]["labels"][STUDENT].as_str()
}

fn by_reference(objects: Vec<Value>) -> HashMap<ObjectRef, Value> {
    objects
        .into_iter()
        .map(|o| (apply::reference(&o), o))
        .collect()
}

/// What holds a namespace that is being deleted, as its conditions say.
fn held_by(namespace: &Value) -> String {
    let conditions = namespace["status"]["conditions"].as_array();
    let remaining = conditions.into_iter().flatten().filter(|c| {
        let kind = c["type"].as_str().unwrap_or_default();
        c["status"] == "True" && kind.ends_with("Remaining")
    });
    let told: Vec<&str> = remaining.filter_map(|c| c["message"].as_str()).collect();
    told.join("; ")
}

/// Where what is there lacks something of what should be, as a path; none where nothing is missing.
fn difference(wanted: &Value, live: &Value, path: &str) -> Option<String> {
    match (wanted, live) {
        (Value::Object(wanted), Value::Object(live)) => wanted.iter().find_map(|(key, wanted)| {
            let path = if path.is_empty() {
                key.clone()
            } else {
                format!("{path}.{key}")
            };
            // A mark that differs says only that something else does, which is not there any more.
            if key == DESIRED && live.get(key) != Some(wanted) {
                return Some("a field that is no longer wanted".to_owned());
            }
            match live.get(key) {
                // A list by name, in which OpenShift has a secret of its own.
                Some(live) if key == "imagePullSecrets" => lacks(wanted, live).then_some(path),
                Some(live) => difference(wanted, live, &path),
                // The API server leaves out what is empty.
                None if is_empty(wanted) => None,
                None => Some(path),
            }
        }),
        (Value::Array(wanted), Value::Array(live)) if wanted.len() == live.len() => wanted
            .iter()
            .zip(live)
            .enumerate()
            .find_map(|(i, (wanted, live))| difference(wanted, live, &format!("{path}[{i}]"))),
        (Value::String(wanted), Value::String(live)) if budget::same(wanted, live) => None,
        (wanted, live) if wanted == live => None,
        _ => Some(path.to_owned()),
    }
}

/// Whether a list lacks something that it should have.
fn lacks(wanted: &Value, live: &Value) -> bool {
    let live = live.as_array();
    let has = |item: &Value| live.is_some_and(|all| all.contains(item));
    !wanted.as_array().into_iter().flatten().all(has)
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Object(fields) => fields.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Bool(value) => !value,
        other => other.is_null(),
    }
}

fn number(object: &ObjectRef) -> u64 {
    let mut hasher = DefaultHasher::new();
    object.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_there_may_have_more_than_what_should_be_but_not_less() {
        let wanted =
            json!({"spec": {"hard": {"requests.cpu": "1500m", "pods": "2"}}, "labels": {}});
        let live =
            json!({"spec": {"hard": {"requests.cpu": "1.5", "pods": "2", "x": "1"}}, "status": {}});
        assert_eq!(difference(&wanted, &live, ""), None);
        let live = json!({"spec": {"hard": {"requests.cpu": "2", "pods": "2"}}});
        assert_eq!(
            difference(&wanted, &live, "").as_deref(),
            Some("spec.hard.requests.cpu")
        );
        assert_eq!(difference(&wanted, &json!({}), "").as_deref(), Some("spec"));
    }

    #[test]
    fn a_list_has_to_be_the_same() {
        let wanted = json!({"subjects": [{"name": "a"}]});
        let more = json!({"subjects": [{"name": "a"}, {"name": "b"}]});
        assert_eq!(difference(&wanted, &more, "").as_deref(), Some("subjects"));
        let filled = json!({"subjects": [{"name": "a", "apiGroup": "x"}]});
        assert_eq!(difference(&wanted, &filled, ""), None);
    }
}
