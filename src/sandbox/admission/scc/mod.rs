//! `SecurityContextConstraints`: how much Pods may on `OpenShift`, and what they are given where they say nothing.
//! <https://docs.openshift.com/container-platform/latest/authentication/managing-security-context-constraints.html>

mod check;
mod fill;
mod order;

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Request, items};
use crate::sandbox::{
    authz::{self, Attributes, User},
    openshift::ranges::{self, GROUPS, LEVEL, UIDS},
    registry,
    status::Refusal,
    store::State,
    verbs::{key, name},
};

const GROUP: &str = "security.openshift.io";
const PLURAL: &str = "securitycontextconstraints";

/// What tells which one admitted a Pod.
const CHOSEN: &str = "openshift.io/scc";
/// What tells by whose right.
const SUBJECT: &str = "security.openshift.io/validated-scc-subject-type";

/// The users of the cluster's own parts, who may everything here but not this.
const OWN: &str = "system:";
/// The one of them that makes privileged Pods, and the constraints that it may use.
const BUILDER: (&str, &str) = (
    "system:serviceaccount:kube-system:build-controller",
    "privileged",
);

/// What the Pods of a namespace may have.
struct Allowed {
    /// The first user and the last.
    users: (i64, i64),
    /// The first group and the last.
    groups: (i64, i64),
    /// The `SELinux` level.
    level: String,
}

/// Lets a new Pod in by the first constraints that fit it and that it may use, and makes it as they want.
pub(super) fn admit(
    state: &mut State,
    request: &Request<'_>,
    pod: &mut Value,
) -> Result<(), Refusal> {
    let namespace = request.namespace.unwrap_or_default();
    if !request.creates("", "pods") || is_exempt(namespace) {
        return Ok(());
    }
    let place = registry::place(GROUP, PLURAL);
    let mut all: Vec<Arc<Value>> = state.list(&place, None).collect();
    if all.is_empty() {
        return Ok(());
    }
    order::sort(&mut all);
    let Some(allowed) = allowed(state, namespace, request.dry_run) else {
        return Ok(());
    };
    let user = in_person(request.user);
    let account = account(namespace, pod);
    let mut problems = Vec::new();
    for constraints in &all {
        let called = name(constraints);
        let subject = if may_use(state, &user, constraints, namespace) {
            "user"
        } else if may_use(state, &account, constraints, namespace) {
            "serviceaccount"
        } else {
            problems.push(format!(
                "provider \"{called}\": Forbidden: not usable by user or serviceaccount"
            ));
            continue;
        };
        let mut filled = pod.clone();
        fill::fill(constraints, &allowed, &mut filled);
        let found = check::problems(constraints, &allowed, &filled);
        if found.is_empty() {
            *pod = filled;
            let notes = &mut pod["metadata"]["annotations"];
            if notes.is_null() {
                *notes = json!({});
            }
            notes[CHOSEN] = json!(called);
            notes[SUBJECT] = json!(subject);
            return Ok(());
        }
        problems.extend(found);
    }
    let told = match problems.as_slice() {
        [one] => one.clone(),
        all => format!("[{}]", all.join(", ")),
    };
    let why = format!("unable to validate against any security context constraint: {told}");
    Err(request.forbidden(pod, &why))
}

/// Whether a namespace is the cluster's own, where nobody asks.
fn is_exempt(namespace: &str) -> bool {
    let prefixes = ["kube-", "openshift-"];
    ["default", "openshift"].contains(&namespace)
        || prefixes.iter().any(|p| namespace.starts_with(p))
}

/// What a namespace's Pods may have; one that is so new that nobody gave it anything is given it now.
fn allowed(state: &mut State, namespace: &str, dry_run: bool) -> Option<Allowed> {
    let place = registry::place("", "namespaces");
    let key = key(None, namespace);
    let mut found = state.get(&place, &key)?;
    if !found["metadata"]["annotations"][UIDS].is_string() {
        let free = ranges::free(state.list(&place, None));
        let mut given = (*found).clone();
        let annotations = &mut given["metadata"]["annotations"];
        if annotations.is_null() {
            *annotations = json!({});
        }
        for (note, value) in free.as_object().into_iter().flatten() {
            annotations[note] = value.clone();
        }
        found = if dry_run {
            Arc::new(given)
        } else {
            state.put(&place, &key, given)
        };
    }
    let notes = &found["metadata"]["annotations"];
    let users = range(notes[UIDS].as_str()?)?;
    let groups = notes[GROUPS].as_str().and_then(range);
    Some(Allowed {
        users,
        groups: groups.unwrap_or(users),
        level: notes[LEVEL].as_str().unwrap_or_default().to_owned(),
    })
}

/// `START/LENGTH` or `FIRST-LAST`: the first and the last of the first block.
fn range(text: &str) -> Option<(i64, i64)> {
    let block = text.split(',').next()?;
    if let Some((first, last)) = block.split_once('-') {
        return Some((first.parse().ok()?, last.parse().ok()?));
    }
    let (first, length) = block.split_once('/')?;
    let (first, length): (i64, i64) = (first.parse().ok()?, length.parse().ok()?);
    Some((first, first.checked_add(length)?.checked_sub(1)?))
}

/// Who asks; the cluster's own parts are nobody special here.
fn in_person(user: &User) -> User {
    if user.name.starts_with(OWN) && user.is_master() {
        return User::named(&user.name, &[]);
    }
    user.clone()
}

/// The account of a Pod.
fn account(namespace: &str, pod: &Value) -> User {
    let name = pod["spec"]["serviceAccountName"]
        .as_str()
        .unwrap_or_default();
    User::account(namespace, name)
}

/// Whether somebody may use constraints: they are named in them, or a role says so.
fn may_use(state: &State, user: &User, constraints: &Value, namespace: &str) -> bool {
    let called = name(constraints);
    let named = items(constraints, "users")
        .iter()
        .any(|u| *u == user.name.as_str())
        || items(constraints, "groups")
            .iter()
            .any(|g| user.groups.iter().any(|own| *g == own.as_str()));
    let wanted = Attributes {
        verb: "use".to_owned(),
        group: GROUP.to_owned(),
        resource: PLURAL.to_owned(),
        namespace: namespace.to_owned(),
        name: called.to_owned(),
        ..Attributes::default()
    };
    named
        || (user.name.as_str(), called) == BUILDER
        || authz::decide_in(state, user, &wanted).allowed
}

/// How a strategy of constraints goes about it: `RunAsAny`, `MustRunAs`.
fn strategy<'a>(constraints: &'a Value, field: &str) -> &'a str {
    constraints[field]["type"].as_str().unwrap_or_default()
}

/// The users that constraints want, where they want some: their own, or those of the namespace.
fn users(constraints: &Value, allowed: &Allowed) -> Option<(i64, i64)> {
    let of = &constraints["runAsUser"];
    match strategy(constraints, "runAsUser") {
        "MustRunAsRange" => Some((
            of["uidRangeMin"].as_i64().unwrap_or(allowed.users.0),
            of["uidRangeMax"].as_i64().unwrap_or(allowed.users.1),
        )),
        "MustRunAs" => of["uid"].as_i64().map(|uid| (uid, uid)),
        _ => None,
    }
}

/// What a container has, or its Pod for it.
fn effective<'a>(pod: &'a Value, container: &'a Value, field: &str) -> &'a Value {
    match &container["securityContext"][field] {
        Value::Null => &pod["spec"]["securityContext"][field],
        own => own,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_of_two_forms() {
        assert_eq!(
            range("1000660000/10000"),
            Some((1_000_660_000, 1_000_669_999))
        );
        assert_eq!(range("1-3"), Some((1, 3)));
        assert_eq!(range("x"), None);
        assert_eq!(range("9223372036854775807/2"), None);
    }

    #[test]
    fn the_clusters_own_namespaces_are_exempt() {
        assert!(is_exempt("kube-system") && is_exempt("openshift-monitoring"));
        assert!(is_exempt("default") && is_exempt("openshift"));
        assert!(!is_exempt("openshifted") && !is_exempt("student-web"));
    }
}
