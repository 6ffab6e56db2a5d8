//! Which objects belong to which, by the uid of the owner.

use std::collections::{BTreeSet, HashMap};

use serde_json::Value;

use crate::sandbox::store::{Change, Key};

/// An object of any kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Item {
    /// Where objects of its kind are kept.
    pub(super) place: String,
    /// Its namespace; empty for one in none.
    pub(super) namespace: String,
    /// Its name.
    pub(super) name: String,
}

impl Item {
    /// The object that changed.
    pub(super) fn of(change: &Change) -> Self {
        Self {
            place: change.place.to_string(),
            namespace: change.key.0.clone(),
            name: change.key.1.clone(),
        }
    }

    /// As the key of the work on it.
    pub(super) fn into_key(self) -> Key {
        (self.place, format!("{}/{}", self.namespace, self.name))
    }

    /// By the key of the work on it.
    pub(super) fn of_key((place, rest): &Key) -> Self {
        let (namespace, name) = rest.split_once('/').unwrap_or(("", rest));
        Self {
            place: place.clone(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }
    }
}

/// The objects that belong to each uid.
#[derive(Debug, Default)]
pub(super) struct Index(HashMap<String, BTreeSet<Item>>);

impl Index {
    /// Notes a change.
    pub(super) fn note(&mut self, change: &Change) {
        let (before, after) = (change.before.as_deref(), change.after.as_deref());
        let (before, after) = (owner_uids(before), owner_uids(after));
        for uid in before.difference(&after) {
            if let Some(items) = self.0.get_mut(*uid) {
                items.remove(&Item::of(change));
                if items.is_empty() {
                    self.0.remove(*uid);
                }
            }
        }
        for uid in after {
            let items = self.0.entry(uid.to_owned()).or_default();
            items.insert(Item::of(change));
        }
    }

    /// What belongs to a uid.
    pub(super) fn dependents(&self, uid: &str) -> Vec<Item> {
        let items = self.0.get(uid);
        items.into_iter().flatten().cloned().collect()
    }
}

fn owner_uids(object: Option<&Value>) -> BTreeSet<&str> {
    let references = object.and_then(|o| o["metadata"]["ownerReferences"].as_array());
    let references = references.into_iter().flatten();
    references.filter_map(|r| r["uid"].as_str()).collect()
}
