//! The Pod of a Build. The sandbox runs no Builds in it: the Build's controller keeps its status.

use serde_json::{Value, json};

use super::super::text;
use crate::sandbox::verbs::name;

/// The image that fetches the source and runs the build.
const BUILDER: &str = "quay.io/openshift-release-dev/ocp-v4.0-art-dev@sha256:0000000000000000000000000000000000000000000000000000000000000000";
/// The scheduler that leaves it to its Build.
pub(super) const SCHEDULER: &str = "build-controller";

/// Its name.
pub(super) fn name_of(build: &Value) -> String {
    format!("{}-build", name(build))
}

/// A new one.
pub(super) fn of_build(build: &Value) -> Value {
    let metadata = &build["metadata"];
    let container = if build["spec"]["strategy"]["dockerStrategy"].is_object() {
        "docker-build"
    } else {
        "sti-build"
    };
    let command = if container == "docker-build" {
        "openshift-docker-build"
    } else {
        "openshift-sti-build"
    };
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": name_of(build), "namespace": metadata["namespace"],
            "labels": {"openshift.io/build.name": name(build)},
            "annotations": {"openshift.io/build.name": name(build)},
            "ownerReferences": [{
                "apiVersion": "build.openshift.io/v1", "kind": "Build", "name": name(build),
                "uid": metadata["uid"], "controller": true,
            }],
        },
        "spec": {
            "restartPolicy": "Never", "serviceAccountName": text(build, "/spec/serviceAccount"),
            "schedulerName": SCHEDULER,
            "containers": [{
                "name": container, "image": BUILDER, "command": [command], "resources": build["spec"]["resources"],
                "securityContext": {"privileged": true},
            }],
        },
    })
}

fn container(pod: &Value, state: &Value, ready: bool) -> Value {
    let spec = &pod["spec"]["containers"][0];
    json!([{
        "name": spec["name"], "image": spec["image"], "imageID": spec["image"], "ready": ready, "started": ready,
        "restartCount": 0, "state": state, "lastState": {},
    }])
}

/// The status of one that runs.
pub(super) fn running(pod: &Value, now: &str) -> Value {
    let state = json!({"running": {"startedAt": now}});
    json!({"status": {
        "phase": "Running", "startTime": now, "containerStatuses": container(pod, &state, true),
    }})
}

/// The status of one that has ended.
pub(super) fn ended(pod: &Value, now: &str, well: bool) -> Value {
    let (phase, reason, code) = if well {
        ("Succeeded", "Completed", 0)
    } else {
        ("Failed", "Error", 1)
    };
    let began = pod["status"]["startTime"].as_str().unwrap_or(now);
    let state = json!({"terminated": {
        "exitCode": code, "reason": reason, "startedAt": began, "finishedAt": now,
    }});
    json!({"status": {"phase": phase, "containerStatuses": container(pod, &state, false)}})
}
