//! Image streams: images of tags come in from outside, and tags that follow others are brought to them.
//! <https://github.com/openshift/openshift-controller-manager/tree/main/pkg/image/controller>

use serde_json::{Value, json};

use super::{PROGRAM, STREAMS, keys, list, text};
use crate::sandbox::{
    controllers::{Controller, Outcome, cluster::Cluster},
    openshift::{images, stream},
    store::{Change, Key},
};

/// Imports images.
#[derive(Debug)]
pub(super) struct Imports;

impl Controller for Imports {
    fn name(&self) -> &'static str {
        "image-import-controller"
    }

    fn program(&self) -> &'static str {
        PROGRAM
    }

    fn touched(&self, cluster: &Cluster<'_>, change: &Change) -> Vec<Key> {
        if !STREAMS.is_of(change) {
            return Vec::new();
        }
        // Tags of other streams may follow this one's.
        let follows = |other: &Value| {
            list(other, "/spec/tags").iter().any(|t| {
                text(t, "/from/kind") == "ImageStreamTag"
                    && text(t, "/from/name").split(':').next() == Some(change.key.1.as_str())
            })
        };
        let mut found = keys(cluster, STREAMS, None, follows);
        found.push(change.key.clone());
        found
    }

    fn reconcile(&mut self, cluster: &Cluster<'_>, key: &Key) -> Outcome {
        let Some(found) = cluster.get(STREAMS, &key.0, &key.1) else {
            return Ok(None);
        };
        let how = cluster.through("");
        let due = due(&found);
        if due.is_empty() {
            let mut settled = (*found).clone();
            if images::settle(cluster.api, &mut settled) {
                images::write_status(cluster.api, &settled, &how)?;
            }
            return Ok(None);
        }
        let mut wanted = (*found).clone();
        wanted["metadata"]["annotations"][stream::CHECKED] = json!(cluster.stamp());
        let generation = found["metadata"]["generation"].as_i64().unwrap_or_default() + 1;
        if let Some(tags) = wanted
            .pointer_mut("/spec/tags")
            .and_then(Value::as_array_mut)
        {
            for tag in tags
                .iter_mut()
                .filter(|t| due.iter().any(|d| t["name"] == d.as_str()))
            {
                tag["generation"] = json!(generation);
            }
        }
        let written = cluster.update(STREAMS, wanted)?;
        images::import(cluster.api, &written, &due, &how)?;
        Ok(None)
    }
}

/// The tags whose images were not asked for since they changed.
fn due(stream: &Value) -> Vec<String> {
    let is_done = |tag: &Value| {
        let status = list(stream, "/status/tags")
            .iter()
            .find(|t| t["tag"] == tag["name"]);
        let items = status.into_iter().flat_map(|s| list(s, "/items"));
        let conditions = status.into_iter().flat_map(|s| list(s, "/conditions"));
        let seen = items
            .chain(conditions)
            .filter_map(|o| o["generation"].as_i64())
            .max();
        seen >= tag["generation"].as_i64()
    };
    list(stream, "/spec/tags")
        .iter()
        .filter(|t| text(t, "/from/kind") == "DockerImage" && t["reference"] != true && !is_done(t))
        .map(|t| text(t, "/name").to_owned())
        .collect()
}
