//! A whole sandbox: an API server, what is in the cluster at the start, and the controllers that move it.

use std::{path::Path, sync::Arc, time::Duration};

use super::{
    clock::Clock,
    controllers::{self, Controller, manager::Manager, program::Without},
    flavour::Flavour,
    registry::Registry,
    schema::sources,
    start,
    store::{Store, journal},
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
    /// A new one, in memory alone.
    #[must_use]
    pub fn new(flavour: Flavour, clock: Clock) -> Self {
        Self::over(Store::default(), flavour, clock)
    }

    /// The one of a folder, as it was when its process ended; a new one where there is none.
    pub fn open(folder: &Path, flavour: Flavour, clock: Clock) -> Result<Self, journal::Error> {
        Ok(Self::over(Store::open(folder)?, flavour, clock))
    }

    fn over(store: Store, flavour: Flavour, clock: Clock) -> Self {
        // Held until all that needs it has been made.
        let _sources = sources::sources();
        let fresh = store.is_empty();
        let api = Api::over(store, Registry::of_flavour(flavour), clock);
        if fresh {
            start::fill(&api, flavour);
        }
        Self::around(Arc::new(api), controllers::all(flavour))
    }

    /// Controllers around an API that has its objects already.
    #[must_use]
    pub fn around(api: Arc<Api>, controllers: Vec<Box<dyn Controller>>) -> Self {
        let manager = Manager::new(Arc::clone(&api), controllers);
        Self { api, manager }
    }

    /// The same without the controllers of some programs.
    #[must_use]
    pub fn without(self, programs: &Without) -> Self {
        Self {
            manager: self.manager.retain(|c| programs.keeps(c)),
            api: self.api,
        }
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
