//! Custom resources in the sandbox: from the definition of a kind to its objects, and back.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Tests.

use std::sync::Arc;

use ccnr::sandbox::{
    clock::Clock,
    extensions,
    flavour::Flavour,
    instance::Sandbox,
    openapi,
    registry::Resource,
    status::Refusal,
    verbs::{How, Written, delete::Options, patch::Kind},
};
use serde_json::{Value, json};

fn sandbox() -> Sandbox {
    let clock = Clock::standing("2026-01-02T03:04:05Z".parse().unwrap());
    Sandbox::new(Flavour::Kubernetes, clock)
}

fn resource(sandbox: &Sandbox, api_version: &str, kind: &str) -> Arc<Resource> {
    let found = sandbox.api.registry().of_kind(api_version, kind);
    found.unwrap_or_else(|| panic!("{kind} is not served"))
}

fn create(sandbox: &Sandbox, object: Value) -> Result<Written, Refusal> {
    let text = |f: &str| object[f].as_str().unwrap().to_owned();
    let resource = resource(sandbox, &text("apiVersion"), &text("kind"));
    let namespace = resource.namespaced.then_some("default");
    sandbox
        .api
        .create(&resource, namespace, object, &How::by("test"))
}

fn widgets() -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.shop.test"},
        "spec": {
            "group": "shop.test", "scope": "Namespaced",
            "names": {"plural": "widgets", "kind": "Widget", "shortNames": ["wd"]},
            "versions": [{
                "name": "v1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": {
                    "type": "object",
                    "properties": {
                        "size": {"type": "integer", "minimum": 1},
                        "color": {"type": "string", "default": "red"},
                    },
                    "x-kubernetes-validations": [
                        {"rule": "self.size < 4 || self.color == 'red'", "message": "big ones are red"},
                        {"rule": "self.size >= oldSelf.size", "message": "widgets don't shrink"},
                    ],
                }}}},
                "additionalPrinterColumns": [{"name": "Size", "type": "integer", "jsonPath": ".spec.size"}],
            }, {
                "name": "v1beta1", "served": true, "storage": false,
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}},
            }],
        },
    })
}

fn widget(name: &str, spec: &Value) -> Value {
    json!({"apiVersion": "shop.test/v1", "kind": "Widget", "metadata": {"name": name}, "spec": spec})
}

fn definition(sandbox: &Sandbox) -> Arc<Value> {
    let crd = resource(
        sandbox,
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
    );
    sandbox.api.get(&crd, None, "widgets.shop.test").unwrap()
}

#[test]
fn a_definition_is_established_and_its_objects_are_checked() {
    let sandbox = sandbox();
    create(&sandbox, widgets()).unwrap();
    let conditions = definition(&sandbox)["status"]["conditions"].clone();
    assert_eq!(conditions[0]["reason"], "NoConflicts");
    assert_eq!(conditions[1]["type"], "Established");
    assert_eq!(conditions[1]["status"], "True");
    let made = create(&sandbox, widget("a", &json!({"size": 2, "more": 1}))).unwrap();
    assert_eq!(made.object["spec"], json!({"size": 2, "color": "red"}));
    assert_eq!(made.warnings, ["unknown field \"spec.more\""]);
    assert_eq!(made.object["metadata"]["generation"], 1);
    let refused = create(&sandbox, widget("b", &json!({"size": 0}))).unwrap_err();
    assert_eq!(
        refused.message,
        "Widget.shop.test \"b\" is invalid: spec.size: Invalid value: 0: spec.size in body should be greater than or equal to 1"
    );
    let refused = create(&sandbox, widget("b", &json!({"size": 5, "color": "blue"})));
    assert_eq!(
        refused.unwrap_err().message,
        "Widget.shop.test \"b\" is invalid: spec: Invalid value: \"object\": big ones are red"
    );
    let of = resource(&sandbox, "shop.test/v1", "Widget");
    let smaller = json!({"spec": {"size": 1}});
    let patch = (Kind::Merge, &smaller);
    let how = How::by("test");
    let refused = sandbox.api.patch(&of, Some("default"), "a", patch, &how);
    assert_eq!(
        refused.unwrap_err().message,
        "Widget.shop.test \"a\" is invalid: spec: Invalid value: \"object\": widgets don't shrink"
    );
}

#[test]
fn a_short_name_that_another_frees_is_served() {
    let sandbox = sandbox();
    create(&sandbox, widgets()).unwrap();
    let crds = resource(
        &sandbox,
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
    );
    let mut gadgets = widgets();
    gadgets["metadata"]["name"] = json!("gadgets.shop.test");
    let names = json!({"plural": "gadgets", "kind": "Gadget", "shortNames": ["gd"]});
    gadgets["spec"]["names"] = names;
    create(&sandbox, gadgets).unwrap();
    let both = json!({"spec": {"names": {"shortNames": ["gd", "wd"]}}});
    let patch = (Kind::Merge, &both);
    let api = &sandbox.api;
    api.patch(&crds, None, "gadgets.shop.test", patch, &How::by("test"))
        .unwrap();
    let short = || {
        resource(&sandbox, "shop.test/v1", "Gadget")
            .short_names
            .clone()
    };
    assert_eq!(short(), ["gd"]);
    api.delete(&crds, None, "widgets.shop.test", &Options::default())
        .unwrap();
    assert_eq!(short(), ["gd", "wd"]);
}

#[test]
fn versions_share_their_objects() {
    let sandbox = sandbox();
    create(&sandbox, widgets()).unwrap();
    let mut old = widget("a", &json!({"size": 2, "free": true}));
    old["apiVersion"] = json!("shop.test/v1beta1");
    create(&sandbox, old).unwrap();
    let of = resource(&sandbox, "shop.test/v1", "Widget");
    let found = sandbox.api.get(&of, Some("default"), "a").unwrap();
    assert_eq!(found["apiVersion"], "shop.test/v1");
    let old = resource(&sandbox, "shop.test/v1beta1", "Widget");
    assert_eq!(old.shown(&found)["apiVersion"], "shop.test/v1beta1");
    let registry = sandbox.api.registry();
    let group = registry.groups().iter().find(|g| g.name == "shop.test");
    assert_eq!(group.unwrap().versions, ["v1", "v1beta1"]);
    let document = openapi::document(&registry, "shop.test", "v1").unwrap();
    let schemas = &document["components"]["schemas"];
    assert_eq!(
        schemas["test.shop.v1.Widget"]["properties"]["spec"]["properties"]["size"]["minimum"],
        1
    );
    assert!(
        schemas
            .get("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta")
            .is_some()
    );
}

#[test]
fn the_end_of_a_definition_is_the_end_of_its_objects() {
    let sandbox = sandbox();
    create(&sandbox, widgets()).unwrap();
    let mut held = widget("held", &json!({"size": 2}));
    held["metadata"]["finalizers"] = json!(["shop.test/wait"]);
    create(&sandbox, held).unwrap();
    create(&sandbox, widget("b", &json!({"size": 2}))).unwrap();
    let crd = resource(
        &sandbox,
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
    );
    let options = Options::default();
    sandbox
        .api
        .delete(&crd, None, "widgets.shop.test", &options)
        .unwrap();
    let going = definition(&sandbox);
    assert_eq!(
        going["metadata"]["finalizers"],
        json!([extensions::FINALIZER])
    );
    assert_eq!(going["status"]["conditions"][2]["type"], "Terminating");
    let of = resource(&sandbox, "shop.test/v1", "Widget");
    assert!(sandbox.api.get(&of, Some("default"), "b").is_err());
    let free = json!({"metadata": {"finalizers": null}});
    let patch = (Kind::Merge, &free);
    sandbox
        .api
        .patch(&of, Some("default"), "held", patch, &How::by("test"))
        .unwrap();
    assert!(sandbox.api.get(&crd, None, "widgets.shop.test").is_err());
    assert!(
        sandbox
            .api
            .registry()
            .of_kind("shop.test/v1", "Widget")
            .is_none()
    );
    let services = resource(&sandbox, "apiregistration.k8s.io/v1", "APIService");
    assert!(sandbox.api.get(&services, None, "v1.shop.test").is_err());
    assert!(sandbox.api.get(&services, None, "v1.apps").is_ok());
}

#[test]
fn the_kinds_of_monitoring_are_served_where_a_cluster_has_them() {
    for (flavour, monitoring, olm) in [
        (Flavour::Kubernetes, true, false),
        (Flavour::KubernetesOlm, false, true),
        (Flavour::OpenShift, true, true),
    ] {
        let clock = Clock::standing("2026-01-02T03:04:05Z".parse().unwrap());
        let sandbox = Sandbox::new(flavour, clock);
        let registry = sandbox.api.registry();
        let prometheus = registry.of_kind("monitoring.coreos.com/v1", "Prometheus");
        assert_eq!(prometheus.is_some(), monitoring, "{flavour}");
        let csv = registry.of_kind("operators.coreos.com/v1alpha1", "ClusterServiceVersion");
        assert_eq!(csv.is_some(), olm, "{flavour}");
    }
}

#[test]
fn a_prometheus_is_defaulted_by_its_schema() {
    let sandbox = sandbox();
    let made = create(
        &sandbox,
        json!({
            "apiVersion": "monitoring.coreos.com/v1", "kind": "Prometheus", "metadata": {"name": "p"},
            "spec": {"replicas": 1, "nothing": 1},
        }),
    )
    .unwrap();
    assert_eq!(made.object["spec"]["scrapeInterval"], "30s");
    assert_eq!(made.object["spec"]["evaluationInterval"], "30s");
    assert_eq!(made.object["spec"]["portName"], "web");
    assert_eq!(made.warnings, ["unknown field \"spec.nothing\""]);
}
