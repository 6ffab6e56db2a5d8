//! A Prometheus Operator that works for several namespaces, installed by OLM.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{http::Client, scenario::apply};

/// How long it may take.
const LIMIT: Duration = Duration::from_secs(180);
const CSV: &str = "prometheusoperator.v0.85.0";

/// Installs it in a namespace of its own, for others, which are made.
pub fn install(client: &Client, namespace: &str, targets: &[String]) -> Result<(), String> {
    for name in targets.iter().map(String::as_str).chain([namespace]) {
        let own = json!({"metadata": {"name": name}});
        client.send("POST", "/api/v1/namespaces", Some(&own));
    }
    let group = json!({
        "apiVersion": "operators.coreos.com/v1", "kind": "OperatorGroup", "metadata": {"name": "operator"},
        "spec": {"targetNamespaces": targets},
    });
    let subscription = json!({
        "apiVersion": "operators.coreos.com/v1alpha1", "kind": "Subscription", "metadata": {"name": "prometheus"},
        "spec": {"name": "prometheus", "channel": "beta", "source": "operatorhubio-catalog", "sourceNamespace": "olm"},
    });
    for object in [group, subscription] {
        apply(client, &object, namespace)?;
    }
    let path = format!(
        "/apis/operators.coreos.com/v1alpha1/namespaces/{namespace}/clusterserviceversions/{CSV}"
    );
    let began = Instant::now();
    loop {
        let (_, csv) = client.send("GET", &path, None);
        if csv["status"]["phase"] == "Succeeded" {
            return Ok(());
        }
        if began.elapsed() > LIMIT {
            return Err(format!("the operator does not come up: {}", csv["status"]));
        }
        std::thread::sleep(Duration::from_millis(300));
    }
}

/// Takes it away with all of its namespaces.
pub fn remove(client: &Client, namespace: &str, targets: &[String]) {
    for name in targets.iter().map(String::as_str).chain([namespace]) {
        client.send("DELETE", &format!("/api/v1/namespaces/{name}"), None);
    }
}
