//! How objects are found otherwise than by name: by who controls them, and slices by their Service. Controllers would look at all
//! objects of a namespace each time without it.

use std::collections::{BTreeSet, HashMap};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Key, Place};

/// The label that names a slice's Service.
const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// What is known of an object.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Fact {
    /// The uid of its controller.
    ControlledBy(String),
    /// It has no controller.
    Uncontrolled,
    /// The Service that it is a part of.
    OfService(String),
}

/// The names of objects, by place, namespace and what is known of them.
#[derive(Debug, Default)]
pub(super) struct Index(HashMap<(Place, String), HashMap<Fact, BTreeSet<String>>>);

impl Index {
    /// Notes an object.
    pub(super) fn add(&mut self, place: &Place, key: &Key, facts: &[Fact]) {
        let of = self.0.entry((place.clone(), key.0.clone())).or_default();
        for fact in facts {
            of.entry(fact.clone()).or_default().insert(key.1.clone());
        }
    }

    /// Forgets an object.
    pub(super) fn remove(&mut self, place: &Place, key: &Key, facts: &[Fact]) {
        let at = (place.clone(), key.0.clone());
        let Some(of) = self.0.get_mut(&at) else {
            return;
        };
        for fact in facts {
            if let Some(names) = of.get_mut(fact) {
                names.remove(&key.1);
                if names.is_empty() {
                    of.remove(fact);
                }
            }
        }
        if of.is_empty() {
            self.0.remove(&at);
        }
    }

    /// The names of a namespace's objects of which something is known, in their order.
    pub(super) fn names(&self, place: &Place, namespace: &str, fact: &Fact) -> Vec<&str> {
        let of = self.0.get(&(place.clone(), namespace.to_owned()));
        let names = of.and_then(|of| of.get(fact)).into_iter().flatten();
        names.map(String::as_str).collect()
    }
}

/// What is known of an object by its JSON.
pub(super) fn facts(json: &RawValue) -> Vec<Fact> {
    #[derive(Deserialize)]
    struct Object {
        metadata: Metadata,
    }
    #[derive(Deserialize)]
    struct Metadata {
        #[serde(rename = "ownerReferences", default)]
        owners: Option<Vec<Owner>>,
        #[serde(default)]
        labels: Option<HashMap<String, String>>,
    }
    #[derive(Deserialize)]
    struct Owner {
        uid: String,
        #[serde(default)]
        controller: Option<bool>,
    }
    let Ok(object) = serde_json::from_str::<Object>(json.get()) else {
        return vec![Fact::Uncontrolled];
    };
    let owners = object.metadata.owners.into_iter().flatten();
    let controller = owners.into_iter().find(|o| o.controller == Some(true));
    let mut facts = vec![controller.map_or(Fact::Uncontrolled, |o| Fact::ControlledBy(o.uid))];
    let service = object
        .metadata
        .labels
        .and_then(|mut l| l.remove(SERVICE_NAME));
    facts.extend(service.map(Fact::OfService));
    facts
}

#[cfg(test)]
mod tests {
    use serde_json::{json, value::to_raw_value};

    use super::*;

    fn of(object: &serde_json::Value) -> Vec<Fact> {
        facts(&to_raw_value(object).unwrap())
    }

    #[test]
    fn the_controller_is_told_from_other_owners() {
        let owners = json!([{"uid": "a"}, {"uid": "b", "controller": true}]);
        let slice = json!({"metadata": {
            "labels": {SERVICE_NAME: "web", "x": "y"}, "ownerReferences": owners,
        }});
        let (by, service) = (
            Fact::ControlledBy("b".to_owned()),
            Fact::OfService("web".to_owned()),
        );
        assert_eq!(of(&slice), [by, service]);
        let owned = json!({"metadata": {"ownerReferences": [{"uid": "a"}]}});
        assert_eq!(of(&owned), [Fact::Uncontrolled]);
    }

    #[test]
    fn who_is_removed_is_not_found() {
        let (place, mut index) = (Place::from("pods"), Index::default());
        let key = |name: &str| ("ns".to_owned(), name.to_owned());
        for name in ["b", "a"] {
            index.add(&place, &key(name), &[Fact::Uncontrolled]);
        }
        assert_eq!(index.names(&place, "ns", &Fact::Uncontrolled), ["a", "b"]);
        index.remove(&place, &key("a"), &[Fact::Uncontrolled]);
        assert_eq!(index.names(&place, "ns", &Fact::Uncontrolled), ["b"]);
        index.remove(&place, &key("b"), &[Fact::Uncontrolled]);
        assert!(index.0.is_empty());
    }
}
