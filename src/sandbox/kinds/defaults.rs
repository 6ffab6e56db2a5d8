//! What is filled in where a field is not given: the defaults of Kubernetes' own kinds.
//! <https://github.com/kubernetes/kubernetes/tree/master/pkg/apis> (`defaults.go` of each group)

mod more;

use serde_json::{Map, Value, json};

use super::workload;
use crate::sandbox::registry::Resource;

/// Fills in an object.
pub(super) fn fill(resource: &Resource, object: &mut Value) {
    if resource.custom {
        return;
    }
    let kind = resource.kind.as_str();
    if let Some(spec) = workload::pod_spec(kind, object) {
        pod_spec(spec);
        if kind == "Pod" {
            given(spec, &json!({"enableServiceLinks": true}));
            requests(spec);
            host_ports(spec);
        }
    }
    let Some(map) = object.as_object_mut() else {
        return;
    };
    match (resource.group.as_str(), kind) {
        ("apps", _) => apps(map, kind),
        ("batch", _) => batch(map, kind),
        ("", "Service") => service(map),
        ("", "Secret") => given_in(map, json!({"type": "Opaque"})),
        ("", "PersistentVolumeClaim") => spec(map, &json!({"volumeMode": "Filesystem"})),
        ("", "PersistentVolume") => {
            spec(
                map,
                &json!({"volumeMode": "Filesystem", "persistentVolumeReclaimPolicy": "Retain"}),
            );
            if map["spec"]["hostPath"].is_object() {
                given(&mut map["spec"]["hostPath"], &json!({"type": ""}));
            }
        }
        ("networking.k8s.io", "NetworkPolicy") => network_policy(map),
        ("autoscaling", "HorizontalPodAutoscaler") => more::autoscaler(map, &resource.version),
        // No rules are kept as Go keeps an empty list.
        ("rbac.authorization.k8s.io", "Role" | "ClusterRole")
            if map.get("rules").is_none_or(|r| *r == json!([])) =>
        {
            map.insert("rules".to_owned(), Value::Null);
        }
        ("rbac.authorization.k8s.io", "RoleBinding" | "ClusterRoleBinding") => role_binding(map),
        ("storage.k8s.io", "StorageClass") => given_in(
            map,
            json!({"reclaimPolicy": "Delete", "volumeBindingMode": "Immediate"}),
        ),
        (group, kind) => more::fill(group, kind, map),
    }
}

/// Sets what a specification does not give.
fn spec(map: &mut Map<String, Value>, defaults: &Value) {
    given(map.entry("spec").or_insert_with(|| json!({})), defaults);
}

fn apps(map: &mut Map<String, Value>, kind: &str) {
    match kind {
        "Deployment" => {
            spec(
                map,
                &json!({
                    "replicas": 1, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600,
                    "strategy": {"type": "RollingUpdate"},
                }),
            );
            rolling(
                map,
                "strategy",
                &json!({"maxUnavailable": "25%", "maxSurge": "25%"}),
            );
        }
        "ReplicaSet" => spec(map, &json!({"replicas": 1})),
        "StatefulSet" => {
            // Who names a strategy is given no partition.
            let is_named = map
                .get("spec")
                .is_some_and(|s| s["updateStrategy"]["type"].is_string());
            spec(
                map,
                &json!({
                    "replicas": 1, "revisionHistoryLimit": 10, "podManagementPolicy": "OrderedReady",
                    "updateStrategy": {"type": "RollingUpdate"},
                    "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
                }),
            );
            if !is_named || map["spec"]["updateStrategy"]["rollingUpdate"].is_object() {
                rolling(map, "updateStrategy", &json!({"partition": 0}));
            }
            for claim in each(&mut map["spec"], "volumeClaimTemplates") {
                let own = json!({
                    "apiVersion": "v1", "kind": "PersistentVolumeClaim",
                    "spec": {"volumeMode": "Filesystem"}, "status": {"phase": "Pending"},
                });
                given(claim, &own);
            }
        }
        "DaemonSet" => {
            let own =
                json!({"revisionHistoryLimit": 10, "updateStrategy": {"type": "RollingUpdate"}});
            spec(map, &own);
            rolling(
                map,
                "updateStrategy",
                &json!({"maxUnavailable": 1, "maxSurge": 0}),
            );
        }
        _ => {}
    }
}

/// How a rollout rolls, where it does.
fn rolling(map: &mut Map<String, Value>, field: &str, defaults: &Value) {
    let strategy = &mut map["spec"][field];
    if strategy["type"] == "RollingUpdate" {
        given(strategy, &json!({"rollingUpdate": defaults}));
    }
}

fn batch(map: &mut Map<String, Value>, kind: &str) {
    match kind {
        "Job" => {
            // Without a number of completions, one that succeeds is enough: unless neither number is given.
            let spec_given = map.get("spec").cloned().unwrap_or_default();
            if spec_given["completions"].is_null() && spec_given["parallelism"].is_null() {
                spec(map, &json!({"completions": 1}));
            }
            spec(
                map,
                &json!({
                    "parallelism": 1, "backoffLimit": 6, "completionMode": "NonIndexed", "suspend": false,
                    "manualSelector": false, "podReplacementPolicy": "TerminatingOrFailed",
                }),
            );
        }
        "CronJob" => spec(
            map,
            &json!({
                "concurrencyPolicy": "Allow", "suspend": false, "successfulJobsHistoryLimit": 3,
                "failedJobsHistoryLimit": 1,
            }),
        ),
        _ => {}
    }
}

/// The items of the list at a path; none where it is not given.
fn each<'a>(value: &'a mut Value, path: &str) -> impl Iterator<Item = &'a mut Value> {
    let list = value
        .pointer_mut(&format!("/{path}"))
        .and_then(Value::as_array_mut);
    list.into_iter().flatten()
}

/// Sets what is not given, field by field.
pub(in crate::sandbox) fn given(value: &mut Value, defaults: &Value) {
    if value.is_null() {
        *value = json!({});
    }
    let (Value::Object(map), Value::Object(defaults)) = (value, defaults) else {
        return;
    };
    for (key, default) in defaults {
        match map.get_mut(key) {
            None | Some(Value::Null) => {
                map.insert(key.clone(), default.clone());
            }
            Some(found) if found.is_object() && default.is_object() => given(found, default),
            Some(_) => {}
        }
    }
}

fn given_in(map: &mut Map<String, Value>, defaults: Value) {
    if let Value::Object(defaults) = defaults {
        for (key, default) in defaults {
            map.entry(key).or_insert(default);
        }
    }
}

fn pod_spec(spec: &mut Value) {
    given(
        spec,
        &json!({
            "dnsPolicy": "ClusterFirst", "restartPolicy": "Always", "schedulerName": "default-scheduler",
            "securityContext": {}, "terminationGracePeriodSeconds": 30,
        }),
    );
    // An older name of the same field.
    if let Some(account) = spec["serviceAccountName"].as_str().map(str::to_owned) {
        spec["serviceAccount"] = json!(account);
    }
    for list in ["initContainers", "containers", "ephemeralContainers"] {
        for item in each(spec, list) {
            container(item);
        }
    }
    for volume in each(spec, "volumes") {
        self::volume(volume);
    }
}

fn container(container: &mut Value) {
    let image = container["image"].as_str().unwrap_or_default();
    let policy = if is_latest(image) {
        "Always"
    } else {
        "IfNotPresent"
    };
    given(
        container,
        &json!({
            "imagePullPolicy": policy, "resources": {}, "terminationMessagePath": "/dev/termination-log",
            "terminationMessagePolicy": "File",
        }),
    );
    for port in each(container, "ports") {
        given(port, &json!({"protocol": "TCP"}));
    }
    for variable in each(container, "env") {
        if variable["valueFrom"]["fieldRef"].is_object() {
            given(
                &mut variable["valueFrom"]["fieldRef"],
                &json!({"apiVersion": "v1"}),
            );
        }
    }
    for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if container[probe].is_object() {
            given(
                &mut container[probe],
                &json!({
                    "timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3,
                }),
            );
            http_get(&mut container[probe]);
        }
    }
    for hook in ["postStart", "preStop"] {
        if container["lifecycle"][hook].is_object() {
            http_get(&mut container["lifecycle"][hook]);
        }
    }
}

/// On the node's own network, a port of a container is one of the node.
fn host_ports(spec: &mut Value) {
    if spec["hostNetwork"] != true {
        return;
    }
    for item in each(spec, "containers") {
        for port in each(item, "ports") {
            let number = port["containerPort"].clone();
            given(port, &json!({"hostPort": number}));
        }
    }
}

/// A container of a Pod that has a limit requests as much.
fn requests(spec: &mut Value) {
    for list in ["initContainers", "containers"] {
        for container in each(spec, list) {
            let limits = container
                .pointer("/resources/limits")
                .and_then(Value::as_object);
            for (what, limit) in limits.cloned().into_iter().flatten() {
                given(
                    &mut container["resources"],
                    &json!({"requests": {what: limit}}),
                );
            }
        }
    }
}

fn http_get(holder: &mut Value) {
    if holder["httpGet"].is_object() {
        given(
            &mut holder["httpGet"],
            &json!({"path": "/", "scheme": "HTTP"}),
        );
    }
}

fn volume(volume: &mut Value) {
    for (kind, defaults) in [
        ("secret", json!({"defaultMode": 420})),
        ("configMap", json!({"defaultMode": 420})),
        ("downwardAPI", json!({"defaultMode": 420})),
        ("projected", json!({"defaultMode": 420})),
        ("hostPath", json!({"type": ""})),
    ] {
        if volume[kind].is_object() {
            given(&mut volume[kind], &defaults);
        }
    }
    for source in each(volume, "projected/sources") {
        if source["serviceAccountToken"].is_object() {
            given(
                &mut source["serviceAccountToken"],
                &json!({"expirationSeconds": 3600}),
            );
        }
        for item in each(source, "downwardAPI/items") {
            if item["fieldRef"].is_object() {
                given(&mut item["fieldRef"], &json!({"apiVersion": "v1"}));
            }
        }
    }
    let kinds = volume.as_object().map_or(0, Map::len);
    if kinds == 1 {
        volume["emptyDir"] = json!({});
    }
}

/// Whether an image's tag is `latest`, named or not.
fn is_latest(image: &str) -> bool {
    // A blank, in whose place an image comes later, names no tag.
    let last = image.rsplit('/').next().unwrap_or_default();
    !image.trim().is_empty()
        && !last.contains('@')
        && last.split_once(':').is_none_or(|(_, tag)| tag == "latest")
}

fn service(map: &mut Map<String, Value>) {
    let spec = map.entry("spec").or_insert_with(|| json!({}));
    given(
        spec,
        &json!({"sessionAffinity": "None", "type": "ClusterIP"}),
    );
    if spec["sessionAffinity"] == "ClientIP" {
        given(
            spec,
            &json!({"sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 10800}}}),
        );
    }
    for port in each(spec, "ports") {
        let target = match &port["targetPort"] {
            Value::Null => port["port"].clone(),
            given if *given == json!(0) || *given == json!("") => port["port"].clone(),
            given => given.clone(),
        };
        port["targetPort"] = target;
        given(port, &json!({"protocol": "TCP"}));
    }
    if spec["type"] != "ExternalName" {
        given(spec, &json!({"internalTrafficPolicy": "Cluster"}));
    }
    if matches!(spec["type"].as_str(), Some("NodePort" | "LoadBalancer")) {
        given(spec, &json!({"externalTrafficPolicy": "Cluster"}));
    }
    if spec["type"] == "LoadBalancer" {
        given(spec, &json!({"allocateLoadBalancerNodePorts": true}));
    }
    map.entry("status")
        .or_insert_with(|| json!({"loadBalancer": {}}));
}

fn network_policy(map: &mut Map<String, Value>) {
    let spec = map.entry("spec").or_insert_with(|| json!({}));
    if spec.get("policyTypes").is_none() {
        let egress = spec
            .get("egress")
            .and_then(Value::as_array)
            .is_some_and(|e| !e.is_empty());
        spec["policyTypes"] = if egress {
            json!(["Ingress", "Egress"])
        } else {
            json!(["Ingress"])
        };
    }
    for direction in ["ingress", "egress"] {
        for rule in each(spec, direction) {
            for port in each(rule, "ports") {
                given(port, &json!({"protocol": "TCP"}));
            }
        }
    }
}

fn role_binding(map: &mut Map<String, Value>) {
    const GROUP: &str = "rbac.authorization.k8s.io";
    given(
        map.entry("roleRef").or_insert_with(|| json!({})),
        &json!({"apiGroup": GROUP}),
    );
    for subject in map
        .get_mut("subjects")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        if subject["kind"] != "ServiceAccount" {
            given(subject, &json!({"apiGroup": GROUP}));
        }
    }
}
