//! A small kubelet for tests of controllers: Pods run and are ready a while after they were made, or end as an annotation says.

use std::{collections::HashMap, time::Duration};

use ccnr::sandbox::{
    controllers::{
        Controller, Outcome,
        cluster::{Cluster, PODS, is_going},
    },
    store::{Change, Key},
    verbs::delete::Options,
};
use serde_json::{Value, json};

/// The node where everything runs.
pub const NODE: &str = "sandbox-1";
/// How long a Pod takes to start.
pub const START: Duration = Duration::from_secs(2);
/// How long a Pod takes to end.
pub const END: Duration = Duration::from_secs(1);
/// The annotation that says what becomes of a Pod: `never-ready`, `succeeds`, `fails`.
pub const FATE: &str = "test/fate";

/// Runs Pods.
#[derive(Debug, Default)]
pub struct Kubelet {
    /// Since when it knows each Pod in the state in which it is.
    since: HashMap<(String, &'static str), Duration>,
}

impl Controller for Kubelet {
    fn name(&self) -> &'static str {
        "kubelet"
    }

    fn program(&self) -> &'static str {
        "kubelet"
    }

    fn touched(&self, _: &Cluster<'_>, change: &Change) -> Vec<Key> {
        let new = PODS.is_of(change) && change.after.is_some();
        new.then(|| change.key.clone()).into_iter().collect()
    }

    fn reconcile(&mut self, cluster: &Cluster<'_>, key: &Key) -> Outcome {
        let Some(pod) = cluster.get(PODS, &key.0, &key.1) else {
            return Ok(None);
        };
        let phase = pod["status"]["phase"].as_str().unwrap();
        let (state, time) = match (is_going(&pod), phase) {
            (true, _) => ("going", END),
            (false, "Succeeded" | "Failed") => return Ok(None),
            (false, "Running") => ("running", START),
            (false, _) => ("starting", START),
        };
        if pod["spec"]["nodeName"].is_null() {
            // A DaemonSet says for which node its Pod is.
            let affinity = &pod["spec"]["affinity"]["nodeAffinity"];
            let required = &affinity["requiredDuringSchedulingIgnoredDuringExecution"];
            let field = &required["nodeSelectorTerms"][0]["matchFields"][0];
            let node = field["values"][0].as_str().unwrap_or(NODE);
            cluster.merge(PODS, &pod, &json!({"spec": {"nodeName": node}}))?;
        }
        let uid = pod["metadata"]["uid"].as_str().unwrap().to_owned();
        let now = cluster.elapsed();
        let since = *self.since.entry((uid, state)).or_insert(now);
        if now < since + time {
            return Ok(Some((since + time).saturating_sub(now)));
        }
        match state {
            "going" => {
                let options = Options {
                    grace: Some(0),
                    ..Options::default()
                };
                cluster.delete(PODS, &pod, &options)?;
            }
            "starting" => report(cluster, &pod, "Running")?,
            _ => match pod["metadata"]["annotations"][FATE].as_str() {
                Some("succeeds") => report(cluster, &pod, "Succeeded")?,
                Some("fails") => report(cluster, &pod, "Failed")?,
                _ => {}
            },
        }
        Ok(None)
    }
}

fn report(
    cluster: &Cluster<'_>,
    pod: &Value,
    phase: &str,
) -> Result<(), ccnr::sandbox::status::Refusal> {
    let never = pod["metadata"]["annotations"][FATE] == "never-ready";
    let ready = phase == "Running" && !never;
    let state = match phase {
        "Running" => json!({"running": {"startedAt": cluster.stamp()}}),
        _ => json!({"terminated": {
            "exitCode": i32::from(phase == "Failed"), "startedAt": cluster.stamp(), "finishedAt": cluster.stamp(),
        }}),
    };
    let status = json!({
        "phase": phase, "startTime": cluster.stamp(),
        "conditions": [{
            "type": "Ready", "status": if ready { "True" } else { "False" }, "lastTransitionTime": cluster.stamp(),
        }],
        "containerStatuses": [{
            "name": pod["spec"]["containers"][0]["name"], "image": "i", "imageID": "i", "ready": ready, "restartCount": 0,
            "started": ready, "state": state,
        }],
    });
    cluster.merge_status(PODS, pod, &json!({"status": status}))?;
    Ok(())
}
