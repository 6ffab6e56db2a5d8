//! Who may do what: role-based access control.
//! <https://kubernetes.io/docs/reference/access-authn-authz/rbac/>

use std::sync::Arc;

use serde_json::Value;

use super::{
    registry,
    status::{About, Refusal},
    store::{State, Store},
};

/// Who asks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct User {
    /// The name.
    pub name: String,
    /// The groups.
    pub groups: Vec<String>,
    /// The uid, where there is one.
    pub uid: String,
}

/// The group whose members may do everything.
const MASTERS: &str = "system:masters";
/// What the names of accounts begin with.
const ACCOUNT: &str = "system:serviceaccount:";
/// The group of all accounts.
const ACCOUNTS: &str = "system:serviceaccounts";
/// The group of everybody who said who they are.
const AUTHENTICATED: &str = "system:authenticated";

/// Something that somebody wants to do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attributes {
    /// The verb.
    pub verb: String,
    /// The API group.
    pub group: String,
    /// The plural.
    pub resource: String,
    /// The subresource; empty for the object itself.
    pub subresource: String,
    /// The namespace; empty for the whole cluster.
    pub namespace: String,
    /// The object's name; empty for any.
    pub name: String,
    /// The path, where no resource is meant.
    pub path: Option<String>,
}

/// What is decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Whether it is allowed.
    pub allowed: bool,
    /// By what.
    pub reason: String,
}

impl User {
    /// Somebody with a name, who belongs to everybody and to these groups.
    #[must_use]
    pub fn named(name: &str, groups: &[&str]) -> Self {
        let mut groups: Vec<String> = groups.iter().map(|g| (*g).to_owned()).collect();
        groups.push(AUTHENTICATED.to_owned());
        Self {
            name: name.to_owned(),
            groups,
            uid: String::new(),
        }
    }

    /// A `ServiceAccount`, in the groups of all accounts and of those of its namespace.
    /// <https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#groups>
    #[must_use]
    pub fn account(namespace: &str, name: &str) -> Self {
        let own = format!("{ACCOUNTS}:{namespace}");
        Self::named(&format!("{ACCOUNT}{namespace}:{name}"), &[ACCOUNTS, &own])
    }

    /// Namespace and name of the account that a user of this name is; none for others.
    #[must_use]
    pub fn as_account(name: &str) -> Option<(&str, &str)> {
        name.strip_prefix(ACCOUNT)?.split_once(':')
    }

    /// Somebody who said nothing of themselves.
    #[must_use]
    pub fn anonymous() -> Self {
        Self {
            name: "system:anonymous".to_owned(),
            groups: vec!["system:unauthenticated".to_owned()],
            uid: String::new(),
        }
    }

    /// The administrator.
    #[must_use]
    pub fn admin(name: &str) -> Self {
        Self::named(name, &[MASTERS])
    }

    /// Whether they may do everything.
    #[must_use]
    pub fn is_master(&self) -> bool {
        self.is_in(MASTERS)
    }

    fn is_in(&self, group: &str) -> bool {
        self.groups.iter().any(|g| g == group)
    }

    /// Whether a subject of a binding means this user.
    fn is_meant(&self, subject: &Value, namespace: &str) -> bool {
        let text = |key: &str| subject[key].as_str().unwrap_or_default();
        match text("kind") {
            "User" => text("name") == self.name,
            "Group" => self.is_in(text("name")),
            "ServiceAccount" => {
                let of = if text("namespace").is_empty() {
                    namespace
                } else {
                    text("namespace")
                };
                Self::as_account(&self.name) == Some((of, text("name")))
            }
            _ => false,
        }
    }
}

impl Attributes {
    /// A request for a path that is no resource.
    #[must_use]
    pub fn of_path(verb: &str, path: &str) -> Self {
        Self {
            verb: verb.to_owned(),
            path: Some(path.to_owned()),
            ..Self::default()
        }
    }

    /// `pods/log`.
    fn full_resource(&self) -> String {
        if self.subresource.is_empty() {
            self.resource.clone()
        } else {
            format!("{}/{}", self.resource, self.subresource)
        }
    }

    /// The refusal, as the API server words it.
    #[must_use]
    pub fn refusal(&self, user: &User) -> Refusal {
        if let Some(path) = &self.path {
            let why = format!(
                "User \"{}\" cannot {} path \"{path}\"",
                user.name, self.verb
            );
            return Refusal::forbidden_path(&why);
        }
        let place = if self.namespace.is_empty() {
            "at the cluster scope".to_owned()
        } else {
            format!("in the namespace \"{}\"", self.namespace)
        };
        let why = format!(
            "User \"{}\" cannot {} resource \"{}\" in API group \"{}\" {place}",
            user.name,
            self.verb,
            self.full_resource(),
            self.group
        );
        let about = About {
            group: &self.group,
            resource: &self.resource,
        };
        Refusal::forbidden(about, &self.name, &why)
    }
}

/// Decides by the bindings of the cluster and of the namespace.
#[must_use]
pub fn decide(store: &Store, user: &User, wanted: &Attributes) -> Decision {
    store.with(|state| decide_in(state, user, wanted))
}

/// Decides within a change of the objects.
#[must_use]
pub fn decide_in(state: &State, user: &User, wanted: &Attributes) -> Decision {
    if user.is_in(MASTERS) {
        return Decision {
            allowed: true,
            reason: String::new(),
        };
    }
    let cluster = bindings(state, "clusterrolebindings", None);
    let own = (!wanted.namespace.is_empty())
        .then(|| bindings(state, "rolebindings", Some(&wanted.namespace)));
    let all = cluster.into_iter().chain(own.into_iter().flatten());
    let reason = all
        .into_iter()
        .find_map(|binding| allows(state, &binding, user, wanted));
    Decision {
        allowed: reason.is_some(),
        reason: reason.unwrap_or_default(),
    }
}

/// The rules that a user has in a namespace; in an empty one, those of the whole cluster.
#[must_use]
pub fn rules(state: &State, user: &User, namespace: &str) -> Vec<Value> {
    let mut found = bindings(state, "clusterrolebindings", None);
    if !namespace.is_empty() {
        found.extend(bindings(state, "rolebindings", Some(namespace)));
    }
    let mut out = Vec::new();
    for binding in found {
        let of = binding["metadata"]["namespace"]
            .as_str()
            .unwrap_or_default();
        let mut subjects = binding["subjects"].as_array().into_iter().flatten();
        if subjects.any(|s| user.is_meant(s, of)) {
            let role = role(state, &binding["roleRef"], of);
            let rules = role.and_then(|r| r["rules"].as_array().cloned());
            out.extend(rules.unwrap_or_default());
        }
    }
    out
}

/// The role that a reference in a namespace means.
#[must_use]
pub fn role(state: &State, reference: &Value, namespace: &str) -> Option<Arc<Value>> {
    let (plural, of) = if reference["kind"] == "ClusterRole" {
        ("clusterroles", "")
    } else {
        ("roles", namespace)
    };
    let name = reference["name"].as_str().unwrap_or_default();
    let place = registry::place("rbac.authorization.k8s.io", plural);
    state.get(&place, &(of.to_owned(), name.to_owned()))
}

fn bindings(state: &State, plural: &str, namespace: Option<&str>) -> Vec<Arc<Value>> {
    let place = registry::place("rbac.authorization.k8s.io", plural);
    state.list(&place, namespace).collect()
}

/// Why a binding allows it; nothing if it does not.
fn allows(state: &State, binding: &Value, user: &User, wanted: &Attributes) -> Option<String> {
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    let namespace = text(&binding["metadata"]["namespace"]);
    let subjects = binding["subjects"].as_array().into_iter().flatten();
    let subject = subjects
        .into_iter()
        .find(|s| user.is_meant(s, &namespace))?;
    let role = &binding["roleRef"];
    let found = self::role(state, role, &namespace)?;
    let rules = found["rules"].as_array().into_iter().flatten();
    rules.into_iter().find(|rule| covers(rule, wanted))?;
    let (kind, name) = (text(&binding["kind"]), text(&binding["metadata"]["name"]));
    let place = if namespace.is_empty() {
        name
    } else {
        format!("{name}/{namespace}")
    };
    let who = match subject["kind"].as_str() {
        Some("ServiceAccount") => {
            let of = subject["namespace"].as_str().unwrap_or(&namespace);
            format!("ServiceAccount \"{}/{of}\"", text(&subject["name"]))
        }
        kind => format!(
            "{} \"{}\"",
            kind.unwrap_or_default(),
            text(&subject["name"])
        ),
    };
    Some(format!(
        "RBAC: allowed by {kind} \"{place}\" of {} \"{}\" to {who}",
        text(&role["kind"]),
        text(&role["name"])
    ))
}

/// Whether a rule covers what is wanted.
fn covers(rule: &Value, wanted: &Attributes) -> bool {
    let has = |field: &str, value: &str| {
        let all = rule[field].as_array().into_iter().flatten();
        all.filter_map(Value::as_str)
            .any(|v| v == "*" || v == value)
    };
    if !has("verbs", &wanted.verb) {
        return false;
    }
    if let Some(path) = &wanted.path {
        let all = rule["nonResourceURLs"].as_array().into_iter().flatten();
        return all
            .filter_map(Value::as_str)
            .any(|url| match url.strip_suffix('*') {
                Some(prefix) => path.starts_with(prefix),
                None => url == path,
            });
    }
    let resource = wanted.full_resource();
    let any = format!("*/{}", wanted.subresource);
    let resources = has("resources", &resource)
        || (!wanted.subresource.is_empty() && has_exactly(rule, "resources", &any));
    let names = rule["resourceNames"].as_array().filter(|n| !n.is_empty());
    has("apiGroups", &wanted.group)
        && resources
        && names.is_none_or(|names| names.iter().any(|n| n == wanted.name.as_str()))
}

fn has_exactly(rule: &Value, field: &str, value: &str) -> bool {
    rule[field]
        .as_array()
        .is_some_and(|all| all.iter().any(|v| v == value))
}
