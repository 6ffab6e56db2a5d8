//! What is refused: names, labels, and the fields of the kinds that learners write.
//! <https://github.com/kubernetes/kubernetes/tree/master/pkg/apis> (`validation.go` of each group)

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::workload;
use crate::sandbox::{
    controllers::workloads::cronjob::schedule::Schedule, names, registry::Resource, status::Cause,
    store::selector::Selector,
};

/// What is wrong with an object.
pub(super) fn object(resource: &Resource, object: &Value) -> Vec<Cause> {
    let mut causes = metadata(resource, object);
    if resource.custom {
        return causes;
    }
    match (resource.group.as_str(), resource.kind.as_str()) {
        ("apps", "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet") => {
            causes.extend(workload_spec(resource, object));
        }
        ("batch", "Job") => causes.extend(job(&object["spec"], "spec")),
        ("batch", "CronJob") => causes.extend(cron_job(&object["spec"])),
        ("", "Pod") => causes.extend(pod_spec(&object["spec"], "spec")),
        ("", "Service") => causes.extend(service(object)),
        ("", "ConfigMap") => causes.extend(keys(object)),
        ("", "Secret") => {
            causes.extend(keys(object));
            causes.extend(secret(object));
        }
        ("networking.k8s.io", "Ingress") => causes.extend(ingress(object)),
        ("autoscaling", "HorizontalPodAutoscaler") => causes.extend(autoscaler(object)),
        _ => {}
    }
    causes
}

/// What is wrong with a change: fields that stay as they are.
pub(super) fn change(resource: &Resource, live: &Value, object: &Value) -> Vec<Cause> {
    const IMMUTABLE: &str = "field is immutable";
    // Labels are looked at with the change, and again with the object.
    let mut causes = labels(&object["metadata"]["labels"], "metadata.labels");
    let mut same = |pointer: &str, field: &str| {
        let (before, after) = (live.pointer(pointer), object.pointer(pointer));
        if before != after {
            let after = after.cloned().unwrap_or_default();
            causes.push(Cause::invalid(field, &after, IMMUTABLE));
        }
    };
    match (resource.group.as_str(), resource.kind.as_str()) {
        ("apps", "Deployment" | "ReplicaSet" | "DaemonSet") => {
            same("/spec/selector", "spec.selector");
        }
        ("batch", "Job") => {
            same("/spec/selector", "spec.selector");
            // Where and how the Pods run may change as long as there are none.
            let waits = live["spec"]["suspend"] == true && live["status"]["startTime"].is_null();
            if !waits {
                same("/spec/template", "spec.template");
            }
        }
        ("rbac.authorization.k8s.io", "RoleBinding" | "ClusterRoleBinding")
            if live["roleRef"] != object["roleRef"] =>
        {
            let role = &object["roleRef"];
            // As Go prints a struct without names for JSON.
            let shown =
                json!({"APIGroup": role["apiGroup"], "Kind": role["kind"], "Name": role["name"]});
            causes.push(Cause::invalid("roleRef", &shown, "cannot change roleRef"));
        }
        ("", "Secret") => same("/type", "type"),
        ("", "Service") => {
            let ip = |o: &Value| {
                o["spec"]["clusterIP"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned()
            };
            if !ip(live).is_empty()
                && ip(live) != ip(object)
                && object["spec"]["type"] != "ExternalName"
            {
                let message = "may not change once set";
                causes.push(Cause::invalid(
                    "spec.clusterIPs[0]",
                    &object["spec"]["clusterIPs"][0],
                    message,
                ));
            }
        }
        _ => {}
    }
    for (kind, field) in [("ConfigMap", "data"), ("Secret", "data")] {
        if resource.kind == kind && live["immutable"] == true && live[field] != object[field] {
            causes.push(Cause::forbidden(
                field,
                "field is immutable when `immutable` is set",
            ));
        }
    }
    causes
}

fn metadata(resource: &Resource, object: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    let problem = match (resource.group.as_str(), resource.kind.as_str()) {
        // Digests and people have names of other forms, and so have roles.
        ("rbac.authorization.k8s.io" | "user.openshift.io", _)
        | ("image.openshift.io", "Image") => None,
        ("", "Namespace") if name.contains('.') => Some("must not contain dots".to_owned()),
        ("", "Namespace") => names::label_problem(name),
        ("", "Service") => names::service_problem(name),
        _ => names::subdomain_problem(name),
    };
    if let Some(problem) = problem {
        causes.push(Cause::invalid("metadata.name", &json!(name), &problem));
    }
    causes.extend(labels(&object["metadata"]["labels"], "metadata.labels"));
    causes
}

/// Labels: their keys and values.
fn labels(labels: &Value, field: &str) -> Vec<Cause> {
    let mut causes = Vec::new();
    for (key, value) in labels.as_object().into_iter().flatten() {
        let name = key.rsplit('/').next().unwrap_or_default();
        if !is_qualified(name) {
            let why = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
            causes.push(Cause::invalid(field, &json!(key), why));
        }
        let text = value.as_str().unwrap_or_default();
        if text.len() > 63 {
            causes.push(Cause::invalid(
                field,
                value,
                "must be no more than 63 bytes",
            ));
        } else if !text.is_empty() && !is_qualified(text) {
            let why = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
            causes.push(Cause::invalid(field, value, why));
        }
    }
    causes
}

fn is_qualified(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    !text.is_empty()
        && text.len() <= 63
        && text.chars().all(inner)
        && edge(text.chars().next())
        && edge(text.chars().next_back())
}

fn workload_spec(resource: &Resource, object: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    let spec = &object["spec"];
    if let Some(replicas) = spec["replicas"].as_i64().filter(|r| *r < 0) {
        let why = "must be greater than or equal to 0";
        causes.push(Cause::invalid("spec.replicas", &json!(replicas), why));
    }
    let template = &spec["template"];
    match &spec["selector"] {
        Value::Null => {
            causes.push(Cause::required("spec.selector", ""));
            // Nothing selects nothing.
            let found = json!(
                template["metadata"]["labels"]
                    .as_object()
                    .cloned()
                    .unwrap_or_default()
            );
            let why = "`selector` does not match template `labels`";
            causes.push(Cause::invalid("spec.template.metadata.labels", &found, why));
        }
        selector => {
            let empty = selector.as_object().is_some_and(serde_json::Map::is_empty);
            if empty {
                let why = format!(
                    "empty selector is invalid for {}",
                    resource.kind.to_lowercase()
                );
                causes.push(Cause::invalid("spec.selector", selector, &why));
            }
            let labels = template["metadata"]["labels"].as_object();
            if !Selector::of(selector).matches_labels(labels) {
                let found = json!(labels.cloned().unwrap_or_default());
                let why = "`selector` does not match template `labels`";
                causes.push(Cause::invalid("spec.template.metadata.labels", &found, why));
            }
        }
    }
    causes.extend(labels(
        &template["metadata"]["labels"],
        "spec.template.labels",
    ));
    causes.extend(pod_spec(&template["spec"], "spec.template.spec"));
    if template["spec"]["restartPolicy"] != "Always" {
        let policy = &template["spec"]["restartPolicy"];
        causes.push(Cause::not_supported(
            "spec.template.spec.restartPolicy",
            policy,
            &["Always"],
        ));
    }
    debug_assert!(workload::template_of(&resource.kind).is_some());
    causes
}

/// What is wrong with a Job's specification.
fn job(spec: &Value, field: &str) -> Vec<Cause> {
    let mut causes = Vec::new();
    for number in ["parallelism", "completions", "backoffLimit"] {
        if spec[number].as_i64().is_some_and(|n| n < 0) {
            let why = "must be greater than or equal to 0";
            causes.push(Cause::invalid(
                format!("{field}.{number}"),
                &spec[number],
                why,
            ));
        }
    }
    let pods = &spec["template"]["spec"];
    causes.extend(pod_spec(pods, &format!("{field}.template.spec")));
    if !matches!(pods["restartPolicy"].as_str(), Some("OnFailure" | "Never")) {
        let at = format!("{field}.template.spec.restartPolicy");
        let why = "valid values: \"OnFailure\", \"Never\"";
        causes.push(Cause::required(at, why));
    }
    causes
}

/// What is wrong with a `CronJob`'s specification.
fn cron_job(spec: &Value) -> Vec<Cause> {
    let schedule = spec["schedule"].as_str().unwrap_or_default();
    let mut causes = Vec::new();
    if schedule.is_empty() {
        causes.push(Cause::required("spec.schedule", ""));
    } else if let Err(why) = Schedule::parse(schedule) {
        causes.push(Cause::invalid("spec.schedule", &spec["schedule"], &why));
    }
    causes.extend(job(&spec["jobTemplate"]["spec"], "spec.jobTemplate.spec"));
    causes
}

fn pod_spec(spec: &Value, field: &str) -> Vec<Cause> {
    let mut causes = Vec::new();
    let containers = spec["containers"].as_array();
    if containers.is_none_or(Vec::is_empty) {
        causes.push(Cause::required(format!("{field}.containers"), ""));
    }
    let volumes: BTreeSet<&str> = spec["volumes"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|v| v["name"].as_str())
        .collect();
    let mut seen = BTreeSet::new();
    for (i, container) in containers.into_iter().flatten().enumerate() {
        let at = format!("{field}.containers[{i}]");
        let name = container["name"].as_str().unwrap_or_default();
        if name.is_empty() {
            causes.push(Cause::required(format!("{at}.name"), ""));
        } else if let Some(problem) = names::label_problem(name) {
            causes.push(Cause::invalid(format!("{at}.name"), &json!(name), &problem));
        } else if !seen.insert(name) {
            causes.push(Cause::duplicate(format!("{at}.name"), &json!(name)));
        }
        if container["image"].as_str().unwrap_or_default().is_empty() {
            causes.push(Cause::required(format!("{at}.image"), ""));
        }
        for (j, port) in container["ports"]
            .as_array()
            .into_iter()
            .flatten()
            .enumerate()
        {
            let number = &port["containerPort"];
            let at = format!("{at}.ports[{j}].containerPort");
            match number.as_i64() {
                None | Some(0) => causes.push(Cause::required(at, "")),
                Some(1..=65535) => {}
                Some(_) => causes.push(Cause::invalid(
                    at,
                    number,
                    "must be between 1 and 65535, inclusive",
                )),
            }
        }
        for (j, mount) in container["volumeMounts"]
            .as_array()
            .into_iter()
            .flatten()
            .enumerate()
        {
            let name = mount["name"].as_str().unwrap_or_default();
            if !volumes.contains(name) {
                let at = format!("{at}.volumeMounts[{j}].name");
                causes.push(Cause {
                    reason: "FieldValueNotFound",
                    message: format!("Not found: \"{name}\""),
                    field: at,
                });
            }
        }
    }
    causes
}

fn service(object: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    let spec = &object["spec"];
    let ports = spec["ports"].as_array();
    let headless = spec["clusterIP"] == "None";
    if ports.is_none_or(Vec::is_empty) && spec["type"] != "ExternalName" && !headless {
        causes.push(Cause::required("spec.ports", ""));
    }
    let several = ports.is_some_and(|p| p.len() > 1);
    for (i, port) in ports.into_iter().flatten().enumerate() {
        if several && port["name"].as_str().unwrap_or_default().is_empty() {
            causes.push(Cause::required(format!("spec.ports[{i}].name"), ""));
        }
        for field in ["port", "targetPort"] {
            let number = &port[field];
            if number.as_i64().is_some_and(|n| !(1..=65535).contains(&n)) {
                let why = "must be between 1 and 65535, inclusive";
                causes.push(Cause::invalid(
                    format!("spec.ports[{i}].{field}"),
                    number,
                    why,
                ));
            }
        }
    }
    let kinds = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
    if !kinds.iter().any(|k| spec["type"] == *k) {
        causes.push(Cause::not_supported("spec.type", &spec["type"], &kinds));
    }
    causes
}

fn keys(object: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    for (key, _) in object["data"].as_object().into_iter().flatten() {
        let right = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if key.is_empty() || !key.chars().all(right) {
            let why = "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";
            causes.push(Cause::invalid(format!("data[{key}]"), &json!(key), why));
        }
    }
    causes
}

/// Keys that a Secret of a known type has to have.
fn secret(object: &Value) -> Vec<Cause> {
    const ACCOUNT: &str = "kubernetes.io/service-account.name";
    let account = object["metadata"]["annotations"][ACCOUNT].as_str();
    if object["type"] == "kubernetes.io/service-account-token" && account.is_none_or(str::is_empty)
    {
        let field = format!("metadata.annotations[{ACCOUNT}]");
        return vec![Cause::required(field, "")];
    }
    let needed: &[&str] = match object["type"].as_str() {
        Some("kubernetes.io/tls") => &["tls.crt", "tls.key"],
        Some("kubernetes.io/dockerconfigjson") => &[".dockerconfigjson"],
        Some("kubernetes.io/ssh-auth") => &["ssh-privatekey"],
        _ => &[],
    };
    let missing = needed
        .iter()
        .filter(|key| object["data"].get(**key).is_none());
    missing
        .map(|key| Cause::required(format!("data[{key}]"), ""))
        .collect()
}

fn ingress(object: &Value) -> Vec<Cause> {
    let spec = &object["spec"];
    let none = |v: &Value| v.as_array().is_none_or(Vec::is_empty);
    if spec["defaultBackend"].is_null() && none(&spec["rules"]) {
        let why = "either `defaultBackend` or `rules` must be specified";
        return vec![Cause::invalid("spec", spec, why)];
    }
    let mut causes = Vec::new();
    for (i, rule) in spec["rules"].as_array().into_iter().flatten().enumerate() {
        for (j, path) in rule["http"]["paths"]
            .as_array()
            .into_iter()
            .flatten()
            .enumerate()
        {
            let at = format!("spec.rules[{i}].http.paths[{j}].pathType");
            if path["pathType"].is_null() {
                causes.push(Cause::required(at, "pathType must be specified"));
            }
        }
    }
    causes
}

fn autoscaler(object: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    let spec = &object["spec"];
    let most = spec["maxReplicas"].as_i64().unwrap_or_default();
    if most < 1 {
        causes.push(Cause::invalid(
            "spec.maxReplicas",
            &json!(most),
            "must be greater than 0",
        ));
    } else if spec["minReplicas"]
        .as_i64()
        .is_some_and(|least| least > most)
    {
        let why = "must be greater than or equal to `minReplicas`";
        causes.push(Cause::invalid("spec.maxReplicas", &json!(most), why));
    }
    causes
}
