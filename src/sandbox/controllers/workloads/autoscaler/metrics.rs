//! The metrics of an autoscaler: what each asks for, and what is said of it.
//! <https://github.com/kubernetes/kubernetes/blob/master/pkg/controller/podautoscaler/horizontal.go>

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    Look, Unmeasured,
    replicas::{self, Groups, Target, Time, thousandths},
};
use crate::sandbox::{
    controllers::cluster::PODS, pointer::text_in, schema::quantity, store::selector::Selector,
};

/// What is said where nothing measures what Pods use.
const NO_API: &str = "unable to fetch metrics from resource metrics API: the server could not find the requested resource (get pods.metrics.k8s.io)";
/// What an autoscaler without metrics aims at, in percent of the requested processor time.
const USUAL_TARGET: i64 = 80;

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

    /// The Pods of the target.
    fn pods(&self, scale: &Value) -> Vec<Arc<Value>> {
        let selector = scale["status"]["selector"].as_str().unwrap_or_default();
        let Ok(selector) = Selector::parse(selector, "") else {
            return Vec::new();
        };
        let mut pods = self.cluster.list(PODS, self.namespace());
        pods.retain(|p| selector.matches(p));
        pods
    }

    /// What one metric asks for, or the reason, the failure, and the failure as the whole tells it.
    fn propose(
        &self,
        metric: &Value,
        pods: &[Arc<Value>],
        current: i64,
    ) -> Result<Proposal, (&'static str, String, String)> {
        let (field, reason) = match metric["type"].as_str() {
            Some("Resource") => ("resource", "FailedGetResourceMetric"),
            Some("ContainerResource") => ("containerResource", "FailedGetContainerResourceMetric"),
            other => return Err(self.unknown(other.unwrap_or_default())),
        };
        let of = &metric[field];
        let resource = text_in(of, "name");
        let container = of["container"].as_str();
        let proposal = self.resource((field, resource, container), &of["target"], pods, current);
        proposal.map_err(|why| {
            self.tell(true, reason, &why);
            let whole = match container {
                None => format!("failed to get {resource} resource metric value: {why}"),
                Some(container) => {
                    format!("failed to get {container} container metric value: {why}")
                }
            };
            (reason, why, whole)
        })
    }

    /// The failure of a metric that no API gives.
    fn unknown(&self, kind: &str) -> (&'static str, String, String) {
        let (reason, what) = match kind {
            "Pods" => ("FailedGetPodsMetric", "pods"),
            "Object" => ("FailedGetObjectMetric", "object"),
            _ => ("FailedGetExternalMetric", "external"),
        };
        let why = "unable to fetch metrics from custom metrics API: the server could not find the requested resource";
        self.tell(true, reason, why);
        let whole = format!("failed to get {what} metric value: {why}");
        (reason, why.to_owned(), whole)
    }

    fn resource(
        &self,
        (field, resource, container): (&str, &str, Option<&str>),
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
        let groups = self.groups(resource, container, pods).map_err(failed)?;
        let all = || pods.iter().map(|p| &**p);
        let requests;
        let target = if let Some(wanted) = wanted {
            requests = replicas::requests(all(), resource, container).map_err(failed)?;
            Target::Utilization(wanted, &requests)
        } else {
            let wanted = target["averageValue"].as_str().and_then(thousandths);
            Target::Average(wanted.unwrap_or(1))
        };
        let (replicas, load) = groups.replicas(target, current).map_err(failed)?;
        let nanos = i128::from(load.average) * 1_000_000;
        let average = if resource == "memory" {
            quantity::binary(nanos)
        } else {
            quantity::decimal(nanos)
        };
        let mut now = json!({ "averageValue": average });
        let mut metric = format!("{resource} resource");
        if let Some(percent) = load.percent {
            now["averageUtilization"] = json!(percent);
            let of = if container.is_some() {
                "container "
            } else {
                ""
            };
            metric = format!("{resource} {of}resource utilization (percentage of request)");
        }
        let mut status = json!({"name": resource, "current": now});
        let mut kind = "Resource";
        if let Some(container) = container {
            status["container"] = json!(container);
            kind = "ContainerResource";
        }
        Ok(Proposal {
            replicas,
            metric,
            status: json!({"type": kind, field: status}),
        })
    }

    /// The Pods, by what is known of them.
    fn groups(
        &self,
        resource: &str,
        container: Option<&str>,
        pods: &[Arc<Value>],
    ) -> Result<Groups, String> {
        let of = |why: &str| format!("unable to get metrics for resource {resource}: {why}");
        let usage = self.usage.filter(|usage| usage.is_there(self.cluster));
        let usage = usage.ok_or_else(|| of(NO_API))?;
        let sample = |pod: &Value| usage.of_pod(self.cluster, pod, resource, container);
        let whole = |pod: &Value| usage.of_pod(self.cluster, pod, resource, None);
        if !pods.iter().any(|pod| whole(pod).is_some()) {
            return Err(of("no metrics returned from resource metrics API"));
        }
        let clock = &self.cluster.api.clock;
        let time = Time {
            now: clock.now(),
            on_machine: &|simulated| clock.on_machine(simulated),
        };
        let groups = Groups::of(pods.iter().map(|p| &**p), resource, &time, sample);
        if groups.ready.is_empty() {
            let why = "did not receive metrics for targeted pods (pods might be unready)";
            return Err(why.to_owned());
        }
        Ok(groups)
    }
}
