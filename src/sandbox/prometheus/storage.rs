//! Samples in memory.

use std::collections::{BTreeMap, VecDeque};

use super::labels::{Labels, Matcher};

/// How many samples are kept of a series.
const KEPT: usize = 1_500;
/// How many series there may be.
const MOST_SERIES: usize = 20_000;

/// The value that ends a series: one `NaN` among many.
/// <https://github.com/prometheus/prometheus/blob/main/model/value/value.go> (`StaleNaN`)
const STALE: u64 = 0x7ff0_0000_0000_0002;

/// A value at a time, in milliseconds since 1970.
pub type Point = (i64, f64);

/// Series with their samples.
#[derive(Debug, Clone, Default)]
pub struct Storage {
    series: BTreeMap<Labels, VecDeque<Point>>,
}

/// The value that ends a series.
#[must_use]
pub fn stale() -> f64 {
    f64::from_bits(STALE)
}

/// Whether a value ends its series.
#[must_use]
pub fn is_stale(value: f64) -> bool {
    value.to_bits() == STALE
}

impl Storage {
    /// Adds a sample; one that is not newer than the newest is dropped, as is a series too many.
    pub fn append(&mut self, labels: &Labels, time: i64, value: f64) {
        if let Some(points) = self.series.get_mut(labels) {
            if points.back().is_some_and(|(last, _)| *last >= time) {
                return;
            }
            points.push_back((time, value));
            if points.len() > KEPT {
                points.pop_front();
            }
        } else if self.series.len() < MOST_SERIES && !is_stale(value) {
            self.series
                .insert(labels.clone(), VecDeque::from([(time, value)]));
        }
    }

    /// Forgets what is older than a time.
    pub fn forget(&mut self, before: i64) {
        self.series.retain(|_, points| {
            while points.front().is_some_and(|(time, _)| *time < before) {
                points.pop_front();
            }
            !points.is_empty()
        });
    }

    /// The series that fit, by labels.
    pub fn select<'s, 'm>(
        &'s self,
        matchers: &'m [Matcher],
    ) -> impl Iterator<Item = (&'s Labels, &'s VecDeque<Point>)> + use<'s, 'm> {
        self.series
            .iter()
            .filter(|(labels, _)| matchers.iter().all(|m| m.fits(labels)))
    }

    /// How many series there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.series.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.series.is_empty()
    }
}

/// The samples after a time, up to and with another.
pub fn between(points: &VecDeque<Point>, after: i64, until: i64) -> impl Iterator<Item = Point> {
    let from = points.partition_point(|(time, _)| *time <= after);
    let to = points.partition_point(|(time, _)| *time <= until);
    points.range(from..to.max(from)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_come_in_order_and_are_bounded() {
        let mut storage = Storage::default();
        let labels = Labels::of(&[("__name__", "a")]);
        for time in 0..2000 {
            storage.append(&labels, time, 1.0);
        }
        storage.append(&labels, 5, 2.0);
        let (_, points) = storage.select(&[]).next().unwrap();
        assert_eq!(points.len(), KEPT);
        assert_eq!(between(points, 1990, 1995).count(), 5);
        storage.forget(1999);
        assert_eq!(storage.select(&[]).next().unwrap().1.len(), 1);
        storage.forget(3000);
        assert!(storage.is_empty());
    }
}
