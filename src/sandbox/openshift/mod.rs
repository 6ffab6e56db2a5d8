//! What `OpenShift` adds to Kubernetes: the rules of its kinds. What it does by itself is under `controllers/openshift`.
//! <https://github.com/openshift/openshift-apiserver>

pub mod build;
pub mod build_log;
pub mod deployment_config;
pub mod generate;
pub mod image;
pub mod images;
pub mod import;
pub mod project;
pub mod ranges;
pub mod route;
pub mod stream;
pub mod template;

use serde_json::Value;

use super::{
    admission::Request,
    kinds::defaults::given,
    pointer::{list, text},
    registry::Resource,
    status::{Cause, Refusal},
    store::State,
};

/// Whether a resource is one of those that `OpenShift`'s own API server has.
#[must_use]
pub fn owns(resource: &Resource) -> bool {
    resource.group.ends_with(".openshift.io")
}

/// Whether a change of the specification counts up the generation.
#[must_use]
pub fn has_generation(resource: &Resource) -> bool {
    resource.custom
        || matches!(
            resource.kind.as_str(),
            "Route" | "BuildConfig" | "Build" | "DeploymentConfig" | "ImageStream"
        )
}

/// Makes a new object as its kind begins.
pub fn prepare(resource: &Resource, object: &mut Value) {
    match resource.kind.as_str() {
        "BuildConfig" => build::prepare_config(object),
        "Build" => build::prepare(object),
        _ => {}
    }
}

/// Makes an update: what a client can't set is as it was.
pub fn prepare_update(resource: &Resource, live: &Value, object: &mut Value) {
    match resource.kind.as_str() {
        "BuildConfig" => build::prepare_config_update(live, object),
        "ImageStream" => stream::prepare_update(live, object),
        _ => {}
    }
}

/// Fills in what is not given.
pub fn default(resource: &Resource, object: &mut Value) {
    match resource.kind.as_str() {
        "Route" => route::default(object),
        "BuildConfig" => build::default_config(object),
        "Build" => build::default(object),
        "DeploymentConfig" => deployment_config::default(object),
        "ImageStream" => stream::default(object),
        "Image" => image::default(object),
        _ => {}
    }
}

/// What is wrong with an object, but for its metadata.
#[must_use]
pub fn validate(resource: &Resource, object: &Value) -> Vec<Cause> {
    match resource.kind.as_str() {
        "Route" => route::validate(object),
        "BuildConfig" => build::validate(object),
        "ImageStream" => stream::validate(object),
        _ => Vec::new(),
    }
}

/// What is wrong with a change.
#[must_use]
pub fn validate_update(resource: &Resource, live: &Value, object: &Value) -> Vec<Cause> {
    match resource.kind.as_str() {
        "Route" => route::validate_update(live, object),
        "Build" => build::validate_update(live, object),
        _ => Vec::new(),
    }
}

/// The fields by which objects can be selected, besides name and namespace.
#[must_use]
pub fn selectable(resource: &Resource) -> &'static [&'static str] {
    match resource.kind.as_str() {
        "Route" => &["spec.host", "spec.path", "spec.to.name"],
        "Build" => &["status", "podName"],
        "ImageStream" => &["spec.dockerImageRepository", "status.dockerImageRepository"],
        _ => &[],
    }
}

/// Changes what is to be written as it depends on the rest of the cluster.
pub fn admit(state: &State, request: &Request<'_>, object: &mut Value) -> Result<(), Refusal> {
    match request.resource.kind.as_str() {
        "Route" => route::admit(state, request, object),
        "ImageStream" => stream::admit(state, request, object),
        _ => Ok(()),
    }
}
