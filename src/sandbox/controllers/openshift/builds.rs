//! Builds: one after the other they get a Pod, run for about a minute, and push an image.
//! <https://github.com/openshift/openshift-controller-manager/tree/main/pkg/build/controller/build>

mod outcome;
mod pod;
mod status;

use std::{collections::HashMap, sync::Arc, time::Duration};

use serde_json::{Value, json};

use self::outcome::Problem;
use super::{BUILDS, PROGRAM, STREAMS, history, keys, text};
use crate::sandbox::{
    controllers::{
        Controller, Outcome,
        cluster::{Cluster, Event, PODS, is_going},
    },
    openshift::{build::POLICY, build_log, images},
    status::Refusal,
    store::{Change, Key},
    verbs::{delete::Options, name},
};

/// How long it takes until the Pod of a Build runs.
const STARTS: Duration = Duration::from_secs(3);
/// The parts of a Build, and when each is over, from when it runs.
const STAGES: [(&str, &str, u64); 4] = [
    ("FetchInputs", "FetchGitSource", 5),
    ("PullImages", "PullBaseImage", 15),
    ("Build", "DockerBuild", 45),
    ("PushImage", "PushDockerImage", 55),
];

/// Runs Builds.
#[derive(Debug, Default)]
pub(super) struct Builds {
    /// When the phase that each is in began, in simulated time.
    since: HashMap<Key, (String, Duration)>,
}

impl Controller for Builds {
    fn name(&self) -> &'static str {
        "build-controller"
    }

    fn program(&self) -> &'static str {
        PROGRAM
    }

    fn touched(&self, cluster: &Cluster<'_>, change: &Change) -> Vec<Key> {
        let waits = |b: &Value| text(b, "/status/phase") == "New";
        if BUILDS.is_of(change) {
            // One that has ended, or is gone, lets the next one begin.
            let mut found = keys(cluster, BUILDS, Some(&change.key.0), waits);
            found.push(change.key.clone());
            return found;
        }
        if STREAMS.is_of(change) {
            return keys(cluster, BUILDS, None, waits);
        }
        if PODS.is_of(change) && change.after.is_none() {
            let build = change.key.1.strip_suffix("-build");
            return build
                .map(|b| (change.key.0.clone(), b.to_owned()))
                .into_iter()
                .collect();
        }
        Vec::new()
    }

    fn reconcile(&mut self, cluster: &Cluster<'_>, key: &Key) -> Outcome {
        let build = cluster.get(BUILDS, &key.0, &key.1).filter(|b| !is_going(b));
        let Some(build) = build.filter(|b| !build_log::is_complete(b)) else {
            self.since.remove(key);
            return Ok(None);
        };
        if build["status"]["cancelled"] == true {
            return cancel(cluster, &build);
        }
        match text(&build, "/status/phase") {
            "New" => begin(cluster, &build),
            "Pending" => {
                let passed = self.passed(cluster, key, "Pending");
                if passed < STARTS {
                    return Ok(Some(STARTS.saturating_sub(passed)));
                }
                run(cluster, &build)
            }
            _ => {
                let passed = self.passed(cluster, key, "Running");
                go_on(cluster, &build, passed)
            }
        }
    }
}

impl Builds {
    /// How long a Build is in a phase.
    fn passed(&mut self, cluster: &Cluster<'_>, key: &Key, phase: &str) -> Duration {
        let now = cluster.elapsed();
        let entry = self.since.entry(key.clone());
        let (known, since) = entry.or_insert_with(|| (phase.to_owned(), now));
        if known != phase {
            phase.clone_into(known);
            *since = now;
        }
        now.saturating_sub(*since)
    }
}

/// Whether another Build of the same configuration is to end first.
fn has_to_wait(cluster: &Cluster<'_>, build: &Value) -> bool {
    if build["metadata"]["labels"][POLICY] == "Parallel" {
        return false;
    }
    let of = text(build, "/status/config/name");
    let namespace = build["metadata"]["namespace"].as_str();
    let own = history::number(build);
    cluster.list(BUILDS, namespace).iter().any(|other| {
        let is_earlier = history::number(other) < own;
        let runs = matches!(text(other, "/status/phase"), "Pending" | "Running");
        let latest_only = build["metadata"]["labels"][POLICY] == "SerialLatestOnly";
        let waits = text(other, "/status/phase") == "New" && !latest_only;
        !of.is_empty()
            && text(other, "/status/config/name") == of
            && name(other) != name(build)
            && (runs || (is_earlier && waits))
    })
}

/// Gives a new Build its Pod, where nothing is in the way.
fn begin(cluster: &Cluster<'_>, build: &Value) -> Outcome {
    if has_to_wait(cluster, build) {
        return Ok(None);
    }
    if let Some(problem) = outcome::before(cluster.api, build) {
        return wait_with(cluster, build, &problem);
    }
    skip_older(cluster, build)?;
    match cluster.create(PODS, pod::of_build(build)) {
        Ok(_) => {}
        Err(refusal) if refusal.reason == "AlreadyExists" => {}
        Err(refusal) if refusal.is_of_ending_namespace() => return Ok(None),
        Err(refusal) => {
            let message = format!("Failed to create build pod: {}.", refusal.message);
            wait_with(
                cluster,
                build,
                &Problem::new("CannotCreateBuildPod", &message),
            )?;
            return Err(refusal);
        }
    }
    let mut patch = status::phase(build, "Pending", &cluster.stamp(), None);
    patch["status"]["outputDockerImageReference"] = outcome::reference(build);
    patch["metadata"]["annotations"]["openshift.io/build.pod-name"] = json!(pod::name_of(build));
    cluster.merge(BUILDS, build, &patch)?;
    Ok(Some(STARTS))
}

/// Notes why a Build can't begin yet.
fn wait_with(cluster: &Cluster<'_>, build: &Value, problem: &Problem) -> Outcome {
    if build["status"]["reason"] != problem.reason {
        let patch = status::phase(build, "New", &cluster.stamp(), Some(problem));
        cluster.merge(BUILDS, build, &patch)?;
    }
    Ok(None)
}

/// Of Builds of which only the latest counts, those that wait before it are not run.
fn skip_older(cluster: &Cluster<'_>, build: &Value) -> Result<(), Refusal> {
    if build["metadata"]["labels"][POLICY] != "SerialLatestOnly" {
        return Ok(());
    }
    let namespace = build["metadata"]["namespace"].as_str();
    for other in cluster.list(BUILDS, namespace) {
        let same = text(&other, "/status/config/name") == text(build, "/status/config/name");
        let waits = text(&other, "/status/phase") == "New";
        if same && waits && history::number(&other) < history::number(build) {
            cluster.merge(BUILDS, &other, &json!({"status": {"cancelled": true}}))?;
        }
    }
    Ok(())
}

fn run(cluster: &Cluster<'_>, build: &Value) -> Outcome {
    let now = cluster.stamp();
    if let Some(found) = own_pod(cluster, build) {
        cluster.merge_status(PODS, &found, &pod::running(&found, &now))?;
    }
    let mut patch = status::phase(build, "Running", &now, None);
    patch["status"]["startTimestamp"] = json!(now);
    let build = cluster.merge(BUILDS, build, &patch)?;
    tell(cluster, &build, "BuildStarted", "is now running");
    Ok(Some(Duration::from_secs(STAGES[0].2)))
}

fn own_pod(cluster: &Cluster<'_>, build: &Value) -> Option<Arc<Value>> {
    let namespace = text(build, "/metadata/namespace");
    cluster.get(PODS, namespace, &pod::name_of(build))
}

/// The stages that are over by now, the end after the last, or what went wrong.
fn go_on(cluster: &Cluster<'_>, build: &Value, passed: Duration) -> Outcome {
    if own_pod(cluster, build).is_none() {
        let problem = Problem::new(
            "BuildPodDeleted",
            "The pod for this build was deleted before the build completed.",
        );
        return end(cluster, build, "Error", Some(&problem));
    }
    let done = super::list(build, "/status/stages").len();
    let Some((stage, step, at)) = STAGES.get(done) else {
        return complete(cluster, build);
    };
    let at = Duration::from_secs(*at);
    if passed < at {
        return Ok(Some(at.saturating_sub(passed)));
    }
    if let Some(problem) = outcome::at_stage(cluster.api, build, stage) {
        return end(cluster, build, "Failed", Some(&problem));
    }
    let before = done.checked_sub(1).map_or(0, |i| STAGES[i].2);
    let milliseconds = (at.as_secs() - before) * 1000;
    let mut stages = super::list(build, "/status/stages").to_vec();
    let now = cluster.stamp();
    stages.push(json!({
        "name": stage, "startTime": now, "durationMilliseconds": milliseconds,
        "steps": [{"name": step, "startTime": now, "durationMilliseconds": milliseconds}],
    }));
    cluster.merge(BUILDS, build, &json!({"status": {"stages": stages}}))?;
    let next = STAGES
        .get(done + 1)
        .map_or(at, |(_, _, at)| Duration::from_secs(*at));
    Ok(Some(next.saturating_sub(passed)))
}

/// Pushes the image, and ends.
fn complete(cluster: &Cluster<'_>, build: &Value) -> Outcome {
    let image = outcome::image(cluster.api, build);
    let to = &build["spec"]["output"]["to"];
    let mut build = build.clone();
    if to["kind"] == "ImageStreamTag" {
        let (stream, tag) = text(to, "/name").split_once(':').unwrap_or_default();
        let namespace = match text(to, "/namespace") {
            "" => text(&build, "/metadata/namespace"),
            given => given,
        };
        let how = cluster.through("");
        images::keep(cluster.api, image.clone(), &how)?;
        let tagged = images::tag(cluster.api, (namespace, stream), tag, &image, &how);
        if tagged.is_err() {
            let problem = Problem::new(
                "PushImageToRegistryFailed",
                "Failed to push the image to the registry.",
            );
            return end(cluster, &build, "Failed", Some(&problem));
        }
    }
    if to.is_object() {
        let digest =
            json!({"status": {"output": {"to": {"imageDigest": image["metadata"]["name"]}}}});
        build = (*cluster.merge(BUILDS, &build, &digest)?).clone();
    }
    end(cluster, &build, "Complete", None)
}

fn end(cluster: &Cluster<'_>, build: &Value, phase: &str, problem: Option<&Problem>) -> Outcome {
    let now = cluster.stamp();
    if let Some(found) = own_pod(cluster, build) {
        cluster.merge_status(PODS, &found, &pod::ended(&found, &now, phase == "Complete"))?;
    }
    let mut patch = status::phase(build, phase, &now, problem);
    patch["status"]["completionTimestamp"] = json!(now);
    patch["status"]["duration"] = json!(status::duration(build));
    let mut ended = (*cluster.merge(BUILDS, build, &patch)?).clone();
    if phase == "Failed" {
        let text = build_log::written(&ended);
        let lines: Vec<&str> = text.lines().collect();
        let snippet = lines[lines.len().saturating_sub(5)..].join("\n");
        ended =
            (*cluster.merge(BUILDS, &ended, &json!({"status": {"logSnippet": snippet}}))?).clone();
    }
    match phase {
        "Complete" => tell(cluster, &ended, "BuildCompleted", "completed successfully"),
        "Cancelled" => tell(cluster, &ended, "BuildCancelled", "has been cancelled"),
        _ => tell(cluster, &ended, "BuildFailed", "failed"),
    }
    Ok(None)
}

fn cancel(cluster: &Cluster<'_>, build: &Value) -> Outcome {
    if let Some(found) = own_pod(cluster, build) {
        let options = Options {
            grace: Some(0),
            ..Options::default()
        };
        cluster.delete(PODS, &found, &options)?;
    }
    let problem = Problem::new("CancelledBuild", "The build was cancelled by the user.");
    end(cluster, build, "Cancelled", Some(&problem))
}

fn tell(cluster: &Cluster<'_>, build: &Value, reason: &str, what: &str) {
    let namespace = text(build, "/metadata/namespace");
    let message = format!("Build {namespace}/{} {what}", name(build));
    cluster.event(&Event {
        about: build,
        part: "",
        warning: false,
        reason,
        message: &message,
        node: "",
    });
}
