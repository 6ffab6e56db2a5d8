//! Endpoints' subsets: addresses that offer the same ports.
//! <https://github.com/kubernetes/kubernetes/blob/master/pkg/api/v1/endpoints/util.go>

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Map, Value, json};

use super::pods::{hostname, is_ready, reference, takes_part, target_port};

/// The most addresses of one object.
const MOST: usize = 1000;

/// The subsets of a Service.
pub(super) fn of(service: &Value, pods: &[Arc<Value>]) -> Vec<Value> {
    let also_not_ready = service["spec"]["publishNotReadyAddresses"] == true;
    let pods = pods.iter().filter(|pod| takes_part(pod, also_not_ready));
    let mut pods: Vec<(&Value, bool)> = pods
        .map(|pod| (&**pod, also_not_ready || is_ready(pod)))
        .collect();
    pods.sort_by_key(|(pod, _)| (text(&pod["status"]["podIP"]), text(&pod["metadata"]["uid"])));
    // Ready ones come first where there are too many.
    if pods.len() > MOST {
        pods.sort_by_key(|(_, ready)| !ready);
        pods.truncate(MOST);
        pods.sort_by_key(|(pod, _)| text(&pod["status"]["podIP"]));
    }
    // Which of the Pods have a port, by the port; and those ports that the same Pods have, together.
    let mut by_port: BTreeMap<(String, i64, String), (Vec<usize>, Value)> = BTreeMap::new();
    let ports = service["spec"]["ports"].as_array();
    for (i, (pod, _)) in pods.iter().enumerate() {
        for port in ports.into_iter().flatten() {
            let Some(number) = target_port(pod, port) else {
                continue;
            };
            let key = (text(&port["name"]), number, text(&port["protocol"]));
            let (of, _) = by_port
                .entry(key)
                .or_insert_with(|| (Vec::new(), described(port, number)));
            of.push(i);
        }
    }
    let mut together: BTreeMap<Vec<usize>, Vec<Value>> = BTreeMap::new();
    for (of, port) in by_port.into_values() {
        together.entry(of).or_default().push(port);
    }
    let portless = ports.is_none_or(Vec::is_empty) && service["spec"]["clusterIP"] == "None";
    if portless && !pods.is_empty() {
        together.insert((0..pods.len()).collect(), Vec::new());
    }
    let subset = |(of, ports): (Vec<usize>, Vec<Value>)| {
        let mut subset = Map::new();
        for (field, wanted) in [("addresses", true), ("notReadyAddresses", false)] {
            let of = of
                .iter()
                .map(|i| pods[*i])
                .filter(|(_, ready)| *ready == wanted);
            let list: Vec<Value> = of.map(|(pod, _)| address(pod, service)).collect();
            if !list.is_empty() {
                subset.insert(field.to_owned(), json!(list));
            }
        }
        if !ports.is_empty() {
            subset.insert("ports".to_owned(), json!(ports));
        }
        Value::Object(subset)
    };
    together.into_iter().map(subset).collect()
}

fn address(pod: &Value, service: &Value) -> Value {
    let mut address = json!({"ip": pod["status"]["podIP"], "targetRef": reference(pod)});
    if let Some(node) = pod["spec"]["nodeName"].as_str() {
        address["nodeName"] = json!(node);
    }
    if let Some(hostname) = hostname(pod, service) {
        address["hostname"] = json!(hostname);
    }
    address
}

/// A port, as Endpoints list it.
fn described(port: &Value, number: i64) -> Value {
    let mut out = json!({"port": number, "protocol": port["protocol"]});
    for field in ["name", "appProtocol"] {
        if let Some(value) = port[field].as_str().filter(|v| !v.is_empty()) {
            out[field] = json!(value);
        }
    }
    out
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(name: &str, ip: &str, ready: &str, port: i64) -> Arc<Value> {
        Arc::new(json!({
            "metadata": {"name": name, "namespace": "a", "uid": name},
            "spec": {"nodeName": "n", "containers": [{"ports": [{"name": "http", "containerPort": port, "protocol": "TCP"}]}]},
            "status": {"podIP": ip, "conditions": [{"type": "Ready", "status": ready}]},
        }))
    }

    #[test]
    fn pods_with_other_numbers_for_a_port_are_apart() {
        let service = json!({"metadata": {"name": "s"}, "spec": {"clusterIP": "10.96.0.9", "ports": [
            {"name": "web", "port": 80, "targetPort": "http", "protocol": "TCP"},
            {"name": "fixed", "port": 81, "targetPort": 90, "protocol": "TCP"},
            {"name": "none", "port": 82, "targetPort": "other", "protocol": "TCP"},
        ]}});
        let pods = [
            pod("a", "10.0.0.2", "True", 8080),
            pod("b", "10.0.0.1", "False", 8081),
        ];
        let found = of(&service, &pods);
        assert_eq!(found.len(), 3);
        let shared = found.iter().find(|s| s["ports"][0]["port"] == 90).unwrap();
        assert_eq!(shared["addresses"][0]["ip"], "10.0.0.2");
        assert_eq!(shared["notReadyAddresses"][0]["targetRef"]["name"], "b");
        let own = found
            .iter()
            .find(|s| s["ports"][0]["port"] == 8081)
            .unwrap();
        assert!(own.get("addresses").is_none());
    }

    #[test]
    fn a_headless_service_without_ports_lists_its_pods() {
        let service = json!({"metadata": {"name": "s"}, "spec": {"clusterIP": "None", "publishNotReadyAddresses": true}});
        let found = of(&service, &[pod("a", "10.0.0.2", "False", 1)]);
        assert_eq!(found[0]["addresses"][0]["ip"], "10.0.0.2");
        assert!(found[0].get("ports").is_none());
        assert_eq!(of(&service, &[]), Vec::<Value>::new());
    }
}
