//! What can be asked of Pods beside what they are: logs, evictions, bindings, containers for a look inside.

mod eviction;
mod log;

use http::{Response, StatusCode};
use serde_json::json;

use super::{On, media, request::Verb, respond::Body};
use crate::sandbox::{
    pointer::items,
    status::{About, Cause, Refusal},
    verbs::{name, patch},
};

/// Answers a request for a subresource of a Pod, or for a binding; nothing for the rest.
pub(super) fn answer(on: &On<'_>, verb: Verb) -> Option<Result<Response<Body>, Refusal>> {
    let (resource, sub) = (on.resource.plural.as_str(), on.target.subresource.as_str());
    Some(match (resource, sub) {
        ("pods", "log") => log::answer(on),
        ("pods", "exec" | "attach" | "portforward") => not_really(on, sub),
        ("pods", "eviction") => eviction::answer(on),
        ("pods", "binding") => binding(on),
        ("bindings", "") if verb == Verb::Create => binding(on),
        ("pods", "ephemeralcontainers") => ephemeral(on, verb),
        _ => return None,
    })
}

/// Gives a Pod a node.
fn binding(on: &On<'_>) -> Result<Response<Body>, Refusal> {
    let body = on.body()?;
    let wanted = if on.name().is_empty() {
        name(&body)
    } else {
        on.name()
    };
    let node = body["target"]["name"].as_str().unwrap_or_default();
    if node.is_empty() {
        let about = About {
            group: "",
            resource: "Binding",
        };
        let cause = Cause::required("target.name", "");
        return Err(Refusal::invalid(about, wanted, vec![cause]));
    }
    let namespace = on.namespace().unwrap_or_default();
    on.api
        .bind(namespace, wanted, node, &body["metadata"]["annotations"])?;
    Ok(success(on))
}

/// What is done, and needs no object to say so.
fn success(on: &On<'_>) -> Response<Body> {
    let done = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201});
    on.form.value(StatusCode::CREATED, &done)
}

/// Containers are simulated: nothing runs in which a command could.
fn not_really(on: &On<'_>, sub: &str) -> Result<Response<Body>, Refusal> {
    let (namespace, pod) = (on.namespace().unwrap_or_default(), on.name());
    on.api.get(on.resource, on.namespace(), pod)?;
    let instead = match sub {
        "portforward" => format!(
            "ask a Service through the API server instead, with kubectl get --raw /api/v1/namespaces/{namespace}/services/NAME:PORT/proxy/"
        ),
        _ => format!(
            "see what it says with kubectl logs {pod} -n {namespace}, and how it does with kubectl describe pod {pod} -n {namespace}; to ask a server from inside, kubectl run ask -n {namespace} --image=curlimages/curl --rm -i --restart=Never -- curl -s http://NAME"
        ),
    };
    Err(Refusal::bad_request(format!(
        "containers in the sandbox are simulated, so {sub} is not possible: {instead}"
    )))
}

/// Containers that are added to a running Pod.
/// <https://kubernetes.io/docs/concepts/workloads/pods/ephemeral-containers/>
fn ephemeral(on: &On<'_>, verb: Verb) -> Result<Response<Body>, Refusal> {
    let live = on.api.get(on.resource, on.namespace(), on.name())?;
    let wanted = match verb {
        Verb::Get => return Ok(on.object(StatusCode::OK, &live, &[])),
        Verb::Update => on.body()?,
        _ => {
            let kind = patch::Kind::of(on.asked.header(http::header::CONTENT_TYPE))?;
            let mut how = on.how();
            how.dry_run = true;
            let body = media::patch(on.asked)?;
            let tried =
                on.api
                    .patch(on.resource, on.namespace(), on.name(), (kind, &body), &how)?;
            (*tried.object).clone()
        }
    };
    let before = items(&live["spec"]["ephemeralContainers"]);
    let after = items(&wanted["spec"]["ephemeralContainers"]);
    let kept = before
        .iter()
        .all(|old| after.iter().any(|new| new["name"] == old["name"]));
    if !kept {
        let about = on.resource.about_kind();
        let cause = Cause::forbidden(
            "spec.ephemeralContainers",
            "existing ephemeral containers may not be removed",
        );
        return Err(Refusal::invalid(about, on.name(), vec![cause]));
    }
    let change = json!({"spec": {"ephemeralContainers": after}});
    let change = (patch::Kind::Merge, &change);
    let written = on
        .api
        .patch(on.resource, on.namespace(), on.name(), change, &on.how())?;
    Ok(on.written(&written))
}
