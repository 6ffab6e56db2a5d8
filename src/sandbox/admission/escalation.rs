//! Nobody gives rights that they don't have: roles and bindings hold nothing that their writer may not do, unless they may
//! `escalate` or `bind`.
//! <https://kubernetes.io/docs/reference/access-authn-authz/rbac/#privilege-escalation-prevention-and-bootstrapping>

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Operation, Request};
use crate::sandbox::{
    authz::{self, Attributes},
    status::Refusal,
    store::State,
    verbs::name,
};

const GROUP: &str = "rbac.authorization.k8s.io";

/// Refuses rights that the writer does not have.
pub(super) fn check(state: &State, request: &Request<'_>, object: &Value) -> Result<(), Refusal> {
    let resource = request.resource;
    if resource.group != GROUP || request.operation == Operation::Delete || request.user.is_master()
    {
        return Ok(());
    }
    let same = |field: &str| request.before.is_some_and(|b| b[field] == object[field]);
    match resource.plural.as_str() {
        "roles" | "clusterroles" => {
            let gathers = object.get("aggregationRule").is_some() && !same("aggregationRule");
            if same("rules") && !gathers || may(state, request, "escalate", &resource.plural, "") {
                return Ok(());
            }
            holds(state, request, object, &object["rules"])?;
            let everything = json!([
                {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]},
                {"verbs": ["*"], "nonResourceURLs": ["*"]},
            ]);
            if gathers && holds(state, request, object, &everything).is_err() {
                let why = "must have cluster-admin privileges to use the aggregationRule";
                return Err(request.forbidden(object, why));
            }
            Ok(())
        }
        "rolebindings" | "clusterrolebindings" => {
            let reference = &object["roleRef"];
            let cluster = reference["kind"] == "ClusterRole";
            let plural = if cluster { "clusterroles" } else { "roles" };
            let wanted = reference["name"].as_str().unwrap_or_default();
            if same("roleRef") && same("subjects") || may(state, request, "bind", plural, wanted) {
                return Ok(());
            }
            let namespace = request.namespace.unwrap_or_default();
            let Some(role) = authz::role(state, reference, namespace) else {
                // The real server takes its name for that of the request.
                return Err(Refusal::not_found(request.resource.about(), wanted));
            };
            holds(state, request, object, &role["rules"])
        }
        _ => Ok(()),
    }
}

/// Whether the writer may do something with roles.
fn may(state: &State, request: &Request<'_>, verb: &str, plural: &str, wanted: &str) -> bool {
    let attributes = Attributes {
        verb: verb.to_owned(),
        group: GROUP.to_owned(),
        resource: plural.to_owned(),
        namespace: request.namespace.unwrap_or_default().to_owned(),
        name: wanted.to_owned(),
        ..Attributes::default()
    };
    authz::decide_in(state, request.user, &attributes).allowed
}

/// Refuses rules that go beyond those of the writer.
fn holds(
    state: &State,
    request: &Request<'_>,
    object: &Value,
    rules: &Value,
) -> Result<(), Refusal> {
    let user = request.user;
    let own = authz::rules(state, user, request.namespace.unwrap_or_default());
    let wanted = rules.as_array().into_iter().flatten().flat_map(broken_down);
    let missing = wanted.filter(|rule| !own.iter().any(|o| covers(o, rule)));
    let missing = compacted(missing);
    if missing.is_empty() {
        return Ok(());
    }
    let told: BTreeSet<String> = missing.iter().map(compact).collect();
    let told: Vec<String> = told.into_iter().collect();
    let why = format!(
        "user \"{}\" (groups={}) is attempting to grant RBAC permissions not currently held:\n{}",
        user.name,
        quoted(user.groups.iter().map(String::as_str)),
        told.join("\n")
    );
    Err(Refusal::forbidden(
        request.resource.about(),
        name(object),
        &why,
    ))
}

fn texts<'a>(rule: &'a Value, field: &str) -> Vec<&'a str> {
    let all = rule[field].as_array().into_iter().flatten();
    all.filter_map(Value::as_str).collect()
}

/// A rule as rules of one verb for one thing each.
fn broken_down(rule: &Value) -> Vec<Value> {
    let mut out = Vec::new();
    for verb in texts(rule, "verbs") {
        for url in texts(rule, "nonResourceURLs") {
            out.push(json!({"verbs": [verb], "nonResourceURLs": [url]}));
        }
    }
    for group in texts(rule, "apiGroups") {
        for resource in texts(rule, "resources") {
            for verb in texts(rule, "verbs") {
                let one = json!({"apiGroups": [group], "resources": [resource], "verbs": [verb]});
                let names = texts(rule, "resourceNames");
                for name in &names {
                    let mut one = one.clone();
                    one["resourceNames"] = json!([name]);
                    out.push(one);
                }
                if names.is_empty() {
                    out.push(one);
                }
            }
        }
    }
    out
}

/// Whether a rule covers one of one verb for one thing.
fn covers(owner: &Value, one: &Value) -> bool {
    let of = |field: &str| texts(one, field).first().copied();
    let has = |field: &str, wanted: &str| {
        texts(owner, field)
            .iter()
            .any(|v| *v == "*" || *v == wanted)
    };
    if !of("verbs").is_some_and(|v| has("verbs", v)) {
        return false;
    }
    if let Some(url) = of("nonResourceURLs") {
        return texts(owner, "nonResourceURLs").iter().any(|own| {
            *own == url
                || own
                    .strip_suffix('*')
                    .is_some_and(|prefix| url.starts_with(prefix))
        });
    }
    let resource = of("resources").unwrap_or_default();
    let by_sub = resource.split_once('/').map(|(_, sub)| format!("*/{sub}"));
    let resources = has("resources", resource)
        || by_sub.is_some_and(|any| texts(owner, "resources").contains(&any.as_str()));
    let names = texts(owner, "resourceNames");
    let by_name = names.is_empty() || of("resourceNames").is_some_and(|n| names.contains(&n));
    of("apiGroups").is_some_and(|g| has("apiGroups", g)) && resources && by_name
}

/// Rules for the same thing as one.
fn compacted(rules: impl Iterator<Item = Value>) -> Vec<Value> {
    let mut out: Vec<Value> = Vec::new();
    for rule in rules {
        let same = |o: &&mut Value| {
            let fields = ["apiGroups", "resources", "resourceNames", "nonResourceURLs"];
            rule.get("nonResourceURLs").is_none()
                && fields.iter().all(|f| o.get(*f) == rule.get(*f))
        };
        match out.iter_mut().find(same) {
            Some(before) => {
                let more = rule["verbs"].as_array().cloned().unwrap_or_default();
                if let Some(verbs) = before["verbs"].as_array_mut() {
                    verbs.extend(more);
                }
            }
            None => out.push(rule),
        }
    }
    out
}

/// A rule, as messages show it.
fn compact(rule: &Value) -> String {
    let fields = [
        ("APIGroups", "apiGroups"),
        ("Resources", "resources"),
        ("NonResourceURLs", "nonResourceURLs"),
        ("ResourceNames", "resourceNames"),
        ("Verbs", "verbs"),
    ];
    let shown = fields.iter().filter_map(|(label, field)| {
        let all = texts(rule, field);
        (!all.is_empty()).then(|| format!("{label}:{}", quoted(all.into_iter())))
    });
    format!("{{{}}}", shown.collect::<Vec<_>>().join(", "))
}

/// As Go prints a list of texts.
fn quoted<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    let all: Vec<String> = texts.map(|t| format!("\"{t}\"")).collect();
    format!("[{}]", all.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_covered_is_told_by_resource() {
        let own = [
            json!({"apiGroups": ["", "apps"], "resources": ["pods", "*/scale"], "verbs": ["get"]}),
        ];
        let wanted = json!({"apiGroups": [""], "resources": ["pods", "secrets", "x/scale"], "verbs": ["get", "list"]});
        let missing = broken_down(&wanted)
            .into_iter()
            .filter(|r| !own.iter().any(|o| covers(o, r)));
        let told: Vec<String> = compacted(missing).iter().map(compact).collect();
        assert_eq!(
            told,
            [
                r#"{APIGroups:[""], Resources:["pods"], Verbs:["list"]}"#,
                r#"{APIGroups:[""], Resources:["secrets"], Verbs:["get" "list"]}"#,
                r#"{APIGroups:[""], Resources:["x/scale"], Verbs:["list"]}"#,
            ]
        );
        let one = json!({"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]});
        let named = json!({"apiGroups": [""], "resources": ["pods"], "resourceNames": ["a"], "verbs": ["get"]});
        assert!(!covers(&named, &one) && covers(&one, &named));
    }
}
