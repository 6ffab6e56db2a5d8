//! Logs: what a container has said, as its node tells it.
//! <https://github.com/kubernetes/kubernetes/blob/master/pkg/kubelet/kubelet_pods.go> (`GetKubeletContainerLogs`)

use std::{convert::Infallible, sync::Arc, time::Duration};

use http::{Response, StatusCode, header};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Bytes, Frame};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio::sync::mpsc;

use super::super::{
    On,
    respond::{self, Body},
};
use crate::sandbox::{
    openshift::build_log,
    pointer::items,
    programs::{
        self,
        said::{self, Line},
    },
    registry::Resource,
    status::Refusal,
    verbs::Api,
};

/// How often a log that is followed is looked at.
const LOOK: Duration = Duration::from_millis(500);
/// How many pieces wait for a slow reader.
const QUEUE: usize = 16;
/// The three lists of containers, and of their statuses.
const LISTS: [(&str, &str); 3] = [
    ("initContainers", "initContainerStatuses"),
    ("containers", "containerStatuses"),
    ("ephemeralContainers", "ephemeralContainerStatuses"),
];

/// Whose log is meant, and how much of it.
#[derive(Debug, Clone, Default)]
struct Wanted {
    container: String,
    previous: bool,
    timestamps: bool,
    since: Option<Timestamp>,
    tail: Option<usize>,
    bytes: Option<usize>,
}

/// Answers with a log, whole or as it goes on.
pub(super) fn answer(on: &On<'_>) -> Result<Response<Body>, Refusal> {
    let pod = on.api.get(on.resource, on.namespace(), on.name())?;
    let query = &on.asked.query;
    let now = on.api.clock.now();
    let number = |field: &str| query.get(field).parse::<i64>().ok();
    let seconds = number("sinceSeconds")
        .map(|s| now.checked_sub(SignedDuration::from_secs(s)).unwrap_or(now));
    let wanted = Wanted {
        container: container(&pod, query.get("container"))?,
        previous: query.is("previous"),
        timestamps: query.is("timestamps"),
        since: seconds.or_else(|| query.get("sinceTime").parse().ok()),
        tail: number("tailLines").and_then(|n| usize::try_from(n).ok()),
        bytes: number("limitBytes").and_then(|n| usize::try_from(n).ok()),
    };
    if let Some(answer) = of_build(on, &pod, &wanted) {
        return answer;
    }
    if pod["spec"]["nodeName"].as_str().is_none_or(str::is_empty) {
        return Ok(respond::text(StatusCode::OK, ""));
    }
    let run = run(&pod, &wanted)?;
    let all = lines(on.api, &pod, &wanted, &run);
    let last = all.last().map(|l| l.0);
    let first = printed(&all, &wanted);
    if query.is("follow") && run.ended.is_none() {
        let follow = Follow {
            api: Arc::clone(on.api),
            resource: Arc::clone(on.resource),
            key: (on.namespace().map(str::to_owned), on.name().to_owned()),
            wanted,
            id: run.id,
        };
        return Ok(follow.start(first, last.or(Some(now))));
    }
    Ok(respond::text(StatusCode::OK, &first))
}

/// A Build's own Pod prints what the Build does.
fn of_build(on: &On<'_>, pod: &Value, wanted: &Wanted) -> Option<Result<Response<Body>, Refusal>> {
    let name = pod["metadata"]["annotations"]["openshift.io/build.name"].as_str()?;
    let builds = on
        .api
        .registry()
        .get("build.openshift.io", "v1", "builds")?;
    let build = on.api.get(&builds, on.namespace(), name).ok()?;
    if on.asked.query.is("follow") {
        return Some(super::super::openshift::builds::log(on, &builds, name));
    }
    let started = pod["status"]["startTime"].as_str();
    let started = started.and_then(|t| t.parse().ok()).unwrap_or_default();
    let text = build_log::written(&build);
    let lines: Vec<Line> = text.lines().map(|l| (started, l.to_owned())).collect();
    Some(Ok(respond::text(StatusCode::OK, &printed(&lines, wanted))))
}

/// The container that is meant.
fn container(pod: &Value, named: &str) -> Result<String, Refusal> {
    let all: Vec<&str> = LISTS
        .iter()
        .flat_map(|(field, _)| items(&pod["spec"][*field]))
        .filter_map(|c| c["name"].as_str())
        .collect();
    let pod_name = pod["metadata"]["name"].as_str().unwrap_or_default();
    if named.is_empty() {
        return match items(&pod["spec"]["containers"]) {
            [one] => Ok(one["name"].as_str().unwrap_or_default().to_owned()),
            _ => Err(Refusal::bad_request(format!(
                "a container name must be specified for pod {pod_name}, choose one of: [{}]",
                all.join(" ")
            ))),
        };
    }
    if all.contains(&named) {
        return Ok(named.to_owned());
    }
    Err(Refusal::bad_request(format!(
        "container {named} is not valid for pod {pod_name}"
    )))
}

/// One run of a container.
struct Run {
    id: String,
    started: Timestamp,
    ended: Option<Timestamp>,
}

/// The run whose log is meant; why there is none otherwise.
fn run(pod: &Value, wanted: &Wanted) -> Result<Run, Refusal> {
    let (name, pod_name) = (
        &wanted.container,
        pod["metadata"]["name"].as_str().unwrap_or_default(),
    );
    let refused = |what: String| Err(Refusal::bad_request(what));
    let mut all = LISTS
        .iter()
        .flat_map(|(_, field)| items(&pod["status"][*field]));
    let Some(status) = all.find(|s| s["name"] == name.as_str()) else {
        return refused(format!(
            "container \"{name}\" in pod \"{pod_name}\" is not available"
        ));
    };
    let had = |of: &Value| of["containerID"].as_str().is_some_and(|id| !id.is_empty());
    let (state, last) = (&status["state"], &status["lastState"]["terminated"]);
    if wanted.previous {
        if !had(last) {
            return refused(format!(
                "previous terminated container \"{name}\" in pod \"{pod_name}\" not found"
            ));
        }
        return Ok(Run::of(last));
    }
    if let Some(running) = state.get("running") {
        let mut run = Run::of(running);
        status["containerID"]
            .as_str()
            .unwrap_or_default()
            .clone_into(&mut run.id);
        return Ok(run);
    }
    if let Some(ended) = state.get("terminated").filter(|e| had(e)) {
        return Ok(Run::of(ended));
    }
    if had(last) {
        return Ok(Run::of(last));
    }
    if state.get("terminated").is_some() {
        return refused(format!(
            "container \"{name}\" in pod \"{pod_name}\" is terminated"
        ));
    }
    let why = match state["waiting"]["reason"].as_str().unwrap_or_default() {
        "ErrImagePull" => "image can't be pulled",
        "ImagePullBackOff" => "trying and failing to pull image",
        other => other,
    };
    refused(format!(
        "container \"{name}\" in pod \"{pod_name}\" is waiting to start: {why}"
    ))
}

impl Run {
    fn of(state: &Value) -> Self {
        let time = |field: &str| {
            state[field]
                .as_str()
                .and_then(|t| t.parse::<Timestamp>().ok())
        };
        Self {
            id: state["containerID"].as_str().unwrap_or_default().to_owned(),
            started: time("startedAt").unwrap_or(Timestamp::UNIX_EPOCH),
            // An end is kept in whole seconds: what was said in the last one is shown.
            ended: time("finishedAt")
                .map(|t| t.checked_add(SignedDuration::from_millis(999)).unwrap_or(t)),
        }
    }
}

/// What was said in a run, as far as it is wanted.
fn lines(api: &Api, pod: &Value, wanted: &Wanted, run: &Run) -> Vec<Line> {
    if run.started == Timestamp::UNIX_EPOCH {
        return Vec::new();
    }
    let until = run.ended.unwrap_or_else(|| api.clock.now());
    let mut specs = LISTS
        .iter()
        .flat_map(|(field, _)| items(&pod["spec"][*field]));
    let Some(spec) = specs.find(|c| c["name"] == wanted.container.as_str()) else {
        return Vec::new();
    };
    let program = api.runs.get(&run.id);
    let program = program.unwrap_or_else(|| programs::of(pod, spec));
    let mut lines = said::lines(&program, (pod, spec), (run.started, until), &api.clock);
    if let Some(since) = wanted.since {
        lines.retain(|(when, _)| *when >= since);
    }
    lines
}

/// Lines as they are sent.
fn printed(lines: &[Line], wanted: &Wanted) -> String {
    let skip = wanted
        .tail
        .map_or(0, |tail| lines.len().saturating_sub(tail));
    let mut out = String::new();
    for (when, text) in &lines[skip..] {
        if wanted.timestamps {
            out.push_str(&when.strftime("%Y-%m-%dT%H:%M:%S%.9fZ ").to_string());
        }
        out.push_str(text);
        out.push('\n');
    }
    if let Some(bytes) = wanted.bytes {
        let end = (0..=bytes.min(out.len()))
            .rev()
            .find(|i| out.is_char_boundary(*i));
        out.truncate(end.unwrap_or_default());
    }
    out
}

/// A log that goes on.
struct Follow {
    api: Arc<Api>,
    resource: Arc<Resource>,
    key: (Option<String>, String),
    wanted: Wanted,
    id: String,
}

impl Follow {
    fn start(self, first: String, last: Option<Timestamp>) -> Response<Body> {
        let (out, pieces) = mpsc::channel::<String>(QUEUE);
        tokio::spawn(async move {
            // A reader that goes away ends it, as the container's end does.
            let _ = self.run(&out, first, last).await;
        });
        let pieces = futures::stream::unfold(pieces, |mut pieces| async move {
            let piece = pieces.recv().await?;
            Some((Ok::<_, Infallible>(Frame::data(Bytes::from(piece))), pieces))
        });
        let mut answer = Response::new(StreamBody::new(pieces).boxed_unsync());
        let kind = header::HeaderValue::from_static("text/plain");
        answer.headers_mut().insert(header::CONTENT_TYPE, kind);
        answer
    }

    async fn run(
        mut self,
        out: &mpsc::Sender<String>,
        first: String,
        mut last: Option<Timestamp>,
    ) -> Result<(), mpsc::error::SendError<String>> {
        if !first.is_empty() {
            out.send(first).await?;
        }
        self.wanted.tail = None;
        loop {
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = out.closed() => return Ok(()),
            }
            let Ok(pod) = self
                .api
                .get(&self.resource, self.key.0.as_deref(), &self.key.1)
            else {
                return Ok(());
            };
            let Ok(run) = run(&pod, &self.wanted) else {
                return Ok(());
            };
            if run.id != self.id {
                return Ok(());
            }
            let mut new = lines(&self.api, &pod, &self.wanted, &run);
            new.retain(|(when, _)| last.is_none_or(|last| *when > last));
            if let Some((when, _)) = new.last() {
                last = Some(*when);
                out.send(printed(&new, &self.wanted)).await?;
            }
            if run.ended.is_some() {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(state: &Value, last: &Value) -> Value {
        json!({
            "metadata": {"name": "p"}, "spec": {"containers": [{"name": "c"}], "initContainers": [{"name": "i"}]},
            "status": {"containerStatuses": [{"name": "c", "state": state, "lastState": last}]},
        })
    }

    fn why(pod: &Value, previous: bool) -> String {
        let wanted = Wanted {
            container: "c".to_owned(),
            previous,
            ..Wanted::default()
        };
        run(pod, &wanted).err().unwrap().message
    }

    #[test]
    fn what_has_no_log_says_why() {
        // As seen on Kubernetes 1.34.
        for (reason, told) in [
            (
                "ContainerCreating",
                "container \"c\" in pod \"p\" is waiting to start: ContainerCreating",
            ),
            (
                "ImagePullBackOff",
                "container \"c\" in pod \"p\" is waiting to start: trying and failing to pull image",
            ),
            (
                "ErrImagePull",
                "container \"c\" in pod \"p\" is waiting to start: image can't be pulled",
            ),
        ] {
            assert_eq!(
                why(
                    &pod(&json!({"waiting": {"reason": reason}}), &json!({})),
                    false
                ),
                told
            );
        }
        let running = pod(
            &json!({"running": {"startedAt": "2026-01-01T00:00:00Z"}}),
            &json!({}),
        );
        assert_eq!(
            why(&running, true),
            "previous terminated container \"c\" in pod \"p\" not found"
        );
        assert_eq!(
            container(&running, "x").unwrap_err().message,
            "container x is not valid for pod p"
        );
        assert_eq!(container(&running, "").unwrap(), "c");
        let mut two = running;
        two["spec"]["containers"] = json!([{"name": "c"}, {"name": "d"}]);
        assert_eq!(
            container(&two, "").unwrap_err().message,
            "a container name must be specified for pod p, choose one of: [i c d]"
        );
    }

    #[test]
    fn lines_are_cut_as_it_is_wanted() {
        let at = |s: &str| s.parse::<Timestamp>().unwrap();
        let lines = [
            (at("2026-01-01T00:00:00Z"), "a".to_owned()),
            (at("2026-01-01T00:00:01.5Z"), "bé".to_owned()),
        ];
        let print = |wanted: &Wanted| printed(&lines, wanted);
        assert_eq!(print(&Wanted::default()), "a\nbé\n");
        assert_eq!(
            print(&Wanted {
                tail: Some(1),
                timestamps: true,
                ..Wanted::default()
            }),
            "2026-01-01T00:00:01.500000000Z bé\n"
        );
        assert_eq!(
            print(&Wanted {
                bytes: Some(4),
                ..Wanted::default()
            }),
            "a\nb"
        );
        assert_eq!(
            print(&Wanted {
                tail: Some(0),
                ..Wanted::default()
            }),
            ""
        );
    }
}
