//! What can be asked of Pods over HTTP: logs, evictions, bindings, commands.
#![allow(clippy::unwrap_used)] // Tests.

mod support;

use ccnr::sandbox::controllers::cluster::{Cluster, Kind, PODS};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use support::served::Served;

const NGINX: &str = "quay.io/nginx/nginx-unprivileged:1.27";

fn message(answer: &(u16, String)) -> (u16, String) {
    let status: Value = serde_json::from_str(&answer.1).unwrap();
    (answer.0, status["message"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_container_has_a_log_once_it_has_run() {
    let mut served = Served::new().await;
    served.pod("web", &json!({"image": "quay.io/ccnr/web:1.0"}));
    served.pod(
        "crash",
        &json!({"image": "busybox", "command": ["sh", "-c", "echo hi; sleep 1; exit 3"]}),
    );
    served.pod("bad", &json!({"image": "quay.io/ccnr/none:1"}));
    assert_eq!(served.get("pods/web/log").await, (200, String::new()));
    served.pass(20);
    let (status, log) = served.get("pods/web/log").await;
    assert_eq!(status, 200);
    assert!(
        log.ends_with(" web 1.0 listens on :8080\n") && log.lines().count() == 1,
        "{log}"
    );
    let (_, stamped) = served.get("pods/web/log?timestamps=true").await;
    assert!(
        stamped.starts_with("2026-01-01T00:00:0") && stamped.ends_with(&log),
        "{stamped}"
    );
    assert_eq!(served.get("pods/web/log?tailLines=0").await.1, "");
    assert_eq!(served.get("pods/crash/log").await, (200, "hi\n".to_owned()));
    assert_eq!(served.get("pods/crash/log?previous=true").await.1, "hi\n");
    let bad = served.get("pods/bad/log").await;
    let why =
        "container \"c\" in pod \"bad\" is waiting to start: trying and failing to pull image";
    assert_eq!(message(&bad), (400, why.to_owned()));
    let other = served.get("pods/web/log?container=x").await;
    assert_eq!(
        message(&other),
        (400, "container x is not valid for pod web".to_owned())
    );
    assert_eq!(served.get("pods/none/log").await.0, 404);
}

#[tokio::test]
async fn a_followed_log_goes_on_until_its_container_ends() {
    let mut served = Served::new().await;
    served.pod("loop", &json!({"image": "busybox", "command": ["sh", "-c", "while true; do echo hi; sleep 5; done"]}));
    served.pass(7);
    let client = served.client.clone();
    let request = http::Request::get("/api/v1/namespaces/default/pods/loop/log?follow=true");
    let request = request.body(kube::client::Body::empty()).unwrap();
    let mut body = client.send(request).await.unwrap().into_body();
    let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert!(first.starts_with(b"hi\n"));
    served.pass(10);
    let second = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert!(second.starts_with(b"hi\n"));
    let gone = served
        .ask("DELETE", "pods/loop?gracePeriodSeconds=0", Value::Null)
        .await;
    assert_eq!(gone.0, 200);
    while let Some(frame) = body.frame().await {
        frame.unwrap();
    }
}

#[tokio::test]
async fn an_eviction_asks_the_budget() {
    let mut served = Served::new().await;
    served.pod("kept", &json!({"image": NGINX}));
    served.pod("free", &json!({"image": NGINX}));
    let budgets = Kind::new("policy", "v1", "poddisruptionbudgets");
    served.make(budgets, &json!({"metadata": {"name": "b"}, "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "kept"}}}}));
    served.pass(10);
    let cluster = Cluster::new(&served.sandbox.api, "test", "test");
    let budget = cluster.get(budgets, "default", "b").unwrap();
    let status = json!({"status": {"observedGeneration": 1, "desiredHealthy": 1, "currentHealthy": 1, "expectedPods": 1, "disruptionsAllowed": 0}});
    cluster.merge_status(budgets, &budget, &status).unwrap();
    let eviction = |name: &str| json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}});
    let refused = served
        .ask("POST", "pods/kept/eviction", eviction("kept"))
        .await;
    let why = "Cannot evict pod as it would violate the pod's disruption budget.";
    assert_eq!(message(&refused), (429, why.to_owned()));
    let cause = "The disruption budget b needs 1 healthy pods and has 1 currently";
    assert!(
        refused.1.contains(cause) && refused.1.contains("DisruptionBudget"),
        "{}",
        refused.1
    );
    assert_eq!(
        served
            .ask("POST", "pods/free/eviction", eviction("free"))
            .await
            .0,
        201
    );
    served.pass(5);
    assert_eq!(
        (
            served.get("pods/free").await.0,
            served.get("pods/kept").await.0
        ),
        (404, 200)
    );
}

#[tokio::test]
async fn a_pod_is_bound_once_and_may_be_looked_into() {
    let mut served = Served::new().await;
    served.make(PODS, &json!({"metadata": {"name": "own"}, "spec": {"schedulerName": "mine", "containers": [{"name": "c", "image": NGINX}]}}));
    served.pass(5);
    let binding = json!({"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "own"}, "target": {"kind": "Node", "name": "sandbox-1"}});
    assert_eq!(
        served
            .ask("POST", "pods/own/binding", binding.clone())
            .await
            .0,
        201
    );
    let again = served.ask("POST", "pods/own/binding", binding).await;
    let why = "Operation cannot be fulfilled on pods/binding \"own\": pod own is already assigned to node \"sandbox-1\"";
    assert_eq!(message(&again), (409, why.to_owned()));
    served.pass(5);
    let look = json!({"spec": {"ephemeralContainers": [{"name": "look", "image": "busybox", "command": ["sleep", "100"]}]}});
    assert_eq!(
        served
            .ask("PATCH", "pods/own/ephemeralcontainers", look)
            .await
            .0,
        200
    );
    served.pass(5);
    let pod: Value = serde_json::from_str(&served.get("pods/own").await.1).unwrap();
    assert!(
        pod["status"]["ephemeralContainerStatuses"][0]["state"]["running"].is_object(),
        "{pod:#}"
    );
    let none = json!({"spec": {"ephemeralContainers": []}});
    assert_eq!(
        served
            .ask("PATCH", "pods/own/ephemeralcontainers", none)
            .await
            .0,
        422
    );
    let exec = served
        .ask("POST", "pods/own/exec?command=ls", Value::Null)
        .await;
    let (status, why) = message(&exec);
    assert_eq!(status, 400);
    assert!(why.starts_with("containers in the sandbox are simulated, so exec is not possible: see what it says with kubectl logs own"), "{why}");
}

#[tokio::test]
async fn a_program_asks_others_and_its_log_says_what_came() {
    let mut served = Served::new().await;
    served.pod("web", &json!({"image": "quay.io/ccnr/web:1.0"}));
    let services = Kind::new("", "v1", "services");
    let service = |name: &str, app: &str| json!({"metadata": {"name": name}, "spec": {"selector": {"app": app}, "ports": [{"port": 80, "targetPort": 8080}]}});
    served.make(services, &service("web", "web"));
    served.make(services, &service("nobody", "none"));
    served.pass(20);
    let ask = |name: &str, image: &str, args: Value| {
        served.pod(name, &json!({"image": image, "args": args}));
    };
    ask("short", "curlimages/curl", json!(["-s", "http://web"]));
    ask(
        "long",
        "busybox",
        json!(["wget", "-qO-", "http://web.default.svc.cluster.local/"]),
    );
    ask("wrong", "curlimages/curl", json!(["-sS", "http://wbe"]));
    ask("shut", "curlimages/curl", json!(["-sS", "http://nobody"]));
    ask(
        "port",
        "curlimages/curl",
        json!(["-sS", "-m", "5", "http://web:8080"]),
    );
    served.pass(20);
    let mut said = std::collections::BTreeMap::new();
    for name in ["short", "long", "wrong", "shut", "port"] {
        said.insert(name, served.get(&format!("pods/{name}/log")).await.1);
    }
    assert_eq!(said["short"], "web 1.0 on web\n");
    assert_eq!(said["long"], "web 1.0 on web\n");
    assert_eq!(said["wrong"], "curl: (6) Could not resolve host: wbe\n");
    let refused = "Failed to connect to nobody port 80 after 1 ms: Could not connect to server";
    assert_eq!(said["shut"], format!("curl: (7) {refused}\n"));
    assert_eq!(
        said["port"],
        "curl: (28) Connection timed out after 5001 milliseconds\n"
    );
}

#[tokio::test]
async fn a_policy_keeps_programs_out() {
    let mut served = Served::new().await;
    served.pod("web", &json!({"image": "quay.io/ccnr/web:1.0"}));
    served.make(
        Kind::new("", "v1", "services"),
        &json!({"metadata": {"name": "web"}, "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]}}),
    );
    served.make(
        Kind::new("networking.k8s.io", "v1", "networkpolicies"),
        &json!({"metadata": {"name": "p"}, "spec": {"podSelector": {"matchLabels": {"app": "web"}},
                "ingress": [{"from": [{"podSelector": {"matchLabels": {"app": "friend"}}}]}]}}),
    );
    served.pass(20);
    let wget =
        json!({"image": "busybox", "command": ["wget", "-q", "-T", "3", "-O", "-", "http://web"]});
    served.pod("friend", &wget);
    served.pod("stranger", &wget);
    served.pass(20);
    assert_eq!(served.get("pods/friend/log").await.1, "web 1.0 on web\n");
    assert_eq!(
        served.get("pods/stranger/log").await.1,
        "wget: download timed out\n"
    );
}
