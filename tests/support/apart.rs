//! What students try on each other, for real, with the credentials that a class gave them.

use std::path::Path;

use serde_json::{Value, json};

use super::http::Client;

/// Tries everything that a curious student would, as each student on the next one and on the class; all of it is refused.
pub fn try_everything(folder: &Path, students: &[&str], home: &str) {
    for (i, student) in students.iter().enumerate() {
        let other = students[(i + 1) % students.len()];
        let client = Client::of(&folder.join(format!("{student}.kubeconfig")));
        // The credentials are good, so that what is refused is refused for its own sake.
        let own = format!("/api/v1/namespaces/{student}-web/pods");
        assert_eq!(client.send("GET", &own, None).0, 200, "{student}");
        for (method, path, body) in attempts(student, other, home) {
            let (status, answer) = client.send(method, &path, body.as_ref());
            assert_eq!(status, 403, "{student}: {method} {path}: {answer}");
        }
    }
}

/// Requests of a student that another one, the class or the cluster would suffer from.
fn attempts(student: &str, other: &str, home: &str) -> Attempts {
    [
        on_another(student, other, home),
        on_the_class(student, other, home),
        beyond_limits(student, home),
    ]
    .concat()
}

const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";

type Attempts = Vec<(&'static str, String, Option<Value>)>;

fn on_another(student: &str, other: &str, home: &str) -> Attempts {
    let theirs = format!("/api/v1/namespaces/{other}-web");
    let policies = format!("/apis/networking.k8s.io/v1/namespaces/{other}-web/networkpolicies");
    let pod =
        json!({"metadata": {"name": "x"}, "spec": {"containers": [{"name": "c", "image": "x"}]}});
    let token = format!("{theirs}/serviceaccounts/default/token");
    let bindings = format!("{RBAC}/namespaces/{other}-web/rolebindings");
    vec![
        ("GET", format!("{theirs}/pods"), None),
        ("GET", format!("{theirs}/secrets"), None),
        ("GET", format!("{theirs}/configmaps/ccnr-progress"), None),
        ("GET", format!("{theirs}/services/x:80/proxy/"), None),
        ("GET", theirs.clone(), None),
        ("DELETE", theirs.clone(), None),
        ("POST", format!("{theirs}/pods"), Some(pod)),
        ("POST", token, Some(json!({"spec": {}}))),
        ("DELETE", format!("{theirs}/pods/x"), None),
        ("DELETE", format!("{policies}/class-isolation"), None),
        ("POST", bindings, Some(binding("view", student, home))),
    ]
}

fn on_the_class(student: &str, other: &str, home: &str) -> Attempts {
    let accounts = format!("/api/v1/namespaces/{home}/serviceaccounts");
    let lease = format!("/apis/coordination.k8s.io/v1/namespaces/{home}/leases/class");
    let namespace = json!({"metadata": {"name": "x"}});
    let bindings = format!("{RBAC}/clusterrolebindings");
    vec![
        ("GET", accounts.clone(), None),
        (
            "POST",
            format!("{accounts}/{other}/token"),
            Some(json!({"spec": {}})),
        ),
        ("DELETE", format!("{accounts}/{other}"), None),
        ("DELETE", lease, None),
        ("GET", "/api/v1/secrets".to_owned(), None),
        ("GET", "/api/v1/pods".to_owned(), None),
        ("POST", "/api/v1/namespaces".to_owned(), Some(namespace)),
        ("POST", format!("{RBAC}/clusterroles"), Some(everything())),
        (
            "POST",
            bindings,
            Some(binding("cluster-admin", student, home)),
        ),
    ]
}

/// In the own project, more than was given.
fn beyond_limits(student: &str, home: &str) -> Attempts {
    let own = format!("/api/v1/namespaces/{student}-web");
    let rbac = format!("{RBAC}/namespaces/{student}-web");
    let bindings = format!("{rbac}/rolebindings");
    vec![
        ("POST", format!("{rbac}/roles"), Some(everything())),
        (
            "POST",
            bindings.clone(),
            Some(binding("cluster-admin", student, home)),
        ),
        ("POST", bindings, Some(binding("admin", student, home))),
        ("DELETE", format!("{own}/resourcequotas/class"), None),
        ("DELETE", format!("{own}/limitranges/class"), None),
        ("DELETE", own, None),
    ]
}

fn binding(role: &str, student: &str, home: &str) -> Value {
    json!({
        "metadata": {"name": "x"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": student, "namespace": home}],
    })
}

fn everything() -> Value {
    let rule = json!({"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]});
    json!({"metadata": {"name": "x"}, "rules": [rule]})
}
