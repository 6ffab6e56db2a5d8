//! What `OpenShift` does by itself: projects are set up, images come in, Builds run, Routes are admitted.
//! <https://github.com/openshift/openshift-controller-manager>

mod accounts;
mod build_configs;
mod builds;
mod history;
mod image_triggers;
mod namespaces;
mod pull_secrets;
mod role_bindings;
mod routes;
mod streams;

use serde_json::Value;

use super::{
    Controller,
    cluster::{Cluster, Kind},
};
use crate::sandbox::{
    pointer::{list, text},
    store::Key,
};

/// The program of most of them.
const PROGRAM: &str = "openshift-controller-manager";

const STREAMS: Kind = Kind::new("image.openshift.io", "v1", "imagestreams");
const BUILDS: Kind = Kind::new("build.openshift.io", "v1", "builds");
const BUILD_CONFIGS: Kind = Kind::new("build.openshift.io", "v1", "buildconfigs");
const ROUTES: Kind = Kind::new("route.openshift.io", "v1", "routes");
const ROLE_BINDINGS: Kind = Kind::new("rbac.authorization.k8s.io", "v1", "rolebindings");

/// All of them.
#[must_use]
pub fn all() -> Vec<Box<dyn Controller>> {
    vec![
        Box::new(accounts::Accounts),
        Box::new(build_configs::BuildConfigs),
        Box::new(builds::Builds::default()),
        Box::new(image_triggers::ImageTriggers),
        Box::new(namespaces::Origin),
        Box::new(namespaces::Ranges),
        Box::new(pull_secrets::PullSecrets),
        Box::new(role_bindings::Defaults),
        Box::new(routes::Router),
        Box::new(streams::Imports),
    ]
}

/// The keys of the objects of a kind that are meant.
fn keys(
    cluster: &Cluster<'_>,
    kind: Kind,
    namespace: Option<&str>,
    meant: impl Fn(&Value) -> bool,
) -> Vec<Key> {
    let all = cluster.list(kind, namespace);
    all.iter()
        .filter(|o| meant(o))
        .map(|o| super::cluster::key_of(o))
        .collect()
}
