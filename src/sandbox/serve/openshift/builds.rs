//! Builds: how they are started, and what they print.

use std::sync::Arc;

use http::{Response, StatusCode};
use serde_json::{Value, json};

use super::own;
use crate::sandbox::{
    openshift::{build_log, generate},
    registry::Resource,
    serve::{
        On,
        respond::{self, Body},
    },
    status::Refusal,
    verbs::How,
};

/// Starts a Build of a configuration, or one like another.
pub(super) fn instantiate(on: &On<'_>, sub: &str) -> Result<Response<Body>, Refusal> {
    let namespace = on.namespace().unwrap_or_default();
    let how = own(on);
    let build = match sub {
        "clone" => generate::clone(on.api, namespace, on.name(), &how)?,
        "instantiatebinary" => {
            let request = json!({"metadata": {"name": on.name()}, "binary": {}});
            generate::instantiate(on.api, namespace, on.name(), &request, &how)?
        }
        _ => generate::instantiate(on.api, namespace, on.name(), &on.body()?, &how)?,
    };
    Ok(on.object(StatusCode::CREATED, &build, &[]))
}

/// What a Build has printed so far. Who does not wait gets nothing of one that has not begun.
pub(in crate::sandbox::serve) fn log(
    on: &On<'_>,
    builds: &Arc<Resource>,
    name: &str,
) -> Result<Response<Body>, Refusal> {
    let build = on.api.get(builds, on.namespace(), name)?;
    let query = &on.asked.query;
    let waits = matches!(build["status"]["phase"].as_str(), Some("New" | "Pending"));
    if waits && query.is("nowait") {
        return Ok(respond::text(StatusCode::NO_CONTENT, ""));
    }
    if waits || query.is("follow") {
        return Ok(follow(on, builds, name));
    }
    Ok(respond::text(StatusCode::OK, &build_log::written(&build)))
}

/// The log as it grows, until the Build has ended.
fn follow(on: &On<'_>, builds: &Arc<Resource>, name: &str) -> Response<Body> {
    let (api, resource) = (Arc::clone(on.api), Arc::clone(builds));
    let (namespace, name) = (on.namespace().map(str::to_owned), name.to_owned());
    let (out, lines) = tokio::sync::mpsc::channel(1);
    tokio::spawn(async move {
        let mut newest = api.store.subscribe();
        let mut told = 0;
        while let Ok(build) = api.get(&resource, namespace.as_deref(), &name) {
            let text = build_log::written(&build);
            if let Some(more) = text.get(told..).filter(|more| !more.is_empty()) {
                told = text.len();
                if out.send(more.to_owned()).await.is_err() {
                    return;
                }
            }
            if build_log::is_complete(&build) || newest.changed().await.is_err() {
                return;
            }
        }
    });
    respond::growing(lines)
}

/// What the Build's own Pod found out of it: the revision of its source.
pub(super) fn details(on: &On<'_>) -> Result<Response<Body>, Refusal> {
    let how = How {
        subresource: String::new(),
        ..on.how()
    };
    let mut build: Value = (*on.api.get(on.resource, on.namespace(), on.name())?).clone();
    let body = on.body()?;
    build["status"] = body["status"].clone();
    let written = on
        .api
        .update(on.resource, on.namespace(), on.name(), build, &how)?;
    Ok(on.written(&written))
}
