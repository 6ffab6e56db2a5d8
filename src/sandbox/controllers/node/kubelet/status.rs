//! The status of a Pod, from what its containers do.
//! <https://github.com/kubernetes/kubernetes/blob/master/pkg/kubelet/kubelet_pods.go> (`generateAPIPodStatus`)

use serde_json::{Map, Value, json};

use super::{
    Look, conditions,
    life::{Exit, Life, Run, State},
    name_of,
};
use crate::sandbox::pointer::items;

/// When in its life a status is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    /// It runs, or is to.
    Lives,
    /// All its containers have ended, and none starts again.
    Over,
}

/// The new status.
pub(super) fn of(look: &Look<'_>, life: &Life, moment: Moment) -> Value {
    let pod = look.pod;
    let mut status = pod["status"].as_object().cloned().unwrap_or_default();
    let spec = &pod["spec"];
    let generation = &pod["metadata"]["generation"];
    let inits = items(&spec["initContainers"]);
    let containers = items(&spec["containers"]);
    let waits = if inits.is_empty() {
        "ContainerCreating"
    } else {
        "PodInitializing"
    };
    let one = |spec: &Value, init: bool| container(look, life, spec, (waits, init, moment));
    let of_inits: Vec<Value> = inits.iter().map(|c| one(c, true)).collect();
    let of_containers: Vec<Value> = containers.iter().map(|c| one(c, false)).collect();
    let phase = match life.ended_for {
        Some(_) if moment == Moment::Over => "Failed",
        _ => phase(spec, (inits, &of_inits), &of_containers, moment),
    };
    if let Some((reason, message)) = life.ended_for {
        status.insert("reason".to_owned(), json!(reason));
        status.insert("message".to_owned(), json!(message));
    }
    let ip = life.sandbox.ip();
    for (field, value) in [("podIP", ip), ("hostIP", Some(look.host_ip.as_str()))] {
        if let Some(value) = value {
            status.insert(field.to_owned(), json!(value));
            status.insert(format!("{field}s"), json!([{"ip": value}]));
        }
    }
    status
        .entry("startTime")
        .or_insert_with(|| json!(look.cluster.stamp()));
    status.insert("observedGeneration".to_owned(), generation.clone());
    let conditions = conditions::of(look, life, phase, (inits, &of_inits), &of_containers);
    status.insert("conditions".to_owned(), conditions);
    status.insert("phase".to_owned(), json!(phase));
    if !of_inits.is_empty() {
        status.insert("initContainerStatuses".to_owned(), json!(of_inits));
    }
    status.insert("containerStatuses".to_owned(), json!(of_containers));
    let ephemeral = items(&spec["ephemeralContainers"]).iter();
    let mut ephemeral: Vec<Value> = ephemeral.map(|c| one(c, false)).collect();
    for status in ephemeral.iter_mut().filter_map(Value::as_object_mut) {
        // Nothing waits for the start of one.
        status.remove("started");
    }
    if !ephemeral.is_empty() {
        status.insert("ephemeralContainerStatuses".to_owned(), json!(ephemeral));
    }
    Value::Object(status)
}

/// Whether a container that ended, or never ran, is to be started.
pub(super) fn is_to_run(pod: &Value, spec: &Value, run: Option<&Run>) -> bool {
    if pod["metadata"]["deletionTimestamp"].is_string() {
        return false;
    }
    let exit = match run.map(|r| &r.state) {
        None | Some(State::None) => return true,
        Some(State::Running(..)) => return false,
        Some(State::Exited(exit)) => exit,
    };
    let own = spec["restartPolicy"].as_str();
    match own
        .or_else(|| pod["spec"]["restartPolicy"].as_str())
        .unwrap_or("Always")
    {
        "Never" => false,
        "OnFailure" => exit.code != 0,
        _ => true,
    }
}

fn container(
    look: &Look<'_>,
    life: &Life,
    spec: &Value,
    (waits, init, moment): (&str, bool, Moment),
) -> Value {
    let name = name_of(spec);
    let run = life.runs.get(name);
    let sidecar = spec["restartPolicy"] == "Always" && init;
    let mut out = Map::new();
    let (mut state, mut last, mut ready, mut started) = (
        json!({"waiting": {"reason": waits}}),
        json!({}),
        false,
        false,
    );
    if let Some(run) = run {
        last = run
            .last
            .as_ref()
            .map_or(json!({}), |e| json!({"terminated": ended(e)}));
        match &run.state {
            State::None => {}
            State::Running(_, since) => {
                state = json!({"running": {"startedAt": since}});
                started = run.probes.has_started(spec);
                ready = (!init || sidecar) && run.probes.is_ready(spec);
            }
            State::Exited(exit) => {
                state = json!({"terminated": ended(exit)});
                ready = init && !sidecar && exit.code == 0;
            }
        }
        let init_done = init && !sidecar && run.exit().is_some_and(|e| e.code == 0);
        if let Some((reason, message)) = run
            .waiting
            .as_ref()
            .filter(|_| is_to_run(look.pod, spec, Some(run)) && !init_done)
        {
            if state.get("terminated").is_some() {
                last = state;
            }
            let mut waiting = json!({"reason": reason});
            if !message.is_empty() {
                waiting["message"] = json!(message);
            }
            state = json!({"waiting": waiting});
        }
    }
    let never = run.is_none_or(|r| r.state == State::None);
    if moment == Moment::Over && never && is_going(look.pod) {
        let message = "The container could not be located when the pod was terminated";
        state = json!({"terminated": {
            "exitCode": 137, "finishedAt": null, "message": message, "reason": "ContainerStatusUnknown", "startedAt": null,
        }});
    }
    if !never {
        if let Some(requests) = spec["resources"].get("requests") {
            out.insert("allocatedResources".to_owned(), requests.clone());
        }
        out.insert(
            "resources".to_owned(),
            spec.get("resources").cloned().unwrap_or(json!({})),
        );
        out.insert("containerID".to_owned(), json!(run.map(|r| &r.id)));
    }
    let image_id = run.filter(|_| !never).map_or("", |r| &r.image_id);
    let given = spec["image"].as_str().unwrap_or_default();
    let full = crate::sandbox::programs::reference::Reference::parse(given).map(|r| r.full());
    let image = if never {
        given.to_owned()
    } else {
        full.unwrap_or_else(|_| given.to_owned())
    };
    out.insert("image".to_owned(), json!(image));
    out.insert("imageID".to_owned(), json!(image_id));
    out.insert("lastState".to_owned(), last);
    out.insert("name".to_owned(), json!(name));
    out.insert("ready".to_owned(), json!(ready));
    out.insert(
        "restartCount".to_owned(),
        json!(run.map_or(0, |r| r.restarts)),
    );
    out.insert("started".to_owned(), json!(started));
    out.insert("state".to_owned(), state);
    let mounts = items(&spec["volumeMounts"]);
    if !mounts.is_empty() {
        out.insert(
            "volumeMounts".to_owned(),
            mounts.iter().map(mount).collect(),
        );
    }
    Value::Object(out)
}

fn mount(mount: &Value) -> Value {
    let mut out = json!({"mountPath": mount["mountPath"], "name": mount["name"]});
    if mount["readOnly"] == true {
        out["readOnly"] = json!(true);
        out["recursiveReadOnly"] = json!(mount["recursiveReadOnly"].as_str().unwrap_or("Disabled"));
    }
    out
}

fn ended(exit: &Exit) -> Value {
    let mut out = json!({
        "containerID": exit.id, "exitCode": exit.code, "finishedAt": exit.finished, "reason": exit.reason,
        "startedAt": exit.started,
    });
    if !exit.message.is_empty() {
        out["message"] = json!(exit.message);
    }
    out
}

fn phase(
    spec: &Value,
    (inits, of_inits): (&[Value], &[Value]),
    containers: &[Value],
    moment: Moment,
) -> &'static str {
    let policy = spec["restartPolicy"].as_str().unwrap_or("Always");
    let sidecar = |i: &Value| i["restartPolicy"] == "Always";
    let mut pending = false;
    for (init, status) in inits.iter().zip(of_inits) {
        let ended = status["state"]
            .get("terminated")
            .or_else(|| status["lastState"].get("terminated"));
        let failed = ended.is_some_and(|e| e["exitCode"] != 0);
        let done = status["state"]["terminated"]["exitCode"] == 0;
        if sidecar(init) {
            pending |= status["started"] != true && ended.is_none();
        } else if failed && (policy == "Never" || moment == Moment::Over) {
            return "Failed";
        } else {
            pending |= !done;
        }
    }
    let (mut waiting, mut running, mut stopped, mut succeeded) = (0, 0, 0, 0);
    for status in containers {
        let state = &status["state"];
        if state.get("running").is_some() {
            running += 1;
        } else if let Some(ended) = state.get("terminated") {
            stopped += 1;
            succeeded += usize::from(ended["exitCode"] == 0);
        } else if status["lastState"].get("terminated").is_some() {
            stopped += 1;
        } else {
            waiting += 1;
        }
    }
    if moment == Moment::Over {
        return if succeeded == containers.len() {
            "Succeeded"
        } else {
            "Failed"
        };
    }
    match policy {
        _ if pending && running + stopped == 0 => "Pending",
        _ if waiting > 0 => "Pending",
        _ if running > 0 => "Running",
        "Always" => "Running",
        _ if stopped == succeeded => "Succeeded",
        "Never" => "Failed",
        _ => "Running",
    }
}

fn is_going(pod: &Value) -> bool {
    pod["metadata"]["deletionTimestamp"].is_string()
}
