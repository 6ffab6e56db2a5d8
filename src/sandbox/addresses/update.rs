//! What stays when a Service is written again without what the cluster gave it, and what goes with a change of its type.
//! <https://github.com/kubernetes/kubernetes/blob/master/pkg/registry/core/service/storage/storage.go> (`patchAllocatedValues`)
//! <https://github.com/kubernetes/kubernetes/blob/master/pkg/registry/core/service/strategy.go> (`dropTypeDependentFields`)

use serde_json::{Value, json};

use super::{address, is, node_ports::has_node_ports};

/// Keeps addresses and ports where the type still has them; drops them where not.
pub(super) fn keep(before: &Value, service: &mut Value) {
    let has_address = |s: &Value| !is(s, "ExternalName");
    if has_address(before) && has_address(service) {
        if address(service).is_empty() {
            copy(before, service, "clusterIP");
        }
        let none = service["spec"]["clusterIPs"]
            .as_array()
            .is_none_or(Vec::is_empty);
        if none && address(service) == address(before) {
            copy(before, service, "clusterIPs");
        }
        if service["spec"]["ipFamilies"].is_null() {
            copy(before, service, "ipFamilies");
        }
    }
    if has_node_ports(before) && has_node_ports(service) {
        keep_ports(before, service);
    }
    drop_with_type(before, service);
}

fn copy(before: &Value, service: &mut Value, field: &str) {
    if let Some(value) = before["spec"].get(field) {
        service["spec"][field] = value.clone();
    }
}

/// Ports that name no port of the nodes keep the one that they had.
fn keep_ports(before: &Value, service: &mut Value) {
    let old = before["spec"]["ports"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let ports = service["spec"]["ports"].as_array_mut();
    let mut ports: Vec<&mut Value> = ports.into_iter().flatten().collect();
    let given = |p: &Value| p["nodePort"].as_i64().filter(|n| *n != 0);
    let mut used: Vec<(i64, Value)> = ports
        .iter()
        .filter_map(|p| Some((given(p)?, p["protocol"].clone())))
        .collect();
    for port in &mut ports {
        let same = |o: &&Value| o["port"] == port["port"] && o["protocol"] == port["protocol"];
        let number = old.iter().find(same).and_then(given);
        if let (None, Some(number)) = (given(port), number) {
            let key = (number, port["protocol"].clone());
            if !used.contains(&key) {
                used.push(key);
                port["nodePort"] = json!(number);
            }
        }
    }
}

/// Drops what a Service had by its type before, unless it is given anew.
fn drop_with_type(before: &Value, service: &mut Value) {
    if is(service, "ExternalName") && !is(before, "ExternalName") {
        let fields = ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"];
        drop(before, service, &fields);
        drop(before, service, &["internalTrafficPolicy"]);
    }
    if !has_node_ports(service) && has_node_ports(before) {
        drop(
            before,
            service,
            &["externalTrafficPolicy", "healthCheckNodePort"],
        );
        drop_ports(before, service);
    }
    if !is(service, "LoadBalancer") && is(before, "LoadBalancer") {
        let fields = ["allocateLoadBalancerNodePorts", "loadBalancerClass"];
        drop(before, service, &fields);
    }
}

/// Drops fields that are as they were.
fn drop(before: &Value, service: &mut Value, fields: &[&str]) {
    let Some(spec) = service["spec"].as_object_mut() else {
        return;
    };
    for field in fields {
        if spec.get(*field) == before["spec"].get(*field) {
            spec.remove(*field);
        }
    }
}

/// Drops the ports of the nodes that are as they were.
fn drop_ports(before: &Value, service: &mut Value) {
    let old = before["spec"]["ports"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let ports = service["spec"]["ports"].as_array_mut();
    for port in ports.into_iter().flatten().filter_map(Value::as_object_mut) {
        let number = port.get("nodePort");
        if old.iter().any(|o| o.get("nodePort") == number) {
            port.remove("nodePort");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(kind: &str, spec: &Value) -> Value {
        let mut out = json!({"metadata": {"name": "s"}, "spec": spec});
        out["spec"]["type"] = json!(kind);
        out
    }

    #[test]
    fn what_was_given_stays_when_it_is_not_named() {
        let before = service(
            "NodePort",
            &json!({"clusterIP": "10.96.1.1", "clusterIPs": ["10.96.1.1"], "ports": [{"port": 80, "protocol": "TCP", "nodePort": 30100}]}),
        );
        let mut after = service(
            "NodePort",
            &json!({"ports": [{"port": 81, "protocol": "TCP"}, {"port": 80, "protocol": "TCP"}]}),
        );
        keep(&before, &mut after);
        assert_eq!(after["spec"]["clusterIP"], "10.96.1.1");
        assert_eq!(after["spec"]["ports"][1]["nodePort"], 30100);
        assert!(after["spec"]["ports"][0]["nodePort"].is_null());
    }

    #[test]
    fn another_type_gives_back_what_it_does_not_need() {
        let spec = json!({"clusterIP": "10.96.1.1", "clusterIPs": ["10.96.1.1"], "externalTrafficPolicy": "Cluster", "ports": [{"port": 80, "nodePort": 30100}]});
        let before = service("NodePort", &spec);
        let mut after = service("ClusterIP", &spec);
        keep(&before, &mut after);
        assert_eq!(after["spec"]["ports"], json!([{"port": 80}]));
        assert!(after["spec"].get("externalTrafficPolicy").is_none());
        let mut after = service("ExternalName", &spec);
        keep(&before, &mut after);
        assert!(after["spec"].get("clusterIP").is_none());
    }
}
