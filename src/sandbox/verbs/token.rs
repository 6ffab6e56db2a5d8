//! Tokens: made for `ServiceAccounts`, and looked into.
//! <https://github.com/kubernetes/kubernetes/blob/master/pkg/registry/core/serviceaccount/storage/token.go>

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Api, key};
use crate::sandbox::{
    admission::service_account,
    registry,
    status::{About, Cause, Refusal},
    tokens::{AUDIENCE, Bearer, Claims},
};

/// How long a token holds where nothing else is said.
const AN_HOUR: i64 = 3600;
const SHORTEST: i64 = 600;
const LONGEST: i64 = 1 << 32;
/// How long a token of a Pod holds really: programs that never read it anew get on for a year.
const A_YEAR: i64 = 365 * 24 * 3600;

impl Api {
    /// A token for an account.
    pub fn request_token(
        &self,
        namespace: &str,
        account: &str,
        mut request: Value,
    ) -> Result<Value, Refusal> {
        const ABOUT: About<'_> = About {
            group: "authentication.k8s.io",
            resource: "TokenRequest",
        };
        for (field, is, what) in [
            ("name", account, "name"),
            ("namespace", namespace, "namespace"),
        ] {
            let given = &request["metadata"][field];
            if given.as_str().is_some_and(|g| !g.is_empty() && g != is) {
                let why = format!("must match the service account {what} if specified");
                let cause = Cause::invalid(format!("metadata.{field}"), given, &why);
                return Err(Refusal::invalid(ABOUT, account, vec![cause]));
            }
        }
        let found = self.core("serviceaccounts", namespace, account)?;
        let uid = found["metadata"]["uid"].as_str().unwrap_or_default();
        let given = request["metadata"]["uid"].as_str().unwrap_or_default();
        if !given.is_empty() && given != uid {
            let why = format!(
                "the UID in the token request ({given}) does not match the UID of the service account ({uid})"
            );
            return Err(Refusal::conflict(ABOUT, account, &why));
        }
        let spec = &mut request["spec"];
        let seconds = spec["expirationSeconds"].as_i64().unwrap_or(AN_HOUR);
        let wrong = match seconds {
            ..SHORTEST => Some("may not specify a duration less than 10 minutes"),
            SHORTEST..=LONGEST => None,
            _ => Some("may not specify a duration larger than 2^32 seconds"),
        };
        if let Some(why) = wrong {
            let cause = Cause::invalid("spec.expirationSeconds", &json!(seconds), why);
            return Err(Refusal::invalid(ABOUT, "", vec![cause]));
        }
        let asked = audiences(&spec["audiences"]);
        let bound = self.bound(namespace, account, &spec["boundObjectRef"])?;
        let now = self.clock.now().as_second();
        let of_pod = bound.as_ref().is_some_and(|(kind, _)| kind == "pod");
        let lasts = if of_pod && seconds == service_account::TOKEN_SECONDS {
            A_YEAR
        } else {
            seconds
        };
        let token = self.signer().token(&Claims {
            account: &found,
            bound: bound.as_ref().map(|(kind, o)| (kind.as_str(), &**o)),
            audiences: &asked,
            from: now,
            until: now.saturating_add(lasts),
        });
        Ok(json!({
            "kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1",
            "metadata": {
                "name": account, "namespace": namespace, "uid": uid,
                "creationTimestamp": self.clock.stamp(),
            },
            "spec": {
                "audiences": asked, "expirationSeconds": seconds,
                "boundObjectRef": request["spec"]["boundObjectRef"],
            },
            "status": {"token": token, "expirationTimestamp": self.clock.stamp_after(seconds)},
        }))
    }

    /// The object that a token is to be bound to, with its kind in small letters.
    fn bound(
        &self,
        namespace: &str,
        account: &str,
        reference: &Value,
    ) -> Result<Option<(String, Arc<Value>)>, Refusal> {
        if !reference.is_object() {
            return Ok(None);
        }
        let text = |field: &str| reference[field].as_str().unwrap_or_default();
        let (version, kind, name) = (text("apiVersion"), text("kind"), text("name"));
        let plural = match (version, kind) {
            ("" | "v1", "Pod") => "pods",
            ("" | "v1", "Secret") => "secrets",
            ("" | "v1", "Node") => "nodes",
            _ => {
                let (group, version) = registry::split(version);
                let kind = format!("{group}/{version}, Kind={kind}");
                let why = format!("cannot bind token to object of type {kind}");
                return Err(Refusal::bad_request(why));
            }
        };
        let found = self.core(plural, namespace, name)?;
        if kind == "Pod" && found["spec"]["serviceAccountName"] != account {
            return Err(Refusal::bad_request(format!(
                "cannot bind token for serviceaccount \"{account}\" to pod running with different serviceaccount name."
            )));
        }
        let (given, is) = (text("uid"), &found["metadata"]["uid"]);
        if !given.is_empty() && *is != given {
            let why = format!(
                "the UID in the bound object reference ({given}) does not match the UID in record. The object might have been deleted and then recreated"
            );
            let about = About {
                group: "",
                resource: kind,
            };
            return Err(Refusal::conflict(about, name, &why));
        }
        Ok(Some((kind.to_lowercase(), found)))
    }

    fn core(&self, plural: &str, namespace: &str, name: &str) -> Result<Arc<Value>, Refusal> {
        let namespace = (plural != "nodes").then_some(namespace);
        let found = self
            .store
            .get(&registry::place("", plural), &key(namespace, name));
        found.ok_or_else(|| {
            let about = About {
                group: "",
                resource: plural,
            };
            Refusal::not_found(about, name)
        })
    }

    /// Whom a token of a `ServiceAccount` names, for those who are asked about; else why it names nobody.
    pub fn bearer(&self, token: &str, audiences: &[String]) -> Result<Bearer, String> {
        let now = self.clock.now().as_second();
        self.signer().bearer(&self.store, token, audiences, now)
    }

    /// What is found about a token.
    pub(super) fn token_review(&self, spec: &Value) -> Result<Value, Refusal> {
        let token = spec["token"].as_str().unwrap_or_default();
        if token.is_empty() {
            let why = "token is required for TokenReview in authentication";
            return Err(Refusal::bad_request(why));
        }
        Ok(match self.bearer(token, &audiences(&spec["audiences"])) {
            Ok(bearer) => {
                let mut user = json!({
                    "username": bearer.user.name, "uid": bearer.user.uid, "groups": bearer.user.groups,
                });
                if bearer.extra.as_object().is_some_and(|e| !e.is_empty()) {
                    user["extra"] = bearer.extra;
                }
                json!({"authenticated": true, "user": user, "audiences": bearer.audiences})
            }
            Err(why) if why.is_empty() => json!({"user": {}, "error": "invalid bearer token"}),
            Err(why) => json!({"user": {}, "error": format!("[invalid bearer token, {why}]")}),
        })
    }
}

/// The audiences of a list; the API server where it is empty.
fn audiences(list: &Value) -> Vec<String> {
    let all = list.as_array().into_iter().flatten();
    let all: Vec<String> = all.filter_map(|a| a.as_str().map(str::to_owned)).collect();
    if all.is_empty() {
        vec![AUDIENCE.to_owned()]
    } else {
        all
    }
}
