//! Builds that start by themselves: because there is a new configuration, or a new image.
//! <https://github.com/openshift/openshift-controller-manager/tree/main/pkg/build/controller/buildconfig>

use serde_json::{Value, json};

use super::{BUILD_CONFIGS, BUILDS, PROGRAM, STREAMS, history, keys, list, text};
use crate::sandbox::{
    controllers::{
        Controller, Outcome,
        cluster::{Cluster, Event, is_going},
    },
    openshift::{build, generate},
    status::Refusal,
    store::{Change, Key},
    verbs::name,
};

/// Starts Builds, and forgets old ones.
#[derive(Debug)]
pub(super) struct BuildConfigs;

impl Controller for BuildConfigs {
    fn name(&self) -> &'static str {
        "buildconfig-controller"
    }

    fn program(&self) -> &'static str {
        PROGRAM
    }

    fn touched(&self, cluster: &Cluster<'_>, change: &Change) -> Vec<Key> {
        if BUILD_CONFIGS.is_of(change) {
            return vec![change.key.clone()];
        }
        if BUILDS.is_of(change) {
            let of = change.after.as_ref().or(change.before.as_ref());
            let of = of.map(|b| text(b, "/status/config/name").to_owned());
            return of
                .map(|of| (change.key.0.clone(), of))
                .into_iter()
                .collect();
        }
        if !STREAMS.is_of(change) {
            return Vec::new();
        }
        let follows = |config: &Value| {
            build::trigger_references(config)
                .iter()
                .any(|from| text(from, "/name").split(':').next() == Some(change.key.1.as_str()))
        };
        keys(cluster, BUILD_CONFIGS, None, follows)
    }

    fn reconcile(&mut self, cluster: &Cluster<'_>, key: &Key) -> Outcome {
        let Some(config) = cluster.get(BUILD_CONFIGS, &key.0, &key.1) else {
            return Ok(None);
        };
        if is_going(&config) {
            return Ok(None);
        }
        history::prune(cluster, &config)?;
        let Some(mut request) = wanted(cluster, &config) else {
            return Ok(None);
        };
        request["metadata"] = json!({"name": key.1});
        let how = cluster.through("");
        match generate::instantiate(cluster.api, &key.0, &key.1, &request, &how) {
            Ok(_) => Ok(None),
            Err(refusal) => {
                tell(cluster, &config, &refusal);
                // The image may come later, which is a change.
                Ok(None)
            }
        }
    }
}

/// The Build that is to be started now.
fn wanted(cluster: &Cluster<'_>, config: &Value) -> Option<Value> {
    let triggers = list(config, "/spec/triggers");
    let is_new = config["status"]["lastVersion"].as_i64().unwrap_or_default() == 0;
    if is_new && triggers.iter().any(|t| t["type"] == "ConfigChange") {
        let from = build::strategy(config).map(|s| &s["from"]);
        let namespace = text(config, "/metadata/namespace");
        let resolves = generate::resolve(cluster.api, namespace, from?).is_ok();
        // A builder image that is to come starts the Build itself.
        if resolves || build::trigger_references(config).is_empty() {
            return Some(json!({"triggeredBy": [{"message": "Build configuration change"}]}));
        }
        return None;
    }
    let namespace = text(config, "/metadata/namespace");
    let known = list(config, "/status/imageChangeTriggers");
    for from in build::trigger_references(config) {
        let Ok(Some(image)) = generate::resolve(cluster.api, namespace, &from) else {
            continue;
        };
        let paused = triggers.iter().any(|t| t["imageChange"]["paused"] == true);
        if paused
            || known
                .iter()
                .any(|t| t["lastTriggeredImageID"] == image.as_str())
        {
            continue;
        }
        let cause = json!({
            "message": "Image change",
            "imageChangeBuild": {"imageID": image, "fromRef": from},
        });
        return Some(json!({
            "triggeredBy": [cause], "triggeredByImage": {"kind": "DockerImage", "name": image},
            "from": from,
        }));
    }
    None
}

fn tell(cluster: &Cluster<'_>, config: &Value, refusal: &Refusal) {
    let namespace = text(config, "/metadata/namespace");
    let message = format!(
        "error triggering Build for BuildConfig {namespace}/{}: {}",
        name(config),
        refusal.message
    );
    cluster.event(&Event {
        about: config,
        part: "",
        warning: true,
        reason: "BuildConfigTriggerFailed",
        message: &message,
        node: "",
    });
}
