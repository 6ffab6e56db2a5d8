//! Who asked for a namespace: noted by the server, so that nobody can claim another's. What it is for: `controllers/self_service`.

use serde_json::{Value, json};

use super::{Operation, Request};
use crate::sandbox::authz::User;

/// The annotation that names them.
pub(in crate::sandbox) const ANNOTATION: &str = "sandbox.ccnr.dev/requester";

/// Notes who asks for a new namespace, and keeps that as it is later.
pub(super) fn note(request: &Request<'_>, object: &mut Value) {
    if !(request.resource.group.is_empty() && request.resource.plural == "namespaces") {
        return;
    }
    let noted = match (request.operation, request.before) {
        (Operation::Create, _) => is_person(request.user).then(|| json!(request.user.name)),
        (_, Some(before)) => before["metadata"]["annotations"].get(ANNOTATION).cloned(),
        _ => None,
    };
    match noted {
        Some(name) => object["metadata"]["annotations"][ANNOTATION] = name,
        None => forget(object),
    }
}

/// Neither a part of the cluster nor an administrator.
fn is_person(user: &User) -> bool {
    !user.name.is_empty() && !user.name.starts_with("system:") && !user.is_master()
}

fn forget(object: &mut Value) {
    let annotations = object["metadata"].get_mut("annotations");
    if let Some(annotations) = annotations.and_then(Value::as_object_mut) {
        annotations.remove(ANNOTATION);
    }
}
