//! The garbage collector: objects go after those that they belong to, or before them, or are let go.
//! <https://kubernetes.io/docs/concepts/architecture/garbage-collection/>
//! <https://github.com/kubernetes/kubernetes/blob/master/pkg/controller/garbagecollector/garbagecollector.go>

mod index;

use std::{cell::RefCell, sync::Arc};

use serde_json::{Value, json};

use self::index::{Index, Item};
use super::{
    Controller, Outcome,
    cluster::{Cluster, is_going},
};
use crate::sandbox::{
    registry::Resource,
    status::Refusal,
    store::{Change, Key},
    verbs::{
        delete::{Options, Propagation},
        name, patch,
    },
};

/// The finalizer of an object that goes after what belongs to it.
const FOREGROUND: &str = "foregroundDeletion";
/// The finalizer of an object whose dependents stay.
const ORPHAN: &str = "orphan";

/// Deletes what belongs to nobody any more.
#[derive(Debug, Default)]
pub struct Collector {
    /// Which objects belong to which; what it says is looked up before it is acted on.
    index: RefCell<Index>,
}

/// An object, and how it is reached.
struct Found {
    item: Item,
    resource: Arc<Resource>,
    object: Arc<Value>,
}

impl Controller for Collector {
    fn name(&self) -> &'static str {
        "generic-garbage-collector"
    }

    fn touched(&self, cluster: &Cluster<'_>, change: &Change) -> Vec<Key> {
        let mut index = self.index.borrow_mut();
        index.note(change);
        let item = Item::of(change);
        let (before, after) = (change.before.as_deref(), change.after.as_deref());
        let references = |o: Option<&Value>| o.map(owners).unwrap_or_default();
        let (owned_before, owned) = (references(before), references(after));
        let mut keys = Vec::new();
        match (before, after) {
            // Owners that wait, and what belonged to it.
            (Some(before), None) => {
                keys.extend(owned_before.iter().filter_map(|r| owner(cluster, &item, r)));
                let uid = before["metadata"]["uid"].as_str().unwrap_or_default();
                keys.extend(index.dependents(uid));
            }
            (_, Some(after)) => {
                let begins = is_going(after) && !before.is_some_and(is_going);
                if owned != owned_before || begins || ends_specially(after) {
                    keys.push(item.clone());
                }
                if owned != owned_before {
                    keys.extend(owned_before.iter().filter_map(|r| owner(cluster, &item, r)));
                }
            }
            (None, None) => {}
        }
        keys.into_iter().map(Item::into_key).collect()
    }

    fn reconcile(&mut self, cluster: &Cluster<'_>, key: &Key) -> Outcome {
        let Some(found) = find(cluster, Item::of_key(key)) else {
            return Ok(None);
        };
        if is_going(&found.object) && has_finalizer(&found.object, ORPHAN) {
            for dependent in self.dependents(cluster, &found.object) {
                let_go(cluster, &dependent, &[&found.object["metadata"]["uid"]])?;
            }
            remove_finalizer(cluster, &found, ORPHAN)?;
        } else if is_going(&found.object) && has_finalizer(&found.object, FOREGROUND) {
            let dependents = self.dependents(cluster, &found.object);
            for dependent in &dependents {
                if !has_finalizer(&dependent.object, FOREGROUND) {
                    self.collect(cluster, dependent)?;
                }
            }
            let uid = &found.object["metadata"]["uid"];
            let blocks = |d: &Found| {
                let mut references = owners(&d.object).into_iter();
                references.any(|r| r["uid"] == *uid && r["blockOwnerDeletion"] == true)
            };
            if !self.dependents(cluster, &found.object).iter().any(blocks) {
                remove_finalizer(cluster, &found, FOREGROUND)?;
            }
        } else if !is_going(&found.object) {
            self.collect(cluster, &found)?;
        }
        Ok(None)
    }
}

impl Collector {
    /// What belongs to an object now.
    fn dependents(&self, cluster: &Cluster<'_>, object: &Value) -> Vec<Found> {
        let uid = &object["metadata"]["uid"];
        let items = self
            .index
            .borrow()
            .dependents(uid.as_str().unwrap_or_default());
        let belongs = |f: &Found| owners(&f.object).iter().any(|r| r["uid"] == *uid);
        let found = items.into_iter().filter_map(|item| find(cluster, item));
        found.filter(belongs).collect()
    }

    /// Deletes an object whose owners are all gone or wait for it.
    fn collect(&self, cluster: &Cluster<'_>, found: &Found) -> Result<(), Refusal> {
        let references = owners(&found.object);
        if references.is_empty() || is_going(&found.object) {
            return Ok(());
        }
        let (mut solid, mut leaving, mut waits) = (false, Vec::new(), false);
        for reference in &references {
            let Some(item) = owner(cluster, &found.item, reference) else {
                // Of a kind that is not served: it may come back.
                solid = true;
                continue;
            };
            let owner =
                find(cluster, item).filter(|o| o.object["metadata"]["uid"] == reference["uid"]);
            match owner {
                None => leaving.push(&reference["uid"]),
                Some(o) if is_going(&o.object) && has_finalizer(&o.object, FOREGROUND) => {
                    leaving.push(&reference["uid"]);
                    waits = true;
                }
                Some(_) => solid = true,
            }
        }
        if solid {
            return if leaving.is_empty() {
                Ok(())
            } else {
                let_go(cluster, found, &leaving)
            };
        }
        let has_own = || !self.dependents(cluster, &found.object).is_empty();
        let propagation = if has_finalizer(&found.object, ORPHAN) {
            Propagation::Orphan
        } else if has_finalizer(&found.object, FOREGROUND) || waits && has_own() {
            Propagation::Foreground
        } else {
            Propagation::Background
        };
        let options = Options {
            user: cluster.through("").user,
            propagation: Some(propagation),
            uid: found.object["metadata"]["uid"].as_str().map(str::to_owned),
            ..Options::default()
        };
        let namespace = found.object["metadata"]["namespace"].as_str();
        let name = name(&found.object);
        let gone = cluster
            .api
            .delete(&found.resource, namespace, name, &options);
        match gone {
            Err(refusal) if refusal.code != http::StatusCode::NOT_FOUND => Err(refusal),
            _ => Ok(()),
        }
    }
}

/// The object of an item, as it is now.
fn find(cluster: &Cluster<'_>, item: Item) -> Option<Found> {
    let registry = cluster.api.registry();
    let resource = registry.preferred().find(|r| *r.place == *item.place)?;
    let key = (item.namespace.clone(), item.name.clone());
    let object = cluster.api.store.get(&resource.place, &key)?;
    Some(Found {
        resource: Arc::clone(resource),
        item,
        object,
    })
}

/// The references to the owners of an object.
fn owners(object: &Value) -> Vec<Value> {
    let references = object["metadata"]["ownerReferences"].as_array();
    references.cloned().unwrap_or_default()
}

/// Where an owner is: in the object's own namespace, or in none. Nothing for a kind that is not served, and for an owner in a
/// namespace of an object in none.
fn owner(cluster: &Cluster<'_>, item: &Item, reference: &Value) -> Option<Item> {
    let text = |field: &str| reference[field].as_str().unwrap_or_default();
    let registry = cluster.api.registry();
    let resource = registry.of_kind(text("apiVersion"), text("kind"))?;
    if resource.namespaced && item.namespace.is_empty() {
        return None;
    }
    let namespace = if resource.namespaced {
        item.namespace.clone()
    } else {
        String::new()
    };
    Some(Item {
        place: resource.place.to_string(),
        namespace,
        name: text("name").to_owned(),
    })
}

fn has_finalizer(object: &Value, wanted: &str) -> bool {
    let finalizers = object["metadata"]["finalizers"].as_array();
    finalizers.is_some_and(|f| f.iter().any(|f| f == wanted))
}

/// Whether an object goes, and not alone.
fn ends_specially(object: &Value) -> bool {
    is_going(object) && (has_finalizer(object, FOREGROUND) || has_finalizer(object, ORPHAN))
}

/// Takes references to owners from an object.
fn let_go(cluster: &Cluster<'_>, found: &Found, uids: &[&Value]) -> Result<(), Refusal> {
    let mut left = owners(&found.object);
    left.retain(|r| !uids.contains(&&r["uid"]));
    let left = if left.is_empty() {
        Value::Null
    } else {
        json!(left)
    };
    write(cluster, found, &json!({"ownerReferences": left}))
}

fn remove_finalizer(cluster: &Cluster<'_>, found: &Found, finalizer: &str) -> Result<(), Refusal> {
    let left = found.object["metadata"]["finalizers"].as_array();
    let mut left = left.cloned().unwrap_or_default();
    left.retain(|f| f != finalizer);
    let left = if left.is_empty() {
        Value::Null
    } else {
        json!(left)
    };
    write(cluster, found, &json!({"finalizers": left}))
}

/// Changes the metadata of an object, if it is still the same one.
fn write(cluster: &Cluster<'_>, found: &Found, metadata: &Value) -> Result<(), Refusal> {
    let mut metadata = metadata.clone();
    metadata["uid"] = found.object["metadata"]["uid"].clone();
    let patch = json!({"metadata": metadata});
    let written = cluster.api.patch(
        &found.resource,
        found.object["metadata"]["namespace"].as_str(),
        name(&found.object),
        (patch::Kind::Merge, &patch),
        &cluster.through(""),
    );
    match written {
        Err(refusal) if refusal.code != http::StatusCode::NOT_FOUND => Err(refusal),
        _ => Ok(()),
    }
}
