//! One look at a Pod: what has happened since the last one, its status, and what is to be done next. As a kubelet does it: the
//! status comes first, so that it shows what the look before has led to.
//! <https://github.com/kubernetes/kubernetes/blob/master/pkg/kubelet/kubelet.go> (`SyncPod`)

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    super::requests::has_ended,
    Look,
    life::{Life, Run, Sandbox, State},
    name_of, probes, start,
    start::Tried,
    status::{self, Moment},
    volumes,
};
use crate::sandbox::{
    controllers::cluster::{PODS, is_going},
    pointer::items,
    programs::{self, Program},
    status::Refusal,
    store::Fact,
    verbs::delete::Options,
};

/// How long it takes until a container's start or end is noticed.
const NOTICED: Duration = Duration::from_millis(700);
/// How long a look waits that follows one in which something failed: 10 to 15 seconds on a real node.
const RETRY: Duration = Duration::from_secs(12);
/// How long a Pod's network takes.
const NETWORK: Duration = Duration::from_millis(400);
/// When volumes are tried for the second time, and the longest pause between tries.
const MOUNT_PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(122));
/// How long the network of a Pod that has ended stays.
const NETWORK_STAYS: Duration = Duration::from_secs(2);
/// How long a Pod stays whose containers have all stopped.
const REMOVED: Duration = Duration::from_millis(900);
/// Where Pods' addresses come from.
const NETWORK_PREFIX: &str = "10.244";
/// What is said of a Pod whose time is over.
const DEADLINE: (&str, &str) = (
    "DeadlineExceeded",
    "Pod was active on the node longer than the specified deadline",
);

/// Looks at a Pod.
pub(super) fn pod(look: &Look<'_>, life: &mut Life, last_address: &mut u16) -> Result<(), Refusal> {
    notice(look, life);
    if life.gone_at.is_some_and(|at| at <= look.now) {
        let now = Options {
            grace: Some(0),
            ..Options::default()
        };
        return look.cluster.delete(PODS, look.pod, &now);
    }
    if life.sync_at.is_none_or(|at| at > look.now) {
        return Ok(());
    }
    let outcome = whole(look, life, last_address);
    if outcome.is_err() {
        life.sync_by(look.now);
    }
    outcome
}

/// What has happened by now: the Pod changed, programs ended, probes found something.
fn notice(look: &Look<'_>, life: &mut Life) {
    let metadata = &look.pod["metadata"];
    let number = |field: &str| metadata[field].as_i64();
    let seen = (
        number("generation").unwrap_or_default(),
        number("deletionGracePeriodSeconds"),
    );
    if life.seen.is_none() {
        for (_, container) in parts(look.pod) {
            life.run(name_of(container)).program = programs::of(look.pod, container);
        }
    }
    if life.seen.replace(seen) != Some(seen) {
        life.sync_by(look.now);
    }
    if deadline(look, life).is_some_and(|at| at <= look.now)
        && !is_going(look.pod)
        && !has_ended(look.pod)
        && life.ended_for.is_none()
    {
        life.sync_by(look.now);
    }
    let running = beside(look, life);
    let ip = life.sandbox.ip().unwrap_or_default().to_owned();
    for (part, container) in parts(look.pod) {
        let run = life.run(name_of(container));
        if start::end_programs(look, container, run) {
            life.sync_by(look.now + NOTICED);
            continue;
        }
        if run.stops.is_some() {
            continue;
        }
        let asking = probes::ask(look, container, &part, run, (&running, &ip));
        if let Some((what, grace)) = asking.kill {
            let why = format!(
                "Container {} failed {what} probe, will be restarted",
                name_of(container)
            );
            start::stop(look, container, &part, run, grace, &why);
        }
        if asking.changed {
            life.sync_by(look.now);
        }
    }
}

/// The programs of a Pod's running containers, which answer each other's probes; none where nobody asks now.
fn beside(look: &Look<'_>, life: &Life) -> Vec<(Program, Duration)> {
    let asked = parts(look.pod).any(|(_, container)| {
        let run = life.runs.get(name_of(container));
        run.is_some_and(|r| {
            r.probe_at(container, look.now)
                .is_some_and(|at| at <= look.now)
        })
    });
    if !asked {
        return Vec::new();
    }
    let all = life.runs.values();
    all.filter_map(|r| Some((r.program.clone(), r.running_for(look.now)?)))
        .collect()
}

/// All containers of a Pod, with how events speak of them.
fn parts(pod: &Value) -> impl Iterator<Item = (String, &Value)> {
    ["initContainers", "containers", "ephemeralContainers"]
        .into_iter()
        .flat_map(move |field| {
            let all = items(&pod["spec"][field]).iter();
            all.map(move |c| (format!("spec.{field}{{{}}}", name_of(c)), c))
        })
}

/// When a Pod's time is over.
pub(super) fn deadline(look: &Look<'_>, life: &Life) -> Option<Duration> {
    let seconds = look.pod["spec"]["activeDeadlineSeconds"].as_u64()?;
    Some(life.began + Duration::from_secs(seconds))
}

fn whole(look: &Look<'_>, life: &mut Life, last_address: &mut u16) -> Result<(), Refusal> {
    life.sync_at = None;
    if deadline(look, life).is_some_and(|at| at <= look.now)
        && life.ended_for.is_none()
        && !is_going(look.pod)
        && !has_ended(look.pod)
    {
        life.ended_for = Some(DEADLINE);
        look.event("", false, DEADLINE.0, DEADLINE.1);
    }
    if is_going(look.pod) || (life.ended_for.is_some() && !has_ended(look.pod)) {
        return end(look, life);
    }
    if has_ended(look.pod) {
        return disconnect(look, life);
    }
    if !life.round.open {
        let phase = write(look, life, Moment::Lives)?;
        if phase == "Succeeded" || phase == "Failed" {
            life.sync_by(look.now + NETWORK_STAYS);
            return Ok(());
        }
    }
    life.round.open = true;
    if !volumes_are_there(look, life) || !network_is_there(look, life, last_address) {
        return Ok(());
    }
    if run_containers(look, life)? {
        return Ok(());
    }
    life.round.open = false;
    life.round.tried.clear();
    if std::mem::take(&mut life.round.failed) {
        life.sync_by(look.now + RETRY);
    }
    if std::mem::take(&mut life.round.connected) {
        life.sync_by(look.now + NOTICED);
    }
    Ok(())
}

/// Writes the status, if it is another one; gives its phase.
fn write(look: &Look<'_>, life: &Life, moment: Moment) -> Result<String, Refusal> {
    let status = status::of(look, life, moment);
    let phase = status["phase"].as_str().unwrap_or_default().to_owned();
    if status != look.pod["status"] {
        let mut object = look.pod.clone();
        object["status"] = status;
        look.cluster.update_status(PODS, object)?;
    }
    Ok(phase)
}

/// Sets up volumes; says whether all are there.
fn volumes_are_there(look: &Look<'_>, life: &mut Life) -> bool {
    if life.mounted {
        return true;
    }
    if let Some((at, _)) = life.mounts.filter(|(at, _)| *at > look.now) {
        life.sync_by(at);
        return false;
    }
    let missing = volumes::missing(look.cluster, look.pod);
    if missing.is_empty() {
        life.mounted = true;
        return true;
    }
    for (volume, why) in missing {
        let told = format!("MountVolume.SetUp failed for volume \"{volume}\" : {why}");
        look.event("", true, "FailedMount", &told);
    }
    let (first, longest) = MOUNT_PAUSES;
    let pause = life
        .mounts
        .map_or(first, |(_, pause)| (pause * 2).min(longest));
    life.mounts = Some((look.now + pause, pause));
    life.sync_by(look.now + pause);
    false
}

/// Makes the Pod's network; says whether it is there.
fn network_is_there(look: &Look<'_>, life: &mut Life, last_address: &mut u16) -> bool {
    match &life.sandbox {
        Sandbox::Ready(_) => true,
        Sandbox::Coming(at, ip) if *at <= look.now => {
            life.sandbox = Sandbox::Ready(ip.clone());
            life.round.connected = true;
            true
        }
        Sandbox::Coming(at, _) => {
            let at = *at;
            life.sync_by(at);
            false
        }
        Sandbox::None | Sandbox::Gone(_) => {
            let ip = if look.pod["spec"]["hostNetwork"] == true {
                look.host_ip.clone()
            } else {
                free_address(look, last_address)
            };
            life.sandbox = Sandbox::Coming(look.now + NETWORK, ip);
            life.sync_by(look.now + NETWORK);
            false
        }
    }
}

/// An address that no Pod has, after the one that was given last.
fn free_address(look: &Look<'_>, last: &mut u16) -> String {
    loop {
        *last = last.checked_add(1).unwrap_or(2).max(2);
        let [high, low] = last.to_be_bytes();
        let address = format!("{NETWORK_PREFIX}.{high}.{low}");
        if matches!(low, 0 | 1 | 255) {
            continue;
        }
        let taken = Fact::HasAddress(address.clone());
        if look.cluster.count_pods(&taken) == 0 {
            return address;
        }
    }
}

/// Starts what is to run; says whether the look is to go on later.
fn run_containers(look: &Look<'_>, life: &mut Life) -> Result<bool, Refusal> {
    let spec = &look.pod["spec"];
    let containers = items(&spec["containers"]);
    let ephemeral = items(&spec["ephemeralContainers"]);
    let begun = containers.iter().any(|c| {
        let run = life.runs.get(name_of(c));
        run.is_some_and(|r| r.state != State::None || r.waiting.is_some() || r.pull.is_some())
    });
    for init in items(&spec["initContainers"]) {
        let sidecar = init["restartPolicy"] == "Always";
        let run = life.run(name_of(init));
        let done = if sidecar {
            run.is_running() && (begun || run.probes.has_started(init))
        } else {
            begun || run.exit().is_some_and(|e| e.code == 0)
        };
        if done {
            continue;
        }
        if !run.is_running() && attempt(look, life, init, "initContainers")? {
            return Ok(true);
        }
        if !begun {
            return Ok(false);
        }
    }
    for (container, field) in containers
        .iter()
        .map(|c| (c, "containers"))
        .chain(ephemeral.iter().map(|c| (c, "ephemeralContainers")))
    {
        let once = field == "ephemeralContainers";
        if once && life.run(name_of(container)).state != State::None {
            continue;
        }
        if attempt(look, life, container, field)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Tries to start a container that is to run, once per look; says whether the look is to go on later.
fn attempt(look: &Look<'_>, life: &mut Life, spec: &Value, field: &str) -> Result<bool, Refusal> {
    let name = name_of(spec).to_owned();
    if life.round.tried.contains(&name) || !status::is_to_run(look.pod, spec, life.runs.get(&name))
    {
        return Ok(false);
    }
    let part = format!("spec.{field}{{{name}}}");
    let run: &mut Run = life.run(&name);
    match start::container(look, spec, &part, run)? {
        Tried::Busy(at) => {
            life.sync_by(at);
            return Ok(true);
        }
        Tried::Started => {
            run.waiting = None;
            life.sync_by(look.now + NOTICED);
        }
        Tried::Failed(reason, message) => {
            let ended = reason == "RunContainerError";
            run.waiting = Some((reason, message));
            life.round.failed = true;
            if ended {
                life.sync_by(look.now + NOTICED);
            }
        }
    }
    life.round.tried.insert(name);
    Ok(false)
}

/// Stops a Pod's containers, the sidecars last, and removes it where it was deleted.
fn end(look: &Look<'_>, life: &mut Life) -> Result<(), Refusal> {
    if life.gone_at.is_some() {
        return Ok(());
    }
    if !life.stopping {
        write(look, life, Moment::Lives)?;
        life.stopping = true;
    }
    let own = look.pod["metadata"]["deletionGracePeriodSeconds"].as_u64();
    let grace = own.or_else(|| look.pod["spec"]["terminationGracePeriodSeconds"].as_u64());
    let grace = Duration::from_secs(grace.unwrap_or(30));
    let is_sidecar = |part: &str| part.starts_with("spec.initContainers");
    for sidecars in [false, true] {
        for (part, container) in parts(look.pod).filter(|(part, _)| is_sidecar(part) == sidecars) {
            let run = life.run(name_of(container));
            let why = format!("Stopping container {}", name_of(container));
            start::stop(look, container, &part, run, grace, &why);
        }
        if life.runs.values().any(Run::is_running) {
            return Ok(());
        }
    }
    if let Sandbox::Ready(ip) = &life.sandbox {
        life.sandbox = Sandbox::Gone(ip.clone());
    }
    write(look, life, Moment::Over)?;
    if is_going(look.pod) {
        life.gone_at = Some(look.now + REMOVED);
    }
    Ok(())
}

/// A Pod that has ended by itself loses its network.
fn disconnect(look: &Look<'_>, life: &mut Life) -> Result<(), Refusal> {
    let Sandbox::Ready(ip) = life.sandbox.clone() else {
        return Ok(());
    };
    life.sandbox = Sandbox::Gone(ip);
    let mut conditions = look.pod["status"]["conditions"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    for condition in conditions
        .iter_mut()
        .filter(|c| c["type"] == "PodReadyToStartContainers")
    {
        condition["status"] = json!("False");
        condition["lastTransitionTime"] = json!(look.cluster.stamp());
    }
    let mut object = look.pod.clone();
    object["status"]["conditions"] = json!(conditions);
    look.cluster.update_status(PODS, object).map(|_| ())
}
