//! Which objects belong to a controller's object: orphans that it selects are adopted, what it no longer selects is released.
//! <https://github.com/kubernetes/kubernetes/blob/master/pkg/controller/controller_ref_manager.go>

use std::sync::Arc;

use http::StatusCode;
use serde_json::{Value, json};

use crate::sandbox::{
    controllers::cluster::{Cluster, Kind, controlled_by, controller_of, is_going, key_of},
    status::Refusal,
    store::{Change, Fact, Key, selector::Selector},
    verbs::name,
};

/// The objects of a kind that belong to an owner, with those that come to it and without those that leave it now.
pub fn claim(
    cluster: &Cluster<'_>,
    owner: &Value,
    kind: Kind,
    takes: impl Fn(&Value) -> bool,
) -> Result<Vec<Arc<Value>>, Refusal> {
    let selector = Selector::of(&owner["spec"]["selector"]);
    let namespace = owner["metadata"]["namespace"].as_str().unwrap_or_default();
    let mut all = cluster.owned(kind, owner);
    all.extend(cluster.known(kind, namespace, &Fact::Uncontrolled));
    all.sort_by(|a, b| name(a).cmp(name(b)));
    let mut claimed = Vec::new();
    for object in all {
        if !takes(&object) {
            continue;
        }
        let selected = selector.matches(&object);
        let changed = match controller_of(&object) {
            Some(by) if by["uid"] != owner["metadata"]["uid"] => None,
            Some(_) if selected => {
                claimed.push(object);
                None
            }
            Some(_) if is_going(owner) => None,
            Some(_) => Some(release(cluster, owner, kind, &object).map(|_| None)),
            None if is_going(owner) || is_going(&object) || !selected => None,
            None => Some(adopt(cluster, owner, kind, &object).map(Some)),
        };
        match changed {
            Some(Ok(adopted)) => claimed.extend(adopted),
            Some(Err(refusal)) if refusal.code == StatusCode::NOT_FOUND => {}
            Some(Err(refusal)) => return Err(refusal),
            None => {}
        }
    }
    Ok(claimed)
}

fn adopt(
    cluster: &Cluster<'_>,
    owner: &Value,
    kind: Kind,
    object: &Value,
) -> Result<Arc<Value>, Refusal> {
    let mut owners = owners(object);
    owners.push(controlled_by(owner));
    give(cluster, kind, object, owners)
}

fn release(
    cluster: &Cluster<'_>,
    owner: &Value,
    kind: Kind,
    object: &Value,
) -> Result<Arc<Value>, Refusal> {
    let mut owners = owners(object);
    owners.retain(|r| r["uid"] != owner["metadata"]["uid"]);
    give(cluster, kind, object, owners)
}

/// Gives an object to owners, or to nobody.
fn give(
    cluster: &Cluster<'_>,
    kind: Kind,
    object: &Value,
    owners: Vec<Value>,
) -> Result<Arc<Value>, Refusal> {
    let owners = (!owners.is_empty()).then_some(owners);
    let patch = json!({"metadata": {"ownerReferences": owners}});
    cluster.merge(kind, object, &patch)
}

fn owners(object: &Value) -> Vec<Value> {
    let owners = object["metadata"]["ownerReferences"].as_array();
    owners.cloned().unwrap_or_default()
}

/// The objects of a kind that a change of what they control concerns: its controllers before and after, or those that could
/// adopt it.
#[must_use]
pub fn concerned(cluster: &Cluster<'_>, change: &Change, owners: Kind, name: &str) -> Vec<Key> {
    let mut keys: Vec<Key> = Vec::new();
    for object in [&change.before, &change.after].into_iter().flatten() {
        match controller_of(object) {
            Some(by) if by["kind"] == name => {
                let by = by["name"].as_str().unwrap_or_default();
                keys.push((change.key.0.clone(), by.to_owned()));
            }
            Some(_) => {}
            None => keys.extend(selecting(cluster, owners, object)),
        }
    }
    keys.sort();
    keys.dedup();
    keys
}

/// The objects of a kind that select an object by its labels.
#[must_use]
pub fn selecting(cluster: &Cluster<'_>, kind: Kind, object: &Value) -> Vec<Key> {
    let namespace = object["metadata"]["namespace"].as_str();
    let mut all = cluster.list(kind, namespace);
    all.retain(|o| {
        let selector = &o["spec"]["selector"];
        selector.is_object() && Selector::of(selector).matches(object)
    });
    all.iter().map(|o| key_of(o)).collect()
}
