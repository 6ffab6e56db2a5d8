//! Who a request is from.

use std::collections::HashMap;

use http::{HeaderMap, header};

use crate::sandbox::{
    authz::{self, Attributes, User},
    status::Refusal,
    tokens::AUDIENCE,
    verbs::Api,
};

/// Who is known by which token.
#[derive(Debug, Clone, Default)]
pub struct Tokens(HashMap<String, User>);

impl Tokens {
    /// Knows one more.
    pub fn add(&mut self, token: &str, user: User) {
        self.0.insert(token.to_owned(), user);
    }

    /// Who a request is from: by its token, else by the certificate of its connection; with the right to it, somebody else in
    /// whose name it is made.
    pub(super) fn user(
        &self,
        api: &Api,
        headers: &HeaderMap,
        certified: Option<&User>,
    ) -> Result<User, Refusal> {
        let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
        let user = match text(header::AUTHORIZATION.as_str()) {
            None => certified.cloned().unwrap_or_else(User::anonymous),
            Some(given) => {
                let token = given.strip_prefix("Bearer ").unwrap_or_default();
                let of_account = || {
                    let server = [AUDIENCE.to_owned()];
                    api.bearer(token, &server).ok().map(|b| b.user)
                };
                let user = self.0.get(token).cloned().or_else(of_account);
                user.ok_or_else(Refusal::unauthorized)?
            }
        };
        let groups = headers.get_all("impersonate-group").iter();
        let groups: Vec<&str> = groups.filter_map(|g| g.to_str().ok()).collect();
        let Some(name) = text("impersonate-user") else {
            return if groups.is_empty() {
                Ok(user)
            } else {
                Err(Refusal::unexpected(
                    "requested [{Group ...}] without impersonating a user",
                ))
            };
        };
        may_impersonate(api, &user, &as_user(name))?;
        for group in &groups {
            may_impersonate(api, &user, &impersonated("groups", "", group))?;
        }
        let account = name.strip_prefix("system:serviceaccount:");
        Ok(match account.and_then(|a| a.split_once(':')) {
            _ if name == User::anonymous().name => User::anonymous(),
            // An account is in its groups where none are given.
            Some((namespace, _)) if groups.is_empty() => {
                let own = format!("system:serviceaccounts:{namespace}");
                User::named(name, &["system:serviceaccounts", &own])
            }
            _ => User::named(name, &groups),
        })
    }
}

/// To act as a user, or as a `ServiceAccount`, which users are named after.
fn as_user(name: &str) -> Attributes {
    let account = name.strip_prefix("system:serviceaccount:");
    match account.and_then(|a| a.split_once(':')) {
        Some((namespace, account)) => impersonated("serviceaccounts", namespace, account),
        None => impersonated("users", "", name),
    }
}

fn impersonated(resource: &str, namespace: &str, name: &str) -> Attributes {
    Attributes {
        verb: "impersonate".to_owned(),
        resource: resource.to_owned(),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        ..Attributes::default()
    }
}

fn may_impersonate(api: &Api, user: &User, wanted: &Attributes) -> Result<(), Refusal> {
    if authz::decide(&api.store, user, wanted).allowed {
        Ok(())
    } else {
        Err(wanted.refusal(user))
    }
}
