//! How fast an autoscaler follows the load.

use std::time::Duration;

use super::Look;

/// How long fewer replicas must be enough before any go.
const DOWN: Duration = Duration::from_secs(300);
/// How many replicas may come at once where there are few.
const UP: i64 = 4;

impl Look<'_> {
    /// What is done about a recommendation.
    pub(super) fn normalize(
        &mut self,
        current: i64,
        wanted: i64,
        (least, most): (i64, i64),
    ) -> i64 {
        let stable = self.stabilize(wanted);
        if stable == wanted {
            let message = "recommended size matches current size";
            self.set("AbleToScale", "True", "ReadyForNewScale", message);
        } else {
            let message = "recent recommendations were higher than current one, applying the highest recent recommendation";
            self.set("AbleToScale", "True", "ScaleDownStabilized", message);
        }
        let fastest = (2 * current).max(UP);
        let (limited, reason, message) = if stable < least {
            let message = "the desired replica count is less than the minimum replica count";
            (Some(least), "TooFewReplicas", message)
        } else if stable > most.min(fastest) && most > fastest {
            let message =
                "the desired replica count is increasing faster than the maximum scale rate";
            (Some(fastest), "ScaleUpLimit", message)
        } else if stable > most {
            let message = "the desired replica count is more than the maximum replica count";
            (Some(most), "TooManyReplicas", message)
        } else {
            let message = "the desired count is within the acceptable range";
            (None, "DesiredWithinRange", message)
        };
        let value = if limited.is_some() { "True" } else { "False" };
        self.set("ScalingLimited", value, reason, message);
        limited.unwrap_or(stable)
    }

    /// The highest recommendation of the last minutes.
    fn stabilize(&mut self, wanted: i64) -> i64 {
        let behaviour = &self.autoscaler["spec"]["behavior"]["scaleDown"];
        let window = behaviour["stabilizationWindowSeconds"].as_u64();
        let window = window.map_or(DOWN, Duration::from_secs);
        let now = self.cluster.elapsed();
        self.recommended.retain(|(at, _)| now < *at + window);
        let highest = self.recommended.iter().map(|(_, replicas)| *replicas).max();
        self.recommended.push((now, wanted));
        highest.map_or(wanted, |highest| highest.max(wanted))
    }
}
