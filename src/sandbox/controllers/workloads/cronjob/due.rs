//! Which time of a `CronJob`'s schedule is due, and when the next one comes.
//! <https://github.com/kubernetes/kubernetes/blob/master/pkg/controller/cronjob/utils.go>

use std::time::Duration;

use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use super::{DELTA, Look, schedule::Schedule};

/// So many missed times are too many: something is wrong with a clock.
const MANY: i64 = 100;

impl Look<'_> {
    /// The last time for which a Job was made; at first, when the `CronJob` was.
    fn last(&self) -> Timestamp {
        let last = self.status["lastScheduleTime"].as_str();
        let created = self.cron["metadata"]["creationTimestamp"].as_str();
        let last = last.or(created).unwrap_or_default();
        last.parse().unwrap_or(self.now)
    }

    /// The newest time that has come and for which there was no Job.
    pub(super) fn due(&self, schedule: &Schedule, zone: &TimeZone) -> Option<Timestamp> {
        let mut last = self.last();
        if let Some(deadline) = self.cron["spec"]["startingDeadlineSeconds"].as_i64() {
            let earliest = self
                .now
                .checked_sub(SignedDuration::from_secs(deadline))
                .ok()?;
            last = last.max(earliest);
        }
        let first = schedule.next(last, zone)?;
        if first > self.now {
            return None;
        }
        let second = schedule.next(first, zone)?;
        if second > self.now {
            return Some(first);
        }
        // Of many that were missed only the newest counts: most are skipped.
        let pause = (second.as_second() - first.as_second()).max(1);
        let missed = (self.now.as_second() - first.as_second()) / pause + 1;
        if missed > MANY {
            let message = "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew";
            self.tell(true, "TooManyMissedTimes", message);
        }
        let skipped = SignedDuration::from_secs((missed - 2).max(0).saturating_mul(pause));
        let mut newest = first.checked_add(skipped).ok()?;
        let mut found = None;
        while let Some(next) = schedule.next(newest, zone).filter(|n| *n <= self.now) {
            (newest, found) = (next, Some(next));
        }
        found
    }

    /// How long it is until the next time, in simulated time.
    pub(super) fn until_next(&self, schedule: &Schedule, zone: &TimeZone) -> Option<Duration> {
        let next = schedule.next(self.now, zone)?;
        let pause = Duration::try_from(next.duration_since(self.now)).ok()?;
        let second = self.cluster.api.clock.on_machine(Duration::from_secs(1));
        let speed = second.as_secs_f64().recip();
        Duration::try_from_secs_f64((pause + DELTA).as_secs_f64() * speed).ok()
    }
}
