//! `DeploymentConfigs`: rolled out by hand, rolled back, scaled.

use http::{Response, StatusCode};
use serde_json::{Value, json};

use super::own;
use crate::sandbox::{
    serve::{
        On, media,
        request::Verb,
        respond::{self, Body},
    },
    status::Refusal,
    store::selector,
    verbs::{How, patch, scale::Change},
};

/// The next rollout, though nothing changed.
pub(super) fn instantiate(on: &On<'_>) -> Result<Response<Body>, Refusal> {
    let mut config = (*on.api.get(on.resource, on.namespace(), on.name())?).clone();
    let next = config["status"]["latestVersion"]
        .as_i64()
        .unwrap_or_default()
        + 1;
    config["status"]["latestVersion"] = json!(next);
    config["status"]["details"] = json!({
        "message": "manual change", "causes": [{"type": "Manual"}],
    });
    let generation = config["metadata"]["generation"]
        .as_i64()
        .unwrap_or_default()
        + 1;
    write(on, config, Some(generation))
}

/// Writes the whole of it, past what clients can set.
fn write(
    on: &On<'_>,
    mut config: Value,
    generation: Option<i64>,
) -> Result<Response<Body>, Refusal> {
    let how = How {
        subresource: "status".to_owned(),
        ..own(on)
    };
    let status = json!({"status": config["status"]});
    let patch = (patch::Kind::Merge, &status);
    let written = on
        .api
        .patch(on.resource, on.namespace(), on.name(), patch, &how)?;
    config = (*written.object).clone();
    if let Some(generation) = generation.filter(|_| !how.dry_run) {
        let key = (
            on.namespace().unwrap_or_default().to_owned(),
            on.name().to_owned(),
        );
        // Somebody else may have changed it, or taken it away, since.
        let counted = on.api.store.with(|state| {
            let mut live = (*state.get(&on.resource.place, &key)?).clone();
            live["metadata"]["generation"] = json!(generation);
            Some((*state.put(&on.resource.place, &key, live)).clone())
        });
        config = counted.ok_or_else(|| Refusal::not_found(on.resource.about(), on.name()))?;
    }
    Ok(on.object(StatusCode::CREATED, &config, &[]))
}

/// The configuration as it would be with the template of an older rollout. It is not kept.
pub(super) fn rollback(on: &On<'_>) -> Result<Response<Body>, Refusal> {
    let body = on.body()?;
    let mut config = (*on.api.get(on.resource, on.namespace(), on.name())?).clone();
    let latest = config["status"]["latestVersion"]
        .as_i64()
        .unwrap_or_default();
    let revision = body["spec"]["revision"].as_i64().filter(|r| *r > 0);
    let revision = revision.unwrap_or(latest - 1);
    let name = format!("{}-{revision}", on.name());
    let controllers = on.api.registry().get("", "v1", "replicationcontrollers");
    let controllers = controllers.ok_or_else(Refusal::no_resource)?;
    let old = on.api.get(&controllers, on.namespace(), &name)?;
    config["spec"]["template"] = old["spec"]["template"].clone();
    Ok(on.object(StatusCode::CREATED, &config, &[]))
}

/// How many replicas there are to be, in the form that this kind has kept.
pub(super) fn scale(on: &On<'_>, verb: Verb) -> Result<Response<Body>, Refusal> {
    let (resource, namespace, name) = (on.resource, on.namespace(), on.name());
    let mut scale = match verb {
        Verb::Get => on.api.scale(resource, namespace, name)?,
        Verb::Update => {
            let body = on.body()?;
            on.api
                .rescale(resource, namespace, name, Change::Whole(&body), &on.how())?
        }
        Verb::Patch => {
            let kind = patch::Kind::of(on.asked.header(http::header::CONTENT_TYPE))?;
            let body = media::patch(on.asked)?;
            on.api.rescale(
                resource,
                namespace,
                name,
                Change::Patch(kind, &body),
                &on.how(),
            )?
        }
        _ => return Err(Refusal::method_not_allowed()),
    };
    let config = on.api.get(resource, namespace, name)?;
    let mut labels = config["spec"]["selector"].clone();
    labels["deploymentconfig"] = json!(name);
    scale["apiVersion"] = json!("extensions/v1beta1");
    scale["status"]["targetSelector"] = json!(selector::text(&labels));
    scale["status"]["selector"] = labels;
    Ok(respond::json(StatusCode::OK, &scale))
}
