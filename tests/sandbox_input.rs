//! Whatever is sent to the sandbox, it answers: with an object, or with a refusal.
#![allow(clippy::unwrap_used)] // Tests.

use std::sync::LazyLock;

use ccnr::sandbox::{
    clock::Clock,
    registry::Registry,
    schema::decode,
    store::selector::Selector,
    verbs::{Api, How, delete::Options, patch::Kind, scale::Change},
};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

static API: LazyLock<Api> = LazyLock::new(|| Api::new(Registry::kubernetes(), Clock::of_machine()));

/// Kinds whose defaults and rules look into many fields: group, version, plural, and an object that is right.
fn kinds() -> Vec<(&'static str, &'static str, &'static str, Value)> {
    let template = json!({
        "metadata": {"labels": {"a": "b"}},
        "spec": {"containers": [{"name": "c", "image": "i:1", "ports": [{"containerPort": 80}]}], "volumes": [{"name": "v"}]},
    });
    let spec = json!({"selector": {"matchLabels": {"a": "b"}}, "template": template});
    vec![
        ("", "v1", "configmaps", json!({"data": {"a": "b"}})),
        ("", "v1", "secrets", json!({"stringData": {"a": "b"}})),
        (
            "",
            "v1",
            "services",
            json!({"spec": {"ports": [{"port": 80}]}}),
        ),
        ("", "v1", "pods", json!({"spec": template["spec"]})),
        ("apps", "v1", "deployments", json!({"spec": spec})),
        ("apps", "v1", "daemonsets", json!({"spec": spec})),
        (
            "networking.k8s.io",
            "v1",
            "networkpolicies",
            json!({"spec": {"podSelector": {}}}),
        ),
        (
            "rbac.authorization.k8s.io",
            "v1",
            "rolebindings",
            json!({"roleRef": {"kind": "Role", "name": "r"}}),
        ),
        (
            "autoscaling",
            "v2",
            "horizontalpodautoscalers",
            json!({"spec": {"maxReplicas": 2, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "D", "name": "d"}}}),
        ),
    ]
}

/// Any JSON, with keys that mean something.
fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-z$.:/ -]{0,6}".prop_map(Value::from),
    ];
    let key = prop_oneof![
        Just("metadata"),
        Just("labels"),
        Just("annotations"),
        Just("name"),
        Just("spec"),
        Just("template"),
        Just("containers"),
        Just("data"),
        Just("stringData"),
        Just("ports"),
        Just("selector"),
        Just("$patch"),
        Just("$retainKeys"),
        Just("$setElementOrder/containers"),
        Just("managedFields"),
        Just("finalizers"),
        Just("generateName"),
        Just("fieldsV1"),
        Just("replicas"),
        Just("volumes"),
        Just("status"),
        Just("x"),
    ];
    leaf.prop_recursive(4, 32, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key.clone(), inner), 0..4).prop_map(|pairs| {
                let map: Map<String, Value> =
                    pairs.into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
                Value::Object(map)
            }),
        ]
    })
}

/// An object with some of its fields replaced.
fn with(mut object: Value, name: &str, change: &Value) -> Value {
    object["metadata"] = json!({"name": name});
    ccnr::sandbox::patch::merge::rfc7386(&mut object, change);
    object
}

#[test]
fn scales_at_once_do_not_refuse_each_other() {
    let registry = API.registry();
    let resource = registry.get("apps", "v1", "deployments").unwrap();
    let (_, _, _, object) = kinds().swap_remove(4);
    let object = with(object, "scaled-at-once", &json!({}));
    let namespace = Some("default");
    API.create(&resource, namespace, object, &How::default())
        .unwrap();
    let how = How {
        subresource: "scale".to_owned(),
        ..How::default()
    };
    let scale_often = |start: usize| {
        for replicas in start..start + 200 {
            let patch = json!({"spec": {"replicas": replicas}});
            let change = Change::Patch(Kind::Merge, &patch);
            API.rescale(&resource, namespace, "scaled-at-once", change, &how)
                .unwrap();
        }
    };
    std::thread::scope(|s| {
        for start in [0, 1000, 2000, 3000] {
            s.spawn(move || scale_often(start));
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_body_and_patch_is_answered(change in json(), second in json(), kind in 0..9_usize) {
        let (group, version, plural, object) = kinds().swap_remove(kind);
        let resource = API.registry().get(group, version, plural).unwrap();
        let how = How::by("t");
        let namespace = Some("default");
        let _ = API.create(&resource, namespace, with(object.clone(), "a", &change), &how);
        API.create(&resource, namespace, with(object, "b", &json!({})), &how).unwrap();
        for kind in [Kind::Json, Kind::Merge, Kind::Strategic, Kind::Apply] {
            let _ = API.patch(&resource, namespace, "b", (kind, &change), &how);
            let mut applied = second.clone();
            if let Some(map) = applied.as_object_mut() {
                map.insert("apiVersion".to_owned(), json!(resource.api_version()));
                map.insert("kind".to_owned(), json!(resource.kind));
            }
            let _ = API.patch(&resource, namespace, "b", (kind, &applied), &how);
        }
        let _ = API.update(&resource, namespace, "b", second.clone(), &how);
        let _ = Options::parse(&change);
        for name in ["a", "b"] {
            let options = Options { grace: Some(0), ..Options::default() };
            let _ = API.delete(&resource, namespace, name, &options);
        }
        let mut decoded = change;
        if let Some(schema) = resource.schema() {
            let _ = decode::built_in(&mut decoded, schema, "K", "v1");
        }
    }

    #[test]
    fn every_selector_is_answered(labels in "[a-z=!<>(), ]{0,20}", fields in "[a-z.=!, ]{0,20}") {
        let _ = Selector::parse(&labels, &fields).map(|s| s.matches(&json!({"metadata": {"labels": {"a": "b"}}})));
    }
}

#[test]
fn what_is_accepted_can_be_read_again() {
    use ccnr::sandbox::{flavour::Flavour, instance::Sandbox};
    let folder = tempfile::tempdir().unwrap();
    let open = || Sandbox::open(folder.path(), Flavour::Kubernetes, Clock::of_machine());
    let sandbox = open().unwrap();
    let registry = sandbox.api.registry();
    let resource = registry.get("apps", "v1", "controllerrevisions").unwrap();
    let mut data = json!(1);
    let mut refused = 0;
    for depth in 0..140 {
        data = json!({ "a": data });
        let object =
            json!({"metadata": {"name": format!("d{depth}")}, "revision": 1, "data": data});
        let made = sandbox
            .api
            .create(&resource, Some("default"), object, &How::by("t"));
        refused += usize::from(made.is_err());
    }
    assert!((20..100).contains(&refused), "{refused}");
    drop(sandbox);
    open().unwrap();
}
