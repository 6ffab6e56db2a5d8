//! How many replicas the load asks for.
//! <https://github.com/kubernetes/kubernetes/blob/master/pkg/controller/podautoscaler/replica_calculator.go>

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Look, Unmeasured};
use crate::sandbox::{
    controllers::{
        cluster::PODS,
        workloads::pods::{is_active, is_ready},
    },
    schema::quantity,
    store::selector::Selector,
    verbs::name,
};

/// What is said where nothing measures what Pods use.
const NO_API: &str = "unable to fetch metrics from resource metrics API: the server could not find the requested resource (get pods.metrics.k8s.io)";
/// What an autoscaler without metrics aims at, in percent of the requested processor time.
const USUAL_TARGET: i64 = 80;
/// A load that is off by no more than a tenth changes nothing.
const TOLERANCE: f64 = 0.1;

/// What the load asks for.
pub(super) struct Measured {
    pub(super) replicas: i64,
    /// The metric that asks for most.
    pub(super) metric: String,
    pub(super) metrics: Vec<Value>,
}

/// What the load of one metric asks for.
struct Proposal {
    replicas: i64,
    metric: String,
    status: Value,
}

impl Look<'_> {
    /// Asks all metrics; where one can't be told, only more replicas are believed.
    pub(super) fn measure(&mut self, scale: &Value, current: i64) -> Result<Measured, Unmeasured> {
        let metrics = self.metrics();
        let pods = self.pods(scale);
        let mut best = Measured {
            replicas: 0,
            metric: String::new(),
            metrics: Vec::new(),
        };
        let mut failures = Vec::new();
        for metric in &metrics {
            match self.propose(metric, &pods, current) {
                Ok(proposal) => {
                    if best.replicas == 0 || proposal.replicas > best.replicas {
                        (best.replicas, best.metric) = (proposal.replicas, proposal.metric);
                    }
                    best.metrics.push(proposal.status);
                }
                Err(failure) => {
                    failures.push(failure);
                    best.metrics.push(json!({"type": ""}));
                }
            }
        }
        let Some((reason, why, first)) = failures.first().cloned() else {
            self.valid(&best.metric);
            return Ok(best);
        };
        if failures.len() >= metrics.len() || best.replicas < current {
            let message = format!("the HPA was unable to compute the replica count: {why}");
            self.set("ScalingActive", "False", reason, &message);
            let (failed, all) = (failures.len(), metrics.len());
            let message =
                format!("invalid metrics ({failed} invalid out of {all}), first error is: {first}");
            return Err(Unmeasured {
                why: message,
                metrics: best.metrics,
            });
        }
        self.valid(&best.metric);
        Ok(best)
    }

    fn valid(&mut self, metric: &str) {
        let message =
            format!("the HPA was able to successfully calculate a replica count from {metric}");
        self.set("ScalingActive", "True", "ValidMetricFound", &message);
    }

    fn metrics(&self) -> Vec<Value> {
        let spec = &self.autoscaler["spec"];
        let given = spec["metrics"].as_array().filter(|m| !m.is_empty());
        given.cloned().unwrap_or_else(|| {
            let target = spec["targetCPUUtilizationPercentage"].as_i64();
            let target = json!({"type": "Utilization", "averageUtilization": target.unwrap_or(USUAL_TARGET)});
            vec![json!({"type": "Resource", "resource": {"name": "cpu", "target": target}})]
        })
    }

    /// The Pods of the target that run.
    fn pods(&self, scale: &Value) -> Vec<Arc<Value>> {
        let selector = scale["status"]["selector"].as_str().unwrap_or_default();
        let Ok(selector) = Selector::parse(selector, "") else {
            return Vec::new();
        };
        let mut pods = self.cluster.list(PODS, self.namespace());
        pods.retain(|p| is_active(p) && selector.matches(p));
        pods
    }

    /// What one metric asks for, or the reason, the failure, and the failure as the whole tells it.
    fn propose(
        &self,
        metric: &Value,
        pods: &[Arc<Value>],
        current: i64,
    ) -> Result<Proposal, (&'static str, String, String)> {
        if metric["type"] != "Resource" {
            let (reason, what) = match metric["type"].as_str() {
                Some("Pods") => ("FailedGetPodsMetric", "pods"),
                Some("Object") => ("FailedGetObjectMetric", "object"),
                Some("External") => ("FailedGetExternalMetric", "external"),
                _ => ("FailedGetContainerResourceMetric", "container resource"),
            };
            let why = "unable to fetch metrics from custom metrics API: the server could not find the requested resource";
            self.tell(true, reason, why);
            let whole = format!("failed to get {what} metric value: {why}");
            return Err((reason, why.to_owned(), whole));
        }
        let resource = metric["resource"]["name"].as_str().unwrap_or_default();
        let proposal = self.resource(resource, &metric["resource"]["target"], pods, current);
        proposal.map_err(|why| {
            self.tell(true, "FailedGetResourceMetric", &why);
            let whole = format!("failed to get {resource} resource metric value: {why}");
            ("FailedGetResourceMetric", why, whole)
        })
    }

    fn resource(
        &self,
        resource: &str,
        target: &Value,
        pods: &[Arc<Value>],
        current: i64,
    ) -> Result<Proposal, String> {
        let wanted = target["averageUtilization"].as_i64();
        let what = if wanted.is_some() {
            "utilization"
        } else {
            "usage"
        };
        let failed = |why: String| format!("failed to get {resource} {what}: {why}");
        let used = self.used(resource, pods).map_err(failed)?;
        let count = i64::try_from(used.len()).unwrap_or(i64::MAX).max(1);
        let sum: i64 = used.iter().map(|(_, used)| used).sum();
        let average = sum / count;
        let value = quantity::canonical(&format!("{average}m")).unwrap_or_default();
        let (ratio, metric, current_value) = if let Some(wanted) = wanted {
            let mut asked = 0;
            for (pod, _) in &used {
                asked += requested(pod, resource).map_err(failed)?;
            }
            let percent = sum.saturating_mul(100) / asked.max(1);
            (
                ratio(percent, wanted),
                format!("{resource} resource utilization (percentage of request)"),
                json!({"averageUtilization": percent, "averageValue": value}),
            )
        } else {
            let wanted = target["averageValue"].as_str().and_then(thousandths);
            (
                ratio(average, wanted.unwrap_or(1)),
                format!("{resource} resource"),
                json!({"averageValue": value}),
            )
        };
        let replicas = if (ratio - 1.0).abs() <= TOLERANCE {
            current
        } else {
            times(count, ratio)
        };
        let status =
            json!({"type": "Resource", "resource": {"name": resource, "current": current_value}});
        Ok(Proposal {
            replicas,
            metric,
            status,
        })
    }

    /// What the Pods that are ready use.
    fn used<'p>(
        &self,
        resource: &str,
        pods: &'p [Arc<Value>],
    ) -> Result<Vec<(&'p Value, i64)>, String> {
        let of = |why: &str| format!("unable to get metrics for resource {resource}: {why}");
        let usage = self.usage.ok_or_else(|| of(NO_API))?;
        let ready = pods.iter().filter(|p| is_ready(p));
        let used: Vec<(&Value, i64)> = ready
            .filter_map(|p| Some((&**p, usage.of_pod(self.cluster, p, resource)?)))
            .collect();
        if used.is_empty() {
            return Err(of("no metrics returned from resource metrics API"));
        }
        Ok(used)
    }
}

/// What the containers of a Pod request, in thousandths.
fn requested(pod: &Value, resource: &str) -> Result<i64, String> {
    let mut sum = 0_i64;
    for container in pod["spec"]["containers"].as_array().into_iter().flatten() {
        let asked = container["resources"]["requests"][resource].as_str();
        let asked = asked.and_then(thousandths).ok_or_else(|| {
            format!(
                "missing request for {resource} in container {} of Pod {}",
                container["name"].as_str().unwrap_or_default(),
                name(pod)
            )
        })?;
        sum = sum.saturating_add(asked);
    }
    Ok(sum)
}

/// A quantity in thousandths.
fn thousandths(text: &str) -> Option<i64> {
    let canonical = quantity::canonical(text)?;
    let end = canonical.find(|c: char| !(c.is_ascii_digit() || c == '-'));
    let (digits, suffix) = canonical.split_at(end.unwrap_or(canonical.len()));
    let factor: i64 = match suffix {
        "m" => 1,
        "" => 1000,
        "k" => 1_000_000,
        "M" => 1_000_000_000,
        "G" => 1_000_000_000_000,
        "Ki" => 1000 << 10,
        "Mi" => 1000 << 20,
        "Gi" => 1000 << 30,
        "Ti" => 1000 << 40,
        _ => return None,
    };
    digits.parse::<i64>().ok()?.checked_mul(factor)
}

#[allow(clippy::cast_precision_loss)] // Loads and counts are far below 2^52.
fn ratio(value: i64, wanted: i64) -> f64 {
    value as f64 / wanted.max(1) as f64
}

#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)] // As above.
fn times(count: i64, ratio: f64) -> i64 {
    (count as f64 * ratio).ceil() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_compared_in_thousandths() {
        for (text, value) in [
            ("100m", Some(100)),
            ("0.5", Some(500)),
            ("2", Some(2000)),
            ("1Ki", Some(1_024_000)),
            ("x", None),
        ] {
            assert_eq!(thousandths(text), value, "{text}");
        }
    }
}
