//! How long ago something happened, in simulated time. What objects carry is the time of the machine, in whole seconds.

use std::{collections::HashMap, time::Duration};

use jiff::Timestamp;
use serde_json::Value;

use crate::sandbox::controllers::cluster::Cluster;

/// How many are remembered; what is forgotten is worked out anew.
const REMEMBERED: usize = 10_000;

/// When things happened.
#[derive(Debug, Default)]
pub struct Times {
    seen: HashMap<(String, &'static str), (String, Duration)>,
}

impl Times {
    /// How much simulated time has passed since something about an object happened, at a time that the object carries.
    pub fn passed(
        &mut self,
        cluster: &Cluster<'_>,
        object: &Value,
        what: &'static str,
        stamp: &str,
    ) -> Duration {
        let now = cluster.elapsed();
        let uid = object["metadata"]["uid"].as_str().unwrap_or_default();
        let key = (uid.to_owned(), what);
        if let Some((known, at)) = self.seen.get(&key)
            && known == stamp
        {
            return now.saturating_sub(*at);
        }
        if self.seen.len() >= REMEMBERED {
            self.seen.clear();
        }
        // A controller sees what happens at once; what is older happened before it began.
        let age = age(cluster.api.clock.now(), stamp);
        self.seen
            .insert(key, (stamp.to_owned(), now.saturating_sub(age)));
        age
    }
}

/// How old a stamp is.
#[must_use]
pub fn age(now: Timestamp, stamp: &str) -> Duration {
    let then: Option<Timestamp> = stamp.parse().ok();
    let passed = then.map(|then| now.duration_since(then));
    passed
        .and_then(|p| Duration::try_from(p).ok())
        .unwrap_or_default()
}
