//! What is fed with any bytes: by the fuzz targets (`fuzz/`), and by a suite that changes real requests (`tests/sandbox_fuzz.rs`).
//! Each takes what it is given, or refuses it; nothing panics, and nothing is kept.
#![allow(clippy::unwrap_used, dead_code, unreachable_pub)] // Tests.

use std::sync::LazyLock;

use ccnr::sandbox::{
    clock::Clock,
    extensions::jsonpath,
    flavour::Flavour,
    instance::Sandbox,
    programs::{self, reference::Reference},
    prometheus::{
        config::Config,
        exposition,
        labels::Labels,
        promql::{self, evaluate::Engine},
        storage::Storage,
    },
    protobuf::{self, Envelope},
    registry::Resource,
    schema::quantity,
    store::selector::Selector,
    verbs::{Api, How, Validation, delete::Options, patch::Kind},
};
use serde_json::{Value, json};

/// What is done with the bytes that a fuzzer makes.
pub type Target = fn(&[u8]);

/// The targets, by the names of their files in `fuzz/`.
pub const TARGETS: [(&str, Target); 6] = [
    ("body", body),
    ("patch", patch),
    ("selector", selector),
    ("promql", promql),
    ("protobuf", from_protobuf),
    ("words", words),
];

/// Kinds with rules of their own, custom ones among them: the version, the kind, the plural.
pub const KINDS: [(&str, &str, &str); 24] = [
    ("v1", "ConfigMap", "configmaps"),
    ("v1", "Secret", "secrets"),
    ("v1", "Service", "services"),
    ("v1", "Pod", "pods"),
    ("v1", "Node", "nodes"),
    ("v1", "Namespace", "namespaces"),
    ("v1", "ResourceQuota", "resourcequotas"),
    ("v1", "LimitRange", "limitranges"),
    ("v1", "PersistentVolumeClaim", "persistentvolumeclaims"),
    ("v1", "Event", "events"),
    ("apps/v1", "Deployment", "deployments"),
    ("apps/v1", "DaemonSet", "daemonsets"),
    ("apps/v1", "StatefulSet", "statefulsets"),
    ("batch/v1", "Job", "jobs"),
    ("batch/v1", "CronJob", "cronjobs"),
    ("networking.k8s.io/v1", "Ingress", "ingresses"),
    ("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies"),
    (
        "rbac.authorization.k8s.io/v1",
        "ClusterRole",
        "clusterroles",
    ),
    (
        "autoscaling/v1",
        "HorizontalPodAutoscaler",
        "horizontalpodautoscalers",
    ),
    (
        "autoscaling/v2",
        "HorizontalPodAutoscaler",
        "horizontalpodautoscalers",
    ),
    ("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets"),
    (
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
        "customresourcedefinitions",
    ),
    ("monitoring.coreos.com/v1", "Prometheus", "prometheuses"),
    ("route.openshift.io/v1", "Route", "routes"),
];

const NAMESPACE: &str = "default";

/// A cluster whose time stands, without controllers at work.
static API: LazyLock<std::sync::Arc<Api>> = LazyLock::new(|| {
    let clock = Clock::standing("2026-01-02T03:04:05Z".parse().unwrap());
    let mut sandbox = Sandbox::new(Flavour::OpenShift, clock);
    sandbox.settle();
    let api = sandbox.api;
    for (index, (version, kind, _)) in KINDS.iter().enumerate() {
        let mut base = base(kind);
        if base.is_null() {
            continue;
        }
        base["apiVersion"] = json!(version);
        base["kind"] = json!(kind);
        let resource = resource(&api, index);
        let namespace = resource.namespaced.then_some(NAMESPACE);
        api.create(&resource, namespace, base, &How::by("base"))
            .unwrap();
    }
    api
});

fn resource(api: &Api, index: usize) -> std::sync::Arc<Resource> {
    let (version, kind, _) = KINDS[index % KINDS.len()];
    api.registry().of_kind(version, kind).unwrap()
}

/// An object of a kind that is there, to be changed.
pub fn base(kind: &str) -> Value {
    let template = json!({
        "metadata": {"labels": {"a": "b"}},
        "spec": {"containers": [{"name": "c", "image": "i:1", "ports": [{"containerPort": 80}], "env": [{"name": "A", "value": "b"}]}]},
    });
    let spec = json!({"selector": {"matchLabels": {"a": "b"}}, "template": template});
    let mut object = match kind {
        "ConfigMap" => json!({"data": {"a": "b"}}),
        "Service" => json!({"spec": {"ports": [{"port": 80}], "selector": {"a": "b"}}}),
        "Deployment" | "DaemonSet" => json!({ "spec": spec }),
        "NetworkPolicy" => json!({"spec": {"podSelector": {}}}),
        "Prometheus" => json!({"spec": {"replicas": 1}}),
        "Route" => json!({"spec": {"to": {"kind": "Service", "name": "base"}}}),
        _ => return Value::Null,
    };
    object["metadata"] = json!({"name": "base"});
    object
}

fn how() -> How {
    How {
        dry_run: true,
        force: true,
        validation: Validation::Warn,
        ..How::by("fuzz")
    }
}

/// JSON, or YAML where it is none, as the server reads a body.
fn read(text: &str) -> Option<Value> {
    if let Ok(value) = serde_json::from_str(text) {
        return Some(value);
    }
    let options = serde_yaml::options! { legacy_octal_numbers: true };
    serde_yaml::from_str_with_options(text, options).ok()
}

/// A body: the first byte tells the kind, the rest is JSON or YAML. What is made is checked, but not kept.
pub fn body(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else {
        return;
    };
    let Some(object) = std::str::from_utf8(rest).ok().and_then(read) else {
        return;
    };
    let resource = resource(&API, usize::from(*first));
    let namespace = resource.namespaced.then_some(NAMESPACE);
    let _ = Options::parse(&object);
    let _ = API.create(&resource, namespace, object.clone(), &how());
    let _ = API.update(&resource, namespace, "base", object.clone(), &how());
    let _ = protobuf::object(&resource.api_version(), &resource.kind, &object);
}

/// A patch: two bytes tell the kind, and of which kind the patch is.
pub fn patch(data: &[u8]) {
    let [first, second, rest @ ..] = data else {
        return;
    };
    let Some(patch) = std::str::from_utf8(rest).ok().and_then(read) else {
        return;
    };
    let kinds = [Kind::Json, Kind::Merge, Kind::Strategic, Kind::Apply];
    let kind = kinds[usize::from(*second) % kinds.len()];
    let resource = resource(&API, usize::from(*first));
    let namespace = resource.namespaced.then_some(NAMESPACE);
    let _ = API.patch(&resource, namespace, "base", (kind, &patch), &how());
}

/// Label and field selectors, a line each.
pub fn selector(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (labels, fields) = text.split_once('\n').unwrap_or((&text, ""));
    let object = json!({"metadata": {"name": "a", "labels": {"a": "b", "c": "1"}}});
    if let Ok(selector) = Selector::parse(labels, fields) {
        let _ = selector.matches(&object);
        let _ = selector.check_fields(&["metadata.name"], true);
    }
}

/// Half an hour of a few series.
static STORAGE: LazyLock<Storage> = LazyLock::new(|| {
    let mut storage = Storage::default();
    for instance in 0..3 {
        for (name, slope) in [("up", 0.0), ("orders_total", 2.5), ("heap_bytes", 1e6)] {
            for job in ["shop", "db"] {
                let instance = format!("10.0.0.{instance}:80");
                let labels = [
                    ("__name__", name),
                    ("job", job),
                    ("instance", &instance),
                    ("le", "0.5"),
                ];
                for point in 0..120_i32 {
                    let value = 1.0 + slope * f64::from(point % 50);
                    storage.append(&Labels::of(&labels), i64::from(point) * 15_000, value);
                }
            }
        }
    }
    storage
});

/// A query, asked once and over a time.
pub fn promql(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let _ = promql::parse_selector(&text);
    match promql::parse(&text) {
        Err(fault) => assert!(!fault.told(&text).is_empty()),
        Ok(query) => {
            let engine = || Engine::new(&STORAGE, 300_000, 60_000);
            let _ = engine().instant(&query, 1_700_000);
            let _ = engine().range(&query, 900_000, 1_700_000, 60_000);
        }
    }
}

/// An object in protobuf: the first byte tells the kind that is expected.
pub fn from_protobuf(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else {
        return;
    };
    let (version, kind, _) = KINDS[usize::from(*first) % KINDS.len()];
    let wrapped = [b"k8s\0", rest].concat();
    for bytes in [rest, &wrapped] {
        let Ok(envelope) = Envelope::open(bytes) else {
            continue;
        };
        if let Ok(object) = envelope.object(version, kind) {
            // What was read can be written.
            let of = |field: &str| object[field].as_str().unwrap_or_default().to_owned();
            assert!(protobuf::object(&of("apiVersion"), &of("kind"), &object).is_some());
        }
    }
}

/// Small languages: the first byte tells which.
pub fn words(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else {
        return;
    };
    let text = String::from_utf8_lossy(rest);
    match first % 6 {
        0 => {
            let _ = (
                quantity::canonical(&text),
                quantity::amount(&text),
                quantity::of_resource(&text),
            );
        }
        1 => {
            let _ = Reference::parse(&text);
        }
        2 => {
            let object = json!({"a": [{"b": "c"}, {"b": 1}], "d": {"e.f": true}});
            let _ = jsonpath::first(&object, &text);
        }
        3 => {
            let _ = exposition::parse(&text);
        }
        4 => {
            let _ = Config::parse(&text);
        }
        _ => {
            let container = json!({"name": "c", "image": "busybox", "command": ["sh", "-c", text]});
            let program = programs::of(&json!({"metadata": {"name": "p"}}), &container);
            let _ = program.exec(
                &["sh".to_owned(), "-c".to_owned(), text.into_owned()],
                program.ready,
            );
        }
    }
}
