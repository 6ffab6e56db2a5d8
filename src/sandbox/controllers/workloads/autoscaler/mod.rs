//! `HorizontalPodAutoscalers`: as many replicas as the load asks for.
//! <https://github.com/kubernetes/kubernetes/blob/master/pkg/controller/podautoscaler/horizontal.go>

mod metrics;
mod replicas;
mod rules;
pub mod usage;

use std::{collections::HashMap, time::Duration};

use serde_json::{Value, json};

use self::usage::Usage;
use super::{
    AUTOSCALERS,
    amount::{number, put as put_number},
    condition,
    control::tell,
};
use crate::sandbox::{
    controllers::{Controller, Outcome, cluster::Cluster},
    registry::{Resource, split},
    status::Refusal,
    store::{Change, Key},
    verbs::{patch::Kind as PatchKind, scale},
};

/// The pause between two looks.
const PERIOD: Duration = Duration::from_secs(15);

/// The controller of `HorizontalPodAutoscalers`.
#[derive(Debug, Default)]
pub struct Autoscalers {
    /// What Pods use; none where the cluster does not measure it.
    usage: Option<Box<dyn Usage>>,
    /// What is remembered of each, by uid.
    known: HashMap<String, Known>,
}

/// What is remembered of an autoscaler.
#[derive(Debug, Default)]
struct Known {
    /// When it is looked at next.
    next: Duration,
    /// How many replicas were recommended when.
    recommended: Vec<(Duration, i64)>,
}

/// One look at an autoscaler.
struct Look<'a> {
    cluster: &'a Cluster<'a>,
    usage: Option<&'a dyn Usage>,
    autoscaler: &'a Value,
    status: Value,
    recommended: &'a mut Vec<(Duration, i64)>,
}

/// How many replicas there should be.
struct Desired {
    replicas: i64,
    why: String,
    /// What was measured, as the status tells it.
    metrics: Option<Vec<Value>>,
}

/// Why it can't be told how many replicas there should be.
struct Unmeasured {
    why: String,
    /// What was measured nevertheless.
    metrics: Vec<Value>,
}

impl Autoscalers {
    /// One in a cluster that measures what Pods use.
    #[must_use]
    pub fn measuring(usage: Box<dyn Usage>) -> Self {
        Self {
            usage: Some(usage),
            known: HashMap::new(),
        }
    }
}

impl Controller for Autoscalers {
    fn name(&self) -> &'static str {
        "horizontal-pod-autoscaler"
    }

    fn touched(&self, _: &Cluster<'_>, change: &Change) -> Vec<Key> {
        let keys = AUTOSCALERS.is_of(change).then(|| change.key.clone());
        keys.into_iter().collect()
    }

    fn reconcile(&mut self, cluster: &Cluster<'_>, key: &Key) -> Outcome {
        let Some(autoscaler) = cluster.get(AUTOSCALERS, &key.0, &key.1) else {
            return Ok(None);
        };
        let now = cluster.elapsed();
        let uid = autoscaler["metadata"]["uid"].as_str().unwrap_or_default();
        // It is looked at once in a period, whatever changes.
        let known = self.known.entry(uid.to_owned()).or_insert_with(|| Known {
            next: now + PERIOD,
            ..Known::default()
        });
        if now < known.next {
            return Ok(Some(known.next.saturating_sub(now)));
        }
        known.next = now + PERIOD;
        let mut look = Look {
            cluster,
            usage: self.usage.as_deref(),
            autoscaler: &autoscaler,
            status: autoscaler["status"].clone(),
            recommended: &mut known.recommended,
        };
        look.look();
        if look.status != autoscaler["status"] {
            let mut object = (*autoscaler).clone();
            object["status"] = look.status;
            cluster.update_status(AUTOSCALERS, object)?;
        }
        Ok(Some(PERIOD))
    }
}

impl Look<'_> {
    fn look(&mut self) {
        let (resource, scale) = match self.scale() {
            Ok(found) => found,
            Err(why) => {
                self.tell(true, "FailedGetScale", &why);
                let message = format!(
                    "the HPA controller was unable to get the target's current scale: {why}"
                );
                self.set("AbleToScale", "False", "FailedGetScale", &message);
                return;
            }
        };
        let message = "the HPA controller was able to get the target's current scale";
        self.set("AbleToScale", "True", "SucceededGetScale", message);
        let current = number(&scale["spec"]["replicas"]);
        if self.recommended.is_empty() {
            self.recommended.push((self.cluster.elapsed(), current));
        }
        let Desired {
            replicas: desired,
            why,
            metrics,
        } = match self.desired(&scale, current) {
            Ok(desired) => desired,
            Err(unmeasured) => {
                self.put_current(current);
                self.status["currentMetrics"] = json!(unmeasured.metrics);
                self.tell(true, "FailedComputeMetricsReplicas", &unmeasured.why);
                return;
            }
        };
        let mut reached = current;
        if desired != current {
            match self.rescale(&resource, desired) {
                Ok(()) => {
                    let message = format!(
                        "the HPA controller was able to update the target scale to {desired}"
                    );
                    self.set("AbleToScale", "True", "SucceededRescale", &message);
                    let message = format!("New size: {desired}; reason: {why}");
                    self.tell(false, "SuccessfulRescale", &message);
                    self.status["lastScaleTime"] = json!(self.cluster.stamp());
                    reached = desired;
                }
                Err(refusal) => self.not_rescaled(desired, &why, &refusal),
            }
        }
        self.put_current(current);
        self.status["desiredReplicas"] = json!(reached);
        self.status["currentMetrics"] = json!(metrics);
    }

    fn put_current(&mut self, replicas: i64) {
        if let Some(status) = self.status.as_object_mut() {
            put_number(status, "currentReplicas", replicas);
        }
    }

    /// How many replicas there should be.
    fn desired(&mut self, scale: &Value, current: i64) -> Result<Desired, Unmeasured> {
        let spec = &self.autoscaler["spec"];
        let least = spec["minReplicas"].as_i64().unwrap_or(1);
        let most = number(&spec["maxReplicas"]);
        let bounded = |replicas: i64, why: &str| Desired {
            replicas,
            why: why.to_owned(),
            metrics: None,
        };
        if current == 0 && least != 0 {
            let message = "scaling is disabled since the replica count of the target is zero";
            self.set("ScalingActive", "False", "ScalingDisabled", message);
            return Ok(bounded(0, ""));
        }
        if current > most {
            let why = "Current number of replicas above Spec.MaxReplicas";
            return Ok(bounded(most, why));
        }
        if current < least {
            let why = "Current number of replicas below Spec.MinReplicas";
            return Ok(bounded(least, why));
        }
        let measured = self.measure(scale, current)?;
        let why = if measured.replicas > current {
            format!("{} above target", measured.metric)
        } else {
            "All metrics below target".to_owned()
        };
        Ok(Desired {
            replicas: self.normalize(current, measured.replicas, (least, most)),
            why,
            metrics: Some(measured.metrics),
        })
    }

    /// The target, and its scale.
    fn scale(&self) -> Result<(std::sync::Arc<Resource>, Value), String> {
        let target = &self.autoscaler["spec"]["scaleTargetRef"];
        let text = |field: &str| target[field].as_str().unwrap_or_default();
        let registry = self.cluster.api.registry();
        let resource = registry.of_kind(text("apiVersion"), text("kind"));
        let resource = resource.ok_or_else(|| {
            let (group, _) = split(text("apiVersion"));
            format!("no matches for kind {:?} in group {group:?}", text("kind"))
        })?;
        if !resource.subresources.contains_key("scale") {
            return Err("the server could not find the requested resource".to_owned());
        }
        let scale = self
            .cluster
            .api
            .scale(&resource, self.namespace(), text("name"));
        scale
            .map(|scale| (resource, scale))
            .map_err(|refusal| refusal.message)
    }

    fn rescale(&self, resource: &Resource, replicas: i64) -> Result<(), Refusal> {
        let target = &self.autoscaler["spec"]["scaleTargetRef"];
        let wanted = target["name"].as_str().unwrap_or_default();
        let patch = json!({"spec": {"replicas": replicas}});
        let change = scale::Change::Patch(PatchKind::Merge, &patch);
        let how = self.cluster.through("scale");
        self.cluster
            .api
            .rescale(resource, self.namespace(), wanted, change, &how)?;
        Ok(())
    }

    fn not_rescaled(&mut self, desired: i64, why: &str, refusal: &Refusal) {
        let error = &refusal.message;
        let message = format!("New size: {desired}; reason: {why}; error: {error}");
        self.tell(true, "FailedRescale", &message);
        let message = format!("the HPA controller was unable to update the target scale: {error}");
        self.set("AbleToScale", "False", "FailedUpdateScale", &message);
    }

    fn namespace(&self) -> Option<&str> {
        self.autoscaler["metadata"]["namespace"].as_str()
    }

    fn tell(&self, warning: bool, reason: &str, message: &str) {
        tell(self.cluster, self.autoscaler, warning, reason, message);
    }

    /// Sets a condition; it stays in its place.
    fn set(&mut self, kind: &str, value: &str, reason: &str, message: &str) {
        let mut told = json!({
            "type": kind, "status": value, "reason": reason, "message": message,
            "lastTransitionTime": self.cluster.stamp(),
        });
        let before = condition::of(&self.status, kind);
        if let Some(before) = before.filter(|c| c["status"] == value) {
            told["lastTransitionTime"] = before["lastTransitionTime"].clone();
        }
        let Some(all) = self.status["conditions"].as_array_mut() else {
            self.status["conditions"] = json!([told]);
            return;
        };
        match all.iter_mut().find(|c| c["type"] == kind) {
            Some(found) => *found = told,
            None => all.push(told),
        }
    }
}
