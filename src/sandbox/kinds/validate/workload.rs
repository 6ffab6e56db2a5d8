//! Workloads: what keeps Pods running, and the templates by which they are made.

use serde_json::{Value, json};

use super::{
    found::{Found, is_empty, percent},
    pod,
};
use crate::sandbox::registry::Resource;

/// Where the specification of a template's Pods lies.
const TEMPLATE: &str = "spec.template.spec";

/// The specification of a workload.
pub(super) fn spec(resource: &Resource, object: &Value, found: &mut Found) {
    let (kind, spec) = (resource.kind.as_str(), &object["spec"]);
    match kind {
        "Deployment" => {
            found.natural("spec.replicas", &spec["replicas"]);
            template(kind, spec, found);
            strategy(spec, found);
            found.natural("spec.minReadySeconds", &spec["minReadySeconds"]);
            found.natural("spec.revisionHistoryLimit", &spec["revisionHistoryLimit"]);
            deadline(spec, found);
        }
        "ReplicaSet" => {
            found.natural("spec.replicas", &spec["replicas"]);
            found.natural("spec.minReadySeconds", &spec["minReadySeconds"]);
            template(kind, spec, found);
        }
        "StatefulSet" => {
            if !matches!(
                spec["podManagementPolicy"].as_str(),
                Some("OrderedReady" | "Parallel")
            ) {
                let why = "must be 'OrderedReady' or 'Parallel'";
                found.invalid(
                    "spec.podManagementPolicy",
                    &spec["podManagementPolicy"],
                    why,
                );
            }
            if !matches!(
                spec["updateStrategy"]["type"].as_str(),
                Some("RollingUpdate" | "OnDelete")
            ) {
                let shown = printed(&spec["updateStrategy"]);
                let message =
                    format!("Invalid value: {shown}: must be 'RollingUpdate' or 'OnDelete'");
                found.worded("FieldValueInvalid", "spec.updateStrategy", message);
            }
            found.natural("spec.replicas", &spec["replicas"]);
            found.natural("spec.minReadySeconds", &spec["minReadySeconds"]);
            template(kind, spec, found);
        }
        "DaemonSet" => {
            template(kind, spec, found);
            found.natural("spec.minReadySeconds", &spec["minReadySeconds"]);
            let known = ["RollingUpdate", "OnDelete"];
            let strategy = &spec["updateStrategy"];
            if !known.iter().any(|k| strategy["type"] == *k) {
                unknown_strategy("spec.updateStrategy", strategy, &known, found);
            }
            found.natural("spec.revisionHistoryLimit", &spec["revisionHistoryLimit"]);
        }
        "ReplicationController" => controller(spec, found),
        _ => {}
    }
}

/// The selector, and the template that it selects.
fn template(kind: &str, spec: &Value, found: &mut Found) {
    let selector = &spec["selector"];
    let selects = if selector.is_null() {
        found.required("spec.selector", "");
        true
    } else {
        let before = found.0.len();
        found.selector("spec.selector", selector);
        let right = found.0.len() == before;
        if is_empty(selector) {
            // The check of a ReplicaSet was taken from that of a Deployment.
            let named = if kind == "ReplicaSet" {
                "deployment"
            } else {
                &kind.to_lowercase()
            };
            let why = format!("empty selector is invalid for {named}");
            found.invalid("spec.selector", selector, &why);
        }
        if !right {
            found.invalid("spec.selector", selector, "invalid label selector");
        }
        right
    };
    let template = &spec["template"];
    if !selects {
        return;
    }
    // Nothing selects nothing; everything selects everything.
    let empty = selector.as_object().is_some_and(serde_json::Map::is_empty);
    if selector.is_null() {
        let labels = &template["metadata"]["labels"];
        let why = "`selector` does not match template `labels`";
        found.invalid("spec.template.metadata.labels", labels, why);
    } else if !empty {
        pod::selected(template, selector, found);
    }
    found.selected_labels("spec.template.labels", &template["metadata"]["labels"]);
    pod::spec(&template["spec"], TEMPLATE, found);
    let named = if kind == "Deployment" {
        "ReplicaSet"
    } else {
        kind
    };
    pod::for_ever(&template["spec"], TEMPLATE, named, found);
}

/// A strategy of a kind that there is not.
fn unknown_strategy(field: &str, strategy: &Value, known: &[&str], found: &mut Found) {
    let shown = printed(strategy);
    let known: Vec<String> = known.iter().map(|k| format!("\"{k}\"")).collect();
    let message = format!(
        "Unsupported value: {shown}: supported values: {}",
        known.join(", ")
    );
    found.worded("FieldValueNotSupported", field, message);
}

/// A strategy as Go prints it.
fn printed(strategy: &Value) -> String {
    format!(
        r#"{{"Type":{},"RollingUpdate":{}}}"#,
        strategy["type"], strategy["rollingUpdate"]
    )
}

fn strategy(spec: &Value, found: &mut Found) {
    let strategy = &spec["strategy"];
    let rolling = &strategy["rollingUpdate"];
    match strategy["type"].as_str() {
        Some("Recreate") => {
            if !rolling.is_null() {
                let why = "may not be specified when strategy `type` is 'Recreate'";
                found.forbidden("spec.strategy.rollingUpdate", why);
            }
        }
        Some("RollingUpdate") => {
            let at = "spec.strategy.rollingUpdate";
            let (away, more) = (&rolling["maxUnavailable"], &rolling["maxSurge"]);
            found.share(&format!("{at}.maxUnavailable"), away);
            found.share(&format!("{at}.maxSurge"), more);
            let none = |v: &Value| *v == json!(0) || percent(v) == Some(0);
            if none(away) && none(more) {
                let why = "may not be 0 when `maxSurge` is 0";
                found.invalid(format!("{at}.maxUnavailable"), away, why);
            }
            found.at_most_all(&format!("{at}.maxUnavailable"), away);
        }
        _ => unknown_strategy(
            "spec.strategy",
            strategy,
            &["Recreate", "RollingUpdate"],
            found,
        ),
    }
}

fn deadline(spec: &Value, found: &mut Found) {
    let deadline = &spec["progressDeadlineSeconds"];
    found.natural("spec.progressDeadlineSeconds", deadline);
    let ready = spec["minReadySeconds"].as_i64().unwrap_or_default();
    if deadline.as_i64().is_some_and(|d| d <= ready) {
        let why = "must be greater than minReadySeconds";
        found.invalid("spec.progressDeadlineSeconds", deadline, why);
    }
}

/// A `ReplicationController`: its selector has no form but that of labels.
fn controller(spec: &Value, found: &mut Found) {
    found.natural("spec.minReadySeconds", &spec["minReadySeconds"]);
    if is_empty(&spec["selector"]) {
        found.required("spec.selector", "");
    }
    found.natural("spec.replicas", &spec["replicas"]);
    let template = &spec["template"];
    if template.is_null() {
        found.required("spec.template", "");
        return;
    }
    pod::selected(template, &json!({"matchLabels": spec["selector"]}), found);
    pod::spec(&template["spec"], TEMPLATE, found);
    pod::for_ever(&template["spec"], TEMPLATE, "ReplicationController", found);
}
