//! From `ServiceMonitors` and `PodMonitors` to the jobs of a configuration.
//! <https://github.com/prometheus-operator/prometheus-operator/blob/main/pkg/prometheus/promcfg.go>

use serde_json::Value;

use crate::sandbox::{
    pointer::{items, text_in},
    prometheus::{discovery::sanitized, yaml::Yaml},
};

/// Which monitors a job is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Service,
    Pod,
}

type Rules = Vec<Yaml>;

fn texts(value: &Value) -> Vec<String> {
    items(value)
        .iter()
        .filter_map(|v| v.as_str().map(str::to_owned))
        .collect()
}

fn names(all: &[&str]) -> Yaml {
    Yaml::List(all.iter().map(|n| Yaml::text(*n)).collect())
}

fn copy(rules: &mut Rules, from: &[&str], to: &str) {
    rules.push(Yaml::map(vec![
        ("source_labels", names(from)),
        ("target_label", Yaml::text(to)),
    ]));
}

fn copy_if(rules: &mut Rules, from: &str, to: &str) {
    rules.push(Yaml::map(vec![
        ("source_labels", names(&[from])),
        ("target_label", Yaml::text(to)),
        ("regex", Yaml::text("(.+)")),
        ("replacement", Yaml::text("${1}")),
    ]));
}

fn filter(rules: &mut Rules, action: &str, from: &[&str], regex: &str) {
    rules.push(Yaml::map(vec![
        ("action", Yaml::text(action)),
        ("source_labels", names(from)),
        ("regex", Yaml::text(regex)),
    ]));
}

fn fixed(rules: &mut Rules, target: &str, value: &str) {
    rules.push(Yaml::map(vec![
        ("target_label", Yaml::text(target)),
        ("replacement", Yaml::text(value)),
    ]));
}

/// The jobs of a monitor, one for each of its endpoints.
pub(super) fn jobs(monitor: &Value, kind: Kind, shards: i64) -> Vec<Yaml> {
    let field = match kind {
        Kind::Service => "endpoints",
        Kind::Pod => "podMetricsEndpoints",
    };
    let endpoints = items(&monitor["spec"][field]).iter().enumerate();
    endpoints
        .map(|(index, endpoint)| job(monitor, kind, index, endpoint, shards))
        .collect()
}

fn job(monitor: &Value, kind: Kind, index: usize, endpoint: &Value, shards: i64) -> Yaml {
    let (metadata, spec) = (&monitor["metadata"], &monitor["spec"]);
    let (namespace, name) = (text_in(metadata, "namespace"), text_in(metadata, "name"));
    let (prefix, role) = match kind {
        Kind::Service => ("serviceMonitor", "endpoints"),
        Kind::Pod => ("podMonitor", "pod"),
    };
    let mut job = vec![
        (
            "job_name",
            Yaml::text(format!("{prefix}/{namespace}/{name}/{index}")),
        ),
        (
            "honor_labels",
            Yaml::Word((endpoint["honorLabels"] == true).to_string()),
        ),
    ];
    if let Some(honor) = endpoint["honorTimestamps"].as_bool() {
        job.push(("honor_timestamps", Yaml::Word(honor.to_string())));
    }
    job.push(("kubernetes_sd_configs", discovery(spec, namespace, role)));
    for (field, from) in [
        ("scrape_interval", "interval"),
        ("scrape_timeout", "scrapeTimeout"),
        ("metrics_path", "path"),
    ] {
        if !text_in(endpoint, from).is_empty() {
            job.push((field, Yaml::text(text_in(endpoint, from))));
        }
    }
    if endpoint["params"].is_object() {
        job.push(("params", Yaml::from(&endpoint["params"])));
    }
    if !text_in(endpoint, "scheme").is_empty() {
        job.push((
            "scheme",
            Yaml::text(text_in(endpoint, "scheme").to_ascii_lowercase()),
        ));
    }
    if let Some(skip) = endpoint["tlsConfig"]["insecureSkipVerify"].as_bool() {
        let skip = Yaml::Word(skip.to_string());
        job.push((
            "tls_config",
            Yaml::map(vec![("insecure_skip_verify", skip)]),
        ));
    }
    let mut rules = match kind {
        Kind::Service => of_service(spec, endpoint),
        Kind::Pod => of_pod(spec, endpoint, (namespace, name)),
    };
    rules.extend(items(&endpoint["relabelings"]).iter().map(given));
    sharding(&mut rules, shards);
    job.push(("relabel_configs", Yaml::List(rules)));
    if let Some(limit) = spec["sampleLimit"].as_u64().filter(|l| *l > 0) {
        job.push(("sample_limit", Yaml::Word(limit.to_string())));
    }
    let metrics: Rules = items(&endpoint["metricRelabelings"])
        .iter()
        .map(given)
        .collect();
    if !metrics.is_empty() {
        job.push(("metric_relabel_configs", Yaml::List(metrics)));
    }
    Yaml::map(job)
}

fn discovery(spec: &Value, own: &str, role: &str) -> Yaml {
    let mut of = vec![("role", Yaml::text(role))];
    let selector = &spec["namespaceSelector"];
    if selector["any"] != true {
        let mut namespaces = texts(&selector["matchNames"]);
        if namespaces.is_empty() {
            namespaces.push(own.to_owned());
        }
        let namespaces = namespaces.into_iter().map(Yaml::Text).collect();
        of.push((
            "namespaces",
            Yaml::map(vec![("names", Yaml::List(namespaces))]),
        ));
    }
    Yaml::List(vec![Yaml::map(of)])
}

/// The rules for what a selector of labels asks.
fn selected(rules: &mut Rules, selector: &Value, of: &str) {
    let label = |name: &str| format!("__meta_kubernetes_{of}_label_{}", sanitized(name));
    let present = |name: &str| format!("__meta_kubernetes_{of}_labelpresent_{}", sanitized(name));
    for (name, value) in selector["matchLabels"].as_object().into_iter().flatten() {
        let value = value.as_str().unwrap_or_default();
        let regex = format!("({value});true");
        filter(rules, "keep", &[&label(name), &present(name)], &regex);
    }
    for of in items(&selector["matchExpressions"]) {
        let name = text_in(of, "key");
        let values = format!("({});true", texts(&of["values"]).join("|"));
        match text_in(of, "operator") {
            "In" => filter(rules, "keep", &[&label(name), &present(name)], &values),
            "NotIn" => filter(rules, "drop", &[&label(name), &present(name)], &values),
            "Exists" => filter(rules, "keep", &[&present(name)], "true"),
            "DoesNotExist" => filter(rules, "drop", &[&present(name)], "true"),
            _ => {}
        }
    }
}

/// A port by its number or its name; gives how the endpoint is called by it.
fn container_port(rules: &mut Rules, port: &Value) -> Option<String> {
    match port {
        Value::String(name) if !name.is_empty() => {
            filter(
                rules,
                "keep",
                &["__meta_kubernetes_pod_container_port_name"],
                name,
            );
            Some(name.clone())
        }
        Value::Number(number) => {
            let number = number.to_string();
            filter(
                rules,
                "keep",
                &["__meta_kubernetes_pod_container_port_number"],
                &number,
            );
            Some(number)
        }
        _ => None,
    }
}

fn drop_ended(rules: &mut Rules, endpoint: &Value) {
    if endpoint["filterRunning"] != false {
        filter(
            rules,
            "drop",
            &["__meta_kubernetes_pod_phase"],
            "(Failed|Succeeded)",
        );
    }
}

fn of_service(spec: &Value, endpoint: &Value) -> Rules {
    let mut rules = Vec::new();
    copy(&mut rules, &["job"], "__tmp_prometheus_job_name");
    selected(&mut rules, &spec["selector"], "service");
    let port = text_in(endpoint, "port");
    let called = if port.is_empty() {
        container_port(&mut rules, &endpoint["targetPort"])
    } else {
        filter(
            &mut rules,
            "keep",
            &["__meta_kubernetes_endpoint_port_name"],
            port,
        );
        Some(port.to_owned())
    };
    for (kind, label) in [("Node", "node"), ("Pod", "pod")] {
        rules.push(Yaml::map(vec![
            (
                "source_labels",
                names(&[
                    "__meta_kubernetes_endpoint_address_target_kind",
                    "__meta_kubernetes_endpoint_address_target_name",
                ]),
            ),
            ("separator", Yaml::text(";")),
            ("regex", Yaml::text(format!("{kind};(.*)"))),
            ("replacement", Yaml::text("${1}")),
            ("target_label", Yaml::text(label)),
        ]));
    }
    copy(&mut rules, &["__meta_kubernetes_namespace"], "namespace");
    copy(&mut rules, &["__meta_kubernetes_service_name"], "service");
    copy(&mut rules, &["__meta_kubernetes_pod_name"], "pod");
    copy(
        &mut rules,
        &["__meta_kubernetes_pod_container_name"],
        "container",
    );
    drop_ended(&mut rules, endpoint);
    target_labels(&mut rules, &spec["targetLabels"], "service");
    target_labels(&mut rules, &spec["podTargetLabels"], "pod");
    rules.push(Yaml::map(vec![
        ("source_labels", names(&["__meta_kubernetes_service_name"])),
        ("target_label", Yaml::text("job")),
        ("replacement", Yaml::text("${1}")),
    ]));
    let job = text_in(spec, "jobLabel");
    if !job.is_empty() {
        let label = format!("__meta_kubernetes_service_label_{}", sanitized(job));
        copy_if(&mut rules, &label, "job");
    }
    if let Some(called) = called {
        fixed(&mut rules, "endpoint", &called);
    }
    rules
}

fn of_pod(spec: &Value, endpoint: &Value, (namespace, name): (&str, &str)) -> Rules {
    let mut rules = Vec::new();
    copy(&mut rules, &["job"], "__tmp_prometheus_job_name");
    drop_ended(&mut rules, endpoint);
    selected(&mut rules, &spec["selector"], "pod");
    let (port, number) = (text_in(endpoint, "port"), &endpoint["portNumber"]);
    let called = if port.is_empty() {
        // By its number alone it is not called anything.
        let by_number = container_port(&mut rules, number).is_some();
        let target = (!by_number).then_some(&endpoint["targetPort"]);
        target.and_then(|target| container_port(&mut rules, target))
    } else {
        container_port(&mut rules, &endpoint["port"])
    };
    copy(&mut rules, &["__meta_kubernetes_namespace"], "namespace");
    copy(
        &mut rules,
        &["__meta_kubernetes_pod_container_name"],
        "container",
    );
    copy(&mut rules, &["__meta_kubernetes_pod_name"], "pod");
    target_labels(&mut rules, &spec["podTargetLabels"], "pod");
    fixed(&mut rules, "job", &format!("{namespace}/{name}"));
    let job = text_in(spec, "jobLabel");
    if !job.is_empty() {
        let label = format!("__meta_kubernetes_pod_label_{}", sanitized(job));
        copy_if(&mut rules, &label, "job");
    }
    if let Some(called) = called {
        fixed(&mut rules, "endpoint", &called);
    }
    rules
}

fn target_labels(rules: &mut Rules, wanted: &Value, of: &str) {
    for label in texts(wanted) {
        let label = sanitized(&label);
        copy_if(
            rules,
            &format!("__meta_kubernetes_{of}_label_{label}"),
            &label,
        );
    }
}

/// A rule that the monitor gives.
fn given(rule: &Value) -> Yaml {
    let mut out = Vec::new();
    let sources = texts(&rule["sourceLabels"]);
    if !sources.is_empty() {
        out.push((
            "source_labels",
            Yaml::List(sources.into_iter().map(Yaml::Text).collect()),
        ));
    }
    for (field, from) in [
        ("separator", "separator"),
        ("target_label", "targetLabel"),
        ("regex", "regex"),
    ] {
        let value = text_in(rule, from);
        if !value.is_empty() || (from == "separator" && rule[from].is_string()) {
            out.push((field, Yaml::text(value)));
        }
    }
    if let Some(modulus) = rule["modulus"].as_u64().filter(|m| *m > 0) {
        out.push(("modulus", Yaml::Word(modulus.to_string())));
    }
    if let Some(replacement) = rule["replacement"].as_str() {
        out.push(("replacement", Yaml::text(replacement)));
    }
    // Where it is left out, the kind's default is this one.
    let action = Some(text_in(rule, "action")).filter(|a| !a.is_empty());
    let action = action.unwrap_or("replace").to_ascii_lowercase();
    out.push(("action", Yaml::text(action)));
    Yaml::map(out)
}

/// Each target is scraped by one shard.
fn sharding(rules: &mut Rules, shards: i64) {
    rules.push(Yaml::map(vec![
        ("source_labels", names(&["__address__", "__tmp_hash"])),
        ("target_label", Yaml::text("__tmp_hash")),
        ("regex", Yaml::text("(.+);")),
        ("replacement", Yaml::text("$1")),
        ("action", Yaml::text("replace")),
    ]));
    rules.push(Yaml::map(vec![
        ("source_labels", names(&["__tmp_hash"])),
        ("target_label", Yaml::text("__tmp_hash")),
        ("modulus", Yaml::Word(shards.max(1).to_string())),
        ("action", Yaml::text("hashmod")),
    ]));
    rules.push(Yaml::map(vec![
        (
            "source_labels",
            names(&["__tmp_hash", "__tmp_disable_sharding"]),
        ),
        ("regex", Yaml::text("$(SHARD);|.+;.+")),
        ("action", Yaml::text("keep")),
    ]));
}
