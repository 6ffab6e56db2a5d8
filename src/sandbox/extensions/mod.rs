//! Kinds that users bring, by `CustomResourceDefinitions`: they are served from when their names are accepted to when they are gone.
//! <https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/>

pub mod apiservices;
pub mod definition;
pub mod jsonpath;
mod names;
pub mod preset;
mod scale;
pub mod structural;
pub mod validate;

use std::sync::Arc;

use serde_json::{Value, json};

pub use self::scale::Scale;
use super::{
    registry::{self, Place, Resource},
    verbs::{Api, How, delete, key, name, patch},
};

/// Keeps a CRD until its objects are gone.
pub const FINALIZER: &str = "customresourcecleanup.apiextensions.k8s.io";

/// Where CRDs are kept.
#[must_use]
pub fn place() -> Place {
    registry::place("apiextensions.k8s.io", "customresourcedefinitions")
}

/// Whether a resource is that of CRDs.
#[must_use]
pub fn is_definition(resource: &Resource) -> bool {
    resource.group == "apiextensions.k8s.io" && resource.plural == "customresourcedefinitions"
}

/// The rounds that it takes until every CRD is settled, at most: names that one frees are another's.
const ROUNDS: usize = 8;

/// Brings what is served, and what CRDs say of themselves, in step with the CRDs there are. A real API server does so within
/// milliseconds; here it is done before the write is answered.
pub fn follow(api: &Api, written: &Resource) {
    if !is_definition(written) {
        // An object that is gone may have been the last of a CRD that goes.
        let crd = key(None, &format!("{}.{}", written.plural, written.group));
        clean(api, api.store.get(&place(), &crd));
        return;
    }
    settle_all(api);
    serve(api);
    clean(api, definitions(api));
}

/// Decides on the names of all.
fn settle_all(api: &Api) {
    for _ in 0..ROUNDS {
        let all = definitions(api);
        let changed = all.iter().filter(|crd| settle(api, crd, &all)).count();
        if changed == 0 {
            break;
        }
    }
}

/// Serves what the CRDs in the store define, as after a restart.
pub fn restore(api: &Api) {
    serve(api);
    apiservices::follow(api);
}

/// Serves what the CRDs in the store define, after any change of one.
fn serve(api: &Api) {
    let known = api.registry();
    let mut resources = Vec::new();
    for held in api.store.with(|state| state.all_of(&place())) {
        let crd = held.value();
        if is_served(&crd) {
            resources.extend(definition::resources(&held, &crd, &known));
        }
    }
    let new = known.with_custom(resources);
    if let Some(new) = new {
        api.serve_only(new);
        apiservices::follow(api);
    }
}

fn definitions(api: &Api) -> Vec<Arc<Value>> {
    let place = place();
    api.store.with(|state| state.list(&place, None).collect())
}

/// Whether its objects are served: once established, that stays so until it is gone.
fn is_served(crd: &Value) -> bool {
    condition(crd, "Established").is_some_and(|c| c["status"] == "True")
}

fn condition<'a>(crd: &'a Value, kind: &str) -> Option<&'a Value> {
    let all = crd["status"]["conditions"].as_array()?;
    all.iter().find(|c| c["type"] == kind)
}

/// Decides on the names of one; tells whether that changed anything.
fn settle(api: &Api, crd: &Value, all: &[Arc<Value>]) -> bool {
    let now = api.clock.stamp();
    let Some(status) = names::decide(crd, all, &now) else {
        return false;
    };
    write_status(api, crd, &status)
}

fn write_status(api: &Api, crd: &Value, status: &Value) -> bool {
    let registry = api.registry();
    let Some(resource) = registry.of_kind("apiextensions.k8s.io/v1", "CustomResourceDefinition")
    else {
        return false;
    };
    let how = How {
        subresource: "status".to_owned(),
        ..How::by("kube-apiserver")
    };
    let change = json!({ "status": status });
    let change = (patch::Kind::Merge, &change);
    api.patch_quietly(&resource, None, name(crd), change, &how)
        .is_ok()
}

/// Deletes the objects of those CRDs that are going; those without objects are gone.
fn clean(api: &Api, all: impl IntoIterator<Item = Arc<Value>>) {
    for crd in all {
        let going = crd["metadata"]["deletionTimestamp"].is_string();
        let finalizers = crd["metadata"]["finalizers"].as_array();
        let held = finalizers.is_some_and(|f| f.iter().any(|f| f == FINALIZER));
        if going && held && empty(api, &crd) {
            release(api, &crd);
        }
    }
}

/// Deletes all objects of a CRD; tells whether none is left.
fn empty(api: &Api, crd: &Value) -> bool {
    let group = crd["spec"]["group"].as_str().unwrap_or_default();
    let plural = crd["spec"]["names"]["plural"].as_str().unwrap_or_default();
    let place = registry::place(group, plural);
    let registry = api.registry();
    let version = definition::storage_version(crd);
    if let Some(resource) = registry.get(group, version, plural) {
        let objects: Vec<Arc<Value>> = api.store.with(|state| state.list(&place, None).collect());
        for object in objects {
            if object["metadata"]["deletionTimestamp"].is_string() {
                continue;
            }
            let namespace = object["metadata"]["namespace"].as_str();
            let options = delete::Options::default();
            if let Err(refusal) = api.delete_quietly(&resource, namespace, name(&object), &options)
            {
                tracing::debug!("an object of a CRD stays: {}", refusal.message);
            }
        }
    }
    let none = api.store.with(|state| state.has_none(&place, None));
    if !none {
        note_progress(api, crd);
    }
    none
}

/// Notes that objects are still going.
fn note_progress(api: &Api, crd: &Value) {
    let key = key(None, name(crd));
    let place = place();
    let progress = (
        "True",
        "InstanceDeletionInProgress",
        "CustomResource deletion is in progress",
    );
    api.store.with(|state| {
        let Some(found) = state.get(&place, &key) else {
            return;
        };
        let mut object = (*found).clone();
        names::set_condition(&mut object, "Terminating", progress, &api.clock.stamp());
        if object != *found {
            state.put(&place, &key, object);
        }
    });
}

/// Lets a CRD go whose objects are gone.
fn release(api: &Api, crd: &Value) {
    let key = key(None, name(crd));
    let place = place();
    api.store.with(|state| {
        let Some(found) = state.get(&place, &key) else {
            return;
        };
        let mut object = (*found).clone();
        if let Some(all) = object["metadata"]["finalizers"].as_array_mut() {
            all.retain(|f| f != FINALIZER);
        }
        let others = object["metadata"]["finalizers"].as_array();
        let last = others.is_none_or(Vec::is_empty);
        names::set_condition(
            &mut object,
            "Terminating",
            (
                "False",
                "InstanceDeletionCompleted",
                "removed all instances",
            ),
            &api.clock.stamp(),
        );
        state.put(&place, &key, object);
        if last {
            state.remove(&place, &key);
        }
    });
    // Others may have its names now.
    settle_all(api);
    serve(api);
}

/// What changes of a CRD when its end begins.
pub fn begin_end(crd: &mut Value) {
    let now = crd["metadata"]["deletionTimestamp"].as_str();
    let now = now.unwrap_or_default().to_owned();
    let pending = (
        "True",
        "InstanceDeletionPending",
        "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon",
    );
    names::set_condition(crd, "Terminating", pending, &now);
}
