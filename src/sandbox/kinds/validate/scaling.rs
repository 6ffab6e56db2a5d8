//! Autoscalers, and budgets for disruptions.

use serde_json::{Value, json};

use super::found::{Found, each, is_empty, text_of};

/// An autoscaler.
pub(super) fn autoscaler(object: &Value, found: &mut Found) {
    let spec = &object["spec"];
    let least = spec["minReplicas"].as_i64();
    let most = spec["maxReplicas"].as_i64().unwrap_or_default();
    if least.is_some_and(|l| l < 1) {
        let why = "must be greater than or equal to 1";
        found.invalid("spec.minReplicas", &spec["minReplicas"], why);
    }
    if most < 1 {
        found.invalid("spec.maxReplicas", &json!(most), "must be greater than 0");
    }
    if least.is_some_and(|l| most < l) {
        let why = "must be greater than or equal to `minReplicas`";
        found.invalid("spec.maxReplicas", &json!(most), why);
    }
    target(&spec["scaleTargetRef"], "spec.scaleTargetRef", found);
    let mut wide = false;
    for (i, metric) in each(&spec["metrics"]) {
        wide |= matches!(metric["type"].as_str(), Some("Object" | "External"));
        self::metric(metric, &format!("spec.metrics[{i}]"), found);
    }
    if least == Some(0) && !wide {
        let why = "must specify at least one Object or External metric to support scaling to zero replicas";
        found.forbidden("spec.metrics", why);
    }
}

fn target(target: &Value, at: &str, found: &mut Found) {
    found.text(format!("{at}.kind"), &target["kind"]);
    found.text(format!("{at}.name"), &target["name"]);
    let version = target["apiVersion"].as_str().unwrap_or_default();
    if !version.contains('/') && target["kind"] != "ReplicationController" {
        let why = "apiVersion must specify API group";
        found.invalid(
            format!("{at}.apiVersion"),
            text_of(&target["apiVersion"]),
            why,
        );
    }
}

fn metric(metric: &Value, at: &str, found: &mut Found) {
    let kinds = [
        ("Object", "object"),
        ("Pods", "pods"),
        ("Resource", "resource"),
        ("ContainerResource", "containerResource"),
        ("External", "external"),
    ];
    if is_empty(&metric["type"]) {
        found.required(format!("{at}.type"), "must specify a metric source type");
        return;
    }
    let Some((_, field)) = kinds.iter().find(|(kind, _)| metric["type"] == *kind) else {
        let known = [
            "ContainerResource",
            "External",
            "Object",
            "Pods",
            "Resource",
        ];
        found.one_of(format!("{at}.type"), &metric["type"], &known);
        return;
    };
    let of = &metric[*field];
    let at = format!("{at}.{field}");
    if of.is_null() {
        found.required(at, "must populate information for the given metric source");
        return;
    }
    if matches!(*field, "resource" | "containerResource") {
        if is_empty(&of["name"]) {
            found.required(format!("{at}.name"), "must specify a resource name");
        }
        let target = &of["target"];
        let at = format!("{at}.target");
        let (share, value) = (&target["averageUtilization"], &target["averageValue"]);
        if share.as_i64().is_some_and(|s| s < 1) {
            found.invalid(
                format!("{at}.averageUtilization"),
                share,
                "must be greater than 0",
            );
        }
        let field = format!("{at}.averageUtilization");
        if share.is_null() && value.is_null() {
            let why = "must set either a target raw value or a target utilization";
            found.required(field, why);
        } else if !share.is_null() && !value.is_null() {
            let why = "may not set both a target raw value and a target utilization";
            found.forbidden(format!("{at}.averageValue"), why);
        }
    }
}

/// A budget for disruptions.
pub(super) fn budget(object: &Value, found: &mut Found) {
    let spec = &object["spec"];
    let (least, most) = (&spec["minAvailable"], &spec["maxUnavailable"]);
    if !least.is_null() && !most.is_null() {
        // As Go prints a struct without names for JSON.
        let shown = format!(
            r#"{{"MinAvailable":{least},"Selector":{},"MaxUnavailable":{most},"UnhealthyPodEvictionPolicy":{}}}"#,
            spec["selector"], spec["unhealthyPodEvictionPolicy"]
        );
        found.worded(
            "FieldValueInvalid",
            "spec",
            format!("Invalid value: {shown}: minAvailable and maxUnavailable cannot be both set"),
        );
    }
    for (field, value) in [("minAvailable", least), ("maxUnavailable", most)] {
        let at = format!("spec.{field}");
        found.share(&at, value);
        found.at_most_all(&at, value);
    }
    found.selector("spec.selector", &spec["selector"]);
}
