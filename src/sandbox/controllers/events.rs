//! Events go after a while, as the real server's do: otherwise a sandbox that runs for weeks would hold nothing else.
//! <https://kubernetes.io/docs/reference/command-line-tools-reference/kube-apiserver/> (`--event-ttl`)

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{
    Controller, Outcome,
    cluster::{Cluster, EVENTS},
};
use crate::sandbox::{
    store::{Change, Key},
    verbs::delete::Options,
};

/// How long an event is kept after it was told last.
const KEPT: SignedDuration = SignedDuration::from_hours(1);
/// How often is looked, of the machine's time: what is simulated faster is not forgotten faster.
const LOOK: Duration = Duration::from_secs(60);

/// Deletes old events.
#[derive(Debug, Default)]
pub struct Expiry {
    /// When is looked next, in simulated time.
    next: Duration,
}

impl Controller for Expiry {
    fn name(&self) -> &'static str {
        "event-expiry"
    }

    fn program(&self) -> &'static str {
        "kube-apiserver"
    }

    fn touched(&self, _: &Cluster<'_>, change: &Change) -> Vec<Key> {
        // One look for all: an event of its own for each would be as much work as the events.
        let first = EVENTS.is_of(change) && change.before.is_none();
        first.then(Key::default).into_iter().collect()
    }

    fn reconcile(&mut self, cluster: &Cluster<'_>, _: &Key) -> Outcome {
        let elapsed = cluster.elapsed();
        if elapsed < self.next {
            return Ok(Some(self.next.saturating_sub(elapsed)));
        }
        let pause = cluster.api.clock.simulated(LOOK);
        self.next = elapsed + pause;
        let now = cluster.api.clock.now();
        let events = cluster.list(EVENTS, None);
        for event in &events {
            if last(event).is_some_and(|t| now.duration_since(t) > KEPT) {
                cluster.delete(EVENTS, event, &Options::default())?;
            }
        }
        Ok((!events.is_empty()).then_some(pause))
    }
}

/// When an event was told last.
fn last(event: &Value) -> Option<Timestamp> {
    let of = |field: &str| event[field].as_str()?.parse().ok();
    of("lastTimestamp").or_else(|| of("eventTime")).or_else(|| {
        event["metadata"]["creationTimestamp"]
            .as_str()?
            .parse()
            .ok()
    })
}
