//! What nodes and containers use, as a metrics server measures it: every 15 seconds, of what runs then.
//! <https://github.com/kubernetes-sigs/metrics-server>

pub mod load;
pub mod objects;
mod usage;

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use self::usage::container;
use crate::sandbox::{
    pointer::{items, text_in},
    prometheus::relabel::hash,
    registry,
    store::Fact,
    verbs::{Api, name},
};

/// The API group.
pub const GROUP: &str = "metrics.k8s.io";
/// Its version.
pub const VERSION: &str = "v1beta1";

/// The pause between two measurements, in simulated time.
pub const RESOLUTION: Duration = Duration::from_secs(15);
/// How long a container runs at least before something is told of it.
/// <https://github.com/kubernetes-sigs/metrics-server/blob/master/pkg/storage/pod.go>
const FRESH: Duration = Duration::from_secs(10);
/// What a node's own services use: thousandths of a core, and bytes.
const SYSTEM: (i64, i64) = (92, 868 << 20);

/// What was measured last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measured {
    /// When.
    pub at: Timestamp,
    /// Over how long processor time was counted, in simulated time.
    pub window: Duration,
    /// What each container uses.
    pub containers: Vec<Used>,
}

/// What a container, or a node, uses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Used {
    /// The container.
    pub name: String,
    /// Processor time, in billionths of a core.
    pub cpu: i64,
    /// Memory, in bytes.
    pub memory: i64,
}

/// A measurement: all happen at the same times.
#[derive(Debug, Clone, Copy)]
struct Round {
    /// How many there were before.
    number: u64,
    /// When it was.
    at: Timestamp,
    /// How long it is past, in simulated time.
    past: Duration,
}

/// The number of the round in which something happens: what a round measures happened before it.
#[must_use]
pub fn round(api: &Api) -> u64 {
    api.clock.elapsed().as_secs() / RESOLUTION.as_secs()
}

impl Round {
    fn last(api: &Api) -> Self {
        let elapsed = api.clock.elapsed();
        let number = elapsed.as_secs() / RESOLUTION.as_secs();
        let past = elapsed.saturating_sub(Duration::from_secs(number * RESOLUTION.as_secs()));
        let on_machine = api.clock.on_machine(past);
        let now = api.clock.now();
        Self {
            number,
            at: now.checked_sub(on_machine).unwrap_or(now),
            past,
        }
    }
}

/// Whether a cluster measures.
#[must_use]
pub fn is_served(api: &Api) -> bool {
    api.registry().get(GROUP, VERSION, "pods").is_some()
}

/// What a Pod uses; none where nothing runs in it, or where a container has not run for long enough.
#[must_use]
pub fn of_pod(api: &Api, pod: &Value) -> Option<Measured> {
    measured(api, pod, Round::last(api))
}

fn measured(api: &Api, pod: &Value, round: Round) -> Option<Measured> {
    let spec = &pod["spec"];
    let all = [
        ("containers", "containerStatuses"),
        ("initContainers", "initContainerStatuses"),
    ];
    let mut containers = Vec::new();
    let mut window = RESOLUTION;
    for (list, statuses) in all {
        for part in items(&spec[list]) {
            let called = text_in(part, "name");
            let statuses = items(&pod["status"][statuses]);
            let status = statuses.iter().find(|s| s["name"] == called);
            let Some(started) = status.and_then(|s| s["state"]["running"]["startedAt"].as_str())
            else {
                continue;
            };
            let ran = ran(api, started, round)?;
            if ran < RESOLUTION {
                window = window.min(ran);
            }
            containers.push(container(api, (pod, part), round.number, ran));
        }
    }
    (!containers.is_empty()).then_some(Measured {
        at: round.at,
        window,
        containers,
    })
}

/// How long something that runs had run when it was measured; none if that was not long enough.
fn ran(api: &Api, started: &str, round: Round) -> Option<Duration> {
    let started: Timestamp = started.parse().ok()?;
    let since = api.clock.now().duration_since(started);
    let now = api.clock.simulated(Duration::try_from(since).ok()?);
    now.checked_sub(round.past).filter(|ran| *ran >= FRESH)
}

/// What a node uses: its own services, and its Pods.
#[must_use]
pub fn of_node(api: &Api, node: &Value) -> Measured {
    let round = Round::last(api);
    let called = name(node);
    let place = registry::place("", "pods");
    let here = Fact::RunsOn(called.to_owned());
    let pods = api.store.with(|state| state.known(&place, None, &here));
    let seed = hash(&format!("{called}/{}", round.number));
    let mut used = Used {
        name: called.to_owned(),
        cpu: usage::about(SYSTEM.0 * 1_000_000, 10, seed),
        memory: usage::pages(usage::about(SYSTEM.1, 1, seed)),
    };
    for measured in pods.iter().filter_map(|pod| measured(api, pod, round)) {
        for container in measured.containers {
            used.cpu = used.cpu.saturating_add(container.cpu);
            used.memory = used.memory.saturating_add(container.memory);
        }
    }
    Measured {
        at: round.at,
        window: RESOLUTION,
        containers: vec![used],
    }
}
