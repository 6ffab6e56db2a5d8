//! Projects: a view of Namespaces, and how one is requested.
//! <https://github.com/openshift/openshift-apiserver/tree/main/pkg/project>

use serde_json::{Value, json};

use crate::sandbox::{
    authz::{self, Attributes, User},
    names,
    status::{About, Cause, Refusal},
    store::Store,
    verbs::name,
};

/// Who asked for a project.
pub const REQUESTER: &str = "openshift.io/requester";
/// What people call it.
pub const DISPLAY_NAME: &str = "openshift.io/display-name";
/// What it is for.
pub const DESCRIPTION: &str = "openshift.io/description";
/// What `OpenShift` has to do before a namespace is gone.
pub const FINALIZER: &str = "openshift.io/origin";
/// The API group.
pub const GROUP: &str = "project.openshift.io";

/// Requests that are refused speak of one project.
const ONE: About<'_> = About {
    group: GROUP,
    resource: "project",
};
/// The beginnings of names that only administrators give.
const RESERVED: [&str; 3] = ["openshift-", "kubernetes-", "kube-"];
/// The names that nobody gives.
const NAMES: [&str; 3] = ["openshift", "kubernetes", "kube"];

/// Whether somebody sees a Namespace as a Project: those do who may read it.
#[must_use]
pub fn is_visible(store: &Store, user: &User, namespace: &Value) -> bool {
    let wanted = Attributes {
        verb: "get".to_owned(),
        resource: "namespaces".to_owned(),
        namespace: name(namespace).to_owned(),
        name: name(namespace).to_owned(),
        ..Attributes::default()
    };
    authz::decide(store, user, &wanted).allowed
}

/// A Namespace as a Project.
#[must_use]
pub fn of_namespace(namespace: &Value) -> Value {
    let mut project = namespace.clone();
    project["apiVersion"] = json!("project.openshift.io/v1");
    project["kind"] = json!("Project");
    // A Project's own type has no such field set.
    if let Some(metadata) = project["metadata"].as_object_mut() {
        metadata.remove("deletionGracePeriodSeconds");
    }
    project
}

/// What is wrong with a request for a project, before it is known who has such a one.
pub fn check_request(request: &Value) -> Result<(), Refusal> {
    let name = &request["metadata"]["name"];
    let given = name.as_str().unwrap_or_default();
    let field = "metadata.name";
    let cause = if given.is_empty() {
        Some(Cause::required(field, "name or generateName is required"))
    } else {
        name_problem(given).map(|why| Cause::invalid(field, name, &why))
    };
    if let Some(cause) = cause {
        let about = About {
            group: GROUP,
            resource: "ProjectRequest",
        };
        return Err(Refusal::invalid(about, given, vec![cause]));
    }
    if let Some(prefix) = RESERVED.iter().find(|p| given.starts_with(**p)) {
        let why = format!("cannot request a project starting with \"{prefix}\"");
        return Err(Refusal::forbidden(ONE, given, &why));
    }
    if NAMES.contains(&given) {
        let why = format!("cannot request a project with the name \"{given}\"");
        return Err(Refusal::forbidden(ONE, given, &why));
    }
    Ok(())
}

/// The refusal for a name that somebody has already.
#[must_use]
pub fn taken(name: &str) -> Refusal {
    Refusal::already_exists(ONE, name)
}

/// The refusal for those who may not request projects, as they are told who only ask.
#[must_use]
pub fn may_not_request() -> Refusal {
    let about = About {
        group: GROUP,
        resource: "projectrequest",
    };
    let mut refusal = Refusal::forbidden(about, "", "");
    "You may not request a new project via this API.".clone_into(&mut refusal.message);
    refusal
}

fn name_problem(name: &str) -> Option<String> {
    if let Some(problem) = names::label_problem(name) {
        return Some(problem);
    }
    (name.len() < 2).then(|| "must be at least 2 characters long".to_owned())
}

/// The Namespace that a request asks for.
#[must_use]
pub fn requested(request: &Value, requester: &str) -> Value {
    let text = |field: &str| request[field].as_str().unwrap_or_default().to_owned();
    let mut namespace = json!({
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": {
            "name": request["metadata"]["name"],
            "annotations": {
                DESCRIPTION: text("description"), DISPLAY_NAME: text("displayName"), REQUESTER: requester,
            },
        },
    });
    if let Some(labels) = request["metadata"].get("labels") {
        namespace["metadata"]["labels"] = labels.clone();
    }
    namespace
}

/// The Namespace of a Project that an administrator makes.
#[must_use]
pub fn made(project: &Value) -> Value {
    let mut metadata = project["metadata"].clone();
    if metadata["annotations"].get(DISPLAY_NAME).is_none() {
        metadata["annotations"][DISPLAY_NAME] = json!("");
    }
    json!({
        "apiVersion": "v1", "kind": "Namespace", "metadata": metadata,
        "spec": {"finalizers": [FINALIZER, "kubernetes"]},
    })
}

/// What is wrong with a change of a Project: only what people call it can be changed.
#[must_use]
pub fn validate_update(live: &Value, project: &Value) -> Vec<Cause> {
    const WHY: &str = "field is immutable, try updating the namespace";
    let mut causes = Vec::new();
    for field in ["annotations", "labels"] {
        let empty = serde_json::Map::new();
        let of = |o: &Value| o["metadata"][field].as_object().cloned();
        let (before, after) = (of(live), of(project));
        let (before, after) = (before.unwrap_or(empty.clone()), after.unwrap_or(empty));
        for key in before
            .keys()
            .chain(after.keys().filter(|k| !before.contains_key(*k)))
        {
            if [DISPLAY_NAME, DESCRIPTION].contains(&key.as_str())
                || before.get(key) == after.get(key)
            {
                continue;
            }
            let value = after.get(key).or_else(|| before.get(key));
            let path = format!("metadata.{field}[{key}]");
            causes.push(Cause::invalid(path, value.unwrap_or(&Value::Null), WHY));
        }
    }
    causes
}

/// The `RoleBinding` that makes the requester the project's administrator.
#[must_use]
pub fn admin_binding(namespace: &str, requester: &str) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": {"name": "admin", "namespace": namespace},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "admin"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": requester}],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_nobody_may_have_are_refused() {
        let refused = |name: &str| {
            check_request(&json!({"metadata": {"name": name}}))
                .unwrap_err()
                .message
        };
        assert!(refused("kube-x").ends_with("cannot request a project starting with \"kube-\""));
        assert!(
            refused("openshift").ends_with("cannot request a project with the name \"openshift\"")
        );
        assert!(refused("a").contains("must be at least 2 characters long"));
        assert!(check_request(&json!({"metadata": {"name": "openshifty"}})).is_ok());
    }

    #[test]
    fn only_what_people_call_a_project_changes() {
        let live = json!({"metadata": {"annotations": {DISPLAY_NAME: "a", REQUESTER: "me"}}});
        let named = json!({"metadata": {"annotations": {DISPLAY_NAME: "b", REQUESTER: "me"}}});
        assert!(validate_update(&live, &named).is_empty());
        let stolen =
            json!({"metadata": {"annotations": {DISPLAY_NAME: "a"}, "labels": {"x": "y"}}});
        let fields: Vec<String> = validate_update(&live, &stolen)
            .into_iter()
            .map(|c| c.field)
            .collect();
        assert_eq!(
            fields,
            [
                "metadata.annotations[openshift.io/requester]",
                "metadata.labels[x]"
            ]
        );
    }
}
