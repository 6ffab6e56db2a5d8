//! The `StatefulSet` of a Prometheus, as the operator makes it.
//! <https://github.com/prometheus-operator/prometheus-operator/blob/main/pkg/prometheus/server/statefulset.go>

use serde_json::{Map, Value, json};

use super::operating::Operating;
use crate::sandbox::prometheus::relabel::hash;

const REPOSITORY: &str = "quay.io/prometheus/prometheus";

/// The names of the sets of a Prometheus, one for each shard.
pub(super) fn names(prometheus: &Value) -> Vec<String> {
    let name = text(&prometheus["metadata"]["name"], "");
    let shards = prometheus["spec"]["shards"]
        .as_i64()
        .unwrap_or(1)
        .clamp(1, 20);
    let shard = |number: i64| match number {
        0 => format!("prometheus-{name}"),
        _ => format!("prometheus-{name}-shard-{number}"),
    };
    (0..shards).map(shard).collect()
}

fn text<'a>(value: &'a Value, otherwise: &'a str) -> &'a str {
    value
        .as_str()
        .filter(|t| !t.is_empty())
        .unwrap_or(otherwise)
}

/// The labels by which all its Pods are found.
pub(super) fn labels(name: &str) -> Map<String, Value> {
    let pairs = [
        ("app.kubernetes.io/instance", name),
        ("app.kubernetes.io/managed-by", "prometheus-operator"),
        ("app.kubernetes.io/name", "prometheus"),
        ("operator.prometheus.io/name", name),
        ("prometheus", name),
    ];
    pairs
        .iter()
        .map(|(n, v)| ((*n).to_owned(), json!(v)))
        .collect()
}

/// The set of a shard.
pub(super) fn of(prometheus: &Value, called: &str, shard: usize, operating: &Operating) -> Value {
    let spec = &prometheus["spec"];
    let name = text(&prometheus["metadata"]["name"], "");
    let shard = shard.to_string();
    let mut selector = labels(name);
    selector.insert("operator.prometheus.io/shard".to_owned(), json!(shard));
    let mut own = selector.clone();
    own.insert("managed-by".to_owned(), json!("prometheus-operator"));
    own.insert("operator.prometheus.io/mode".to_owned(), json!("server"));
    for (label, value) in prometheus["metadata"]["labels"]
        .as_object()
        .into_iter()
        .flatten()
    {
        own.entry(label.clone()).or_insert_with(|| value.clone());
    }
    let version = text(&spec["version"], operating.prometheus);
    let mut pod = selector.clone();
    pod.insert(
        "app.kubernetes.io/version".to_owned(),
        json!(version.trim_start_matches('v')),
    );
    let mut annotations = json!({"kubectl.kubernetes.io/default-container": "prometheus"});
    extend(&mut annotations, &spec["podMetadata"]["annotations"]);
    for (label, value) in spec["podMetadata"]["labels"]
        .as_object()
        .into_iter()
        .flatten()
    {
        pod.entry(label.clone()).or_insert_with(|| value.clone());
    }
    let mut set = json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet",
        "metadata": {
            "name": called, "namespace": prometheus["metadata"]["namespace"], "labels": own,
            "ownerReferences": [super::owner(prometheus)],
        },
        "spec": {
            "replicas": spec["replicas"].as_i64().unwrap_or(1),
            "podManagementPolicy": text(&spec["podManagementPolicy"], "Parallel"),
            "serviceName": text(&spec["serviceName"], "prometheus-operated"),
            "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
            "revisionHistoryLimit": 10,
            "selector": {"matchLabels": selector},
            "updateStrategy": {"type": "RollingUpdate"},
            "template": {
                "metadata": {"labels": pod, "annotations": annotations},
                "spec": pod_spec(prometheus, name, &shard, operating),
            },
        },
    });
    if let Some(seconds) = spec["minReadySeconds"].as_i64() {
        set["spec"]["minReadySeconds"] = json!(seconds);
    }
    let claim = &spec["storage"]["volumeClaimTemplate"];
    if claim.is_object() {
        let mut claim = claim.clone();
        let given = claim["metadata"]["name"].as_str().map(str::to_owned);
        claim["apiVersion"] = json!("v1");
        claim["kind"] = json!("PersistentVolumeClaim");
        claim["metadata"]["name"] = json!(given.unwrap_or_else(|| data(name)));
        set["spec"]["volumeClaimTemplates"] = json!([claim]);
    }
    let input = hash(&set["spec"].to_string()).to_string();
    set["metadata"]["annotations"] = json!({"prometheus-operator-input-hash": input});
    set
}

fn extend(map: &mut Value, more: &Value) {
    for (name, value) in more.as_object().into_iter().flatten() {
        map[name] = value.clone();
    }
}

/// The volume of the samples.
fn data(name: &str) -> String {
    format!("prometheus-{name}-db")
}

fn pod_spec(prometheus: &Value, name: &str, shard: &str, operating: &Operating) -> Value {
    let spec = &prometheus["spec"];
    let rules = format!("prometheus-{name}-rulefiles-0");
    let mut volumes = json!([
        {"name": "config", "secret": {"secretName": format!("prometheus-{name}")}},
        {"name": "tls-assets", "projected": {"sources": [{"secret": {"name": format!("prometheus-{name}-tls-assets-0")}}]}},
        {"name": "config-out", "emptyDir": {"medium": "Memory"}},
        {"name": rules, "configMap": {"name": rules}},
        {"name": "web-config", "secret": {"secretName": format!("prometheus-{name}-web-config")}},
    ]);
    if let Some(all) = volumes.as_array_mut() {
        if !spec["storage"]["volumeClaimTemplate"].is_object() {
            let empty = &spec["storage"]["emptyDir"];
            let empty = if empty.is_object() {
                empty.clone()
            } else {
                json!({})
            };
            all.push(json!({"name": data(name), "emptyDir": empty}));
        }
        all.extend(spec["volumes"].as_array().into_iter().flatten().cloned());
    }
    let mut containers = vec![server(prometheus, name, &rules, operating)];
    containers.push(reloader(&rules, shard, operating, false));
    containers.extend(spec["containers"].as_array().into_iter().flatten().cloned());
    let mut first = vec![reloader(&rules, shard, operating, true)];
    first.extend(
        spec["initContainers"]
            .as_array()
            .into_iter()
            .flatten()
            .cloned(),
    );
    let mut pod = json!({
        "automountServiceAccountToken": true,
        "containers": containers, "initContainers": first, "volumes": volumes,
        "securityContext": if spec["securityContext"].is_object() { spec["securityContext"].clone() } else { json!({}) },
        "serviceAccountName": text(&spec["serviceAccountName"], "default"),
        "shareProcessNamespace": false, "terminationGracePeriodSeconds": 600,
    });
    for field in [
        "affinity",
        "hostNetwork",
        "imagePullSecrets",
        "nodeSelector",
        "priorityClassName",
        "tolerations",
        "topologySpreadConstraints",
    ] {
        if !spec[field].is_null() {
            pod[field] = spec[field].clone();
        }
    }
    pod
}

fn image(spec: &Value, operating: &Operating) -> String {
    match spec["image"].as_str().filter(|i| !i.is_empty()) {
        Some(image) => image.to_owned(),
        None => {
            let version = text(&spec["version"], operating.prometheus);
            format!("{REPOSITORY}:v{}", version.trim_start_matches('v'))
        }
    }
}

fn arguments(spec: &Value) -> Vec<String> {
    let mut all = vec![
        "--config.file=/etc/prometheus/config_out/prometheus.env.yaml".to_owned(),
        "--web.enable-lifecycle".to_owned(),
    ];
    let mut given = |name: &str, value: &Value| match value {
        Value::String(text) if !text.is_empty() => all.push(format!("--{name}={text}")),
        Value::Number(number) => all.push(format!("--{name}={number}")),
        _ => {}
    };
    given("web.external-url", &spec["externalUrl"]);
    given("web.route-prefix", &json!(text(&spec["routePrefix"], "/")));
    let size = &spec["retentionSize"];
    let usual = if size.is_string() { "" } else { "24h" };
    given(
        "storage.tsdb.retention.time",
        &json!(text(&spec["retention"], usual)),
    );
    given("storage.tsdb.retention.size", size);
    given("storage.tsdb.path", &json!("/prometheus"));
    let query = &spec["query"];
    given("query.lookback-delta", &query["lookbackDelta"]);
    given("query.max-concurrency", &query["maxConcurrency"]);
    given("query.max-samples", &query["maxSamples"]);
    given("query.timeout", &query["timeout"]);
    given("log.level", &spec["logLevel"]);
    given("log.format", &spec["logFormat"]);
    given(
        "web.config.file",
        &json!("/etc/prometheus/web_config/web-config.yaml"),
    );
    for more in spec["additionalArgs"].as_array().into_iter().flatten() {
        all.push(format!(
            "--{}={}",
            text(&more["name"], ""),
            text(&more["value"], "")
        ));
    }
    all
}

fn server(prometheus: &Value, name: &str, rules: &str, operating: &Operating) -> Value {
    let spec = &prometheus["spec"];
    let port = text(&spec["portName"], "web");
    let probe = |path: &str, period: i64, failures: i64| {
        json!({"failureThreshold": failures, "periodSeconds": period, "successThreshold": 1, "timeoutSeconds": 3,
            "httpGet": {"path": path, "port": port, "scheme": "HTTP"}})
    };
    let claim = &spec["storage"]["volumeClaimTemplate"]["metadata"]["name"];
    let mut mounts = json!([
        {"name": "config-out", "mountPath": "/etc/prometheus/config_out", "readOnly": true},
        {"name": "tls-assets", "mountPath": "/etc/prometheus/certs", "readOnly": true},
        {"name": text(claim, &data(name)), "mountPath": "/prometheus"},
        {"name": rules, "mountPath": format!("/etc/prometheus/rules/{rules}")},
        {"name": "web-config", "mountPath": "/etc/prometheus/web_config/web-config.yaml", "subPath": "web-config.yaml", "readOnly": true},
    ]);
    if let Some(all) = mounts.as_array_mut() {
        all.extend(
            spec["volumeMounts"]
                .as_array()
                .into_iter()
                .flatten()
                .cloned(),
        );
    }
    json!({
        "name": "prometheus", "image": image(spec, operating), "args": arguments(spec),
        "imagePullPolicy": text(&spec["imagePullPolicy"], "IfNotPresent"),
        "ports": [{"name": port, "containerPort": 9090, "protocol": "TCP"}],
        "startupProbe": probe("/-/ready", 15, 60),
        "livenessProbe": probe("/-/healthy", 5, 6),
        "readinessProbe": probe("/-/ready", 5, 3),
        "resources": if spec["resources"].is_object() { spec["resources"].clone() } else { json!({}) },
        "securityContext": confined(), "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": mounts,
    })
}

fn confined() -> Value {
    json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}, "readOnlyRootFilesystem": true})
}

fn reloader(rules: &str, shard: &str, operating: &Operating, first: bool) -> Value {
    let folder = format!("/etc/prometheus/rules/{rules}");
    let port = if first { 8081 } else { 8080 };
    let mut args = Vec::new();
    if first {
        args.push("--watch-interval=0".to_owned());
    }
    args.push(format!("--listen-address=:{port}"));
    if !first {
        args.push("--reload-url=http://localhost:9090/-/reload".to_owned());
    }
    args.extend([
        "--config-file=/etc/prometheus/config/prometheus.yaml.gz".to_owned(),
        "--config-envsubst-file=/etc/prometheus/config_out/prometheus.env.yaml".to_owned(),
        format!("--watched-dir={folder}"),
    ]);
    json!({
        "name": if first { "init-config-reloader" } else { "config-reloader" },
        "image": operating.reloader, "imagePullPolicy": "IfNotPresent",
        "command": ["/bin/prometheus-config-reloader"], "args": args,
        "env": [
            {"name": "POD_NAME", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}},
            {"name": "SHARD", "value": shard},
        ],
        "ports": [{"name": "reloader-web", "containerPort": port, "protocol": "TCP"}],
        "resources": {"limits": {"cpu": "10m", "memory": "50Mi"}, "requests": {"cpu": "10m", "memory": "50Mi"}},
        "securityContext": confined(), "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [
            {"name": "config", "mountPath": "/etc/prometheus/config"},
            {"name": "config-out", "mountPath": "/etc/prometheus/config_out"},
            {"name": rules, "mountPath": folder},
        ],
    })
}
