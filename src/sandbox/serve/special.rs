//! Resources and subresources that are more than stored objects.

use http::Response;

use super::{On, metrics, packages, pods, proxy, request::Verb, respond::Body, token};
use crate::sandbox::status::Refusal;

/// Answers a request for one of them; nothing for plain objects.
pub(super) fn answer(on: &On<'_>, verb: Verb) -> Option<Result<Response<Body>, Refusal>> {
    let group = on.resource.group.as_str();
    let (resource, sub) = (on.resource.plural.as_str(), on.target.subresource.as_str());
    match (group, resource, sub) {
        ("", "pods" | "services", "proxy") => Some(proxy::answer(on)),
        (crate::sandbox::metrics::GROUP, _, "") => Some(metrics::answer(on, verb)),
        ("packages.operators.coreos.com", _, "") => Some(packages::answer(on, verb)),
        ("", "pods" | "bindings", _) => pods::answer(on, verb),
        (group, _, _) if group.ends_with(".openshift.io") => super::openshift::answer(on, verb),
        ("", "serviceaccounts", "token") if verb == Verb::Create => Some(token::answer(on)),
        _ => None,
    }
}
