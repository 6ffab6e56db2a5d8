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
fn attempts(student: &str, other: &str, home: &str) -> Vec<(&'static str, String, Option<Value>)> {
    let rbac = "/apis/rbac.authorization.k8s.io/v1";
    let theirs = format!("/api/v1/namespaces/{other}-web");
    let pod =
        json!({"metadata": {"name": "x"}, "spec": {"containers": [{"name": "c", "image": "x"}]}});
    let binding = |role: &str| {
        json!({
            "metadata": {"name": "x"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            "subjects": [{"kind": "ServiceAccount", "name": student, "namespace": home}],
        })
    };
    let all = json!({
        "metadata": {"name": "x"},
        "rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}],
    });
    let token = json!({"spec": {}});
    vec![
        ("GET", format!("{theirs}/pods"), None),
        ("GET", format!("{theirs}/secrets"), None),
        ("GET", format!("{theirs}/configmaps/ccnr-progress"), None),
        ("GET", format!("{theirs}/services/x:80/proxy/"), None),
        ("GET", theirs.clone(), None),
        ("DELETE", theirs.clone(), None),
        ("POST", format!("{theirs}/pods"), Some(pod.clone())),
        (
            "POST",
            format!("{theirs}/serviceaccounts/default/token"),
            Some(token.clone()),
        ),
        ("DELETE", format!("{theirs}/pods/x"), None),
        (
            "DELETE",
            format!(
                "/apis/networking.k8s.io/v1/namespaces/{other}-web/networkpolicies/class-isolation"
            ),
            None,
        ),
        (
            "POST",
            format!("{rbac}/namespaces/{other}-web/rolebindings"),
            Some(binding("view")),
        ),
        (
            "GET",
            format!("/api/v1/namespaces/{home}/serviceaccounts"),
            None,
        ),
        (
            "POST",
            format!("/api/v1/namespaces/{home}/serviceaccounts/{other}/token"),
            Some(token),
        ),
        (
            "DELETE",
            format!("/api/v1/namespaces/{home}/serviceaccounts/{other}"),
            None,
        ),
        (
            "DELETE",
            format!("/apis/coordination.k8s.io/v1/namespaces/{home}/leases/class"),
            None,
        ),
        ("GET", "/api/v1/secrets".to_owned(), None),
        ("GET", "/api/v1/pods".to_owned(), None),
        (
            "POST",
            "/api/v1/namespaces".to_owned(),
            Some(json!({"metadata": {"name": "x"}})),
        ),
        ("POST", format!("{rbac}/clusterroles"), Some(all.clone())),
        (
            "POST",
            format!("{rbac}/clusterrolebindings"),
            Some(binding("cluster-admin")),
        ),
        // In the own project, more than one was given.
        (
            "POST",
            format!("{rbac}/namespaces/{student}-web/roles"),
            Some(all),
        ),
        (
            "POST",
            format!("{rbac}/namespaces/{student}-web/rolebindings"),
            Some(binding("cluster-admin")),
        ),
        (
            "POST",
            format!("{rbac}/namespaces/{student}-web/rolebindings"),
            Some(binding("admin")),
        ),
        (
            "DELETE",
            format!("/api/v1/namespaces/{student}-web/resourcequotas/class"),
            None,
        ),
        (
            "DELETE",
            format!("/api/v1/namespaces/{student}-web/limitranges/class"),
            None,
        ),
        ("DELETE", format!("/api/v1/namespaces/{student}-web"), None),
    ]
}
