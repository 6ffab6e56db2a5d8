//! Questions that are answered and not kept: who one is, and who may do what.

use serde_json::{Value, json};

use super::{Api, How};
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
    /// The answer to a question of one of these kinds; none for a kind that is kept.
    pub fn review(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        user: &User,
        (object, how): (&Value, &How),
    ) -> Option<Result<Value, Refusal>> {
        let spec = &object["spec"];
        let answered = |status: Value| {
            let mut out = object.clone();
            out["apiVersion"] = json!(resource.api_version());
            out["kind"] = json!(resource.kind);
            if out["metadata"].is_null() {
                out["metadata"] = json!({});
            }
            if resource.kind == "SelfSubjectReview" {
                out["metadata"]["creationTimestamp"] = json!(self.clock.stamp());
            } else {
                self.note_writer(resource, how, &mut out);
            }
            out["status"] = status;
            out
        };
        Some(match resource.kind.as_str() {
            "SelfSubjectReview" => Ok(answered(json!({"userInfo": info(user)}))),
            "SelfSubjectAccessReview" => self.access(user, spec).map(answered),
            "SubjectAccessReview" => self.access(&subject(spec), spec).map(answered),
            "LocalSubjectAccessReview" => {
                let of = spec["resourceAttributes"]["namespace"].as_str();
                if of == namespace {
                    self.access(&subject(spec), spec).map(answered)
                } else {
                    let cause = Cause::invalid(
                        "spec.resourceAttributes.namespace",
                        &spec["resourceAttributes"]["namespace"],
                        "must match metadata.namespace",
                    );
                    Err(Refusal::invalid(NAMELESS, "", vec![cause]))
                }
            }
            _ => return None,
        })
    }

    fn access(&self, user: &User, spec: &Value) -> Result<Value, Refusal> {
        let (of_resource, of_path) = (&spec["resourceAttributes"], &spec["nonResourceAttributes"]);
        if of_resource.is_null() == of_path.is_null() {
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
