//! What is filled in for kinds that learners seldom write.

use serde_json::{Map, Value, json};

use super::{each, given, given_in, spec};

/// Fills in an object.
pub(super) fn fill(group: &str, kind: &str, map: &mut Map<String, Value>) {
    match (group, kind) {
        ("", "ReplicationController") => controller(map),
        ("", "Endpoints") => {
            for subset in list(map, "subsets") {
                protocols(subset, "TCP");
            }
        }
        ("discovery.k8s.io", "EndpointSlice") => {
            for port in list(map, "ports") {
                given(port, &json!({"name": "", "protocol": "TCP"}));
            }
            for list in ["endpoints", "ports"] {
                if map.get(list).is_none_or(|l| *l == json!([])) {
                    map.insert(list.to_owned(), Value::Null);
                }
            }
        }
        ("", "LimitRange") => limit_range(map),
        ("", "Node") => {
            let blocks = map.get("spec").and_then(|s| s.get("podCIDR")).cloned();
            if let Some(block) = blocks {
                spec(map, &json!({"podCIDRs": [block]}));
            }
        }
        ("networking.k8s.io", "IngressClass") => {
            if let Some(of) = map.get_mut("spec").and_then(|s| s.get_mut("parameters")) {
                given(of, &json!({"scope": "Cluster"}));
            }
        }
        ("scheduling.k8s.io", "PriorityClass") => {
            given_in(map, json!({"preemptionPolicy": "PreemptLowerPriority"}));
        }
        ("storage.k8s.io", "CSIDriver") => spec(
            map,
            &json!({
                "attachRequired": true, "podInfoOnMount": false, "storageCapacity": false, "requiresRepublish": false,
                "seLinuxMount": false, "fsGroupPolicy": "ReadWriteOnceWithFSType", "volumeLifecycleModes": ["Persistent"],
            }),
        ),
        ("admissionregistration.k8s.io", kind) => webhooks(kind, map),
        ("flowcontrol.apiserver.k8s.io", "FlowSchema") => {
            spec(map, &json!({"matchingPrecedence": 1000}));
        }
        ("flowcontrol.apiserver.k8s.io", "PriorityLevelConfiguration") => {
            if let Some(limited) = map.get_mut("spec").and_then(|s| s.get_mut("limited")) {
                given(
                    limited,
                    &json!({"nominalConcurrencyShares": 30, "lendablePercent": 0}),
                );
            }
        }
        ("apiregistration.k8s.io", "APIService") => {
            if let Some(service) = map.get_mut("spec").and_then(|s| s.get_mut("service")) {
                given(service, &json!({"port": 443}));
            }
        }
        _ => {}
    }
}

/// The items of a list of the object itself.
fn list<'a>(map: &'a mut Map<String, Value>, name: &str) -> impl Iterator<Item = &'a mut Value> {
    let list = map.get_mut(name).and_then(Value::as_array_mut);
    list.into_iter().flatten()
}

fn protocols(holder: &mut Value, protocol: &str) {
    for port in each(holder, "ports") {
        given(port, &json!({"protocol": protocol}));
    }
}

/// A `ReplicationController` selects what its template's labels say, and is labelled so.
fn controller(map: &mut Map<String, Value>) {
    let labels = map
        .get("spec")
        .and_then(|s| s.pointer("/template/metadata/labels"));
    let labels = labels.cloned();
    spec(map, &json!({"replicas": 1}));
    let Some(labels) = labels else {
        return;
    };
    if map["spec"].get("selector").is_none() {
        map["spec"]["selector"] = labels.clone();
    }
    if let Some(metadata) = map.get_mut("metadata")
        && metadata.get("labels").is_none()
    {
        metadata["labels"] = labels;
    }
}

/// A container gets at most what is the most, and asks for what it gets, or for the least.
fn limit_range(map: &mut Map<String, Value>) {
    for limit in each(map.entry("spec").or_insert_with(|| json!({})), "limits") {
        if limit["type"] != "Container" {
            continue;
        }
        for (field, from) in [
            ("default", "max"),
            ("defaultRequest", "default"),
            ("defaultRequest", "min"),
        ] {
            let amounts = limit.get(from).cloned();
            if let Some(amounts) = amounts {
                given(limit, &json!({field: amounts}));
            }
        }
    }
}

fn webhooks(kind: &str, map: &mut Map<String, Value>) {
    for hook in list(map, "webhooks") {
        given(
            hook,
            &json!({
                "failurePolicy": "Fail", "matchPolicy": "Equivalent", "namespaceSelector": {}, "objectSelector": {},
                "timeoutSeconds": 10,
            }),
        );
        if kind == "MutatingWebhookConfiguration" {
            given(hook, &json!({"reinvocationPolicy": "Never"}));
        }
        if hook["clientConfig"]["service"].is_object() {
            given(&mut hook["clientConfig"]["service"], &json!({"port": 443}));
        }
        for rule in each(hook, "rules") {
            given(rule, &json!({"scope": "*"}));
        }
    }
}

/// An autoscaler, in either of its versions.
/// <https://github.com/kubernetes/kubernetes/blob/master/pkg/apis/autoscaling/v2/defaults.go>
pub(super) fn autoscaler(map: &mut Map<String, Value>, version: &str) {
    spec(map, &json!({"minReplicas": 1}));
    if version == "v1" {
        spec(map, &json!({"targetCPUUtilizationPercentage": 80}));
        return;
    }
    // It is always written, also where nothing was measured.
    if let Some(status) = map.get_mut("status").and_then(Value::as_object_mut) {
        status.entry("currentMetrics").or_insert(Value::Null);
    }
    let own = &mut map["spec"];
    if own["metrics"].as_array().is_none_or(Vec::is_empty) {
        let cpu =
            json!({"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}});
        own["metrics"] = json!([{"type": "Resource", "resource": cpu}]);
    }
    if own["behavior"].is_object() {
        let all = json!({"type": "Percent", "value": 100, "periodSeconds": 15});
        let four = json!({"type": "Pods", "value": 4, "periodSeconds": 15});
        given(
            &mut own["behavior"],
            &json!({
                "scaleUp": {"policies": [four, all], "selectPolicy": "Max", "stabilizationWindowSeconds": 0},
                "scaleDown": {"policies": [all], "selectPolicy": "Max"},
            }),
        );
    }
}
