//! Starting a container: its image, its variables, its user, then the program.
//! <https://github.com/kubernetes/kubernetes/blob/master/pkg/kubelet/kuberuntime/kuberuntime_container.go> (`startContainer`)

use std::time::Duration;

use serde_json::Value;

use super::{
    Look, environment, hooks, images,
    life::{Exit, Run, State},
};
use crate::sandbox::{
    network::fetch::OfPod,
    programs::{self, reference::Reference, table::Image},
    status::Refusal,
};

/// How a try to start a container went.
pub(super) enum Tried {
    /// It runs.
    Started,
    /// It can't be started now: the reason and what it says.
    Failed(String, String),
    /// It goes on at a time.
    Busy(Duration),
}

impl Tried {
    fn failed(reason: &str, message: impl Into<String>) -> Self {
        Self::Failed(reason.to_owned(), message.into())
    }
}

/// Tries to start a container.
pub(super) fn container(
    look: &Look<'_>,
    spec: &Value,
    part: &str,
    run: &mut Run,
) -> Result<Tried, Refusal> {
    if let Some(held) = backed_off(look, spec, part, run) {
        return Ok(held);
    }
    let image = match image(look, spec, part, run)? {
        Ok(image) => image,
        Err(tried) => return Ok(tried),
    };
    let problem = environment::problem(look.cluster, look.pod, spec)
        .or_else(|| wrong_user(look.pod, spec, image));
    if let Some(why) = problem {
        look.event(part, true, "Failed", &format!("Error: {why}"));
        return Ok(Tried::failed("CreateContainerConfigError", why));
    }
    Ok(launch(look, spec, part, run))
}

/// Whether a container that ended is not started yet.
fn backed_off(look: &Look<'_>, spec: &Value, part: &str, run: &mut Run) -> Option<Tried> {
    let ended = run.exit()?.at;
    // The pull that belongs to this start is under way: it is decided already.
    if run.pull.is_some() {
        return None;
    }
    let name = super::name_of(spec);
    let whole = format!("{}_{}", look.name(), look.namespace());
    let uid = look.uid();
    if let Some(pause) = run.crashes.holds(ended, look.now) {
        let told = format!("Back-off restarting failed container {name} in pod {whole}({uid})");
        look.event(part, true, "BackOff", &told);
        let pause = images::pause(pause);
        let why = format!("back-off {pause} restarting failed container={name} pod={whole}({uid})");
        return Some(Tried::failed("CrashLoopBackOff", why));
    }
    run.crashes.lengthen(ended, look.now);
    None
}

/// The container's image, pulled where it has to be.
fn image(
    look: &Look<'_>,
    spec: &Value,
    part: &str,
    run: &mut Run,
) -> Result<Result<&'static Image, Tried>, Refusal> {
    let given = spec["image"].as_str().unwrap_or_default();
    let failed = |reason: &str, message: String| {
        look.event(part, true, "Failed", &format!("Error: {reason}"));
        Ok(Err(Tried::failed(reason, message)))
    };
    let name = match Reference::parse(given) {
        Ok(name) => name,
        Err(why) => {
            let why = format!(
                "Failed to apply default image tag \"{given}\": couldn't parse image name \"{given}\": {why}"
            );
            look.event(part, true, "InspectFailed", &why);
            return failed("InvalidImageName", why);
        }
    };
    let present = look.node().is_some_and(|n| images::is_present(&n, &name));
    let policy = spec["imagePullPolicy"].as_str().unwrap_or("IfNotPresent");
    run.image_id = images::id(&name);
    if present
        && policy != "Always"
        && run.pull.is_none()
        && let Ok(image) = images::pulled(&name)
    {
        let told = format!("Container image \"{given}\" already present on machine");
        look.event(part, false, "Pulled", &told);
        return Ok(Ok(image));
    }
    if policy == "Never" {
        let why = format!("Container image \"{given}\" is not present with pull policy of Never");
        look.event(part, true, "ErrImageNeverPull", &why);
        return failed("ErrImageNeverPull", why);
    }
    let Some(done) = run.pull else {
        if run.pulls.holds(run.pulls.since(), look.now).is_some() {
            let told = format!("Back-off pulling image \"{given}\"");
            look.event(part, false, "BackOff", &told);
            let why = format!("{told}: ErrImagePull: {}", run.pull_error);
            return failed("ImagePullBackOff", why);
        }
        look.event(
            part,
            false,
            "Pulling",
            &format!("Pulling image \"{given}\""),
        );
        let done = look.now + images::pull_time(&name, present);
        run.pull = Some(done);
        return Ok(Err(Tried::Busy(done)));
    };
    if look.now < done {
        return Ok(Err(Tried::Busy(done)));
    }
    run.pull = None;
    match images::pulled(&name) {
        Ok(image) => {
            images::keep(look.cluster, look.node, &name, image)?;
            let took = images::took(images::pull_time(&name, present));
            let told = format!(
                "Successfully pulled image \"{given}\" in {took} ({took} including waiting). Image size: {} bytes.",
                image.size
            );
            look.event(part, false, "Pulled", &told);
            Ok(Ok(image))
        }
        Err(why) => {
            let told = format!("Failed to pull image \"{given}\": {why}");
            look.event(part, true, "Failed", &told);
            run.pulls.lengthen(look.now, look.now);
            run.pull_error.clone_from(&why);
            failed("ErrImagePull", why)
        }
    }
}

/// Why a container may not run as the user that it would.
/// <https://github.com/kubernetes/kubernetes/blob/master/pkg/kubelet/kuberuntime/security_context.go> (`verifyRunAsNonRoot`)
fn wrong_user(pod: &Value, spec: &Value, image: &Image) -> Option<String> {
    let of = |field: &str| {
        let own = spec["securityContext"].get(field).filter(|v| !v.is_null());
        own.or_else(|| pod["spec"]["securityContext"].get(field))
            .cloned()
            .unwrap_or_default()
    };
    if of("runAsNonRoot") != true {
        return None;
    }
    let metadata = &pod["metadata"];
    let text = |field: &str| metadata[field].as_str().unwrap_or_default();
    let whole = format!(
        "(pod: \"{}_{}({})\", container: {})",
        text("name"),
        text("namespace"),
        text("uid"),
        super::name_of(spec)
    );
    match of("runAsUser").as_i64() {
        Some(0) => Some(format!(
            "container's runAsUser breaks non-root policy {whole}"
        )),
        Some(_) => None,
        None => match programs::runs_as(pod, spec, image) {
            Some(0) => Some(format!(
                "container has runAsNonRoot and image will run as root {whole}"
            )),
            Some(_) => None,
            None => Some(format!(
                "container has runAsNonRoot and image has non-numeric user ({}), cannot verify user is non-root {whole}",
                image.user
            )),
        },
    }
}

/// Starts the program.
fn launch(look: &Look<'_>, spec: &Value, part: &str, run: &mut Run) -> Tried {
    let name = super::name_of(spec);
    if let State::Exited(exit) = std::mem::take(&mut run.state) {
        run.restarts += 1;
        run.last = Some(exit);
    }
    run.id = format!(
        "containerd://{:032x}{:032x}",
        fastrand::u128(..),
        fastrand::u128(..)
    );
    run.stops = None;
    run.probes.reset();
    let network = OfPod {
        api: look.cluster.api,
        pod: look.pod,
    };
    run.program = programs::started(look.pod, spec, &run.left, &network);
    look.cluster.api.runs.keep(&run.id, &run.program);
    look.event(
        part,
        false,
        "Created",
        &format!("Created container: {name}"),
    );
    if let Some(why) = &run.program.refused {
        let why = format!(
            "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: {why}: unknown"
        );
        look.event(part, true, "Failed", &format!("Error: {why}"));
        run.state = State::Exited(Exit {
            code: 128,
            reason: "StartError".to_owned(),
            message: why.clone(),
            started: "1970-01-01T00:00:00Z".to_owned(),
            finished: look.cluster.stamp(),
            at: look.now,
            id: run.id.clone(),
        });
        return Tried::failed("RunContainerError", why);
    }
    look.event(part, false, "Started", &format!("Started container {name}"));
    run.state = State::Running(look.now, look.cluster.stamp());
    if let Some(why) = hooks::post_start(look, spec, part, run) {
        let grace = look.pod["spec"]["terminationGracePeriodSeconds"].as_u64();
        let grace = Duration::from_secs(grace.unwrap_or(30));
        stop(look, spec, part, run, grace, "FailedPostStartHook");
        return Tried::failed("PostStartHookError", why);
    }
    Tried::Started
}

/// The containers' programs end as their time has come; says whether any did.
pub(super) fn end_programs(look: &Look<'_>, spec: &Value, run: &mut Run) -> bool {
    let State::Running(since, started) = &run.state else {
        return false;
    };
    let Some((at, code)) = run.ends().filter(|(at, _)| *at <= look.now) else {
        return false;
    };
    let fallback = spec["terminationMessagePolicy"] == "FallbackToLogsOnError" && code != 0;
    let said = || {
        let lines: Vec<&str> = run
            .program
            .lines
            .iter()
            .map(|(_, line)| line.as_str())
            .collect();
        lines.join("\n")
    };
    run.left = left_on_volumes(spec, run.program.left(at.saturating_sub(*since)));
    let killed = run.stops.is_some_and(|(stop, _)| stop == at);
    run.state = State::Exited(Exit {
        code,
        reason: if killed && code != 0 {
            "Error"
        } else {
            run.program.reason(code)
        }
        .to_owned(),
        message: if fallback { said() } else { String::new() },
        started: started.clone(),
        finished: look.cluster.stamp(),
        at,
        id: run.id.clone(),
    });
    run.stops = None;
    true
}

/// The files that outlast a container: those on its volumes.
fn left_on_volumes(spec: &Value, mut files: Vec<String>) -> Vec<String> {
    let mounts = spec["volumeMounts"].as_array().into_iter().flatten();
    let mounts: Vec<&str> = mounts.filter_map(|m| m["mountPath"].as_str()).collect();
    files.retain(|f| mounts.iter().any(|m| f.starts_with(m)));
    files
}

/// Asks a container to stop: it does so by its own, or is killed when its time is over.
pub(super) fn stop(
    look: &Look<'_>,
    spec: &Value,
    part: &str,
    run: &mut Run,
    grace: Duration,
    why: &str,
) {
    if !run.is_running() {
        return;
    }
    if let Some((at, code)) = run.stops {
        // Asked again, it may have less time.
        run.stops = Some((at.min(look.now + grace), code));
        return;
    }
    look.event(part, false, "Killing", why);
    let hook = hooks::pre_stop(look, spec, part, run).min(grace);
    run.stops = Some(match run.program.stops {
        Some(code) => (look.now + hook + Duration::from_millis(100), code),
        None => (look.now + grace, 137),
    });
}
