//! What a container uses: what its program does by itself, what was asked of it, and never more than it may.

use std::time::Duration;

use serde_json::Value;

use super::{RESOLUTION, Used};
use crate::sandbox::{
    pointer::text_in, programs, prometheus::relabel::hash, schema::quantity, verbs::Api,
};

/// What a program gets at most that has no limit: it does one thing at a time.
const CORE: i64 = 1_000_000_000;
/// Memory comes in pages of so many bytes.
const PAGE: i64 = 4096;

/// What a container of a Pod uses that had run for a while when it was measured in a round.
pub(super) fn container(
    api: &Api,
    (pod, part): (&Value, &Value),
    round: u64,
    ran: Duration,
) -> Used {
    let uid = text_in(&pod["metadata"], "uid");
    let called = text_in(part, "name");
    let program = programs::of(pod, part);
    let uses = &program.uses;
    let seed = |what: &str| hash(&format!("{uid}/{called}/{what}"));
    let window = ran.min(RESOLUTION);
    let mut busy = api.load.of(uid, called, round);
    if ran < RESOLUTION {
        busy += uses.starts();
    }
    let idle = about(uses.idle(), 15, seed(&round.to_string()));
    let mut cpu = idle.saturating_add(share(busy, window));
    if program.busy {
        cpu = about(CORE, 1, seed(&round.to_string()));
    }
    let limits = &part["resources"]["limits"];
    let most = amount(&limits["cpu"], 1).unwrap_or(CORE);
    let held = i64::try_from(api.prometheuses.asked(uid).held).unwrap_or_default() << 20;
    let held = if uses.holds { held } else { 0 };
    // Each process is a little different, and moves a little.
    let resident = about(uses.resident(), 4, seed("memory"));
    let resident = about(resident, 1, seed(&format!("memory/{}", round / 8))).saturating_add(held);
    let all = amount(&limits["memory"], 1_000_000_000).unwrap_or(i64::MAX);
    Used {
        name: called.to_owned(),
        cpu: cpu.min(most).max(0),
        memory: pages(resident.min(all).max(0)),
    }
}

/// A value that is off by up to so many percent, always in the same way for a seed.
pub(super) fn about(value: i64, percent: i64, seed: u64) -> i64 {
    let steps = i64::try_from(seed % 2001).unwrap_or_default() - 1000;
    value.saturating_add(value / 1000 * percent * steps / 100_000)
}

/// Whole pages.
pub(super) fn pages(bytes: i64) -> i64 {
    bytes / PAGE * PAGE
}

/// Processor time in a window, in billionths of a core.
fn share(busy: Duration, window: Duration) -> i64 {
    let nanos = busy.as_nanos() * 1_000_000_000 / window.as_nanos().max(1);
    i64::try_from(nanos).unwrap_or(i64::MAX)
}

/// A quantity in units of so many billionths; none where there is none.
fn amount(value: &Value, unit: i128) -> Option<i64> {
    let nanos = quantity::amount(value.as_str()?)?;
    i64::try_from(nanos / unit).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_varies_stays_near_its_value() {
        for seed in 0..5000 {
            let value = about(1_000_000, 15, seed);
            assert!((850_000..=1_150_000).contains(&value), "{value}");
        }
        assert_eq!(about(0, 15, 7), 0);
        assert_eq!(share(Duration::from_millis(1500), RESOLUTION), 100_000_000);
    }
}
