//! What a kubelet knows of the Pods that it runs. After a restart of the process it is read from their statuses.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde_json::Value;

use super::probes::Probes;
use crate::sandbox::{clock::Clock, pointer::items, programs::Program};

/// The first pause after a failure, which doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(10);
/// The longest pause.
/// <https://github.com/kubernetes/kubernetes/blob/master/pkg/kubelet/kubelet.go> (`MaxCrashLoopBackOff`, `MaxImageBackOff`)
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// One Pod.
#[derive(Debug, Clone, Default)]
pub(super) struct Life {
    /// The Pod's uid: another one of the same name is another Pod.
    pub(super) uid: String,
    /// The generation that was last seen, and how long its end may take.
    pub(super) seen: Option<(i64, Option<i64>)>,
    /// When to look at it as a whole again.
    pub(super) sync_at: Option<Duration>,
    /// When it began.
    pub(super) began: Duration,
    /// Its network.
    pub(super) sandbox: Sandbox,
    /// When volumes are tried again, and the pause after that.
    pub(super) mounts: Option<(Duration, Duration)>,
    /// Whether its volumes are there.
    pub(super) mounted: bool,
    /// What its containers do.
    pub(super) runs: BTreeMap<String, Run>,
    /// The look that is not over.
    pub(super) round: Round,
    /// Why it was made to end, though nobody deleted it.
    pub(super) ended_for: Option<(&'static str, &'static str)>,
    /// Whether its containers are being stopped.
    pub(super) stopping: bool,
    /// When it is removed from the API.
    pub(super) gone_at: Option<Duration>,
}

/// A look at a Pod that takes a while.
#[derive(Debug, Clone, Default)]
pub(super) struct Round {
    /// Whether it is not over: it goes on without a new status.
    pub(super) open: bool,
    /// Whether something failed in it.
    pub(super) failed: bool,
    /// Whether the network came up in it, upon which another look follows.
    pub(super) connected: bool,
    /// The containers that were tried in it.
    pub(super) tried: BTreeSet<String>,
}

/// The network of a Pod.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Sandbox {
    /// Not yet.
    #[default]
    None,
    /// There at a time.
    Coming(Duration, String),
    /// There, with an address.
    Ready(String),
    /// Gone; the address is remembered.
    Gone(String),
}

impl Sandbox {
    /// The address.
    pub(super) fn ip(&self) -> Option<&str> {
        match self {
            Self::Ready(ip) | Self::Gone(ip) => Some(ip),
            Self::None | Self::Coming(..) => None,
        }
    }
}

/// One container.
#[derive(Debug, Clone, Default)]
pub(super) struct Run {
    /// What it does.
    pub(super) state: State,
    /// How the time before ended.
    pub(super) last: Option<Exit>,
    /// How many times it was started again.
    pub(super) restarts: i64,
    /// Why it does not start, and that in words.
    pub(super) waiting: Option<(String, String)>,
    /// The running container's id, or the last one's.
    pub(super) id: String,
    /// The image's id.
    pub(super) image_id: String,
    /// When the image is here.
    pub(super) pull: Option<Duration>,
    /// Why the image could not be pulled, the last time.
    pub(super) pull_error: String,
    /// Pauses between pulls.
    pub(super) pulls: Backoff,
    /// Pauses between starts.
    pub(super) crashes: Backoff,
    /// When it is stopped, and its exit code then.
    pub(super) stops: Option<(Duration, i64)>,
    /// How it is asked how it does.
    pub(super) probes: Probes,
    /// What runs in it.
    pub(super) program: Program,
    /// The files that it left on its volumes.
    pub(super) left: Vec<String>,
}

/// What a container does.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) enum State {
    /// It was never started.
    #[default]
    None,
    /// It runs: since when, and that as objects carry it.
    Running(Duration, String),
    /// It ended.
    Exited(Exit),
}

/// An end.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Exit {
    pub(super) code: i64,
    pub(super) reason: String,
    pub(super) message: String,
    pub(super) started: String,
    pub(super) finished: String,
    /// In simulated time.
    pub(super) at: Duration,
    pub(super) id: String,
}

/// Pauses that grow.
/// <https://github.com/kubernetes/client-go/blob/master/util/flowcontrol/backoff.go>
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Backoff {
    pause: Duration,
    since: Duration,
}

impl Backoff {
    /// The pause that holds after something that happened at a time; none when it is over.
    pub(super) fn holds(&self, from: Duration, now: Duration) -> Option<Duration> {
        let begun = !self.pause.is_zero() && from.saturating_sub(self.since) <= LONGEST_PAUSE * 2;
        (begun && now < from + self.pause).then_some(self.pause)
    }

    /// When it was last lengthened.
    pub(super) fn since(&self) -> Duration {
        self.since
    }

    /// The next time it is longer.
    pub(super) fn lengthen(&mut self, from: Duration, now: Duration) {
        let old = self.pause.is_zero() || from.saturating_sub(self.since) > LONGEST_PAUSE * 2;
        self.pause = if old {
            FIRST_PAUSE
        } else {
            (self.pause * 2).min(LONGEST_PAUSE)
        };
        self.since = now;
    }
}

impl Run {
    /// Whether it runs.
    pub(super) fn is_running(&self) -> bool {
        matches!(self.state, State::Running(..))
    }

    /// How it ended, if it did.
    pub(super) fn exit(&self) -> Option<&Exit> {
        match &self.state {
            State::Exited(exit) => Some(exit),
            _ => None,
        }
    }

    /// How long it has run.
    pub(super) fn running_for(&self, now: Duration) -> Option<Duration> {
        match &self.state {
            State::Running(since, _) => Some(now.saturating_sub(*since)),
            _ => None,
        }
    }

    /// When it is probed next.
    pub(super) fn probe_at(&self, spec: &Value, now: Duration) -> Option<Duration> {
        let age = self.running_for(now).filter(|_| self.stops.is_none())?;
        self.probes.next(spec, now.saturating_sub(age))
    }

    /// When it ends, as far as that is known, and its exit code.
    pub(super) fn ends(&self) -> Option<(Duration, i64)> {
        let State::Running(since, _) = &self.state else {
            return None;
        };
        let own = self
            .program
            .ends
            .map(|(after, code)| (*since + after, code));
        match (own, self.stops) {
            (Some(own), Some(stop)) if stop.0 < own.0 => Some(stop),
            (Some(own), _) => Some(own),
            (None, stop) => stop,
        }
    }
}

impl Life {
    /// A Pod that is new to this kubelet: what its status says of it happened.
    pub(super) fn of(pod: &Value, clock: &Clock) -> Self {
        let now = clock.elapsed();
        let status = &pod["status"];
        let began = ago(&status["startTime"], clock).map_or(now, |ago| now.saturating_sub(ago));
        let condition = |kind: &str| {
            items(&status["conditions"])
                .iter()
                .find(|c| c["type"] == kind)
        };
        let ip = status["podIP"].as_str();
        let ready = condition("PodReadyToStartContainers").is_some_and(|c| c["status"] == "True");
        let sandbox = match ip {
            Some(ip) if ready => Sandbox::Ready(ip.to_owned()),
            Some(ip) if super::super::requests::has_ended(pod) => Sandbox::Gone(ip.to_owned()),
            _ => Sandbox::None,
        };
        let mut life = Self {
            uid: pod["metadata"]["uid"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
            sync_at: Some(now),
            began,
            mounted: matches!(sandbox, Sandbox::Ready(_)),
            sandbox,
            ..Self::default()
        };
        for field in [
            "initContainerStatuses",
            "containerStatuses",
            "ephemeralContainerStatuses",
        ] {
            for status in items(&status[field]) {
                let name = status["name"].as_str().unwrap_or_default();
                life.runs.insert(name.to_owned(), Run::of(status, clock));
            }
        }
        life
    }

    /// What a container does.
    pub(super) fn run(&mut self, name: &str) -> &mut Run {
        self.runs.entry(name.to_owned()).or_default()
    }

    /// Looks at the Pod as a whole by a time.
    pub(super) fn sync_by(&mut self, at: Duration) {
        self.sync_at = Some(self.sync_at.map_or(at, |planned| planned.min(at)));
    }
}

impl Run {
    fn of(status: &Value, clock: &Clock) -> Self {
        let now = clock.elapsed();
        let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
        let mut run = Self {
            restarts: status["restartCount"].as_i64().unwrap_or_default(),
            id: text(&status["containerID"]),
            image_id: text(&status["imageID"]),
            ..Self::default()
        };
        let last = status["lastState"]
            .get("terminated")
            .map(|e| Exit::of(e, clock));
        if let Some(running) = status["state"].get("running") {
            let since = ago(&running["startedAt"], clock).unwrap_or_default();
            run.state = State::Running(now.saturating_sub(since), text(&running["startedAt"]));
            run.last = last;
            run.probes.restore(status);
        } else if let Some(ended) = status["state"].get("terminated") {
            run.state = State::Exited(Exit::of(ended, clock));
            run.last = last;
        } else if let Some(last) = last {
            run.state = State::Exited(last);
        }
        let waiting = &status["state"]["waiting"];
        let reason = text(&waiting["reason"]);
        if !matches!(
            reason.as_str(),
            "" | "ContainerCreating" | "PodInitializing"
        ) {
            run.waiting = Some((reason, text(&waiting["message"])));
        }
        run
    }
}

impl Exit {
    fn of(ended: &Value, clock: &Clock) -> Self {
        let text = |field: &str| ended[field].as_str().unwrap_or_default().to_owned();
        let since = ago(&ended["finishedAt"], clock).unwrap_or_default();
        Self {
            code: ended["exitCode"].as_i64().unwrap_or_default(),
            reason: text("reason"),
            message: text("message"),
            started: text("startedAt"),
            finished: text("finishedAt"),
            at: clock.elapsed().saturating_sub(since),
            id: text("containerID"),
        }
    }
}

/// How long ago a time of an object was.
pub(super) fn ago(stamp: &Value, clock: &Clock) -> Option<Duration> {
    let then: jiff::Timestamp = stamp.as_str()?.parse().ok()?;
    Duration::try_from(clock.now().duration_since(then)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_five_minutes_and_are_forgotten_after_ten() {
        let mut pauses = Backoff::default();
        let second = Duration::from_secs;
        assert_eq!(pauses.holds(second(0), second(0)), None);
        let mut now = second(0);
        for pause in [10, 20, 40, 80, 160, 300, 300] {
            pauses.lengthen(now, now);
            assert_eq!(pauses.holds(now, now), Some(second(pause)));
            assert_eq!(pauses.holds(now, now + second(pause)), None);
            now += second(pause);
        }
        let later = now + second(601);
        assert_eq!(pauses.holds(later, later), None);
        pauses.lengthen(later, later);
        assert_eq!(pauses.holds(later, later), Some(second(10)));
    }
}
