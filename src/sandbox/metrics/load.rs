//! What requests cost the programs that answer them, by the rounds in which it is measured.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// Above so many, those that nobody asks anything of any more are forgotten.
const MANY: usize = 256;

/// The processor time that requests took, by container.
#[derive(Debug, Default)]
pub struct Load {
    of: Mutex<HashMap<(String, String), Spent>>,
}

/// What was spent in a round, and in the one before.
#[derive(Debug, Clone, Copy, Default)]
struct Spent {
    round: u64,
    now: Duration,
    before: Duration,
}

impl Spent {
    /// What was spent before a round, and in it so far.
    fn at(self, round: u64) -> Self {
        let (now, before) = match round.saturating_sub(self.round) {
            0 => (self.now, self.before),
            1 => (Duration::ZERO, self.now),
            _ => (Duration::ZERO, Duration::ZERO),
        };
        Self { round, now, before }
    }
}

impl Load {
    /// Notes that a container of a Pod worked for a request.
    pub fn note(&self, uid: &str, container: &str, round: u64, took: Duration) {
        let mut all = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MANY {
            all.retain(|_, spent| spent.round + 1 >= round);
        }
        let spent = all
            .entry((uid.to_owned(), container.to_owned()))
            .or_default();
        *spent = spent.at(round);
        spent.now += took;
    }

    /// What a container of a Pod spent in the time that a round measures.
    #[must_use]
    pub fn of(&self, uid: &str, container: &str, round: u64) -> Duration {
        let all = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        let spent = all.get(&(uid.to_owned(), container.to_owned()));
        spent.map_or(Duration::ZERO, |spent| spent.at(round).before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_measures_what_was_spent_since_the_last() {
        let load = Load::default();
        let took = Duration::from_millis(90);
        load.note("u", "c", 7, took);
        load.note("u", "c", 7, took);
        let of = |round| load.of("u", "c", round);
        assert_eq!(
            (of(7), of(8), of(9)),
            (Duration::ZERO, 2 * took, Duration::ZERO)
        );
        load.note("u", "c", 8, took);
        assert_eq!((of(8), of(9)), (2 * took, took));
    }

    #[test]
    fn what_nobody_asks_is_forgotten() {
        let load = Load::default();
        for round in 0..2000 {
            load.note(&round.to_string(), "c", round, Duration::ZERO);
        }
        assert!(load.of.lock().unwrap().len() <= MANY);
    }
}
