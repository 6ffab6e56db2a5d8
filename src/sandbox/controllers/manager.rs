//! Runs controllers: changes become work, work that fails is tried again later, and one thing happens after the other.

use std::{
    collections::{BTreeMap, HashMap},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use super::{
    Controller,
    cluster::{Cluster, writes},
};
use crate::sandbox::{
    status::Refusal,
    store::{Key, Record},
    verbs::{Api, How},
};

/// The pause after a first failure, which doubles with each further one.
/// <https://github.com/kubernetes/client-go/blob/master/util/workqueue/default_rate_limiters.go>
const FIRST_PAUSE: Duration = Duration::from_millis(5);
/// The longest pause after failures.
const LONGEST_PAUSE: Duration = Duration::from_secs(1000);
/// How many times in a row work is done before the clock is looked at again: controllers that undo each other's work don't keep
/// the rest from being done.
const IN_A_ROW: usize = 10_000;

/// An object for one of the controllers.
type Item = (usize, Key);

/// The controllers of a cluster, and what they have to do.
pub struct Manager {
    api: Arc<Api>,
    controllers: Vec<Box<dyn Controller>>,
    /// How each of them writes.
    hows: Vec<How>,
    /// The newest version that was turned into work; none before the first look.
    seen: Option<u64>,
    /// What is to be done when, in simulated time; what was noted first is done first.
    due: BTreeMap<(Duration, u64), Item>,
    /// When each is to be done.
    planned: HashMap<Item, (Duration, u64)>,
    failures: HashMap<Item, u32>,
    counter: u64,
}

impl Manager {
    /// Controllers of a cluster.
    #[must_use]
    pub fn new(api: Arc<Api>, controllers: Vec<Box<dyn Controller>>) -> Self {
        let hows = controllers.iter().map(|c| writes(c.name(), c.program()));
        Self {
            api,
            hows: hows.collect(),
            controllers,
            seen: None,
            due: BTreeMap::new(),
            planned: HashMap::new(),
            failures: HashMap::new(),
            counter: 0,
        }
    }

    /// Those of them that are wanted.
    #[must_use]
    pub fn retain(self, wanted: impl Fn(&dyn Controller) -> bool) -> Self {
        let mut controllers = self.controllers;
        controllers.retain(|c| wanted(c.as_ref()));
        Self::new(self.api, controllers)
    }

    /// Does everything that is to be done by now, and what follows from it.
    pub fn settle(&mut self) {
        for _ in 0..IN_A_ROW {
            self.notice();
            let now = self.api.clock.elapsed();
            let Some(((at, _), _)) = self.due.first_key_value() else {
                return;
            };
            if *at > now {
                return;
            }
            if let Some((_, item)) = self.due.pop_first() {
                self.planned.remove(&item);
                self.work(item, now);
            }
        }
    }

    /// How long there is nothing to do unless something changes; none for ever.
    #[must_use]
    pub fn idle(&self) -> Option<Duration> {
        let ((at, _), _) = self.due.first_key_value()?;
        Some(at.saturating_sub(self.api.clock.elapsed()))
    }

    /// Works for ever.
    pub async fn run(mut self) {
        let mut newest = self.api.store.subscribe();
        loop {
            newest.mark_unchanged();
            self.settle();
            // Others have their turn, also where there is always something to do.
            tokio::task::yield_now().await;
            let changed = newest.changed();
            match self.idle() {
                Some(idle) => {
                    let pause = self.api.clock.on_machine(idle);
                    // A pause that is over or a change: both lead on.
                    let _ = tokio::time::timeout(pause, changed).await;
                }
                None if changed.await.is_err() => return,
                None => {}
            }
        }
    }

    /// Turns what changed into work.
    fn notice(&mut self) {
        let seen = self.seen;
        let (changes, version) = self.api.store.with(|state| {
            let version = state.version();
            let since = seen.and_then(|seen| Some(state.since(seen).ok()?.cloned().collect()));
            // At the start, and after more than is remembered, everything is looked at.
            let changes: Vec<Record> = since.unwrap_or_else(|| state.all());
            (changes, version)
        });
        self.seen = Some(version);
        let now = self.api.clock.elapsed();
        for change in changes {
            let change = change.read();
            for index in 0..self.controllers.len() {
                let controller = &self.controllers[index];
                let cluster = Cluster::of(&self.api, controller.name(), &self.hows[index]);
                for key in controller.touched(&cluster, &change) {
                    self.plan((index, key), now);
                }
            }
        }
    }

    /// Plans work; what is planned earlier already stays so.
    fn plan(&mut self, item: Item, at: Duration) {
        if let Some(planned) = self.planned.get(&item) {
            if planned.0 <= at {
                return;
            }
            self.due.remove(planned);
        }
        self.counter += 1;
        self.planned.insert(item.clone(), (at, self.counter));
        self.due.insert((at, self.counter), item);
    }

    fn work(&mut self, item: Item, now: Duration) {
        let controller = &mut self.controllers[item.0];
        let cluster = Cluster::of(&self.api, controller.name(), &self.hows[item.0]);
        // One that panics is a fault of ours, and no reason for the others to stop.
        let looked = AssertUnwindSafe(|| controller.reconcile(&cluster, &item.1));
        let outcome = catch_unwind(looked).unwrap_or_else(|_| {
            tracing::error!(
                "{}: {:?}: a controller panicked",
                cluster.component(),
                item.1
            );
            Err(Refusal::internal("a controller panicked"))
        });
        match outcome {
            Ok(again) => {
                self.failures.remove(&item);
                if let Some(pause) = again {
                    self.plan(item, now + pause);
                }
            }
            Err(refusal) => {
                let name = controller.name();
                tracing::debug!("{name}: {:?}: {}", item.1, refusal.message);
                let failures = self.failures.entry(item.clone()).or_default();
                let pause = FIRST_PAUSE.saturating_mul(1 << (*failures).min(20));
                *failures += 1;
                self.plan(item, now + pause.min(LONGEST_PAUSE));
            }
        }
    }
}
