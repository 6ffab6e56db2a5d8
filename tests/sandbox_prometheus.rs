//! The Prometheus Operator and Prometheus in the sandbox, with the objects of lab 4 and a clock that stands.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Tests.

use std::{sync::Arc, time::Duration};

use ccnr::sandbox::{
    clock::Clock,
    flavour::Flavour,
    instance::Sandbox,
    network,
    prometheus::api::pages::Request,
    registry,
    verbs::{How, delete::Options},
};
use serde_json::{Value, json};

const MINUTE: Duration = Duration::from_secs(60);

struct Lab(Sandbox);

impl Lab {
    /// A namespace with an operator for it, and one with an application.
    fn new() -> Self {
        let clock = Clock::standing("2026-01-02T03:04:05Z".parse().unwrap());
        let mut lab = Self(Sandbox::new(Flavour::Kubernetes, clock));
        for name in ["monitor", "app"] {
            lab.create(
                json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}),
            );
        }
        lab.pass(1);
        lab.create(json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "prometheus-operator", "namespace": "monitor"},
            "spec": {"selector": {"matchLabels": {"o": "p"}}, "template": {"metadata": {"labels": {"o": "p"}}, "spec": {"containers": [{
                "name": "operator", "image": "quay.io/prometheus-operator/prometheus-operator:v0.85.0", "args": ["--namespaces=monitor"]}]}}},
        }));
        lab.lab_objects(&["deployment", "service", "role-binding", "prometheus"]);
        lab.0.pass(MINUTE * 2);
        lab
    }

    fn lab_objects(&self, names: &[&str]) {
        for name in names {
            let text =
                std::fs::read_to_string(format!("manifests/04-jmx-metrics/{name}.yaml")).unwrap();
            let text = text
                .replace("{{ app }}", "app")
                .replace("{{ monitor }}", "monitor")
                .replace("{{ prometheus_version }}", "v3.11.0")
                .replace("{{ image }}", "quay.io/ccnr/java-demo:1.0");
            for part in text.split("\n---\n") {
                self.create(serde_yaml::from_str(part).unwrap());
            }
        }
    }

    fn create(&self, object: Value) {
        let api = &self.0.api;
        let text = |f: &str| object[f].as_str().unwrap().to_owned();
        let resource = api
            .registry()
            .of_kind(&text("apiVersion"), &text("kind"))
            .unwrap();
        let namespace = object["metadata"]["namespace"].as_str().map(str::to_owned);
        api.create(&resource, namespace.as_deref(), object, &How::by("test"))
            .unwrap_or_else(|e| panic!("{}", e.message));
    }

    fn pass(&mut self, seconds: u64) {
        self.0.pass(Duration::from_secs(seconds));
    }

    fn get(&self, group: &str, plural: &str, namespace: &str, name: &str) -> Option<Arc<Value>> {
        let key = (namespace.to_owned(), name.to_owned());
        self.0.api.store.get(&registry::place(group, plural), &key)
    }

    fn delete(&self, group: &str, plural: &str, namespace: &str, name: &str) {
        let resource = self.0.api.registry().get(group, "v1", plural).unwrap();
        let deleted = self
            .0
            .api
            .delete(&resource, Some(namespace), name, &Options::default());
        deleted.unwrap_or_else(|e| panic!("{}", e.message));
    }

    fn prometheus(&self) -> Arc<Value> {
        self.get(
            "monitoring.coreos.com",
            "prometheuses",
            "monitor",
            "monitoring",
        )
        .unwrap()
    }

    fn ask(&self, path: &str, query: &str) -> Value {
        let pod = self
            .get("", "pods", "monitor", "prometheus-monitoring-0")
            .unwrap();
        let request = Request {
            method: "GET",
            path,
            query,
            form: "",
        };
        let page = network::ask(&self.0.api, &pod, 9090, &request).unwrap();
        serde_json::from_str(&page.text).unwrap()
    }

    /// The samples of a query: labels and value.
    fn query(&self, query: &str) -> Vec<(Value, String)> {
        let query = query
            .replace('"', "%22")
            .replace('{', "%7B")
            .replace('}', "%7D")
            .replace('+', "%2B");
        let body = self.ask("/api/v1/query", &format!("query={query}"));
        let all = body["data"]["result"]
            .as_array()
            .unwrap_or_else(|| panic!("{body}"));
        let one = |s: &Value| {
            (
                s["metric"].clone(),
                s["value"][1].as_str().unwrap().to_owned(),
            )
        };
        all.iter().map(one).collect()
    }
}

#[test]
fn a_prometheus_becomes_a_stateful_set_that_is_ready() {
    let lab = Lab::new();
    let set = lab
        .get("apps", "statefulsets", "monitor", "prometheus-monitoring")
        .unwrap();
    assert_eq!(set["status"]["readyReplicas"], 1);
    assert_eq!(set["metadata"]["ownerReferences"][0]["kind"], "Prometheus");
    let status = &lab.prometheus()["status"];
    assert_eq!(status["availableReplicas"], 1);
    for condition in status["conditions"].as_array().unwrap() {
        assert_eq!(condition["status"], "True", "{condition}");
    }
    for (plural, name) in [
        ("secrets", "prometheus-monitoring"),
        ("configmaps", "prometheus-monitoring-rulefiles-0"),
        ("services", "prometheus-operated"),
    ] {
        assert!(lab.get("", plural, "monitor", name).is_some(), "{name}");
    }
    assert_eq!(
        lab.ask("/api/v1/targets", "")["data"]["activeTargets"],
        json!([])
    );
}

#[test]
fn what_is_broken_is_put_right() {
    let mut lab = Lab::new();
    let uid = |lab: &Lab| {
        let set = lab.get("apps", "statefulsets", "monitor", "prometheus-monitoring");
        set.map(|s| s["metadata"]["uid"].clone())
    };
    let before = uid(&lab);
    lab.delete("apps", "statefulsets", "monitor", "prometheus-monitoring");
    lab.0.pass(MINUTE * 2);
    let after = uid(&lab);
    assert!(after.is_some() && after != before);
    let set = lab
        .get("apps", "statefulsets", "monitor", "prometheus-monitoring")
        .unwrap();
    let mut changed = (*set).clone();
    changed["spec"]["replicas"] = json!(3);
    let resource = lab
        .0
        .api
        .registry()
        .get("apps", "v1", "statefulsets")
        .unwrap();
    lab.0
        .api
        .update(
            &resource,
            Some("monitor"),
            "prometheus-monitoring",
            changed,
            &How::by("test"),
        )
        .unwrap();
    lab.pass(1);
    let set = lab
        .get("apps", "statefulsets", "monitor", "prometheus-monitoring")
        .unwrap();
    assert_eq!(set["spec"]["replicas"], 1);
}

#[test]
fn a_target_comes_up_its_alert_fires_and_it_goes_again() {
    let mut lab = Lab::new();
    lab.lab_objects(&["service-monitor", "alert"]);
    lab.0.pass(MINUTE);
    let up = lab.query("up");
    assert_eq!(up.len(), 1, "{}", lab.ask("/api/v1/targets", ""));
    let (labels, value) = &up[0];
    assert_eq!(value, "1");
    let pods = lab.0.api.store.with(|s| {
        s.list(&registry::place("", "pods"), Some("app"))
            .collect::<Vec<_>>()
    });
    let ip = pods[0]["status"]["podIP"].as_str().unwrap();
    assert_eq!(
        *labels,
        json!({"__name__": "up", "container": "java", "endpoint": "metrics", "instance": format!("{ip}:9404"), "job": "java-demo",
            "namespace": "app", "pod": pods[0]["metadata"]["name"], "service": "java-demo"})
    );
    assert_eq!(lab.query("count(jvm_memory_used_bytes)")[0].1, "2");
    assert_eq!(
        lab.query("ALERTS{alertname=\"HeapHigh\",alertstate=\"firing\"}")
            .len(),
        1
    );
    // The endpoint of the other port is there, and dropped.
    assert_eq!(
        lab.ask("/api/v1/targets", "")["data"]["droppedTargets"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    lab.delete(
        "monitoring.coreos.com",
        "servicemonitors",
        "monitor",
        "java-demo",
    );
    lab.0.pass(MINUTE);
    assert_eq!(lab.query("absent(up{namespace=\"app\"})")[0].1, "1");
}

#[test]
fn without_permission_nothing_is_found() {
    let mut lab = Lab::new();
    lab.delete(
        "rbac.authorization.k8s.io",
        "rolebindings",
        "app",
        "prometheus-discovery",
    );
    lab.lab_objects(&["service-monitor"]);
    lab.0.pass(MINUTE);
    assert_eq!(
        lab.ask("/api/v1/targets", "")["data"]["activeTargets"],
        json!([])
    );
    assert_eq!(
        lab.ask("/api/v1/scrape_pools", "")["data"]["scrapePools"],
        json!(["serviceMonitor/monitor/java-demo/0"])
    );
}

#[test]
fn a_network_policy_keeps_prometheus_out() {
    let mut lab = Lab::new();
    lab.lab_objects(&["service-monitor"]);
    lab.create(json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "own", "namespace": "app"},
        "spec": {"podSelector": {}, "ingress": [{"from": [{"podSelector": {}}]}]},
    }));
    lab.0.pass(MINUTE);
    let body = lab.ask("/api/v1/targets", "");
    let target = &body["data"]["activeTargets"][0];
    assert_eq!(target["health"], "down");
    assert!(
        target["lastError"]
            .as_str()
            .unwrap()
            .ends_with("context deadline exceeded"),
        "{target}"
    );
    lab.create(json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "scrape", "namespace": "app"},
        "spec": {"podSelector": {"matchLabels": {"app": "java-demo"}}, "ingress": [{"ports": [{"port": 9404}],
            "from": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitor"}}}]}]},
    }));
    lab.0.pass(MINUTE);
    assert_eq!(lab.query("up")[0].1, "1");
}

#[test]
fn what_is_wrong_is_refused_with_an_event() {
    let mut lab = Lab::new();
    lab.create(json!({
        "apiVersion": "monitoring.coreos.com/v1", "kind": "ServiceMonitor",
        "metadata": {"name": "bad", "namespace": "monitor", "labels": {"k8s-app": "prometheus"}},
        "spec": {"selector": {}, "endpoints": [{"port": "web", "interval": "5s", "scrapeTimeout": "10s"}]},
    }));
    lab.create(json!({
        "apiVersion": "monitoring.coreos.com/v1", "kind": "PrometheusRule",
        "metadata": {"name": "bad", "namespace": "monitor", "labels": {"k8s-app": "prometheus"}},
        "spec": {"groups": [{"name": "x", "rules": [{"alert": "X", "expr": "sum("}]}]},
    }));
    lab.pass(1);
    let events = lab.0.api.store.with(|s| {
        s.list(&registry::place("", "events"), Some("monitor"))
            .collect::<Vec<_>>()
    });
    let told: Vec<&str> = events
        .iter()
        .filter(|e| e["reason"] == "InvalidConfiguration")
        .filter_map(|e| e["message"].as_str())
        .collect();
    assert!(told.contains(&"\"monitor/bad\" was rejected due to invalid configuration: endpoints[0]: scrapeTimeout \"10s\" greater than scrapeInterval \"5s\""), "{told:?}");
    assert!(
        told.contains(
            &"PrometheusRule bad was rejected due to invalid configuration: invalid rule"
        ),
        "{told:?}"
    );
}

#[test]
fn orders_are_counted() {
    let mut lab = Lab::new();
    lab.lab_objects(&["service-monitor"]);
    let pods = lab.0.api.store.with(|s| {
        s.list(&registry::place("", "pods"), Some("app"))
            .collect::<Vec<_>>()
    });
    let order = Request {
        method: "GET",
        path: "/orders",
        query: "",
        form: "",
    };
    let page = network::ask(&lab.0.api, &pods[0], 8080, &order).unwrap();
    assert_eq!(page.text, "order 1\n");
    lab.0.pass(MINUTE);
    assert_eq!(lab.query("shop_orders_total")[0].1, "1");
}
