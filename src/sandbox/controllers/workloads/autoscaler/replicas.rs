//! How many replicas what Pods use asks for. Pods that are not ready, and those of which nothing is known, change it only in so
//! far as they can't turn it round.
//! <https://github.com/kubernetes/kubernetes/blob/master/pkg/controller/podautoscaler/replica_calculator.go>

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use serde_json::Value;

use super::usage::Sample;
use crate::sandbox::{
    controllers::workloads::condition,
    pointer::{items, text_in},
    schema::quantity,
    verbs::name,
};

/// A load that is off by no more than a tenth changes nothing.
const TOLERANCE: f64 = 0.1;
/// How long a Pod may take to settle after its start.
const SETTLING: Duration = Duration::from_secs(300);
/// How long a Pod may take to be ready for the first time.
const FIRST_READY: Duration = Duration::from_secs(30);

/// Samples by the names of Pods.
pub(super) type Samples = BTreeMap<String, i64>;

/// What is wanted of a Pod.
#[derive(Debug, Clone, Copy)]
pub(super) enum Target<'a> {
    /// So many percent of what each requests, in thousandths.
    Utilization(i64, &'a Samples),
    /// So many thousandths.
    Average(i64),
}

/// Which of the Pods count.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Groups {
    /// What those use that count.
    pub(super) ready: Samples,
    /// How many there are of which it is known that they are ready.
    pub(super) count: usize,
    /// Those that are not ready yet.
    unready: Vec<String>,
    /// Those of which nothing is known.
    missing: Vec<String>,
}

/// What a metric comes to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Load {
    /// The load against what is wanted.
    ratio: f64,
    /// In percent of what is requested, where that is wanted.
    pub(super) percent: Option<i64>,
    /// What a Pod uses on average, in thousandths.
    pub(super) average: i64,
}

/// The time, and how much of the machine's time simulated time takes.
pub(super) struct Time<'a> {
    pub(super) now: Timestamp,
    pub(super) on_machine: &'a dyn Fn(Duration) -> Duration,
}

impl Groups {
    /// Sorts the Pods of a target by what is known of them.
    pub(super) fn of<'p>(
        pods: impl Iterator<Item = &'p Value>,
        resource: &str,
        time: &Time<'_>,
        sample: impl Fn(&Value) -> Option<Sample>,
    ) -> Self {
        let mut groups = Self::default();
        for pod in pods {
            let phase = pod["status"]["phase"].as_str();
            if pod["metadata"].get("deletionTimestamp").is_some() || phase == Some("Failed") {
                continue;
            }
            let called = name(pod).to_owned();
            if matches!(phase, None | Some("Pending")) {
                groups.unready.push(called);
                continue;
            }
            match sample(pod) {
                None => groups.missing.push(called),
                Some(sample) if resource == "cpu" && is_unsettled(pod, &sample, time) => {
                    groups.unready.push(called);
                }
                Some(sample) => {
                    groups.ready.insert(called, sample.amount);
                    groups.count += 1;
                }
            }
        }
        groups
    }

    /// How many replicas there should be, and what was measured; the error tells why that can't be told.
    pub(super) fn replicas(
        mut self,
        target: Target<'_>,
        current: i64,
    ) -> Result<(i64, Load), String> {
        let load = Load::of(&self.ready, target)?;
        let up_with_unready = !self.unready.is_empty() && load.ratio > 1.0;
        if !up_with_unready && self.missing.is_empty() {
            if is_near(load.ratio) {
                return Ok((current, load));
            }
            return Ok((times(self.count, load.ratio), load));
        }
        for missing in std::mem::take(&mut self.missing) {
            if load.ratio < 1.0 {
                let whole = target.whole(&missing);
                self.ready.insert(missing, whole);
            } else if load.ratio > 1.0 {
                self.ready.insert(missing, 0);
            }
        }
        if up_with_unready {
            self.ready.extend(self.unready.into_iter().map(|n| (n, 0)));
        }
        let ratio = Load::of(&self.ready, target)?.ratio;
        let turns = (load.ratio < 1.0 && ratio > 1.0) || (load.ratio > 1.0 && ratio < 1.0);
        if is_near(ratio) || turns {
            return Ok((current, load));
        }
        let replicas = times(self.ready.len(), ratio);
        if (ratio < 1.0 && replicas > current) || (ratio > 1.0 && replicas < current) {
            return Ok((current, load));
        }
        Ok((replicas, load))
    }
}

impl Target<'_> {
    /// What a Pod counts for of which nothing is known, where fewer replicas might do.
    fn whole(self, pod: &str) -> i64 {
        match self {
            Self::Utilization(percent, requests) => {
                let asked = requests.get(pod).copied().unwrap_or_default();
                asked.saturating_mul(percent.max(100)) / 100
            }
            Self::Average(amount) => amount,
        }
    }
}

impl Load {
    fn of(samples: &Samples, target: Target<'_>) -> Result<Self, String> {
        let sum =
            |all: &mut dyn Iterator<Item = &i64>| all.fold(0_i64, |a, b| a.saturating_add(*b));
        let total = sum(&mut samples.values());
        let count = i64::try_from(samples.len()).unwrap_or(i64::MAX).max(1);
        let average = total / count;
        match target {
            Target::Average(wanted) => Ok(Self {
                ratio: ratio(average, wanted),
                percent: None,
                average,
            }),
            Target::Utilization(wanted, requests) => {
                let asked = sum(&mut samples.keys().filter_map(|pod| requests.get(pod)));
                if asked == 0 {
                    return Err("no metrics returned matched known pods".to_owned());
                }
                let percent = total.saturating_mul(100) / asked;
                Ok(Self {
                    ratio: ratio(percent, wanted),
                    percent: Some(percent),
                    average,
                })
            }
        }
    }
}

/// Whether what a Pod uses tells nothing yet: it has only just started or become ready.
fn is_unsettled(pod: &Value, sample: &Sample, time: &Time<'_>) -> bool {
    let when = |value: &Value| value.as_str().and_then(|t| t.parse::<Timestamp>().ok());
    let ready = condition::of(&pod["status"], "Ready");
    let (Some(ready), Some(started)) = (ready, when(&pod["status"]["startTime"])) else {
        return true;
    };
    let Some(changed) = when(&ready["lastTransitionTime"]) else {
        return true;
    };
    let later = |from: Timestamp, by: Duration| from.checked_add(by).unwrap_or(from);
    let is_unready = ready["status"] == "False";
    if later(started, (time.on_machine)(SETTLING)) > time.now {
        return is_unready || sample.at < later(changed, sample.window);
    }
    is_unready && later(started, (time.on_machine)(FIRST_READY)) > changed
}

/// What the Pods request, in thousandths.
pub(super) fn requests<'p>(
    pods: impl Iterator<Item = &'p Value>,
    resource: &str,
    container: Option<&str>,
) -> Result<Samples, String> {
    let each = |pod: &Value| Ok((name(pod).to_owned(), requested(pod, resource, container)?));
    pods.map(each).collect()
}

fn requested(pod: &Value, resource: &str, wanted: Option<&str>) -> Result<i64, String> {
    let spec = &pod["spec"];
    let lasting = items(&spec["initContainers"]).iter();
    let lasting = lasting.filter(|c| c["restartPolicy"] == "Always");
    let mut sum = 0_i64;
    for container in items(&spec["containers"]).iter().chain(lasting) {
        let called = text_in(container, "name");
        if wanted.is_some_and(|wanted| wanted != called) {
            continue;
        }
        let asked = container["resources"]["requests"][resource].as_str();
        let asked = asked.and_then(thousandths).ok_or_else(|| {
            format!(
                "missing request for {resource} in container {called} of Pod {}",
                name(pod)
            )
        })?;
        sum = sum.saturating_add(asked);
    }
    Ok(sum)
}

/// A quantity in thousandths, rounded up.
pub(super) fn thousandths(text: &str) -> Option<i64> {
    let nanos = quantity::amount(text)?;
    i64::try_from((nanos + 999_999).div_euclid(1_000_000)).ok()
}

fn is_near(ratio: f64) -> bool {
    (ratio - 1.0).abs() <= TOLERANCE
}

#[allow(clippy::cast_precision_loss)] // Loads and counts are far below 2^52.
fn ratio(value: i64, wanted: i64) -> f64 {
    value as f64 / wanted.max(1) as f64
}

#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)] // As above.
fn times(count: usize, ratio: f64) -> i64 {
    (count as f64 * ratio).ceil() as i64
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: &str = "2026-01-02T03:10:00Z";

    fn pod(name: &str, phase: &str, ready: &str) -> Value {
        json!({
            "metadata": {"name": name},
            "spec": {"containers": [{"name": "c", "resources": {"requests": {"cpu": "100m"}}}]},
            "status": {
                "phase": phase, "startTime": "2026-01-02T03:00:00Z",
                "conditions": [{"type": "Ready", "status": ready, "lastTransitionTime": "2026-01-02T03:00:05Z"}],
            },
        })
    }

    fn asked(pods: &[Value], amounts: &[Option<i64>], percent: i64, current: i64) -> i64 {
        let time = Time {
            now: NOW.parse().unwrap(),
            on_machine: &|d| d,
        };
        let groups = Groups::of(pods.iter(), "cpu", &time, |pod| {
            let at = pods.iter().position(|p| p == pod)?;
            Some(Sample {
                amount: amounts[at]?,
                at: time.now,
                window: Duration::from_secs(15),
            })
        });
        let requests = requests(pods.iter(), "cpu", None).unwrap();
        let target = Target::Utilization(percent, &requests);
        groups.replicas(target, current).unwrap().0
    }

    #[test]
    fn what_is_not_known_never_turns_the_load_round() {
        let up = |n: usize| (0..n).map(|i| pod(&format!("p{i}"), "Running", "True"));
        let three: Vec<Value> = up(3).collect();
        assert_eq!(asked(&three, &[Some(100); 3], 50, 3), 6);
        assert_eq!(asked(&three, &[Some(52); 3], 50, 3), 3, "within a tenth");
        // One that is missing counts for all of its request where fewer would do, for nothing where more would.
        assert_eq!(asked(&three, &[Some(10), Some(10), None], 50, 3), 3);
        assert_eq!(asked(&three, &[Some(100), Some(100), None], 50, 3), 4);
        let mut starting: Vec<Value> = up(2).collect();
        starting.push(pod("p2", "Pending", "False"));
        assert_eq!(asked(&starting, &[Some(100), Some(100), None], 50, 3), 4);
        assert_eq!(asked(&starting, &[Some(10), Some(10), None], 50, 3), 1);
    }

    #[test]
    fn quantities_are_compared_in_thousandths() {
        for (text, value) in [
            ("100m", Some(100)),
            ("0.5", Some(500)),
            ("2", Some(2000)),
            ("100u", Some(1)),
            ("1Ki", Some(1_024_000)),
            ("x", None),
        ] {
            assert_eq!(thousandths(text), value, "{text}");
        }
    }
}
