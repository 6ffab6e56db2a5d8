//! Questions that are answered and not kept: who one is, and who may do what.

use serde_json::{Value, json};

use super::{Api, How, write};
use crate::sandbox::{
    authz::{self, Attributes, User},
    registry::Resource,
    status::{About, Cause, Refusal},
};

/// Refusals of reviews name no kind.
const NAMELESS: About<'_> = About {
    group: "authorization.k8s.io",
    resource: "",
};

impl Api {
    /// The answer to a question; none for a kind whose objects are kept.
    pub fn review(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        user: &User,
        (object, how): (&Value, &How),
    ) -> Option<Result<Value, Refusal>> {
        if resource.allows("get") {
            return None;
        }
        Some(self.answer(resource, namespace, user, object.clone(), how))
    }

    fn answer(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        user: &User,
        mut object: Value,
        how: &How,
    ) -> Result<Value, Refusal> {
        write::understand(resource, how, &mut object)?;
        let spec = &object["spec"];
        let status = match resource.kind.as_str() {
            "SelfSubjectReview" => json!({"userInfo": info(user)}),
            "TokenReview" => self.token_review(spec)?,
            "SelfSubjectRulesReview" => self.rules(user, &spec["namespace"])?,
            "SelfSubjectAccessReview" => self.access(user, spec)?,
            "SubjectAccessReview" => {
                let named = |field: &str| !matches!(&spec[field], Value::Null) && spec[field] != "";
                if !named("user") && !named("groups") {
                    let why = "at least one of user or group must be specified";
                    let cause = Cause::invalid("spec.user", &json!(""), why);
                    return Err(Refusal::invalid(NAMELESS, "", vec![cause]));
                }
                self.access(&subject(spec), spec)?
            }
            "LocalSubjectAccessReview" => {
                let of = &spec["resourceAttributes"]["namespace"];
                let of = &json!(of.as_str().unwrap_or_default());
                if of.as_str() != namespace {
                    let field = "spec.resourceAttributes.namespace";
                    let cause = Cause::invalid(field, of, "must match metadata.namespace");
                    return Err(Refusal::invalid(NAMELESS, "", vec![cause]));
                }
                self.access(&subject(spec), spec)?
            }
            _ => return Err(Refusal::no_resource()),
        };
        if resource.kind == "SelfSubjectRulesReview" {
            object["spec"] = json!({});
        } else if resource.kind == "SelfSubjectReview" {
            object["metadata"]["creationTimestamp"] = json!(self.clock.stamp());
        } else {
            self.note_writer(resource, how, &mut object);
        }
        object["status"] = status;
        Ok(object)
    }

    /// What a user may do in a namespace, by the rules.
    fn rules(&self, user: &User, namespace: &Value) -> Result<Value, Refusal> {
        let namespace = namespace.as_str().unwrap_or_default();
        if namespace.is_empty() {
            let why = "no namespace on request";
            return Err(Refusal::bad_request(why));
        }
        let all = self.store.with(|s| authz::rules(s, user, namespace));
        let (mut of_resources, mut of_paths) = (Vec::new(), Vec::new());
        for mut rule in all {
            let paths = rule["nonResourceURLs"]
                .as_array()
                .is_some_and(|p| !p.is_empty());
            if let Some(map) = rule.as_object_mut() {
                map.retain(|_, v| v.as_array().is_some_and(|v| !v.is_empty()));
            }
            if paths {
                of_paths.push(rule);
            } else {
                of_resources.push(rule);
            }
        }
        Ok(
            json!({"resourceRules": of_resources, "nonResourceRules": of_paths, "incomplete": false}),
        )
    }

    fn access(&self, user: &User, spec: &Value) -> Result<Value, Refusal> {
        let (of_resource, of_path) = (&spec["resourceAttributes"], &spec["nonResourceAttributes"]);
        if !of_resource.is_null() && !of_path.is_null() {
            let text = |key: &str| of_path[key].as_str().unwrap_or_default();
            // As Go prints a struct without names for JSON.
            let shown = json!({"Path": text("path"), "Verb": text("verb")});
            let why = "cannot be specified in combination with resourceAttributes";
            let cause = Cause::invalid("spec.nonResourceAttributes", &shown, why);
            return Err(Refusal::invalid(NAMELESS, "", vec![cause]));
        }
        if of_resource.is_null() && of_path.is_null() {
            let why =
                "exactly one of nonResourceAttributes or resourceAttributes must be specified";
            let cause = Cause::invalid("spec.resourceAttributes", of_path, why);
            return Err(Refusal::invalid(NAMELESS, "", vec![cause]));
        }
        let text = |v: &Value, key: &str| v[key].as_str().unwrap_or_default().to_owned();
        let wanted = if of_resource.is_null() {
            Attributes {
                verb: text(of_path, "verb"),
                path: Some(text(of_path, "path")),
                ..Attributes::default()
            }
        } else {
            Attributes {
                verb: text(of_resource, "verb"),
                group: text(of_resource, "group"),
                resource: text(of_resource, "resource"),
                subresource: text(of_resource, "subresource"),
                namespace: text(of_resource, "namespace"),
                name: text(of_resource, "name"),
                path: None,
            }
        };
        let decision = authz::decide(&self.store, user, &wanted);
        let mut status = json!({"allowed": decision.allowed});
        if !decision.reason.is_empty() {
            status["reason"] = json!(decision.reason);
        }
        Ok(status)
    }
}

fn subject(spec: &Value) -> User {
    let groups = spec["groups"].as_array().into_iter().flatten();
    User {
        name: spec["user"].as_str().unwrap_or_default().to_owned(),
        groups: groups
            .filter_map(|g| g.as_str().map(str::to_owned))
            .collect(),
        uid: spec["uid"].as_str().unwrap_or_default().to_owned(),
    }
}

fn info(user: &User) -> Value {
    let mut out = json!({"username": user.name, "groups": user.groups});
    if !user.uid.is_empty() {
        out["uid"] = json!(user.uid);
    }
    out
}
