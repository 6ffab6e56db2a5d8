//! The record in the lab's project, a `ConfigMap`: what a second machine and the instructor see.

use serde_json::{Value, json};

use super::progress::Progress;
use crate::{
    cluster::{
        Cluster,
        project::{LAB, MANAGED_BY, STUDENT},
        snapshot::{Answer, Obstacle, ObstacleKind, Read},
    },
    lab::model::{Lab, ObjectRef},
};

/// The `ConfigMap`'s name.
pub const NAME: &str = "ccnr-progress";

/// Where the record of this lab lies; none for a lab without projects.
#[must_use]
pub(super) fn place(lab: &Lab) -> Option<ObjectRef> {
    Some(ObjectRef {
        api_version: "v1".to_owned(),
        kind: "ConfigMap".to_owned(),
        namespace: Some(lab.projects.first()?.clone()),
        name: NAME.to_owned(),
    })
}

/// What there is of the record in the project.
#[derive(Debug, Clone, Default)]
pub(super) struct Shared {
    /// The record. One that makes no sense is an empty one: it only completes the local one.
    pub(super) progress: Progress,
    /// Whether there is none for certain, rather than one that may not be seen.
    pub(super) is_missing: bool,
}

/// Reads the record.
pub(super) async fn load(
    cluster: &Cluster,
    place: &ObjectRef,
    lab: &str,
) -> Result<Shared, Obstacle> {
    let found = match cluster.read(&Read::Object(place.clone())).await {
        Ok(Answer::Object(found)) => found,
        Ok(_) => Value::Null,
        Err(o) if o.kind == ObstacleKind::Forbidden => return Ok(Shared::default()),
        Err(o) => return Err(o),
    };
    let text = found["data"][format!("{lab}.json")].as_str();
    Ok(Shared {
        progress: text
            .and_then(|t| serde_json::from_str(t).ok())
            .unwrap_or_default(),
        is_missing: text.is_none(),
    })
}

/// The record of a lab that a `ConfigMap` holds; none where it holds none, or one that makes no sense.
#[must_use]
pub fn held(object: &Value, lab: &str) -> Option<Progress> {
    let text = object["data"][format!("{lab}.json")].as_str()?;
    serde_json::from_str(text).ok()
}

/// Writes the record; there may be no right to do so. Tells whether it was written.
pub(super) async fn save(
    cluster: &Cluster,
    lab: &Lab,
    student: &str,
    progress: &Progress,
) -> Result<bool, Obstacle> {
    let Some(place) = place(lab) else {
        return Ok(false);
    };
    let text = serde_json::to_string(progress).unwrap_or_default();
    let object = json!({
        "apiVersion": place.api_version, "kind": place.kind,
        "metadata": {
            "name": place.name, "namespace": place.namespace,
            "labels": {MANAGED_BY: "ccnr", LAB: lab.id, STUDENT: student},
        },
        "data": {format!("{}.json", lab.id): text},
    });
    match cluster.apply(&object, true).await {
        Err(o) if matches!(o.kind, ObstacleKind::Forbidden | ObstacleKind::Missing) => Ok(false),
        other => other.map(|()| true),
    }
}
