//! Requests to `OpenShift`'s API server that are no plain objects: views of other objects, and things to do.

pub(super) mod builds;
mod deployments;
mod images;
mod projects;
mod streams;
mod templates;
mod users;

use http::{Response, StatusCode, header};
use serde_json::{Value, json};

use super::{
    On,
    request::{Target, Verb},
    respond::{self, Body, Objects},
};
use crate::sandbox::{registry::Resource, status::Refusal, verbs::How};

/// The name under which the server writes what it does for others.
const PROGRAM: &str = "openshift-apiserver";

/// Answers a request for one of them; nothing for plain objects.
pub(super) fn answer(on: &On<'_>, verb: Verb) -> Option<Result<Response<Body>, Refusal>> {
    let (resource, sub) = (on.resource.plural.as_str(), on.target.subresource.as_str());
    let found = match (on.resource.group.as_str(), resource, sub) {
        ("project.openshift.io", "projects", "") => projects::answer(on, verb)?,
        ("project.openshift.io", _, "") => projects::request(on, verb),
        ("image.openshift.io", "imagestreamtags" | "imagetags", "") => images::tag(on, verb),
        ("image.openshift.io", "imagestreamimages", "") => images::image(on),
        ("image.openshift.io", "imagestreammappings", "") => streams::mapping(on),
        ("image.openshift.io", "imagestreamimports", "") => streams::import(on),
        ("image.openshift.io", "imagestreams", "secrets") => streams::secrets(on),
        ("build.openshift.io", _, "instantiate" | "instantiatebinary" | "clone") => {
            builds::instantiate(on, sub)
        }
        ("build.openshift.io", "builds", "log") => builds::log(on, on.resource, on.name()),
        ("build.openshift.io", "builds", "details") => builds::details(on),
        ("apps.openshift.io", "deploymentconfigs", "instantiate") => deployments::instantiate(on),
        ("apps.openshift.io", "deploymentconfigs", "rollback") => deployments::rollback(on),
        ("apps.openshift.io", "deploymentconfigs", "scale") => deployments::scale(on, verb),
        ("template.openshift.io", "processedtemplates", "") => templates::process(on),
        ("user.openshift.io", "users", "") if on.name() == "~" => users::me(on),
        ("quota.openshift.io", "appliedclusterresourcequotas", "") => users::quotas(on, verb),
        _ => return None,
    };
    Some(found)
}

/// The namespace by whose bindings a request is allowed: a Project is its own.
pub(super) fn namespace_of(target: &Target) -> Option<String> {
    let is_project = target.group == "project.openshift.io" && target.resource == "projects";
    target.name.clone().filter(|_| is_project)
}

/// Warns of what is no longer recommended.
/// <https://docs.redhat.com/en/documentation/openshift_container_platform/4.14/html/release_notes/>
pub(super) fn warn(on: &On<'_>, answer: &mut Response<Body>) {
    if on.resource.group != "apps.openshift.io" || !answer.status().is_success() {
        return;
    }
    let (what, since, until) = match on.target.subresource.as_str() {
        "scale" => ("extensions/v1beta1 Scale", "v1.2", "v1.16"),
        "instantiate" => (
            "apps.openshift.io/v1 DeploymentRequest",
            "v4.14",
            "v4.10000",
        ),
        _ => ("apps.openshift.io/v1 DeploymentConfig", "v4.14", "v4.10000"),
    };
    let text = format!("299 - \"{what} is deprecated in {since}+, unavailable in {until}+\"");
    if let Ok(value) = text.parse() {
        answer.headers_mut().append(header::WARNING, value);
    }
}

/// How the server writes in its own name; a dry run stays one.
fn own(on: &On<'_>) -> How {
    How {
        dry_run: on.how().dry_run,
        ..How::by(PROGRAM)
    }
}

/// How the client's own words are written to another object than the one that it named.
fn theirs(on: &On<'_>) -> How {
    How {
        subresource: String::new(),
        ..on.how()
    }
}

/// Another resource of the same cluster.
fn resource(on: &On<'_>, group: &str, plural: &str) -> Result<std::sync::Arc<Resource>, Refusal> {
    let found = on.api.registry().get(group, "v1", plural);
    found.ok_or_else(Refusal::no_resource)
}

/// What is said where there is nothing to show.
fn success(code: StatusCode) -> Response<Body> {
    let mut status =
        json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"});
    if code != StatusCode::OK {
        status["code"] = json!(code.as_u16());
    }
    respond::json(code, &status)
}

/// A list of what is put together for a request, and has no version as a whole.
fn made_list(on: &On<'_>, items: Vec<Value>) -> Response<Body> {
    let items: Vec<_> = items.into_iter().map(std::sync::Arc::new).collect();
    on.form.list(
        on.resource,
        Objects::Values(&items),
        json!({}),
        on.api.clock.now(),
    )
}
