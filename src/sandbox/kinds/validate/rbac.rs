//! Roles, and whom they are given to.

use serde_json::Value;

use super::found::{Found, each, is_empty};

/// The name of a role or binding: it is a part of a path, and may hold anything else.
pub(super) fn name_problem(name: &str) -> Option<&'static str> {
    match name {
        "." => Some("may not be '.'"),
        ".." => Some("may not be '..'"),
        name if name.contains('/') => Some("may not contain '/'"),
        name if name.contains('%') => Some("may not contain '%'"),
        _ => None,
    }
}

/// A role, of a namespace or of the cluster.
pub(super) fn role(object: &Value, namespaced: bool, found: &mut Found) {
    for (i, rule) in each(&object["rules"]) {
        let at = format!("rules[{i}]");
        if is_empty(&rule["verbs"]) {
            found.required(
                format!("{at}.verbs"),
                "verbs must contain at least one value",
            );
        }
        let paths = &rule["nonResourceURLs"];
        if !is_empty(paths) {
            let field = format!("{at}.nonResourceURLs");
            if namespaced {
                let why = "namespaced rules cannot apply to non-resource URLs";
                found.invalid(&field, paths, why);
            }
            let others = ["apiGroups", "resources", "resourceNames"];
            if others.iter().any(|other| !is_empty(&rule[*other])) {
                let why = "rules cannot apply to both regular resources and non-resource URLs";
                found.invalid(&field, paths, why);
            }
            continue;
        }
        if is_empty(&rule["apiGroups"]) {
            let why = "resource rules must supply at least one api group";
            found.required(format!("{at}.apiGroups"), why);
        }
        if is_empty(&rule["resources"]) {
            let why = "resource rules must supply at least one resource";
            found.required(format!("{at}.resources"), why);
        }
    }
}

/// A binding, in a namespace or in the cluster.
pub(super) fn binding(object: &Value, namespaced: bool, found: &mut Found) {
    const GROUP: &str = "rbac.authorization.k8s.io";
    let role = &object["roleRef"];
    found.one_of("roleRef.apiGroup", &role["apiGroup"], &[GROUP]);
    let kinds: &[&str] = if namespaced {
        &["Role", "ClusterRole"]
    } else {
        &["ClusterRole"]
    };
    found.one_of("roleRef.kind", &role["kind"], kinds);
    if is_empty(&role["name"]) {
        found.required("roleRef.name", "");
    } else if let Some(problem) = name_problem(role["name"].as_str().unwrap_or_default()) {
        found.invalid("roleRef.name", &role["name"], problem);
    }
    for (i, subject) in each(&object["subjects"]) {
        let at = format!("subjects[{i}]");
        found.text(format!("{at}.name"), &subject["name"]);
        match subject["kind"].as_str() {
            Some("ServiceAccount") => {
                if !is_empty(&subject["name"]) {
                    found.subdomain(format!("{at}.name"), &subject["name"]);
                }
                found.optional_of(format!("{at}.apiGroup"), &subject["apiGroup"], &[""]);
                if !namespaced {
                    found.text(format!("{at}.namespace"), &subject["namespace"]);
                }
            }
            Some("User" | "Group") => {
                found.one_of(format!("{at}.apiGroup"), &subject["apiGroup"], &[GROUP]);
            }
            _ => found.one_of(
                format!("{at}.kind"),
                &subject["kind"],
                &["ServiceAccount", "User", "Group"],
            ),
        }
    }
}
