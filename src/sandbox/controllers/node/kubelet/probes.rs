//! Probes: whether a container has started, lives, and is ready, by what its program serves.
//! <https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/>

use std::{collections::BTreeMap, time::Duration};

use serde_json::Value;

use super::{Look, life::Run};
use crate::sandbox::programs::{Program, Ran};

/// How long after its start a container is asked for the first time: the kubelet has to notice it first.
const FIRST: Duration = Duration::from_millis(900);

/// The three kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Startup,
    Liveness,
    Readiness,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Startup, Self::Liveness, Self::Readiness];

    fn field(self) -> &'static str {
        match self {
            Self::Startup => "startupProbe",
            Self::Liveness => "livenessProbe",
            Self::Readiness => "readinessProbe",
        }
    }

    fn shown(self) -> &'static str {
        match self {
            Self::Startup => "Startup",
            Self::Liveness => "Liveness",
            Self::Readiness => "Readiness",
        }
    }
}

/// What the probes of a container have found.
#[derive(Debug, Clone, Default)]
pub(super) struct Probes {
    /// Whether it has started.
    started: bool,
    /// Whether it is ready.
    ready: bool,
    of: BTreeMap<Kind, Asked>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Asked {
    next: Option<Duration>,
    successes: i64,
    failures: i64,
}

/// What a probe finds.
enum Found {
    Well,
    Ill(String),
    Unclear(String),
}

impl Probes {
    /// A new start.
    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }

    /// What a status says.
    pub(super) fn restore(&mut self, status: &Value) {
        self.started = status["started"] == true;
        self.ready = status["ready"] == true;
    }

    /// Whether a running container has started.
    pub(super) fn has_started(&self, spec: &Value) -> bool {
        self.started || !spec["startupProbe"].is_object()
    }

    /// Whether a running container is ready.
    pub(super) fn is_ready(&self, spec: &Value) -> bool {
        self.has_started(spec) && (self.ready || !spec["readinessProbe"].is_object())
    }

    /// When it is asked next.
    pub(super) fn next(&self, spec: &Value, since: Duration) -> Option<Duration> {
        let kinds = Kind::ALL.into_iter().filter(|k| self.is_asked(*k, spec));
        kinds.map(|k| self.due(k, spec, since)).min()
    }

    fn is_asked(&self, kind: Kind, spec: &Value) -> bool {
        let started = self.has_started(spec);
        spec[kind.field()].is_object() && (started != (kind == Kind::Startup))
    }

    fn due(&self, kind: Kind, spec: &Value, since: Duration) -> Duration {
        let delay = Duration::from_secs(
            number(&spec[kind.field()], "initialDelaySeconds", 0).unsigned_abs(),
        );
        let first = since + FIRST.max(delay);
        self.of.get(&kind).and_then(|a| a.next).unwrap_or(first)
    }
}

/// What came of asking.
#[derive(Debug, Default)]
pub(super) struct Asking {
    /// Whether the status changes.
    pub(super) changed: bool,
    /// Why the container is to be started anew.
    pub(super) kill: Option<(&'static str, Duration)>,
}

/// Asks a container what is due. `beside` are the programs of all running containers of the Pod, which share its address.
pub(super) fn ask(
    look: &Look<'_>,
    spec: &Value,
    part: &str,
    run: &mut Run,
    (beside, ip): (&[(Program, Duration)], &str),
) -> Asking {
    let mut asking = Asking::default();
    let Some(age) = run.running_for(look.now) else {
        return asking;
    };
    let since = look.now.saturating_sub(age);
    for kind in Kind::ALL {
        if !run.probes.is_asked(kind, spec) || run.probes.due(kind, spec, since) > look.now {
            continue;
        }
        let probe = &spec[kind.field()];
        let found = find(probe, spec, &run.program, age, (beside, ip), &run.id);
        let period = Duration::from_secs(number(probe, "periodSeconds", 10).max(1).unsigned_abs());
        let asked = run.probes.of.entry(kind).or_default();
        asked.next = Some(look.now + period);
        match found {
            Found::Well => {
                asked.successes += 1;
                asked.failures = 0;
            }
            Found::Ill(why) => {
                asked.failures += 1;
                asked.successes = 0;
                let told = format!("{} probe failed: {why}", kind.shown());
                look.event(part, true, "Unhealthy", &told);
            }
            Found::Unclear(why) => {
                let told = format!(
                    "{} probe errored and resulted in unknown state: {why}",
                    kind.shown()
                );
                look.event(part, true, "Unhealthy", &told);
                continue;
            }
        }
        let asked = *asked;
        let well = asked.successes >= number(probe, "successThreshold", 1);
        let ill = asked.failures >= number(probe, "failureThreshold", 3);
        match kind {
            Kind::Readiness if (well && !run.probes.ready) || (ill && run.probes.ready) => {
                run.probes.ready = well;
                asking.changed = true;
            }
            Kind::Startup if well => {
                run.probes.started = true;
                asking.changed = true;
            }
            Kind::Startup | Kind::Liveness if ill => {
                let what = if kind == Kind::Startup {
                    "startup"
                } else {
                    "liveness"
                };
                let own = probe["terminationGracePeriodSeconds"].as_u64();
                let grace =
                    own.or_else(|| look.pod["spec"]["terminationGracePeriodSeconds"].as_u64());
                asking.kill = Some((what, Duration::from_secs(grace.unwrap_or(30))));
                asking.changed = true;
                return asking;
            }
            _ => {}
        }
    }
    asking
}

fn find(
    probe: &Value,
    spec: &Value,
    own: &Program,
    age: Duration,
    (beside, ip): (&[(Program, Duration)], &str),
    id: &str,
) -> Found {
    if let Some(exec) = probe.get("exec") {
        let words = exec["command"].as_array().into_iter().flatten();
        let words: Vec<String> = words
            .filter_map(|w| w.as_str().map(str::to_owned))
            .collect();
        return match own.exec(&words, age) {
            Ran::Ended(0, _) => Found::Well,
            Ran::Ended(_, said) => Found::Ill(said),
            Ran::Missing(why) => {
                let id = id.trim_start_matches("containerd://");
                Found::Unclear(format!(
                    "rpc error: code = Unknown desc = failed to exec in container: failed to start exec \"{id}\": OCI runtime exec failed: exec failed: {why}: unknown"
                ))
            }
        };
    }
    let (way, at) = ["httpGet", "tcpSocket", "grpc"]
        .iter()
        .find_map(|way| Some((*way, probe.get(*way)?)))
        .unwrap_or(("", &Value::Null));
    let Some(port) = port(&at["port"], spec) else {
        return Found::Unclear(format!("couldn't find port: {} for container", at["port"]));
    };
    let host = at["host"].as_str().filter(|h| !h.is_empty()).unwrap_or(ip);
    let listener = beside
        .iter()
        .find(|(p, age)| p.listens(port) && *age >= p.ready);
    let refused = format!("dial tcp {host}:{port}: connect: connection refused");
    if way == "tcpSocket" {
        return if listener.is_some() {
            Found::Well
        } else {
            Found::Ill(refused)
        };
    }
    if way == "grpc" {
        return if listener.is_some() {
            Found::Well
        } else {
            Found::Ill(format!(
                "timeout: failed to connect service \"{host}:{port}\" within 1s: context deadline exceeded"
            ))
        };
    }
    let path = at["path"].as_str().unwrap_or("/");
    let slash = if path.starts_with('/') { "" } else { "/" };
    let tls = at["scheme"] == "HTTPS";
    let scheme = if tls { "https" } else { "http" };
    let asked = format!("Get \"{scheme}://{host}:{port}{slash}{path}\"");
    let Some((program, _)) = listener else {
        return Found::Ill(format!("{asked}: {refused}"));
    };
    match program.http(port, &format!("{slash}{path}")) {
        Some(_) if tls => Found::Ill(format!(
            "{asked}: http: server gave HTTP response to HTTPS client"
        )),
        Some(answer) if (200..400).contains(&answer.status) => Found::Well,
        Some(answer) => Found::Ill(format!(
            "HTTP probe failed with statuscode: {}",
            answer.status
        )),
        None => Found::Ill(format!("{asked}: EOF")),
    }
}

/// A port by its number, or by the name that the container gives it.
fn port(port: &Value, spec: &Value) -> Option<u16> {
    if let Some(number) = port.as_u64() {
        return u16::try_from(number).ok();
    }
    let name = port.as_str()?;
    let mut all = spec["ports"].as_array()?.iter();
    let found = all.find(|p| p["name"] == name)?["containerPort"].as_u64();
    found
        .and_then(|p| u16::try_from(p).ok())
        .or_else(|| name.parse().ok())
}

fn number(value: &Value, field: &str, default: i64) -> i64 {
    value[field].as_i64().unwrap_or(default)
}
