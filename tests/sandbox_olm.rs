//! The Operator Lifecycle Manager in the sandbox: what comes of a Subscription, and what does not.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Tests.

use std::{sync::Arc, time::Duration};

use ccnr::sandbox::{
    clock::Clock,
    flavour::Flavour,
    instance::Sandbox,
    verbs::{How, delete::Options, patch::Kind, read::Wanted},
};
use serde_json::{Value, json};

const OLM: &str = "operators.coreos.com/v1alpha1";

fn sandbox(flavour: Flavour) -> Sandbox {
    let clock = Clock::standing("2026-01-02T03:04:05Z".parse().unwrap());
    let mut sandbox = Sandbox::new(flavour, clock);
    sandbox.pass(Duration::from_secs(1));
    create(
        &sandbox,
        "",
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a"}}),
    );
    sandbox
}

fn create(sandbox: &Sandbox, namespace: &str, object: Value) {
    let text = |f: &str| object[f].as_str().unwrap().to_owned();
    let registry = sandbox.api.registry();
    let resource = registry
        .of_kind(&text("apiVersion"), &text("kind"))
        .unwrap();
    let namespace = Some(namespace).filter(|n| !n.is_empty());
    let how = How::by("test");
    sandbox
        .api
        .create(&resource, namespace, object, &how)
        .unwrap();
}

fn all(sandbox: &Sandbox, api_version: &str, kind: &str, namespace: &str) -> Vec<Arc<Value>> {
    let resource = sandbox.api.registry().of_kind(api_version, kind).unwrap();
    let namespace = Some(namespace).filter(|n| !n.is_empty());
    sandbox
        .api
        .list(&resource, namespace, &Wanted::default())
        .unwrap()
        .items
}

fn one(sandbox: &Sandbox, api_version: &str, kind: &str, namespace: &str) -> Arc<Value> {
    let mut all = all(sandbox, api_version, kind, namespace);
    assert_eq!(all.len(), 1, "{kind}: {all:?}");
    all.remove(0)
}

fn delete(sandbox: &Sandbox, api_version: &str, kind: &str, name: &str) {
    let resource = sandbox.api.registry().of_kind(api_version, kind).unwrap();
    let options = Options::default();
    sandbox
        .api
        .delete(&resource, Some("a"), name, &options)
        .unwrap();
}

fn group(sandbox: &Sandbox, name: &str, targets: &[&str]) {
    create(
        sandbox,
        "a",
        json!({
            "apiVersion": "operators.coreos.com/v1", "kind": "OperatorGroup", "metadata": {"name": name},
            "spec": {"targetNamespaces": targets},
        }),
    );
}

fn subscribe(sandbox: &Sandbox, change: &Value) {
    let mut spec = json!({
        "name": "prometheus", "channel": "beta", "source": "operatorhubio-catalog", "sourceNamespace": "olm",
    });
    for (key, value) in change.as_object().unwrap() {
        spec[key] = value.clone();
    }
    let object = json!({"apiVersion": OLM, "kind": "Subscription", "metadata": {"name": "prometheus"}, "spec": spec});
    create(sandbox, "a", object);
}

fn subscription(sandbox: &Sandbox) -> Arc<Value> {
    one(sandbox, OLM, "Subscription", "a")
}

fn csv(sandbox: &Sandbox) -> Arc<Value> {
    one(sandbox, OLM, "ClusterServiceVersion", "a")
}

fn condition(object: &Value, kind: &str) -> Value {
    let all = object["status"]["conditions"].as_array();
    let mut all = all.into_iter().flatten();
    all.find(|c| c["type"] == kind).cloned().unwrap_or_default()
}

fn reasons(csv: &Value) -> Vec<String> {
    let all = csv["status"]["conditions"].as_array().unwrap().iter();
    let told = all.map(|c| {
        format!(
            "{}/{}",
            c["phase"].as_str().unwrap(),
            c["reason"].as_str().unwrap()
        )
    });
    told.collect()
}

fn pass(sandbox: &mut Sandbox, seconds: u64) {
    sandbox.pass(Duration::from_secs(seconds));
}

#[test]
fn a_subscription_comes_to_an_operator_that_runs() {
    let mut sandbox = sandbox(Flavour::KubernetesOlm);
    group(&sandbox, "monitoring", &["a"]);
    subscribe(&sandbox, &json!({}));
    pass(&mut sandbox, 3);
    let found = subscription(&sandbox);
    assert_eq!(found["status"]["state"], "UpgradePending");
    assert_eq!(found["status"]["currentCSV"], "prometheusoperator.v0.85.0");
    assert_eq!(
        found["metadata"]["labels"],
        json!({"operators.coreos.com/prometheus.a": ""})
    );
    assert_eq!(
        condition(&found, "InstallPlanPending")["reason"],
        "Installing"
    );
    pass(&mut sandbox, 60);
    let plan = one(&sandbox, OLM, "InstallPlan", "a");
    assert_eq!(plan["status"]["phase"], "Complete");
    assert_eq!(plan["status"]["plan"].as_array().unwrap().len(), 14);
    let csv = csv(&sandbox);
    assert_eq!(csv["status"]["phase"], "Succeeded", "{}", csv["status"]);
    assert_eq!(
        csv["status"]["message"],
        "install strategy completed with no errors"
    );
    assert_eq!(
        reasons(&csv),
        [
            "Pending/RequirementsUnknown",
            "Pending/RequirementsNotMet",
            "InstallReady/AllRequirementsMet",
            "Installing/InstallSucceeded",
            "Installing/InstallWaiting",
            "Succeeded/InstallSucceeded",
        ]
    );
    assert_eq!(csv["metadata"]["annotations"]["olm.targetNamespaces"], "a");
    let found = subscription(&sandbox);
    assert_eq!(found["status"]["state"], "AtLatestKnown");
    assert_eq!(
        found["status"]["installedCSV"],
        "prometheusoperator.v0.85.0"
    );
    assert_eq!(condition(&found, "InstallPlanPending"), Value::Null);
    let registry = sandbox.api.registry();
    assert!(
        registry
            .of_kind("monitoring.coreos.com/v1", "Prometheus")
            .is_some()
    );
    let deployment = one(&sandbox, "apps/v1", "Deployment", "a");
    let template = &deployment["spec"]["template"];
    assert_eq!(
        template["metadata"]["annotations"]["olm.targetNamespaces"],
        "a"
    );
    assert_eq!(
        deployment["metadata"]["ownerReferences"][0]["kind"],
        "ClusterServiceVersion"
    );
    let roles = all(&sandbox, "rbac.authorization.k8s.io/v1", "ClusterRole", "");
    let admin = roles
        .iter()
        .find(|r| r["metadata"]["name"] == "prometheuses.monitoring.coreos.com-v1-admin");
    let labels = &admin.unwrap()["metadata"]["labels"];
    assert_eq!(
        labels["rbac.authorization.k8s.io/aggregate-to-admin"],
        "true"
    );
}

#[test]
fn a_subscription_without_a_group_waits_for_one() {
    let mut sandbox = sandbox(Flavour::KubernetesOlm);
    subscribe(&sandbox, &json!({}));
    pass(&mut sandbox, 60);
    let found = subscription(&sandbox);
    assert_eq!(found["status"]["conditions"].as_array().unwrap().len(), 1);
    assert_eq!(
        condition(&found, "CatalogSourcesUnhealthy")["reason"],
        "AllCatalogSourcesHealthy"
    );
    group(&sandbox, "monitoring", &["a"]);
    pass(&mut sandbox, 60);
    assert_eq!(csv(&sandbox)["status"]["phase"], "Succeeded");
}

#[test]
fn with_two_groups_nothing_is_installed_and_what_runs_has_failed() {
    let mut sandbox = sandbox(Flavour::KubernetesOlm);
    group(&sandbox, "monitoring", &["a"]);
    group(&sandbox, "second", &["a"]);
    subscribe(&sandbox, &json!({}));
    pass(&mut sandbox, 30);
    assert!(all(&sandbox, OLM, "InstallPlan", "a").is_empty());
    let groups = all(&sandbox, "operators.coreos.com/v1", "OperatorGroup", "a");
    assert_eq!(
        condition(&groups[0], "MultipleOperatorGroup")["reason"],
        "MultipleOperatorGroupsFound"
    );
    delete(
        &sandbox,
        "operators.coreos.com/v1",
        "OperatorGroup",
        "second",
    );
    pass(&mut sandbox, 60);
    assert_eq!(csv(&sandbox)["status"]["phase"], "Succeeded");
    group(&sandbox, "second", &["a"]);
    pass(&mut sandbox, 10);
    let failed = csv(&sandbox);
    assert_eq!(failed["status"]["phase"], "Failed");
    assert_eq!(failed["status"]["reason"], "TooManyOperatorGroups");
    assert_eq!(
        failed["status"]["message"],
        "csv created in namespace with multiple operatorgroups, can't pick one automatically"
    );
}

#[test]
fn a_manual_plan_waits_for_its_approval() {
    let mut sandbox = sandbox(Flavour::KubernetesOlm);
    group(&sandbox, "monitoring", &["a"]);
    subscribe(&sandbox, &json!({"installPlanApproval": "Manual"}));
    pass(&mut sandbox, 60);
    let plan = one(&sandbox, OLM, "InstallPlan", "a");
    assert_eq!(plan["status"]["phase"], "RequiresApproval");
    let pending = condition(&subscription(&sandbox), "InstallPlanPending");
    assert_eq!(pending["reason"], "RequiresApproval");
    let resource = sandbox.api.registry().of_kind(OLM, "InstallPlan").unwrap();
    let approved = json!({"spec": {"approved": true}});
    let name = plan["metadata"]["name"].as_str().unwrap();
    let patch = (Kind::Merge, &approved);
    sandbox
        .api
        .patch(&resource, Some("a"), name, patch, &How::by("test"))
        .unwrap();
    pass(&mut sandbox, 60);
    assert_eq!(csv(&sandbox)["status"]["phase"], "Succeeded");
}

#[test]
fn what_can_not_be_resolved_says_why() {
    for (change, why) in [
        (
            json!({"name": "nothere"}),
            "no operators found in package nothere in the catalog",
        ),
        (
            json!({"channel": "stable"}),
            "no operators found in channel stable of package prometheus in the catalog",
        ),
        (
            json!({"source": "nocatalog"}),
            "no operators found from catalog nocatalog in namespace olm",
        ),
    ] {
        let mut sandbox = sandbox(Flavour::KubernetesOlm);
        group(&sandbox, "monitoring", &["a"]);
        subscribe(&sandbox, &change);
        pass(&mut sandbox, 30);
        let found = subscription(&sandbox);
        let failed = condition(&found, "ResolutionFailed");
        assert_eq!(failed["reason"], "ConstraintsNotSatisfiable");
        assert_eq!(
            failed["message"],
            format!(
                "constraints not satisfiable: {why} referenced by subscription prometheus, subscription prometheus exists"
            )
        );
        let health = condition(&found, "CatalogSourcesUnhealthy");
        assert_eq!(health["status"] == "True", change.get("source").is_some());
    }
}

#[test]
fn an_operator_that_is_broken_is_put_right_and_one_that_is_deleted_goes() {
    let mut sandbox = sandbox(Flavour::KubernetesOlm);
    group(&sandbox, "monitoring", &["a"]);
    subscribe(&sandbox, &json!({}));
    pass(&mut sandbox, 60);
    delete(&sandbox, "apps/v1", "Deployment", "prometheus-operator");
    pass(&mut sandbox, 60);
    let repaired = csv(&sandbox);
    let told = reasons(&repaired);
    assert!(
        told.contains(&"Failed/ComponentUnhealthy".to_owned()),
        "{told:?}"
    );
    assert!(
        told.contains(&"Pending/NeedsReinstall".to_owned()),
        "{told:?}"
    );
    assert_eq!(repaired["status"]["phase"], "Succeeded");
    delete(&sandbox, OLM, "Subscription", "prometheus");
    pass(&mut sandbox, 60);
    assert_eq!(csv(&sandbox)["status"]["phase"], "Succeeded");
    subscribe(&sandbox, &json!({}));
    pass(&mut sandbox, 30);
    let failed = condition(&subscription(&sandbox), "ResolutionFailed");
    assert!(failed["message"].as_str().unwrap().ends_with(
        "clusterserviceversion prometheusoperator.v0.85.0 exists and is not referenced by a subscription"
    ));
    delete(&sandbox, OLM, "Subscription", "prometheus");
    delete(
        &sandbox,
        OLM,
        "ClusterServiceVersion",
        "prometheusoperator.v0.85.0",
    );
    pass(&mut sandbox, 60);
    assert!(all(&sandbox, "apps/v1", "Deployment", "a").is_empty());
    let bindings = all(
        &sandbox,
        "rbac.authorization.k8s.io/v1",
        "ClusterRoleBinding",
        "",
    );
    assert!(
        !bindings
            .iter()
            .any(|b| b["metadata"]["labels"]["olm.owner"].is_string())
    );
    assert!(
        sandbox
            .api
            .registry()
            .of_kind("monitoring.coreos.com/v1", "Prometheus")
            .is_some()
    );
}

#[test]
fn an_operator_for_all_namespaces_is_shown_in_each() {
    let mut sandbox = sandbox(Flavour::KubernetesOlm);
    group(&sandbox, "everything", &[]);
    subscribe(&sandbox, &json!({}));
    pass(&mut sandbox, 60);
    assert_eq!(
        csv(&sandbox)["metadata"]["annotations"]["olm.targetNamespaces"],
        ""
    );
    let copy = one(&sandbox, OLM, "ClusterServiceVersion", "default");
    assert_eq!(copy["metadata"]["labels"]["olm.copiedFrom"], "a");
    assert_eq!(copy["status"]["reason"], "Copied");
    delete(
        &sandbox,
        OLM,
        "ClusterServiceVersion",
        "prometheusoperator.v0.85.0",
    );
    pass(&mut sandbox, 30);
    assert!(all(&sandbox, OLM, "ClusterServiceVersion", "").is_empty());
}

#[test]
fn openshift_s_version_works_for_its_own_namespace_alone() {
    let source =
        json!({"source": "community-operators", "sourceNamespace": "openshift-marketplace"});
    let mut sandbox = sandbox(Flavour::OpenShift);
    group(&sandbox, "monitoring", &["a"]);
    subscribe(&sandbox, &source);
    pass(&mut sandbox, 60);
    let csv = csv(&sandbox);
    assert_eq!(csv["metadata"]["name"], "prometheusoperator.0.56.3");
    assert_eq!(csv["status"]["phase"], "Succeeded", "{}", csv["status"]);
    let accounts = all(&sandbox, "v1", "ServiceAccount", "a");
    assert!(
        accounts
            .iter()
            .any(|a| a["metadata"]["name"] == "prometheus-k8s")
    );
    let mut sandbox = self::sandbox(Flavour::OpenShift);
    group(&sandbox, "everything", &[]);
    subscribe(&sandbox, &source);
    pass(&mut sandbox, 60);
    let csv = self::csv(&sandbox);
    assert_eq!(csv["status"]["reason"], "UnsupportedOperatorGroup");
    assert_eq!(
        csv["status"]["message"],
        "AllNamespaces InstallModeType not supported, cannot configure to watch all namespaces"
    );
}

#[test]
fn without_olm_the_operator_is_there_from_the_start() {
    let mut sandbox = sandbox(Flavour::Kubernetes);
    pass(&mut sandbox, 60);
    let deployment = one(&sandbox, "apps/v1", "Deployment", "prometheus-operator");
    assert_eq!(
        deployment["status"]["availableReplicas"], 1,
        "{}",
        deployment["status"]
    );
}
