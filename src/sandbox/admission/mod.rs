//! Admission: what a cluster changes about a request that is allowed, and what it refuses.
//! <https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/>

mod namespace;
mod requester;

use serde_json::Value;

pub(in crate::sandbox) use requester::ANNOTATION as REQUESTER;

use super::{authz::User, registry::Resource, status::Refusal, store::State, verbs::Api};

/// What is done to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// It is new.
    Create,
    /// It changes.
    Update,
    /// It goes.
    Delete,
}

/// A request that is allowed.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// What is done.
    pub operation: Operation,
    /// The resource.
    pub resource: &'a Resource,
    /// The subresource; empty for the object itself.
    pub subresource: &'a str,
    /// The namespace; none for what lies in none.
    pub namespace: Option<&'a str>,
    /// Who does it.
    pub user: &'a User,
    /// The object as it was; none for a new one.
    pub before: Option<&'a Value>,
    /// Whether nothing is to be kept.
    pub dry_run: bool,
}

/// Changes the object of a request, before its kind's defaults and validation; gives what the answer warns of.
pub fn mutate(
    _api: &Api,
    state: &mut State,
    request: &Request<'_>,
    object: &mut Value,
) -> Result<Vec<String>, Refusal> {
    namespace::exists(state, request)?;
    requester::note(request, object);
    Ok(Vec::new())
}

/// Refuses what is well-formed but not wanted; gives what the answer warns of. The object of a deletion is the one that goes.
pub fn validate(
    _api: &Api,
    _state: &mut State,
    request: &Request<'_>,
    object: &Value,
) -> Result<Vec<String>, Refusal> {
    namespace::stays(request, object)?;
    Ok(Vec::new())
}
