//! How many requests are under way at once: more while answers are quick, half as many when the server pushes back. What TCP
//! does for a network, this does for an API server that others use too.

use std::time::Duration;

/// How many at first.
const FIRST: f64 = 16.0;
/// Answers that take so many times as long as the quickest ones say that the server has enough to do.
const SLOW: u32 = 8;
/// Answers below this say nothing of the server's load.
const QUICK: Duration = Duration::from_millis(50);

/// The number of requests that may be under way. Pure: it hears of answers and says how many.
#[derive(Debug, Clone)]
pub struct Pace {
    limit: f64,
    most: f64,
    /// The quickest answer of late.
    quickest: Duration,
    /// How many answers are still to come to requests that were under way when the limit was halved: they say nothing new.
    old: usize,
}

impl Pace {
    /// At most so many, at least one.
    #[must_use]
    pub fn up_to(most: usize) -> Self {
        #[allow(clippy::cast_precision_loss)] // Nobody has so many requests under way.
        let most = most.max(1) as f64;
        Self {
            limit: FIRST.min(most),
            most,
            quickest: Duration::MAX,
            old: 0,
        }
    }

    /// How many requests may be under way now.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // It lies between 1 and `most`.
    pub fn limit(&self) -> usize {
        self.limit as usize
    }

    /// An answer came after so long; `busy`, where the server said on the way that it has too much to do.
    pub fn answered(&mut self, took: Duration, busy: bool) {
        let is_new = self.old == 0;
        self.old = self.old.saturating_sub(1);
        if busy {
            if is_new {
                self.old = self.limit();
                self.limit = (self.limit / 2.0).max(1.0);
            }
            return;
        }
        // It drifts up, so that a server that became slower for good is not taken for busy for ever.
        self.quickest = took.min(self.quickest.saturating_mul(101) / 100);
        let slow = took > QUICK.max(self.quickest.saturating_mul(SLOW));
        let step = if slow { -0.5 } else { 1.0 };
        self.limit = (self.limit + step / self.limit).clamp(1.0, self.most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_millis(5);

    #[test]
    fn it_grows_while_answers_are_quick() {
        let mut pace = Pace::up_to(64);
        (0..10_000).for_each(|_| pace.answered(SOON, false));
        assert_eq!(pace.limit(), 64);
    }

    #[test]
    fn one_burst_of_refusals_halves_it_once() {
        let mut pace = Pace::up_to(16);
        (0..10).for_each(|_| pace.answered(SOON, true));
        assert_eq!(pace.limit(), 8);
        (0..1000).for_each(|_| pace.answered(SOON, true));
        assert_eq!(pace.limit(), 1);
    }

    #[test]
    fn slow_answers_make_it_smaller() {
        let mut pace = Pace::up_to(16);
        pace.answered(SOON, false);
        (0..200).for_each(|_| pace.answered(Duration::from_secs(1), false));
        assert!(pace.limit() < 12, "{}", pace.limit());
    }

    proptest::proptest! {
        #[test]
        fn it_always_lets_something_through(answers in proptest::collection::vec((0u64..5000, proptest::bool::ANY), 0..200), most in 0usize..100) {
            let mut pace = Pace::up_to(most);
            for (took, busy) in answers {
                pace.answered(Duration::from_millis(took), busy);
                proptest::prop_assert!((1..=most.max(1)).contains(&pace.limit()));
            }
        }
    }
}
