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
        Ok(match User::as_account(name) {
            _ if name == User::anonymous().name => User::anonymous(),
            // An account is in its groups where none are given.
            Some((namespace, account)) if groups.is_empty() => User::account(namespace, account),
            _ => User::named(name, &groups),
        })
    }
}

/// To act as a user, or as a `ServiceAccount`, which users are named after.
fn as_user(name: &str) -> Attributes {
    match User::as_account(name) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::{clock::Clock, registry::Registry};

    #[test]
    fn whose_name_is_taken_is_who_they_are_with_their_groups() {
        let api = Api::new(Registry::kubernetes(), Clock::of_machine());
        let mut tokens = Tokens::default();
        tokens.add("admin", User::admin("admin"));
        let as_name = |name: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, "Bearer admin".parse().unwrap());
            headers.insert("impersonate-user", name.parse().unwrap());
            tokens.user(&api, &headers, None).unwrap()
        };
        let robot = as_name("system:serviceaccount:a:robot");
        assert_eq!(robot, User::account("a", "robot"));
        assert!(
            robot
                .groups
                .contains(&"system:serviceaccounts:a".to_owned())
        );
        assert_eq!(as_name("system:anonymous"), User::anonymous());
        assert_eq!(as_name("sato"), User::named("sato", &[]));
    }
}
