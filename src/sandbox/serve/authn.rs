//! Who a request is from.

use std::collections::HashMap;

use http::{HeaderMap, header};

use crate::sandbox::{
    authz::{self, Attributes, User},
    status::Refusal,
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

    /// Who a request is from; with the right to it, somebody else in whose name it is made.
    pub(super) fn user(&self, api: &Api, headers: &HeaderMap) -> Result<User, Refusal> {
        let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
        let user = match text(header::AUTHORIZATION.as_str()) {
            None => User::anonymous(),
            Some(given) => {
                let token = given.strip_prefix("Bearer ").unwrap_or_default();
                self.0
                    .get(token)
                    .cloned()
                    .ok_or_else(Refusal::unauthorized)?
            }
        };
        let Some(name) = text("impersonate-user") else {
            return Ok(user);
        };
        let wanted = Attributes {
            verb: "impersonate".to_owned(),
            resource: "users".to_owned(),
            name: name.to_owned(),
            ..Attributes::default()
        };
        if !authz::decide(&api.store, &user, &wanted).allowed {
            return Err(wanted.refusal(&user));
        }
        let groups = headers.get_all("impersonate-group");
        let groups: Vec<&str> = groups.iter().filter_map(|g| g.to_str().ok()).collect();
        Ok(User::named(name, &groups))
    }
}
