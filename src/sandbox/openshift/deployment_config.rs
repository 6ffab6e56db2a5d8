//! `DeploymentConfigs`: what is filled in.
//! <https://github.com/openshift/openshift-apiserver/blob/main/pkg/apps/apis/apps/v1/defaults.go>

use serde_json::{Value, json};

use super::given;

pub(super) fn default(config: &mut Value) {
    let spec = &mut config["spec"];
    given(
        spec,
        &json!({
            "strategy": {"type": "Rolling", "activeDeadlineSeconds": 21600}, "revisionHistoryLimit": 10,
            "test": false,
        }),
    );
    if spec["triggers"].is_null() {
        spec["triggers"] = json!([{"type": "ConfigChange"}]);
    }
    let labels = spec["template"]["metadata"]["labels"].clone();
    if spec["selector"].is_null() && labels.is_object() {
        spec["selector"] = labels;
    }
    let strategy = &mut spec["strategy"];
    match strategy["type"].as_str() {
        Some("Rolling") => given(
            strategy,
            &json!({"rollingParams": {
                "updatePeriodSeconds": 1, "intervalSeconds": 1, "timeoutSeconds": 600,
                "maxUnavailable": "25%", "maxSurge": "25%",
            }}),
        ),
        Some("Recreate") => given(
            strategy,
            &json!({"recreateParams": {"timeoutSeconds": 600}}),
        ),
        _ => {}
    }
    given(
        &mut config["status"],
        &json!({
            "latestVersion": 0, "observedGeneration": 0, "replicas": 0, "updatedReplicas": 0,
            "availableReplicas": 0, "unavailableReplicas": 0,
        }),
    );
}
