//! Namespaces: nothing new comes into one that is not there or is going, and some are not to go.
//! <https://github.com/kubernetes/kubernetes/blob/master/staging/src/k8s.io/apiserver/pkg/admission/plugin/namespace/lifecycle/admission.go>

use serde_json::Value;

use super::{Operation, Request, called};
use crate::sandbox::{
    registry,
    status::{About, Refusal},
    store::State,
    verbs::{key, name},
};

/// The namespaces that every cluster keeps.
const KEPT: [&str; 3] = ["default", "kube-system", "kube-public"];

/// Refuses new objects where there is no namespace for them, or one that ends.
pub(super) fn exists(state: &State, request: &Request<'_>, object: &Value) -> Result<(), Refusal> {
    let Some(namespace) = request.namespace.filter(|_| request.resource.namespaced) else {
        return Ok(());
    };
    if request.operation != Operation::Create {
        return Ok(());
    }
    let namespaces = registry::place("", "namespaces");
    let Some(found) = state.get(&namespaces, &key(None, namespace)) else {
        let about = About {
            group: "",
            resource: "namespaces",
        };
        return Err(Refusal::not_found(about, namespace));
    };
    if found["metadata"]["deletionTimestamp"].is_string() {
        let why = format!(
            "unable to create new content in namespace {namespace} because it is being terminated"
        );
        return Err(Refusal::terminating(
            request.resource.about(),
            called(object),
            namespace,
            &why,
        ));
    }
    Ok(())
}

/// Refuses the end of a namespace that every cluster keeps.
pub(super) fn stays(request: &Request<'_>, object: &Value) -> Result<(), Refusal> {
    let resource = request.resource;
    let is_namespace = resource.group.is_empty() && resource.plural == "namespaces";
    if request.operation == Operation::Delete && is_namespace && KEPT.contains(&name(object)) {
        let why = "this namespace may not be deleted";
        return Err(Refusal::forbidden(resource.about(), name(object), why));
    }
    Ok(())
}
