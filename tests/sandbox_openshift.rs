//! `OpenShift` in the sandbox: what a real server answered, request by request, and what its controllers do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Tests.

mod support;

use std::{collections::BTreeMap, fmt::Write as _, path::Path, sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ccnr::sandbox::{
    authz::User,
    clock::Clock,
    controllers,
    flavour::Flavour,
    instance::Sandbox,
    serve::authn::Tokens,
    store::selector::Selector,
    verbs::{How, delete::Options},
};
use http_body_util::BodyExt as _;
use regex::Regex;
use serde_json::{Value, json};

/// What did not run where the requests were recorded (`/tests/openshift/requests.jsonl`): no node, no router, no builds, nothing
/// that gives out ranges of users.
const NOT_THERE: [&str; 7] = [
    "build-controller",
    "default-scheduler",
    "kubelet",
    "namespace-security-allocation-controller",
    "nodelifecycle-controller",
    "openshift-router",
    "deployer-controller",
];

/// Who may request projects.
const PROVISIONERS: &str = "self-provisioners";

fn clock() -> Clock {
    Clock::standing("2026-01-01T00:00:00Z".parse().unwrap())
}

/// A request and what a real server answered.
struct Recorded {
    name: String,
    request: Value,
}

fn recorded() -> Vec<Recorded> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/openshift/requests.jsonl");
    let text = std::fs::read_to_string(path).unwrap();
    let one = |(i, line): (usize, &str)| {
        let request: Value = serde_json::from_str(line).unwrap();
        Recorded {
            name: format!("{i} {}", request["note"].as_str().unwrap()),
            request,
        }
    };
    text.lines().enumerate().map(one).collect()
}

/// The requests that `docs/sandbox-fidelity.md` lists, in lines of the form ``- `NAME`: …``.
fn known_differences() -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/sandbox-fidelity.md");
    let text = std::fs::read_to_string(path).unwrap();
    let names = text
        .lines()
        .filter_map(|line| line.strip_prefix("- request `")?.split('`').next());
    names.map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_real_server_answered_is_answered() {
    let recorded = recorded();
    let known = known_differences();
    for name in &known {
        let is_one = recorded.iter().any(|r| r.name == *name);
        assert!(is_one, "docs/sandbox-fidelity.md names no request: {name}");
    }
    let full = Sandbox::new(Flavour::OpenShift, clock());
    let mut controllers = controllers::all(Flavour::OpenShift);
    controllers.retain(|c| !NOT_THERE.contains(&c.name()));
    let mut sandbox = Sandbox::around(Arc::clone(&full.api), controllers);
    sandbox.settle();
    forget_constraints(&sandbox);
    let mut tokens = Tokens::default();
    tokens.add("admin", User::admin("admin"));
    for student in ["student1", "student2"] {
        tokens.add(
            student,
            User::named(student, &["system:authenticated:oauth"]),
        );
    }
    let served = support::sandbox::start_with(Arc::clone(&sandbox.api), tokens).await;
    let clients: BTreeMap<&str, kube::Client> = ["admin", "student1", "student2"]
        .into_iter()
        .map(|user| (user, client(&served, user)))
        .collect();
    let binding = take_binding(&sandbox);
    let (mut told, mut equal) = (String::new(), 0);
    for Recorded { name, request } in &recorded {
        match request["note"].as_str() {
            Some("may request") => give_binding(&sandbox, binding.clone()),
            Some("gone") => sandbox.pass(Duration::from_secs(60)),
            _ => {}
        }
        let client = &clients[request["user"].as_str().unwrap()];
        let ours = ask(client, request).await;
        sandbox.settle();
        let theirs = answered(request);
        let mut differs = String::new();
        differences("", &ours, &theirs, &mut differs);
        equal += usize::from(differs.is_empty());
        match (differs.is_empty(), known.contains(name)) {
            (true, true) => {
                writeln!(told, "{name}: no longer differs: take it from the list").unwrap();
            }
            (false, false) => write!(told, "{name}{differs}\n\n").unwrap(),
            _ => {}
        }
    }
    println!("{equal} of {} answers are equal", recorded.len());
    assert!(
        told.is_empty(),
        "{equal} of {} are equal\n{told}",
        recorded.len()
    );
}

/// Where the requests were recorded nothing asked for constraints.
fn forget_constraints(sandbox: &Sandbox) {
    let registry = sandbox.api.registry();
    let plural = "securitycontextconstraints";
    let resource = registry.get("security.openshift.io", "v1", plural).unwrap();
    let (all, options) = (Selector::default(), Options::default());
    let gone = sandbox.api.delete_all(&resource, None, &all, &options);
    assert!(!gone.unwrap().is_empty());
}

fn create(sandbox: &Sandbox, object: Value) -> Value {
    let text = |field: &str| object[field].as_str().unwrap_or_default().to_owned();
    let registry = sandbox.api.registry();
    let resource = registry
        .of_kind(&text("apiVersion"), &text("kind"))
        .unwrap();
    let namespace = object["metadata"]["namespace"].as_str().map(str::to_owned);
    let how = How::by("test");
    let made = sandbox
        .api
        .create(&resource, namespace.as_deref(), object, &how);
    (*made.unwrap().object).clone()
}

fn get(sandbox: &Sandbox, group: &str, plural: &str, name: &str) -> Value {
    let resource = sandbox.api.registry().get(group, "v1", plural).unwrap();
    (*sandbox.api.get(&resource, Some("p"), name).unwrap()).clone()
}

/// A project with a configuration whose source is at a URL and a ref.
fn with_config(uri: &str, git_ref: &str) -> Sandbox {
    let mut sandbox = Sandbox::new(Flavour::OpenShift, clock());
    create(
        &sandbox,
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "p"}}),
    );
    create(
        &sandbox,
        json!({
            "apiVersion": "image.openshift.io/v1", "kind": "ImageStream", "metadata": {"name": "web", "namespace": "p"},
        }),
    );
    create(
        &sandbox,
        json!({
            "apiVersion": "build.openshift.io/v1", "kind": "BuildConfig", "metadata": {"name": "web", "namespace": "p"},
            "spec": {
                "source": {"git": {"uri": uri, "ref": git_ref}},
                "strategy": {"sourceStrategy": {"from": {
                    "kind": "DockerImage", "name": "registry.access.redhat.com/ubi9/python-312:9.5",
                }}},
                "output": {"to": {"kind": "ImageStreamTag", "name": "web:latest"}},
            },
        }),
    );
    sandbox.settle();
    sandbox
}

fn start_build(sandbox: &Sandbox) {
    let request = json!({"metadata": {"name": "web"}});
    ccnr::sandbox::openshift::generate::instantiate(
        &sandbox.api,
        "p",
        "web",
        &request,
        &How::by("test"),
    )
    .unwrap();
}

#[test]
fn a_build_pushes_an_image_which_a_deployment_follows() {
    let mut sandbox = with_config("https://github.com/sclorg/django-ex.git", "4.2.x");
    let trigger = r#"[{"from":{"kind":"ImageStreamTag","name":"web:latest"},"fieldPath":"spec.template.spec.containers[?(@.name==\"web\")].image"}]"#;
    create(
        &sandbox,
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "web", "namespace": "p", "annotations": {"image.openshift.io/triggers": trigger}},
            "spec": {
                "selector": {"matchLabels": {"app": "web"}},
                "template": {
                    "metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": " "}]},
                },
            },
        }),
    );
    start_build(&sandbox);
    start_build(&sandbox);
    sandbox.pass(Duration::from_secs(20));
    let phase = |sandbox: &Sandbox, name: &str| {
        get(sandbox, "build.openshift.io", "builds", name)["status"]["phase"].clone()
    };
    assert_eq!(phase(&sandbox, "web-1"), "Running");
    assert_eq!(phase(&sandbox, "web-2"), "New");
    sandbox.pass(Duration::from_secs(50));
    let build = get(&sandbox, "build.openshift.io", "builds", "web-1");
    assert_eq!(build["status"]["phase"], "Complete");
    assert_eq!(phase(&sandbox, "web-2"), "Running");
    let digest = build["status"]["output"]["to"]["imageDigest"]
        .as_str()
        .unwrap();
    let stream = get(&sandbox, "image.openshift.io", "imagestreams", "web");
    assert_eq!(stream["status"]["tags"][0]["items"][0]["image"], digest);
    let deployment = get(&sandbox, "apps", "deployments", "web");
    let image = &deployment["spec"]["template"]["spec"]["containers"][0]["image"];
    assert!(image.as_str().unwrap().ends_with(digest), "{image}");
}

#[tokio::test]
async fn the_pod_of_a_build_logs_what_the_build_prints() {
    let mut sandbox = with_config("https://github.com/sclorg/django-ex.git", "4.2.x");
    start_build(&sandbox);
    sandbox.pass(Duration::from_secs(90));
    let mut tokens = Tokens::default();
    tokens.add("admin", User::admin("admin"));
    let served = support::sandbox::start_with(Arc::clone(&sandbox.api), tokens).await;
    let client = client(&served, "admin");
    let log = async |path: &str| {
        let answer = ask(&client, &json!({"path": path})).await;
        answer["response"].as_str().unwrap_or_default().to_owned()
    };
    let build = log("/apis/build.openshift.io/v1/namespaces/p/builds/web-1/log").await;
    let pod = "/api/v1/namespaces/p/pods/web-1-build/log";
    assert_eq!(log(pod).await, build);
    assert!(build.ends_with("Push successful\n"), "{build}");
    let last = log(&format!("{pod}?tailLines=1")).await;
    assert_eq!(last, "Push successful\n");
    assert_eq!(log(&format!("{pod}?follow=true")).await, build);
}

#[test]
fn a_build_fails_as_its_source_does() {
    for (uri, git_ref, reason) in [
        ("https://git.invalid/a/b.git", "main", "FetchSourceFailed"),
        ("https://github.com/a/b.git", "broken", "GenericBuildFailed"),
    ] {
        let mut sandbox = with_config(uri, git_ref);
        start_build(&sandbox);
        sandbox.pass(Duration::from_secs(90));
        let status = get(&sandbox, "build.openshift.io", "builds", "web-1")["status"].clone();
        assert_eq!(
            (&status["phase"], &status["reason"]),
            (&json!("Failed"), &json!(reason))
        );
        assert!(
            status["logSnippet"].as_str().unwrap().contains("error: "),
            "{status}"
        );
    }
}

#[test]
fn a_host_belongs_to_one_route() {
    let mut sandbox = with_config("https://github.com/a/b.git", "main");
    let host = |name: &str| {
        json!({
            "apiVersion": "route.openshift.io/v1", "kind": "Route", "metadata": {"name": name, "namespace": "p"},
            "spec": {"host": "a.example.test", "to": {"kind": "Service", "name": "web"}},
        })
    };
    create(&sandbox, host("first"));
    sandbox.pass(Duration::from_secs(5));
    create(&sandbox, host("second"));
    sandbox.settle();
    let condition = |sandbox: &Sandbox, name: &str| {
        get(sandbox, "route.openshift.io", "routes", name)["status"]["ingress"][0]["conditions"][0]
            .clone()
    };
    assert_eq!(condition(&sandbox, "first")["status"], "True");
    let refused = condition(&sandbox, "second");
    assert_eq!(refused["reason"], "HostAlreadyClaimed");
    assert_eq!(
        refused["message"],
        "route first already exposes a.example.test and is older"
    );
}

/// Nobody may request projects for a while, as it was when the first requests were recorded.
fn take_binding(sandbox: &Sandbox) -> Value {
    let resource = sandbox
        .api
        .registry()
        .get("rbac.authorization.k8s.io", "v1", "clusterrolebindings")
        .unwrap();
    let binding = sandbox.api.get(&resource, None, PROVISIONERS).unwrap();
    let options = Options {
        user: User::admin("admin"),
        ..Options::default()
    };
    sandbox
        .api
        .delete(&resource, None, PROVISIONERS, &options)
        .unwrap();
    (*binding).clone()
}

fn give_binding(sandbox: &Sandbox, mut binding: Value) {
    let resource = sandbox
        .api
        .registry()
        .get("rbac.authorization.k8s.io", "v1", "clusterrolebindings")
        .unwrap();
    binding["metadata"] = json!({"name": PROVISIONERS});
    sandbox
        .api
        .create(&resource, None, binding, &How::by("test"))
        .unwrap();
}

fn client(served: &support::sandbox::Sandbox, token: &str) -> kube::Client {
    let body = served.certificate.lines().filter(|l| !l.starts_with('-'));
    let mut config = kube::Config::new(served.server.parse().unwrap());
    config.root_cert = Some(vec![STANDARD.decode(body.collect::<String>()).unwrap()]);
    config.auth_info.token = Some(token.to_owned().into());
    kube::Client::try_from(config).unwrap()
}

async fn ask(client: &kube::Client, asked: &Value) -> Value {
    let text = |field: &str, default: &str| asked[field].as_str().unwrap_or(default).to_owned();
    let body = match &asked["body"] {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        body => body.to_string(),
    };
    let request = http::Request::builder()
        .method(text("method", "GET").as_str())
        .uri(text("path", "/"))
        .header("Content-Type", text("contentType", "application/json"))
        .header("Accept", text("accept", "application/json"))
        .header("User-Agent", "recorder/1")
        .body(kube::client::Body::from(body.into_bytes()))
        .unwrap();
    let (head, body) = client.send(request).await.unwrap().into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let warning = head.headers.get("warning");
    normal(json!({
        "status": head.status.as_u16(),
        "warning": warning.map(|w| w.to_str().unwrap()),
        "response": serde_json::from_str(&text).unwrap_or_else(|_| json!(text)),
    }))
}

fn answered(recorded: &Value) -> Value {
    normal(json!({
        "status": recorded["status"], "warning": recorded["warning"], "response": recorded["response"],
    }))
}

/// Without what differs between any two runs: uids, times, versions, names and values with random parts.
fn normal(mut value: Value) -> Value {
    let time = Regex::new(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$").unwrap();
    let random = Regex::new(r"-dockercfg-[a-z0-9]{5}$|\.[0-9a-f]{16}$").unwrap();
    let generated = value.pointer("/response/parameters/1/value");
    let generated = generated.and_then(Value::as_str).map(str::to_owned);
    normalise(&mut value, &|text| {
        if time.is_match(text) {
            "TIME".to_owned()
        } else if generated.as_deref() == Some(text) {
            "GENERATED".repeat(text.len())
        } else {
            random.replace(text, "-RANDOM").into_owned()
        }
    });
    value
}

fn normalise(value: &mut Value, text: &dyn Fn(&str) -> String) {
    match value {
        Value::Object(map) => {
            map.remove("managedFields");
            // Texts of columns are not the sandbox's to repeat.
            if map.contains_key("priority") {
                map.remove("description");
            }
            for (key, child) in map {
                match (key.as_str(), &*child) {
                    ("uid", Value::String(_)) => *child = json!("UID"),
                    ("resourceVersion", Value::String(_)) => *child = json!("RV"),
                    _ => normalise(child, text),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| normalise(item, text)),
        Value::String(found) => *found = text(found),
        _ => {}
    }
}

/// Where two answers differ.
fn differences(path: &str, ours: &Value, theirs: &Value, told: &mut String) {
    match (ours, theirs) {
        (Value::Object(a), Value::Object(b)) => {
            let mut keys: Vec<&String> = a.keys().chain(b.keys()).collect();
            keys.sort();
            keys.dedup();
            for key in keys {
                let of = |m: &serde_json::Map<String, Value>| {
                    m.get(key).cloned().unwrap_or(json!("(nothing)"))
                };
                differences(&format!("{path}.{key}"), &of(a), &of(b), told);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (i, (a, b)) in a.iter().zip(b).enumerate() {
                differences(&format!("{path}[{i}]"), a, b, told);
            }
        }
        (a, b) if a == b => {}
        (a, b) => write!(told, "\n  {path}\n    sandbox {a}\n    real    {b}").unwrap(),
    }
}

#[test]
fn images_of_other_projects_are_for_those_who_may_pull_them() {
    let sandbox = Sandbox::new(Flavour::OpenShift, clock());
    for name in ["p", "secret"] {
        create(
            &sandbox,
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}),
        );
    }
    let stream = json!({
        "apiVersion": "image.openshift.io/v1", "kind": "ImageStream", "metadata": {"name": "mine"},
        "spec": {"tags": [{
            "name": "latest",
            "from": {"kind": "ImageStreamTag", "name": "app:latest", "namespace": "secret"},
        }]},
    });
    let registry = sandbox.api.registry();
    let resource = registry
        .get("image.openshift.io", "v1", "imagestreams")
        .unwrap();
    let made_by = |user: User| {
        let how = ccnr::sandbox::verbs::How {
            user,
            ..Default::default()
        };
        sandbox
            .api
            .create(&resource, Some("p"), stream.clone(), &how)
    };
    let refused = made_by(User::named("student1", &[])).unwrap_err();
    assert_eq!(refused.code, 422);
    assert!(
        refused.message.contains("secret/app"),
        "{}",
        refused.message
    );
    made_by(User::admin("admin")).unwrap();
}

#[tokio::test]
async fn projects_are_watched_by_those_who_see_them() {
    let mut sandbox = Sandbox::new(Flavour::OpenShift, clock());
    let mut tokens = Tokens::default();
    for student in ["student1", "student2"] {
        tokens.add(
            student,
            User::named(student, &["system:authenticated:oauth"]),
        );
    }
    let served = support::sandbox::start_with(Arc::clone(&sandbox.api), tokens).await;
    let (one, two) = (client(&served, "student1"), client(&served, "student2"));
    let request = json!({
        "method": "POST", "path": "/apis/project.openshift.io/v1/projectrequests",
        "body": {"metadata": {"name": "mine"}},
    });
    assert_eq!(ask(&one, &request).await["status"], 201);
    sandbox.settle();
    let watch = |client: kube::Client| async move {
        let path = "/apis/project.openshift.io/v1/projects?watch=true&timeoutSeconds=2";
        let request = http::Request::get(path).body(kube::client::Body::empty());
        client.send(request.unwrap()).await.unwrap().into_body()
    };
    let (mut mine, theirs) = (watch(one.clone()).await, watch(two).await);
    // What is there comes first: the watch has begun.
    let first = mine.frame().await.unwrap().unwrap().into_data().unwrap();
    let first = String::from_utf8_lossy(&first).into_owned();
    assert!(
        first.contains("ADDED") && first.contains("Project"),
        "{first}"
    );
    let gone = json!({"method": "DELETE", "path": "/apis/project.openshift.io/v1/projects/mine"});
    ask(&one, &gone).await;
    sandbox.pass(Duration::from_secs(60));
    let (mine, theirs) = tokio::join!(mine.collect(), theirs.collect());
    let text =
        |body: http_body_util::Collected<_>| String::from_utf8_lossy(&body.to_bytes()).into_owned();
    let (mine, theirs) = (text(mine.unwrap()), text(theirs.unwrap()));
    assert!(mine.contains("DELETED"), "{mine}");
    assert!(!theirs.contains("mine"), "{theirs}");
}
