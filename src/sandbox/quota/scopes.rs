//! Quotas that are about some objects only.

use serde_json::{Value, json};

use crate::sandbox::registry::Resource;

/// Whether all scopes of a quota are about an object.
pub(super) fn match_all(quota: &Value, resource: &Resource, object: &Value) -> bool {
    let spec = &quota["spec"];
    let plain = spec["scopes"].as_array().into_iter().flatten();
    let plain = plain.map(|scope| json!({"scopeName": scope, "operator": "Exists"}));
    let selected = spec["scopeSelector"]["matchExpressions"].as_array();
    let mut all = plain.chain(selected.into_iter().flatten().cloned());
    let is_pod = resource.group.is_empty() && resource.plural == "pods";
    all.all(|scope| is_pod && matches(&scope, object))
}

fn matches(scope: &Value, pod: &Value) -> bool {
    let terminating = pod["spec"]["activeDeadlineSeconds"]
        .as_i64()
        .is_some_and(|s| s >= 0);
    let best_effort = pod["status"]["qosClass"] == "BestEffort";
    match scope["scopeName"].as_str() {
        Some("Terminating") => terminating,
        Some("NotTerminating") => !terminating,
        Some("BestEffort") => best_effort,
        Some("NotBestEffort") => !best_effort,
        Some("PriorityClass") => {
            let class = &pod["spec"]["priorityClassName"];
            let named = class.as_str().is_some_and(|c| !c.is_empty());
            let listed = scope["values"]
                .as_array()
                .is_some_and(|v| v.contains(class));
            match scope["operator"].as_str() {
                Some("In") => named && listed,
                Some("NotIn") => !listed,
                Some("DoesNotExist") => !named,
                _ => named,
            }
        }
        Some("CrossNamespacePodAffinity") => crosses(&pod["spec"]["affinity"]),
        _ => false,
    }
}

/// Whether a Pod wants to be near or far from Pods of other namespaces.
fn crosses(affinity: &Value) -> bool {
    let of = |kind: &str| {
        let affinity = &affinity[kind];
        let required = affinity["requiredDuringSchedulingIgnoredDuringExecution"].as_array();
        let preferred = affinity["preferredDuringSchedulingIgnoredDuringExecution"].as_array();
        let preferred = preferred
            .into_iter()
            .flatten()
            .map(|t| &t["podAffinityTerm"]);
        let mut all = required.into_iter().flatten().chain(preferred);
        all.any(|t| {
            let named = t["namespaces"].as_array().is_some_and(|n| !n.is_empty());
            named || t["namespaceSelector"].is_object()
        })
    };
    of("podAffinity") || of("podAntiAffinity")
}
