//! What the router answers to requests from outside the cluster.
#![allow(clippy::unwrap_used, clippy::panic)] // Tests.

use std::{sync::Arc, time::Duration};

use ccnr::sandbox::{
    clock::Clock,
    flavour::Flavour,
    instance::Sandbox,
    router::{Answer, Request, Router},
    serve,
    verbs::{How, patch::Kind},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

const HOST: &str = "shop.apps.ccnr.test";

/// A cluster with a namespace, and a router before it.
struct Cluster {
    sandbox: Sandbox,
    router: Router,
}

impl Cluster {
    fn new(flavour: Flavour) -> Self {
        let at = "2026-01-01T00:00:00Z".parse().unwrap();
        let mut sandbox = Sandbox::new(flavour, Clock::standing(at));
        sandbox.settle();
        let mut cluster = Self {
            sandbox,
            router: Router::default(),
        };
        cluster.create("v1/Namespace", json!({"metadata": {"name": "a"}}));
        cluster
    }

    fn create(&mut self, kind: &str, object: Value) {
        let (version, kind) = kind.rsplit_once('/').unwrap();
        let api = &self.sandbox.api;
        let resource = api.registry().of_kind(version, kind).unwrap();
        let namespace = resource.namespaced.then_some("a");
        api.create(&resource, namespace, object, &How::by("test"))
            .unwrap();
        self.sandbox.settle();
    }

    /// A Pod of the shop's page, behind a Service of its name.
    fn app(&mut self, name: &str, tag: &str) {
        let labels = json!({"app": name});
        self.create(
            "v1/Pod",
            json!({
                "metadata": {"name": name, "labels": labels},
                "spec": {"containers": [{"name": "web", "image": format!("quay.io/ccnr/web:{tag}")}]},
            }),
        );
        self.create(
            "v1/Service",
            json!({
                "metadata": {"name": name},
                "spec": {"selector": labels, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]},
            }),
        );
        self.sandbox.pass(Duration::from_secs(30));
    }

    fn route(&mut self, spec: &Value) {
        let name = spec["to"]["name"].as_str().unwrap().to_owned();
        let mut object = json!({"metadata": {"name": name}, "spec": spec});
        object["spec"]["host"] = json!(HOST);
        object["spec"]["to"]["kind"] = json!("Service");
        self.create("route.openshift.io/v1/Route", object);
    }

    fn change_service(&mut self, name: &str, patch: &Value) {
        let api = &self.sandbox.api;
        let resource = api.registry().of_kind("v1", "Service").unwrap();
        let patch = (Kind::Merge, patch);
        api.patch(&resource, Some("a"), name, patch, &How::by("test"))
            .unwrap();
        self.sandbox.settle();
    }

    fn get(&self, host: &str, path: &str) -> Answer {
        let request = Request {
            method: "GET",
            host,
            path,
            query: "",
        };
        self.router.answer(&self.sandbox.api, &request)
    }
}

#[test]
fn a_route_leads_to_a_ready_pod_by_host() {
    let mut cluster = Cluster::new(Flavour::OpenShift);
    cluster.app("one", "1.0");
    assert_eq!(cluster.get(HOST, "/").status, 503);
    cluster.route(&json!({"to": {"name": "one"}, "port": {"targetPort": "http"}}));
    let answer = cluster.get("Shop.apps.ccnr.test:8080", "/");
    assert_eq!((answer.status, &*answer.body), (200, "web 1.0 on one\n"));
    assert_eq!(cluster.get(HOST, "/nope").status, 404);
    let other = cluster.get("other.apps.ccnr.test", "/");
    assert_eq!(other.status, 503);
    assert!(other.body.contains("Application is not available"));
    let none = json!({"spec": {"selector": {"app": "nobody"}}});
    cluster.change_service("one", &none);
    assert_eq!(cluster.get(HOST, "/").status, 503);
}

#[test]
fn a_target_port_is_that_of_the_endpoints() {
    for (target, status) in [
        (json!(8080), 200),
        (json!("http"), 200),
        (json!(80), 503),
        (json!("other"), 503),
    ] {
        let mut cluster = Cluster::new(Flavour::OpenShift);
        cluster.app("one", "1.0");
        cluster.route(&json!({"to": {"name": "one"}, "port": {"targetPort": target}}));
        assert_eq!(cluster.get(HOST, "/").status, status, "{target}");
    }
}

#[test]
fn weights_share_the_requests_among_services_that_are_ready() {
    let mut cluster = Cluster::new(Flavour::OpenShift);
    cluster.app("one", "1.0");
    cluster.app("two", "2.0");
    cluster.route(&json!({
        "to": {"name": "one", "weight": 3},
        "alternateBackends": [{"kind": "Service", "name": "two", "weight": 1}],
    }));
    let asked = |cluster: &Cluster| {
        let answers = (0..8).map(|_| cluster.get(HOST, "/").body);
        answers.filter(|b| b.starts_with("web 2.0")).count()
    };
    assert_eq!(asked(&cluster), 2);
    cluster.change_service("one", &json!({"spec": {"selector": {"app": "nobody"}}}));
    assert_eq!(asked(&cluster), 8);
}

#[test]
fn the_longest_path_wins() {
    let mut cluster = Cluster::new(Flavour::OpenShift);
    cluster.app("one", "1.0");
    cluster.app("two", "2.0");
    cluster.route(&json!({"to": {"name": "one"}}));
    cluster.route(&json!({"to": {"name": "two"}, "path": "/healthz"}));
    // The path is passed on as it is.
    assert!(cluster.get(HOST, "/").body.starts_with("web 1.0"));
    assert_ne!(cluster.get(HOST, "/healthz").status, 503);
    cluster.change_service("two", &json!({"spec": {"selector": {"app": "nobody"}}}));
    assert_eq!(cluster.get(HOST, "/healthz").status, 503);
    assert_ne!(cluster.get(HOST, "/healthzz").status, 503);
}

#[test]
fn what_is_over_tls_is_not_had_without_it() {
    let cases = [
        (json!("Redirect"), 302),
        (json!("Allow"), 200),
        (json!("None"), 503),
        (Value::Null, 503),
    ];
    for (policy, status) in cases {
        let mut cluster = Cluster::new(Flavour::OpenShift);
        cluster.app("one", "1.0");
        let mut tls = json!({"termination": "edge"});
        if policy.is_string() {
            tls["insecureEdgeTerminationPolicy"] = policy.clone();
        }
        cluster.route(&json!({"to": {"name": "one"}, "tls": tls}));
        let answer = cluster.get(HOST, "/x");
        let answer = if status == 200 {
            cluster.get(HOST, "/")
        } else {
            answer
        };
        assert_eq!(answer.status, status, "{policy}");
        let location = (status == 302).then(|| format!("https://{HOST}/x"));
        assert_eq!(answer.location, location, "{policy}");
    }
}

fn ingress() -> Value {
    let to = |name: &str, port: Value| json!({"service": {"name": name, "port": port}});
    json!({
        "metadata": {"name": "shop"},
        "spec": {"rules": [{"host": HOST, "http": {"paths": [
            {"path": "/", "pathType": "Prefix", "backend": to("one", json!({"number": 80}))},
            {"path": "/deep", "pathType": "Exact", "backend": to("none", json!({"name": "http"}))},
        ]}}]},
    })
}

#[test]
fn an_ingress_leads_to_a_pod_and_says_where_it_is() {
    let mut cluster = Cluster::new(Flavour::Kubernetes);
    cluster.app("one", "1.0");
    cluster.create("networking.k8s.io/v1/Ingress", ingress());
    assert_eq!(cluster.get(HOST, "/").body, "web 1.0 on one\n");
    assert_eq!(cluster.get(HOST, "/deep").status, 503);
    assert_eq!(cluster.get(HOST, "/deep/er").status, 404);
    assert_eq!(cluster.get("other.test", "/").status, 503);
    let api = &cluster.sandbox.api;
    let resource = api.registry().of_kind("networking.k8s.io/v1", "Ingress");
    let found = api.get(&resource.unwrap(), Some("a"), "shop").unwrap();
    let addresses = &found["status"]["loadBalancer"]["ingress"];
    assert_eq!(*addresses, json!([{"ip": "127.0.0.1"}]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_listener_goes_by_the_host_header() {
    let mut cluster = Cluster::new(Flavour::OpenShift);
    cluster.app("one", "1.0");
    cluster.route(&json!({"to": {"name": "one"}}));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let api = Arc::clone(&cluster.sandbox.api);
    tokio::spawn(serve::router::serve(api, listener));
    for (host, status, body) in [
        (HOST, "HTTP/1.1 200 OK", "web 1.0 on one\n"),
        (
            "other.test",
            "HTTP/1.1 503 Service Unavailable",
            "</html>\n",
        ),
    ] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with(status), "{answer}");
        assert!(answer.ends_with(body), "{answer}");
    }
}

#[test]
fn a_page_of_a_config_map_is_shown() {
    let mut cluster = Cluster::new(Flavour::OpenShift);
    let page = json!({"metadata": {"name": "page"}, "data": {"index.html": "my own page"}});
    cluster.create("v1/ConfigMap", page);
    let mount = json!({"name": "page", "mountPath": "/usr/share/nginx/html"});
    cluster.create(
        "v1/Pod",
        json!({
            "metadata": {"name": "web", "labels": {"app": "web"}},
            "spec": {
                "containers": [{
                    "name": "web", "image": "quay.io/nginx/nginx-unprivileged:1.27", "volumeMounts": [mount],
                }],
                "volumes": [{"name": "page", "configMap": {"name": "page"}}],
            },
        }),
    );
    cluster.create(
        "v1/Service",
        json!({
            "metadata": {"name": "web"},
            "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]},
        }),
    );
    cluster.route(&json!({"to": {"name": "web"}}));
    cluster.sandbox.pass(Duration::from_secs(30));
    assert_eq!(cluster.get(HOST, "/").body, "my own page");
    assert_eq!(cluster.get(HOST, "/index.html").body, "my own page");
    assert_eq!(cluster.get(HOST, "/other.html").status, 404);
}
