//! `ControllerRevisions`: what the template of a `StatefulSet` or a `DaemonSet` was before.
//! <https://github.com/kubernetes/kubernetes/blob/master/pkg/controller/history/controller_history.go>

use std::sync::Arc;

use http::StatusCode;
use serde_json::{Value, json};

use super::{
    CONTROLLER_REVISIONS,
    amount::number,
    claim::claim,
    template::{hash, means},
};
use crate::sandbox::{
    controllers::cluster::{Cluster, controlled_by, controller_of},
    status::Refusal,
    verbs::{delete::Options, name},
};

/// The longest name of a set in the name of its revisions.
const LONGEST_BASE: usize = 223;

/// The templates that a set has had.
#[derive(Debug)]
pub struct History {
    /// The revision of its template.
    pub current: Value,
    /// The others, the oldest first.
    pub old: Vec<Value>,
    /// How often another object had the name that a revision was to have.
    pub collisions: Option<i64>,
}

/// Sees to the revision of a set's template: it is the newest. `label` is where its hash stands.
pub fn sync(cluster: &Cluster<'_>, set: &Value, label: &str) -> Result<History, Refusal> {
    let all = owned(cluster, set)?;
    let data = data_of(set);
    let (mut same, old): (Vec<Value>, Vec<Value>) =
        all.into_iter().partition(|r| means(&r["data"], &data));
    let next = old.iter().map(|r| number(&r["revision"])).max();
    let next = next.unwrap_or_default() + 1;
    let mut collisions = set["status"]["collisionCount"].as_i64();
    let current = match same.pop() {
        Some(found) if number(&found["revision"]) >= next => found,
        // A template that comes back is the newest again.
        Some(mut found) => {
            found["revision"] = json!(next);
            (*cluster.update(CONTROLLER_REVISIONS, found)?).clone()
        }
        None => create(cluster, set, &data, (label, next), &mut collisions)?,
    };
    Ok(History {
        current,
        old,
        collisions,
    })
}

/// The revisions that belong to a set, the oldest first.
fn owned(cluster: &Cluster<'_>, set: &Value) -> Result<Vec<Value>, Refusal> {
    let claimed = claim(cluster, set, CONTROLLER_REVISIONS, |_| true)?;
    let mut all: Vec<Value> = claimed.iter().map(|r| (**r).clone()).collect();
    all.sort_by(|a, b| {
        let number = |r: &Value| number(&r["revision"]);
        number(a).cmp(&number(b)).then_with(|| name(a).cmp(name(b)))
    });
    Ok(all)
}

/// What a revision keeps: a patch that brings the template back.
fn data_of(set: &Value) -> Value {
    let mut template = set["spec"]["template"].clone();
    template["$patch"] = json!("replace");
    json!({"spec": {"template": template}})
}

/// The template that a revision keeps.
#[must_use]
pub fn template_of(revision: &Value) -> Value {
    let mut template = revision["data"]["spec"]["template"].clone();
    if let Some(map) = template.as_object_mut() {
        map.remove("$patch");
    }
    template
}

fn create(
    cluster: &Cluster<'_>,
    set: &Value,
    data: &Value,
    (label, number): (&str, i64),
    collisions: &mut Option<i64>,
) -> Result<Value, Refusal> {
    let metadata = &set["metadata"];
    let base: String = name(set).chars().take(LONGEST_BASE).collect();
    loop {
        let hash = hash(&set["spec"]["template"], *collisions);
        let mut labels = set["spec"]["template"]["metadata"]["labels"].clone();
        labels[label] = json!(hash);
        let mut revision = json!({
            "apiVersion": "apps/v1", "kind": "ControllerRevision",
            "metadata": {
                "name": format!("{base}-{hash}"), "namespace": metadata["namespace"], "labels": labels,
                "ownerReferences": [controlled_by(set)],
            },
            "data": data, "revision": number,
        });
        if metadata["annotations"].is_object() {
            revision["metadata"]["annotations"] = metadata["annotations"].clone();
        }
        match cluster.create(CONTROLLER_REVISIONS, revision.clone()) {
            Ok(made) => return Ok((*made).clone()),
            Err(refusal) if refusal.code == StatusCode::CONFLICT => {
                if let Some(found) = ours(cluster, set, &revision) {
                    return Ok((*found).clone());
                }
                *collisions = Some(collisions.unwrap_or_default() + 1);
            }
            Err(refusal) => return Err(refusal),
        }
    }
}

/// The revision of a name, if it is of this set and the same.
fn ours(cluster: &Cluster<'_>, set: &Value, revision: &Value) -> Option<Arc<Value>> {
    let namespace = set["metadata"]["namespace"].as_str()?;
    let found = cluster.get(CONTROLLER_REVISIONS, namespace, name(revision))?;
    let by = controller_of(&found)?;
    let ours = by["uid"] == set["metadata"]["uid"] && means(&found["data"], &revision["data"]);
    ours.then_some(found)
}

/// Deletes the oldest revisions of those that nothing needs and that are more than the set keeps.
pub fn clean_up(
    cluster: &Cluster<'_>,
    set: &Value,
    history: &History,
    needed: impl Fn(&Value) -> bool,
) -> Result<(), Refusal> {
    let limit = set["spec"]["revisionHistoryLimit"].as_u64();
    let Some(limit) = limit.and_then(|l| usize::try_from(l).ok()) else {
        return Ok(());
    };
    let unneeded: Vec<&Value> = history.old.iter().filter(|r| !needed(r)).collect();
    let surplus = unneeded.len().saturating_sub(limit);
    for revision in unneeded.into_iter().take(surplus) {
        cluster.delete(CONTROLLER_REVISIONS, revision, &Options::default())?;
    }
    Ok(())
}
