//! The time of the sandbox: that of the machine, or one that tests set. What is simulated may take less time than it says.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};

/// A clock. Clones show the same time.
#[derive(Debug, Clone)]
pub struct Clock(Kind);

#[derive(Debug, Clone)]
enum Kind {
    /// The machine's, by which simulated work is so many times faster than it says.
    Machine { started: Instant, speed: f64 },
    /// Milliseconds since 1970, and those at the start.
    Standing { now: Arc<AtomicI64>, start: i64 },
}

impl Clock {
    /// The machine's time.
    #[must_use]
    pub fn of_machine() -> Self {
        Self::at_speed(1.0)
    }

    /// The machine's time; what is simulated goes so many times faster.
    #[must_use]
    pub fn at_speed(speed: f64) -> Self {
        Self(Kind::Machine {
            started: Instant::now(),
            speed,
        })
    }

    /// A time that stands still until it is moved.
    #[must_use]
    pub fn standing(at: Timestamp) -> Self {
        let start = at.as_millisecond();
        Self(Kind::Standing {
            now: Arc::new(AtomicI64::new(start)),
            start,
        })
    }

    /// Moves a clock that stands.
    pub fn advance(&self, by: Duration) {
        if let Kind::Standing { now, .. } = &self.0 {
            let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
            now.fetch_add(by, Ordering::SeqCst);
        }
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Kind::Standing { now, .. } => {
                let now = now.load(Ordering::SeqCst);
                Timestamp::from_millisecond(now).unwrap_or(Timestamp::UNIX_EPOCH)
            }
            Kind::Machine { .. } => Timestamp::now(),
        }
    }

    /// How much simulated time has passed since the start.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        match &self.0 {
            Kind::Standing { now, start } => {
                let passed = now.load(Ordering::SeqCst) - start;
                Duration::from_millis(passed.unsigned_abs())
            }
            Kind::Machine { started, speed } => {
                let passed = started.elapsed().as_secs_f64() * speed;
                Duration::try_from_secs_f64(passed).unwrap_or(Duration::MAX)
            }
        }
    }

    /// The time of what is simulated, in milliseconds since 1970: it goes as fast as simulated work does.
    #[must_use]
    pub fn simulated_now(&self) -> i64 {
        let elapsed = self.elapsed();
        let millis = |of: Duration| i64::try_from(of.as_millis()).unwrap_or(i64::MAX);
        let ahead = millis(elapsed).saturating_sub(millis(self.on_machine(elapsed)));
        self.now().as_millisecond().saturating_add(ahead)
    }

    /// How long simulated time takes on this machine.
    #[must_use]
    pub fn on_machine(&self, simulated: Duration) -> Duration {
        match &self.0 {
            Kind::Standing { .. } => simulated,
            Kind::Machine { speed, .. } => {
                Duration::try_from_secs_f64(simulated.as_secs_f64() / speed)
                    .unwrap_or(Duration::MAX)
            }
        }
    }

    /// How much simulated time passes in a time of this machine.
    #[must_use]
    pub fn simulated(&self, on_machine: Duration) -> Duration {
        match &self.0 {
            Kind::Standing { .. } => on_machine,
            Kind::Machine { speed, .. } => on_machine.mul_f64(*speed),
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
