//! The time of the sandbox: that of the machine, or one that tests set.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use jiff::{SignedDuration, Timestamp};

/// A clock. Clones show the same time.
#[derive(Debug, Clone)]
pub struct Clock {
    /// Seconds since 1970, where the time stands still until it is moved.
    set: Option<Arc<AtomicI64>>,
}

impl Clock {
    /// The machine's time.
    #[must_use]
    pub fn of_machine() -> Self {
        Self { set: None }
    }

    /// A time that stands still until it is moved.
    #[must_use]
    pub fn standing(at: Timestamp) -> Self {
        Self {
            set: Some(Arc::new(AtomicI64::new(at.as_second()))),
        }
    }

    /// Moves a clock that stands.
    pub fn advance(&self, seconds: i64) {
        if let Some(set) = &self.set {
            set.fetch_add(seconds, Ordering::SeqCst);
        }
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match &self.set {
            Some(set) => {
                let seconds = set.load(Ordering::SeqCst);
                Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH)
            }
            None => Timestamp::now(),
        }
    }

    /// The time as objects carry it: in whole seconds.
    #[must_use]
    pub fn stamp(&self) -> String {
        self.stamp_after(0)
    }

    /// The time in so many seconds, as objects carry it.
    #[must_use]
    pub fn stamp_after(&self, seconds: i64) -> String {
        let then = self.now().checked_add(SignedDuration::from_secs(seconds));
        let then = then.unwrap_or_else(|_| self.now());
        then.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }
}
