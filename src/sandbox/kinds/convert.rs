//! Kinds that are served in two versions: what one of them keeps is shown in the other.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use crate::sandbox::registry::Resource;

/// The annotation in which the older autoscaler keeps what it has no field for.
const METRICS: &str = "autoscaling.alpha.kubernetes.io/metrics";

/// Fields of events under their names in both groups: the core group's first.
/// <https://github.com/kubernetes/kubernetes/blob/master/pkg/apis/events/v1/conversion.go>
const EVENT: [(&str, &str); 7] = [
    ("involvedObject", "regarding"),
    ("message", "note"),
    ("source", "deprecatedSource"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"),
    ("reportingComponent", "reportingController"),
];

/// An object as a version shows it.
#[must_use]
pub fn shown<'a>(resource: &Resource, object: &'a Value) -> Cow<'a, Value> {
    let version = resource.api_version();
    let from = object["apiVersion"].as_str().unwrap_or_default();
    if from == version || from.is_empty() {
        return Cow::Borrowed(object);
    }
    let Some(map) = object.as_object() else {
        return Cow::Borrowed(object);
    };
    let mut out = match (from, version.as_str()) {
        ("v1", "events.k8s.io/v1") => renamed(map, |name| {
            EVENT.iter().find(|(core, _)| *core == name).map(|e| e.1)
        }),
        ("events.k8s.io/v1", "v1") => renamed(map, |name| {
            EVENT.iter().find(|(_, new)| *new == name).map(|e| e.0)
        }),
        ("autoscaling/v2", "autoscaling/v1") => older(map),
        ("autoscaling/v1", "autoscaling/v2") => newer(map),
        _ => return Cow::Borrowed(object),
    };
    if version == "events.k8s.io/v1" {
        // What is empty is left out in this group alone.
        out.retain(|key, value| !(key.starts_with("reporting") && *value == ""));
    }
    if version == "v1" {
        for (field, zero) in [
            ("source", json!({})),
            ("firstTimestamp", Value::Null),
            ("lastTimestamp", Value::Null),
        ] {
            out.entry(field).or_insert(zero);
        }
    }
    out.insert("apiVersion".to_owned(), json!(version));
    Cow::Owned(Value::Object(out))
}

fn renamed(
    map: &Map<String, Value>,
    name: impl Fn(&str) -> Option<&'static str>,
) -> Map<String, Value> {
    let each = map.iter().map(|(key, value)| {
        let key = name(key).map_or_else(|| key.clone(), str::to_owned);
        (key, value.clone())
    });
    each.collect()
}

/// How much of the CPU that is asked for is to be used.
fn is_cpu(metric: &Value) -> bool {
    metric["type"] == "Resource" && metric["resource"]["name"] == "cpu"
}

/// An autoscaler as `autoscaling/v1`: it knows the CPU's share alone.
fn older(map: &Map<String, Value>) -> Map<String, Value> {
    let mut out = map.clone();
    if let Some(spec) = out.get_mut("spec").and_then(Value::as_object_mut) {
        let metrics = spec.remove("metrics").unwrap_or_default();
        spec.remove("behavior");
        let metrics = metrics.as_array().cloned().unwrap_or_default();
        let (cpu, others): (Vec<Value>, Vec<Value>) = metrics.into_iter().partition(is_cpu);
        let share = cpu
            .first()
            .map(|m| m["resource"]["target"]["averageUtilization"].clone());
        if let Some(share) = share.filter(|s| !s.is_null()) {
            spec.insert("targetCPUUtilizationPercentage".to_owned(), share);
        }
        if !others.is_empty()
            && let Some(metadata) = out.get_mut("metadata")
        {
            metadata["annotations"][METRICS] = json!(json!(others).to_string());
        }
    }
    if let Some(status) = out.get_mut("status").and_then(Value::as_object_mut) {
        let metrics = status.remove("currentMetrics").unwrap_or_default();
        status.remove("conditions");
        let metrics = metrics.as_array().cloned().unwrap_or_default();
        let cpu = metrics.iter().find(|m| is_cpu(m));
        let share = cpu.map(|m| m["resource"]["current"]["averageUtilization"].clone());
        if let Some(share) = share.filter(|s| !s.is_null()) {
            status.insert("currentCPUUtilizationPercentage".to_owned(), share);
        }
        status.entry("currentReplicas").or_insert(json!(0));
    }
    out
}

/// An autoscaler as `autoscaling/v2`.
fn newer(map: &Map<String, Value>) -> Map<String, Value> {
    let mut out = map.clone();
    let annotations = out
        .get_mut("metadata")
        .and_then(|m| m.get_mut("annotations"));
    let kept = annotations
        .and_then(Value::as_object_mut)
        .and_then(|a| a.remove(METRICS));
    let kept = kept.and_then(|k| serde_json::from_str::<Vec<Value>>(k.as_str()?).ok());
    let mut metrics = kept.unwrap_or_default();
    if let Some(spec) = out.get_mut("spec").and_then(Value::as_object_mut) {
        if let Some(share) = spec.remove("targetCPUUtilizationPercentage") {
            let target = json!({"type": "Utilization", "averageUtilization": share});
            let cpu = json!({"type": "Resource", "resource": {"name": "cpu", "target": target}});
            metrics.insert(0, cpu);
        }
        if !metrics.is_empty() {
            spec.insert("metrics".to_owned(), json!(metrics));
        }
    }
    if let Some(status) = out.get_mut("status").and_then(Value::as_object_mut) {
        let share = status.remove("currentCPUUtilizationPercentage");
        let current = share.map(|share| {
            let current = json!({"averageUtilization": share, "averageValue": "0"});
            json!([{"type": "Resource", "resource": {"name": "cpu", "current": current}}])
        });
        status.insert("currentMetrics".to_owned(), current.unwrap_or_default());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::registry::Registry;

    #[test]
    fn what_one_version_keeps_the_other_shows() {
        let registry = Registry::kubernetes();
        let resource = |version| {
            registry
                .get("autoscaling", version, "horizontalpodautoscalers")
                .unwrap()
        };
        let old = json!({
            "apiVersion": "autoscaling/v1", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "a"},
            "spec": {"maxReplicas": 3, "targetCPUUtilizationPercentage": 60}, "status": {"currentReplicas": 0, "desiredReplicas": 0},
        });
        let new = shown(&resource("v2"), &old).into_owned();
        assert_eq!(
            new["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"],
            60
        );
        assert_eq!(*shown(&resource("v1"), &new), old);
        let memory = json!({"type": "Resource", "resource": {"name": "memory", "target": {"type": "Utilization", "averageUtilization": 5}}});
        let new =
            json!({"apiVersion": "autoscaling/v2", "metadata": {}, "spec": {"metrics": [memory]}});
        let old = shown(&resource("v1"), &new).into_owned();
        assert_eq!(shown(&resource("v2"), &old)["spec"], new["spec"]);
    }
}
