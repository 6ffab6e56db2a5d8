//! How much Pods may on `OpenShift`, and what they are given.
#![allow(clippy::unwrap_used, clippy::panic)] // Tests.

use std::{sync::Arc, time::Duration};

use ccnr::sandbox::{
    authz::User, clock::Clock, flavour::Flavour, instance::Sandbox, status::Refusal, verbs::How,
};
use serde_json::{Value, json};

const RANGE: &str = "1000660000/10000";

fn cluster() -> Sandbox {
    let at = "2026-01-01T00:00:00Z".parse().unwrap();
    let mut sandbox = Sandbox::new(Flavour::OpenShift, Clock::standing(at));
    sandbox.settle();
    let namespace = json!({"metadata": {"name": "web", "annotations": {
        "openshift.io/sa.scc.uid-range": RANGE,
        "openshift.io/sa.scc.supplemental-groups": RANGE,
        "openshift.io/sa.scc.mcs": "s0:c26,c5",
    }}});
    create(&sandbox, "v1/Namespace", namespace, &student()).unwrap();
    sandbox.settle();
    sandbox
}

/// Somebody who may everything but what constraints forbid.
fn student() -> User {
    User::named("student", &["system:authenticated:oauth"])
}

fn create(
    sandbox: &Sandbox,
    kind: &str,
    object: Value,
    user: &User,
) -> Result<Arc<Value>, Refusal> {
    let (version, kind) = kind.rsplit_once('/').unwrap();
    let resource = sandbox.api.registry().of_kind(version, kind).unwrap();
    let namespace = resource.namespaced.then_some("web");
    let namespace = object["metadata"]["namespace"]
        .as_str()
        .or(namespace)
        .map(str::to_owned);
    let how = How {
        user: user.clone(),
        ..How::by("test")
    };
    let made = sandbox
        .api
        .create(&resource, namespace.as_deref(), object, &how);
    made.map(|written| written.object)
}

fn pod(name: &str, image: &str, context: &Value) -> Value {
    json!({
        "metadata": {"name": name},
        "spec": {"containers": [{"name": "web", "image": image, "securityContext": context}]},
    })
}

fn get(sandbox: &Sandbox, name: &str) -> Arc<Value> {
    let resource = sandbox.api.registry().of_kind("v1", "Pod").unwrap();
    sandbox.api.get(&resource, Some("web"), name).unwrap()
}

#[test]
fn a_pod_that_says_nothing_gets_a_user_of_its_namespace() {
    let sandbox = cluster();
    let plain = pod("one", "quay.io/ccnr/web:1.0", &Value::Null);
    let made = create(&sandbox, "v1/Pod", plain, &student()).unwrap();
    let annotations = &made["metadata"]["annotations"];
    assert_eq!(annotations["openshift.io/scc"], "restricted-v2");
    let subject = &annotations["security.openshift.io/validated-scc-subject-type"];
    assert_eq!(*subject, "user");
    assert_eq!(
        made["spec"]["securityContext"],
        json!({
            "fsGroup": 1_000_660_000,
            "seLinuxOptions": {"level": "s0:c26,c5"},
            "seccompProfile": {"type": "RuntimeDefault"},
        })
    );
    assert_eq!(
        made["spec"]["containers"][0]["securityContext"],
        json!({
            "allowPrivilegeEscalation": false,
            "capabilities": {"drop": ["ALL"]},
            "runAsNonRoot": true,
            "runAsUser": 1_000_660_000,
        })
    );
}

#[test]
fn what_no_constraints_allow_is_refused_as_the_real_server_words_it() {
    let sandbox = cluster();
    let context =
        json!({"runAsUser": 0, "privileged": true, "capabilities": {"add": ["NET_ADMIN"]}});
    let mut wanted = pod("root", "nginx", &context);
    wanted["spec"]["volumes"] = json!([{"name": "host", "hostPath": {"path": "/"}}]);
    wanted["spec"]["securityContext"] = json!({"fsGroup": 1000});
    let refusal = create(&sandbox, "v1/Pod", wanted, &student()).unwrap_err();
    let unusable = |name: &str| {
        format!("provider \"{name}\": Forbidden: not usable by user or serviceaccount")
    };
    let mut all = vec![
        unusable("anyuid"),
        "provider restricted-v2: .spec.securityContext.fsGroup: Invalid value: []int64{1000}: 1000 is not an allowed group".to_owned(),
        "spec.volumes[0]: Invalid value: \"hostPath\": hostPath volumes are not allowed to be used".to_owned(),
        "provider restricted-v2: .containers[0].runAsUser: Invalid value: 0: must be in the ranges: [1000660000, 1000669999]".to_owned(),
        "provider restricted-v2: .containers[0].privileged: Invalid value: true: Privileged containers are not allowed".to_owned(),
        "provider restricted-v2: .containers[0].capabilities.add: Invalid value: \"NET_ADMIN\": capability may not be added".to_owned(),
    ];
    let others = [
        "restricted",
        "nonroot-v2",
        "nonroot",
        "hostmount-anyuid",
        "hostnetwork-v2",
        "hostnetwork",
        "hostaccess",
        "privileged",
    ];
    all.extend(others.map(unusable));
    assert_eq!(refusal.code.as_u16(), 403);
    assert_eq!(
        refusal.message,
        format!(
            "pods \"root\" is forbidden: unable to validate against any security context constraint: [{}]",
            all.join(", ")
        )
    );
}

#[test]
fn an_administrator_gets_more_and_an_account_what_a_role_gives_it() {
    let sandbox = cluster();
    let root = pod("admins", "nginx", &json!({"runAsUser": 0}));
    let made = create(&sandbox, "v1/Pod", root, &User::admin("admin")).unwrap();
    let annotations = &made["metadata"]["annotations"];
    assert_eq!(annotations["openshift.io/scc"], "anyuid");
    let drop = &made["spec"]["containers"][0]["securityContext"]["capabilities"]["drop"];
    assert_eq!(*drop, json!(["MKNOD"]));

    let account = json!({"metadata": {"name": "free"}});
    let admin = User::admin("admin");
    create(&sandbox, "v1/ServiceAccount", account, &admin).unwrap();
    let mut root = pod("free", "nginx", &json!({"runAsUser": 0}));
    root["spec"]["serviceAccountName"] = json!("free");
    create(&sandbox, "v1/Pod", root.clone(), &student()).unwrap_err();
    let binding = json!({
        "metadata": {"name": "free"},
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole",
            "name": "system:openshift:scc:anyuid",
        },
        "subjects": [{"kind": "ServiceAccount", "name": "free", "namespace": "web"}],
    });
    let kind = "rbac.authorization.k8s.io/v1/RoleBinding";
    create(&sandbox, kind, binding, &admin).unwrap();
    let made = create(&sandbox, "v1/Pod", root, &student()).unwrap();
    let annotations = &made["metadata"]["annotations"];
    assert_eq!(annotations["openshift.io/scc"], "anyuid");
    let subject = &annotations["security.openshift.io/validated-scc-subject-type"];
    assert_eq!(*subject, "serviceaccount");
}

#[test]
fn the_clusters_own_namespaces_are_left_alone() {
    let sandbox = cluster();
    let mut root = pod("own", "nginx", &json!({"runAsUser": 0}));
    root["metadata"]["namespace"] = json!("kube-system");
    let made = create(&sandbox, "v1/Pod", root, &student()).unwrap();
    assert_eq!(
        made["metadata"]["annotations"]["openshift.io/scc"],
        Value::Null
    );
}

#[test]
fn nginx_of_a_deployment_crashes_and_the_unprivileged_one_runs() {
    let mut sandbox = cluster();
    for (name, image) in [
        ("nginx", "nginx"),
        ("free", "quay.io/nginx/nginx-unprivileged:1.27"),
    ] {
        let plain = pod(name, image, &Value::Null);
        create(&sandbox, "v1/Pod", plain, &student()).unwrap();
    }
    sandbox.pass(Duration::from_secs(60));
    let state = |name: &str| get(&sandbox, name)["status"]["containerStatuses"][0].clone();
    let crashed = state("nginx");
    assert!(crashed["restartCount"].as_i64().unwrap() > 0, "{crashed}");
    assert_eq!(state("free")["ready"], true);
}

#[test]
fn a_replica_set_tells_why_it_makes_no_pods() {
    let mut sandbox = cluster();
    let labels = json!({"app": "root"});
    let template = json!({
        "metadata": {"labels": labels},
        "spec": {"containers": [
            {"name": "web", "image": "nginx", "securityContext": {"runAsUser": 0}},
        ]},
    });
    let set = json!({
        "metadata": {"name": "root"},
        "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": template},
    });
    create(&sandbox, "apps/v1/ReplicaSet", set, &student()).unwrap();
    sandbox.pass(Duration::from_secs(5));
    let resource = sandbox.api.registry().of_kind("apps/v1", "ReplicaSet");
    let set = sandbox.api.get(&resource.unwrap(), Some("web"), "root");
    let condition = set.unwrap()["status"]["conditions"][0].clone();
    assert_eq!(condition["type"], "ReplicaFailure");
    let message = condition["message"].as_str().unwrap();
    let begins = "pods \"root-";
    assert!(message.starts_with(begins), "{message}");
    assert!(message.contains("must be in the ranges: [1000660000, 1000669999]"));
}
