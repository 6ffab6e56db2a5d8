//! Admission: what a cluster changes about a request that is allowed, and what it refuses.
//! <https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/>

mod escalation;
mod limit_range;
mod namespace;
mod pod_security;
mod priority;
mod quota;
mod requester;
mod scc;
pub mod service_account;
mod storage;
mod tolerations;

use serde_json::Value;

pub(in crate::sandbox) use requester::ANNOTATION as REQUESTER;

use super::{
    addresses,
    authz::User,
    openshift,
    registry::Resource,
    status::Refusal,
    store::State,
    verbs::{Api, name},
};

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

impl Request<'_> {
    /// Whether it is about objects of a resource themselves, not about a subresource.
    pub(crate) fn is_about(&self, group: &str, plural: &str) -> bool {
        self.subresource.is_empty()
            && self.resource.group == group
            && self.resource.plural == plural
    }

    /// Whether it is for a new object of a resource.
    pub(crate) fn creates(&self, group: &str, plural: &str) -> bool {
        self.operation == Operation::Create && self.is_about(group, plural)
    }

    /// 403, as admission words it.
    pub(crate) fn forbidden(&self, object: &Value, why: &str) -> Refusal {
        Refusal::forbidden(self.resource.about(), called(object), why)
    }
}

/// Changes the object of a request, with its kind's defaults and before its validation; gives what the answer warns of.
pub fn mutate(
    api: &Api,
    state: &mut State,
    request: &Request<'_>,
    object: &mut Value,
) -> Result<Vec<String>, Refusal> {
    namespace::exists(state, request, object)?;
    requester::note(request, object);
    limit_range::fill(state, request, object);
    service_account::admit(api, state, request, object)?;
    scc::admit(state, request, object)?;
    priority::admit(state, request, object)?;
    tolerations::admit(request, object);
    storage::choose_class(state, request, object);
    addresses::allocate(state, request, object)?;
    if openshift::owns(request.resource) {
        openshift::admit(state, request, object)?;
    }
    Ok(addresses::warnings(request, object))
}

/// Refuses what is well-formed but not wanted; gives what the answer warns of. The object of a deletion is the one that goes.
pub fn validate(
    api: &Api,
    state: &mut State,
    request: &Request<'_>,
    object: &Value,
) -> Result<Vec<String>, Refusal> {
    namespace::stays(request, object)?;
    escalation::check(state, request, object)?;
    limit_range::check(state, request, object)?;
    let warnings = pod_security::check(state, request, object)?;
    priority::validate(state, request, object)?;
    quota::charge(api, state, request, object)?;
    Ok(warnings)
}

/// The name of an object, or what it will begin with.
fn called(object: &Value) -> &str {
    match name(object) {
        "" => object["metadata"]["generateName"]
            .as_str()
            .unwrap_or_default(),
        name => name,
    }
}

/// The items of a list that may be absent.
fn items<'a>(object: &'a Value, field: &str) -> &'a [Value] {
    object[field].as_array().map_or(&[], Vec::as_slice)
}

/// The items of a list that may be absent, to change.
fn items_mut<'a>(object: &'a mut Value, field: &str) -> &'a mut [Value] {
    let list = object.get_mut(field).and_then(Value::as_array_mut);
    list.map_or(&mut [], Vec::as_mut_slice)
}

/// Adds to a list that may be absent.
fn add(object: &mut Value, field: &str, item: Value) {
    match object[field].as_array_mut() {
        Some(list) => list.push(item),
        None => object[field] = Value::Array(vec![item]),
    }
}
