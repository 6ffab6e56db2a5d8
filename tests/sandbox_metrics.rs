//! What Pods and nodes use: as `kubectl top` asks for it, and as autoscalers follow it.
#![allow(clippy::unwrap_used)] // Tests.

mod support;

use ccnr::sandbox::controllers::{
    cluster::{DEPLOYMENTS, Kind},
    workloads::AUTOSCALERS,
};
use serde_json::{Value, json};
use support::served::Served;

const ALL: &str = "/apis/metrics.k8s.io/v1beta1";
const SHOP: &str = "quay.io/ccnr/java-demo:1.0";

async fn get(served: &Served, path: &str) -> (u16, Value) {
    let (status, text) = served.get(path).await;
    (status, serde_json::from_str(&text).unwrap_or(Value::Null))
}

async fn pod(served: &Served, name: &str) -> (u16, Value) {
    get(served, &format!("{ALL}/namespaces/default/pods/{name}")).await
}

/// What the first container of a Pod uses, in billionths of a core and bytes.
async fn used(served: &Served, name: &str) -> (i128, i128) {
    use ccnr::sandbox::schema::quantity::amount;
    let (status, metrics) = pod(served, name).await;
    assert_eq!(status, 200, "{metrics}");
    let usage = &metrics["containers"][0]["usage"];
    let of = |what: &str| amount(usage[what].as_str().unwrap()).unwrap();
    (of("cpu"), of("memory") / 1_000_000_000)
}

async fn ask_often(served: &Served, pod: &str, path: &str, times: usize) {
    for _ in 0..times {
        let path = format!("pods/{pod}:8080/proxy{path}");
        assert_eq!(served.get(&path).await.0, 200);
    }
}

#[tokio::test]
async fn a_pod_has_metrics_a_while_after_it_runs() {
    let mut served = Served::new().await;
    served.pod("web", &json!({"image": "quay.io/ccnr/web:1.0"}));
    served.pod("once", &json!({"image": "busybox", "command": ["true"]}));
    served.pass(6);
    let (status, refusal) = pod(&served, "web").await;
    let why = "podmetrics.metrics.k8s.io \"default/web\" not found";
    assert_eq!((status, &refusal["message"]), (404, &json!(why)));
    let (status, refusal) = pod(&served, "none").await;
    let why = "pods \"none\" not found";
    assert_eq!((status, &refusal["message"]), (404, &json!(why)));
    served.pass(34);
    let (status, metrics) = pod(&served, "web").await;
    assert_eq!(status, 200);
    assert_eq!(metrics["kind"], "PodMetrics");
    assert_eq!(metrics["metadata"]["labels"], json!({"app": "web"}));
    assert_eq!(metrics["timestamp"], "2026-01-01T00:00:30Z");
    assert_eq!(
        metrics["metadata"]["creationTimestamp"],
        "2026-01-01T00:00:40Z"
    );
    assert_eq!(metrics["window"], "15s");
    assert_eq!(metrics["containers"][0]["name"], "c");
    // What has ended uses nothing.
    assert_eq!(pod(&served, "once").await.0, 404);
    for (query, count) in [
        ("", 1),
        ("?labelSelector=app%3Dweb", 1),
        ("?labelSelector=app%3Dother", 0),
    ] {
        let (_, list) = get(&served, &format!("{ALL}/namespaces/default/pods{query}")).await;
        assert_eq!(list["kind"], "PodMetricsList");
        assert_eq!(list["items"].as_array().unwrap().len(), count, "{query}");
    }
    let (_, node) = get(&served, &format!("{ALL}/nodes/sandbox-1")).await;
    assert_eq!(node["kind"], "NodeMetrics");
    assert_eq!(get(&served, &format!("{ALL}/nodes/none")).await.0, 404);
    let refused = served
        .ask("DELETE", &format!("{ALL}/nodes/sandbox-1"), Value::Null)
        .await;
    assert_eq!(refused.0, 405);
    let made = served
        .ask("POST", &format!("{ALL}/namespaces/default/pods"), json!({}))
        .await;
    assert_eq!(made.0, 405);
    let (status, refusal) = get(&served, &format!("{ALL}/pods?watch=true")).await;
    let why = "watch is not supported on resources of kind \"pods.metrics.k8s.io\"";
    assert_eq!((status, &refusal["message"]), (405, &json!(why)));
    let (status, refusal) = get(
        &served,
        &format!("{ALL}/pods?fieldSelector=spec.nodeName%3Da"),
    )
    .await;
    let why = "\"spec.nodeName\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\"";
    assert_eq!((status, &refusal["message"]), (400, &json!(why)));
}

#[tokio::test]
async fn work_takes_processor_time_and_memory_is_held() {
    let mut served = Served::new().await;
    let limits = json!({"limits": {"cpu": "200m", "memory": "100Mi"}});
    served.pod("shop", &json!({"image": SHOP}));
    served.pod("small", &json!({"image": SHOP, "resources": limits}));
    let busy = json!(["sh", "-c", "while true; do :; done"]);
    served.pod("busy", &json!({"image": "busybox", "command": busy}));
    served.pass(61);
    let (idle, memory) = used(&served, "shop").await;
    assert!((1_000_000..10_000_000).contains(&idle), "{idle}");
    assert!((40 << 20..60 << 20).contains(&memory), "{memory}");
    assert!(used(&served, "busy").await.0 > 950_000_000);
    ask_often(&served, "shop", "/work", 40).await;
    ask_often(&served, "small", "/work", 40).await;
    served
        .ask("GET", "pods/shop:8080/proxy/heap?mb=40", Value::Null)
        .await;
    served
        .ask("GET", "pods/small:8080/proxy/heap?mb=90", Value::Null)
        .await;
    served.pass(15);
    // 40 times 90 ms in 15 s.
    let (cpu, more) = used(&served, "shop").await;
    assert!((240_000_000..280_000_000).contains(&cpu), "{cpu}");
    assert!((35 << 20..45 << 20).contains(&(more - memory)), "{more}");
    assert_eq!(used(&served, "small").await, (200_000_000, 100 << 20));
    served.pass(15);
    assert!(used(&served, "shop").await.0 < 30_000_000);
}

fn deployment(requests: &Value) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "shop"},
        "spec": {
            "selector": {"matchLabels": {"app": "shop"}},
            "template": {
                "metadata": {"labels": {"app": "shop"}},
                "spec": {"containers": [{"name": "shop", "image": SHOP, "resources": {"requests": requests}}]},
            },
        },
    })
}

/// As `kubectl autoscale` makes it.
fn autoscale(served: &Served, percent: i64) {
    let old = Kind::new("autoscaling", "v1", "horizontalpodautoscalers");
    served.make(
        old,
        &json!({
            "apiVersion": "autoscaling/v1", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "shop"},
            "spec": {
                "maxReplicas": 4, "minReplicas": 1, "targetCPUUtilizationPercentage": percent,
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"},
            },
        }),
    );
}

async fn autoscaler(served: &Served) -> Value {
    let path = format!(
        "/apis/autoscaling/v2/namespaces/default/{}/shop",
        AUTOSCALERS.plural
    );
    get(served, &path).await.1["status"].clone()
}

fn condition<'a>(status: &'a Value, kind: &str) -> &'a Value {
    let all = status["conditions"].as_array().unwrap();
    all.iter().find(|c| c["type"] == kind).unwrap()
}

#[tokio::test]
async fn an_autoscaler_follows_what_is_measured() {
    let mut served = Served::new().await;
    served.make(DEPLOYMENTS, &deployment(&json!({"cpu": "200m"})));
    autoscale(&served, 50);
    served.pass(76);
    let status = autoscaler(&served).await;
    assert_eq!(
        condition(&status, "ScalingActive")["reason"],
        "ValidMetricFound"
    );
    let percent = status["currentMetrics"][0]["resource"]["current"]["averageUtilization"].as_i64();
    assert!((0..=4).contains(&percent.unwrap()), "{percent:?}");
    assert_eq!(status["currentReplicas"], 1);
    // The shop works at more than one and a half of what it requests.
    let (_, pods) = get(&served, "pods?labelSelector=app%3Dshop").await;
    let pod = pods["items"][0]["metadata"]["name"]
        .as_str()
        .unwrap()
        .to_owned();
    ask_often(&served, &pod, "/work", 56).await;
    served.pass(16);
    let (_, deployment) = get(&served, "/apis/apps/v1/namespaces/default/deployments/shop").await;
    assert_eq!(deployment["spec"]["replicas"], 4);
    // Five minutes later, nothing has kept it busy.
    served.pass(400);
    let (_, deployment) = get(&served, "/apis/apps/v1/namespaces/default/deployments/shop").await;
    assert_eq!(deployment["spec"]["replicas"], 1);
}

#[tokio::test]
async fn an_autoscaler_needs_requests() {
    let mut served = Served::new().await;
    served.make(DEPLOYMENTS, &deployment(&json!({})));
    autoscale(&served, 50);
    served.pass(90);
    let status = autoscaler(&served).await;
    let active = condition(&status, "ScalingActive");
    assert_eq!(active["status"], "False");
    let why = active["message"].as_str().unwrap();
    let wanted = "the HPA was unable to compute the replica count: failed to get cpu utilization: missing request for cpu in container shop of Pod shop-";
    assert!(why.starts_with(wanted), "{why}");
}

#[tokio::test]
async fn who_may_look_sees_what_is_used() {
    let mut served = Served::new().await;
    served.pass(1);
    let path = "/apis/rbac.authorization.k8s.io/v1/clusterroles";
    for role in ["view", "edit", "admin"] {
        let (_, role) = get(&served, &format!("{path}/{role}")).await;
        let rules = role["rules"].as_array().unwrap();
        assert!(
            rules
                .iter()
                .any(|r| r["apiGroups"] == json!(["metrics.k8s.io"])),
            "{role}"
        );
    }
    let (_, service) = get(
        &served,
        "/apis/apiregistration.k8s.io/v1/apiservices/v1beta1.metrics.k8s.io",
    )
    .await;
    assert_eq!(service["spec"]["service"]["name"], "metrics-server");
    let (_, groups) = get(&served, "/apis").await;
    assert!(
        groups["groups"]
            .as_array()
            .unwrap()
            .iter()
            .any(|g| g["name"] == "metrics.k8s.io")
    );
}
