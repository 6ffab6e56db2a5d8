//! What controllers ask of a Pod.

use std::time::Duration;

use serde_json::Value;

use super::{
    super::cluster::{Cluster, is_going},
    condition,
    times::Times,
};

/// A Pod's phase.
#[must_use]
pub fn phase(pod: &Value) -> &str {
    pod["status"]["phase"].as_str().unwrap_or_default()
}

/// Whether all its containers have ended for good.
#[must_use]
pub fn has_ended(pod: &Value) -> bool {
    matches!(phase(pod), "Succeeded" | "Failed")
}

/// Whether it counts: it has not ended, and its end has not begun.
#[must_use]
pub fn is_active(pod: &Value) -> bool {
    !has_ended(pod) && !is_going(pod)
}

/// Whether it is ready to serve.
#[must_use]
pub fn is_ready(pod: &Value) -> bool {
    condition::is_true(&pod["status"], "Ready")
}

/// Since when it has been ready; empty where it is not.
#[must_use]
pub fn ready_since(pod: &Value) -> &str {
    let ready = condition::of(&pod["status"], "Ready").filter(|c| c["status"] == "True");
    ready
        .and_then(|c| c["lastTransitionTime"].as_str())
        .unwrap_or_default()
}

/// How long it still has to be ready until it counts as available; zero if it is, none if it is not even ready.
#[must_use]
pub fn until_available(
    pod: &Value,
    least: i64,
    times: &mut Times,
    cluster: &Cluster<'_>,
) -> Option<Duration> {
    if !is_ready(pod) {
        return None;
    }
    let least = Duration::from_secs(u64::try_from(least).unwrap_or_default());
    if least.is_zero() {
        return Some(Duration::ZERO);
    }
    let passed = times.passed(cluster, pod, "Ready", ready_since(pod));
    Some(least.saturating_sub(passed))
}

/// Whether it has been ready for long enough.
#[must_use]
pub fn is_available(pod: &Value, least: i64, times: &mut Times, cluster: &Cluster<'_>) -> bool {
    until_available(pod, least, times, cluster).is_some_and(|d| d.is_zero())
}
