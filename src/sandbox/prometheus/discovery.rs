//! What Kubernetes tells of possible targets: an address, and labels that rules look at.
//! <https://prometheus.io/docs/prometheus/latest/configuration/configuration/#kubernetes_sd_config>

use std::{collections::HashMap, sync::Arc};

use serde_json::Value;

use super::labels::Labels;
use crate::sandbox::pointer::{items, text_in};

/// The label of the address.
pub const ADDRESS: &str = "__address__";

/// Objects of the namespaces that are looked into.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// Endpoints.
    pub endpoints: Vec<Arc<Value>>,
    /// Services.
    pub services: Vec<Arc<Value>>,
    /// Pods.
    pub pods: Vec<Arc<Value>>,
}

fn key(object: &Value) -> (&str, &str) {
    let metadata = &object["metadata"];
    (text_in(metadata, "namespace"), text_in(metadata, "name"))
}

/// The addresses of endpoints, ready or not, and further ports of the Pods behind them.
#[must_use]
pub fn endpoints(seen: &Seen) -> Vec<Labels> {
    let services: HashMap<_, _> = seen.services.iter().map(|s| (key(s), s)).collect();
    let pods: HashMap<_, _> = seen.pods.iter().map(|p| (key(p), p)).collect();
    let mut found = Vec::new();
    for of in &seen.endpoints {
        let (namespace, name) = key(of);
        let mut common = Labels::of(&[
            ("__meta_kubernetes_namespace", namespace),
            ("__meta_kubernetes_endpoints_name", name),
        ]);
        metadata(&mut common, "endpoints", of);
        if let Some(service) = services.get(&(namespace, name)) {
            common.set("__meta_kubernetes_service_name", name);
            metadata(&mut common, "service", service);
        }
        // The Pods behind it, each with the ports that were seen.
        let mut behind: Vec<(&Arc<Value>, Vec<i64>)> = Vec::new();
        for subset in items(&of["subsets"]) {
            for port in items(&subset["ports"]) {
                for (addresses, ready) in [("addresses", "true"), ("notReadyAddresses", "false")] {
                    for address in items(&subset[addresses]) {
                        let mut labels = common.clone();
                        labels.set("__meta_kubernetes_endpoint_ready", ready);
                        endpoint(&mut labels, address, port);
                        let target = &address["targetRef"];
                        let pod =
                            pods.get(&(text_in(target, "namespace"), text_in(target, "name")));
                        let pod = pod.filter(|_| target["kind"] == "Pod");
                        if let Some(pod) = pod {
                            let number = port["port"].as_i64().unwrap_or_default();
                            pod_labels(&mut labels, pod);
                            container_of_port(&mut labels, pod, number);
                            match behind.iter_mut().find(|(p, _)| Arc::ptr_eq(p, pod)) {
                                Some((_, ports)) => ports.push(number),
                                None => behind.push((pod, vec![number])),
                            }
                        }
                        found.push(labels);
                    }
                }
            }
        }
        for (pod, ports) in behind {
            further_ports(&mut found, &common, pod, &ports);
        }
    }
    found
}

fn endpoint(labels: &mut Labels, address: &Value, port: &Value) {
    let number = port["port"].as_i64().unwrap_or_default();
    labels.set(ADDRESS, joined(text_in(address, "ip"), number));
    for (label, value) in [
        ("port_name", text_in(port, "name")),
        ("port_protocol", text_in(port, "protocol")),
        ("hostname", text_in(address, "hostname")),
        ("node_name", text_in(address, "nodeName")),
        (
            "address_target_kind",
            text_in(&address["targetRef"], "kind"),
        ),
        (
            "address_target_name",
            text_in(&address["targetRef"], "name"),
        ),
    ] {
        labels.set(&format!("__meta_kubernetes_endpoint_{label}"), value);
    }
}

/// Ports of a Pod that its endpoints don't name.
fn further_ports(found: &mut Vec<Labels>, common: &Labels, pod: &Value, known: &[i64]) {
    for container in items(&pod["spec"]["containers"]) {
        for port in items(&container["ports"]) {
            let number = port["containerPort"].as_i64().unwrap_or_default();
            if known.contains(&number) {
                continue;
            }
            let mut labels = common.clone();
            labels.set(ADDRESS, joined(text_in(&pod["status"], "podIP"), number));
            pod_labels(&mut labels, pod);
            container_labels(&mut labels, container, Some(port));
            found.push(labels);
        }
    }
}

/// The ports of Pods; a container without ports has an address without one.
#[must_use]
pub fn pods(pods: &[Arc<Value>]) -> Vec<Labels> {
    let mut found = Vec::new();
    for pod in pods {
        let ip = text_in(&pod["status"], "podIP");
        if ip.is_empty() {
            continue;
        }
        let mut common = Labels::of(&[("__meta_kubernetes_namespace", key(pod).0)]);
        pod_labels(&mut common, pod);
        for container in items(&pod["spec"]["containers"]) {
            let mut ports = items(&container["ports"]).iter().peekable();
            if ports.peek().is_none() {
                let mut labels = common.clone();
                labels.set(ADDRESS, ip);
                container_labels(&mut labels, container, None);
                found.push(labels);
            }
            for port in ports {
                let mut labels = common.clone();
                let number = port["containerPort"].as_i64().unwrap_or_default();
                labels.set(ADDRESS, joined(ip, number));
                container_labels(&mut labels, container, Some(port));
                found.push(labels);
            }
        }
    }
    found
}

fn pod_labels(labels: &mut Labels, pod: &Value) {
    let (spec, status) = (&pod["spec"], &pod["status"]);
    let ready = items(&status["conditions"])
        .iter()
        .find(|c| c["type"] == "Ready");
    let ready = ready.map_or("unknown", |c| match text_in(c, "status") {
        "True" => "true",
        "False" => "false",
        _ => "unknown",
    });
    let owner = items(&pod["metadata"]["ownerReferences"])
        .iter()
        .find(|r| r["controller"] == true);
    let owner = owner.unwrap_or(&Value::Null);
    for (label, value) in [
        ("name", text_in(&pod["metadata"], "name")),
        ("ip", text_in(status, "podIP")),
        ("ready", ready),
        ("phase", text_in(status, "phase")),
        ("node_name", text_in(spec, "nodeName")),
        ("host_ip", text_in(status, "hostIP")),
        ("uid", text_in(&pod["metadata"], "uid")),
        ("controller_kind", text_in(owner, "kind")),
        ("controller_name", text_in(owner, "name")),
    ] {
        labels.set(&format!("__meta_kubernetes_pod_{label}"), value);
    }
    metadata(labels, "pod", pod);
}

fn container_of_port(labels: &mut Labels, pod: &Value, number: i64) {
    for container in items(&pod["spec"]["containers"]) {
        if let Some(port) = items(&container["ports"])
            .iter()
            .find(|p| p["containerPort"] == number)
        {
            container_labels(labels, container, Some(port));
            return;
        }
    }
}

fn container_labels(labels: &mut Labels, container: &Value, port: Option<&Value>) {
    let prefix = "__meta_kubernetes_pod_container";
    labels.set(&format!("{prefix}_name"), text_in(container, "name"));
    labels.set(&format!("{prefix}_image"), text_in(container, "image"));
    labels.set(&format!("{prefix}_init"), "false");
    if let Some(port) = port {
        let number = port["containerPort"].as_i64().unwrap_or_default();
        let protocol = Some(text_in(port, "protocol")).filter(|p| !p.is_empty());
        labels.set(&format!("{prefix}_port_name"), text_in(port, "name"));
        labels.set(&format!("{prefix}_port_number"), number.to_string());
        labels.set(
            &format!("{prefix}_port_protocol"),
            protocol.unwrap_or("TCP"),
        );
    }
}

/// The labels and annotations of an object.
fn metadata(labels: &mut Labels, kind: &str, object: &Value) {
    for (field, word) in [("labels", "label"), ("annotations", "annotation")] {
        for (name, value) in object["metadata"][field].as_object().into_iter().flatten() {
            let name = sanitized(name);
            let value = value.as_str().unwrap_or_default();
            labels.set(&format!("__meta_kubernetes_{kind}_{word}_{name}"), value);
            labels.set(
                &format!("__meta_kubernetes_{kind}_{word}present_{name}"),
                "true",
            );
        }
    }
}

/// A name as a label may have it.
#[must_use]
pub fn sanitized(name: &str) -> String {
    let fits = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    name.chars().map(fits).collect()
}

fn joined(host: &str, port: i64) -> String {
    if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn endpoints_tell_of_their_service_and_their_pods() {
        let seen = Seen {
            endpoints: vec![Arc::new(json!({
                "metadata": {"namespace": "a", "name": "web"},
                "subsets": [{
                    "addresses": [{"ip": "10.0.0.1", "nodeName": "node", "targetRef": {"kind": "Pod", "namespace": "a", "name": "p"}}],
                    "notReadyAddresses": [{"ip": "10.0.0.2"}],
                    "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
                }],
            }))],
            services: vec![Arc::new(
                json!({"metadata": {"namespace": "a", "name": "web", "labels": {"app.kubernetes.io/name": "w"}}}),
            )],
            pods: vec![Arc::new(json!({
                "metadata": {"namespace": "a", "name": "p"}, "status": {"podIP": "10.0.0.1", "phase": "Running"},
                "spec": {"containers": [{"name": "c", "ports": [{"containerPort": 8080}, {"containerPort": 9404, "name": "metrics"}]}]},
            }))],
        };
        let found = endpoints(&seen);
        let addresses: Vec<&str> = found.iter().map(|l| l.get(ADDRESS)).collect();
        assert_eq!(
            addresses,
            ["10.0.0.1:8080", "10.0.0.2:8080", "10.0.0.1:9404"]
        );
        let of = |index: usize, name: &str| {
            found[index]
                .get(&format!("__meta_kubernetes_{name}"))
                .to_owned()
        };
        assert_eq!(of(0, "service_label_app_kubernetes_io_name"), "w");
        assert_eq!(of(0, "pod_container_name"), "c");
        assert_eq!(
            (of(0, "endpoint_ready"), of(1, "endpoint_ready")),
            ("true".to_owned(), "false".to_owned())
        );
        // A port that no endpoint names has no endpoint's port name.
        assert_eq!(
            (
                of(2, "endpoint_port_name"),
                of(2, "pod_container_port_name")
            ),
            (String::new(), "metrics".to_owned())
        );
        assert_eq!(pods(&seen.pods).len(), 2);
    }
}
