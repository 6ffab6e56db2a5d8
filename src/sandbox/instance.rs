//! A whole sandbox: an API server, what is in the cluster at the start, and the controllers that move it.

use std::{sync::Arc, time::Duration};

use super::{
    clock::Clock,
    controllers::{self, Controller, manager::Manager},
    flavour::Flavour,
    registry::Registry,
    start,
    verbs::Api,
};

/// The shortest step of a clock that stands.
const STEP: Duration = Duration::from_millis(1);

/// A sandbox.
pub struct Sandbox {
    /// The API.
    pub api: Arc<Api>,
    manager: Manager,
}

impl Sandbox {
    /// A new one.
    #[must_use]
    pub fn new(flavour: Flavour, clock: Clock) -> Self {
        let api = Api::new(Registry::of_flavour(flavour), clock);
        start::fill(&api, flavour);
        Self::around(Arc::new(api), controllers::all(flavour))
    }

    /// Controllers around an API that has its objects already.
    #[must_use]
    pub fn around(api: Arc<Api>, controllers: Vec<Box<dyn Controller>>) -> Self {
        let manager = Manager::new(Arc::clone(&api), controllers);
        Self { api, manager }
    }

    /// Does all that is to be done by now.
    pub fn settle(&mut self) {
        self.manager.settle();
    }

    /// Lets time pass by a clock that stands, with each thing done in its time.
    pub fn pass(&mut self, time: Duration) {
        let end = self.api.clock.elapsed() + time;
        loop {
            self.settle();
            let left = end.saturating_sub(self.api.clock.elapsed());
            let next = self.manager.idle().map(|idle| idle.max(STEP));
            match next {
                Some(next) if next <= left => self.api.clock.advance(next),
                _ => {
                    self.api.clock.advance(left);
                    self.settle();
                    return;
                }
            }
        }
    }

    /// Works for ever.
    pub async fn run(self) {
        self.manager.run().await;
    }
}
