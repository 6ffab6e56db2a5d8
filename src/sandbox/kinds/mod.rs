//! What is peculiar to each kind: what a client can't set, what is filled in, what is refused.

pub mod convert;
pub(in crate::sandbox) mod defaults;
mod pod;
mod validate;
mod workload;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde_json::{Value, json};

use super::{
    extensions::{self, structural},
    openshift,
    registry::Resource,
    schema::zero,
    status::Cause,
};

/// Kinds whose status only the status subresource writes.
fn has_status(resource: &Resource) -> bool {
    resource.subresources.contains_key("status")
}

/// Whether a change of the specification counts up `metadata.generation`.
#[must_use]
pub fn has_generation(resource: &Resource) -> bool {
    let kind = resource.kind.as_str();
    resource.custom
        || (openshift::owns(resource) && openshift::has_generation(resource))
        || match resource.group.as_str() {
            "" => matches!(kind, "ReplicationController" | "Pod" | "PodTemplate"),
            "apps" => kind != "ControllerRevision",
            "networking.k8s.io" => matches!(kind, "Ingress" | "IngressClass" | "NetworkPolicy"),
            "batch"
            | "policy"
            | "apiextensions.k8s.io"
            | "discovery.k8s.io"
            | "scheduling.k8s.io"
            | "flowcontrol.apiserver.k8s.io"
            | "admissionregistration.k8s.io" => true,
            _ => false,
        }
}

/// Whether what counts up the generation differs.
#[must_use]
pub fn has_changed(live: &Value, object: &Value) -> bool {
    // A build that is started counts as a change of its configuration.
    if object["kind"] == "BuildConfig"
        && live["status"]["lastVersion"] != object["status"]["lastVersion"]
    {
        return true;
    }
    if live.get("spec").is_some() || object.get("spec").is_some() {
        return live["spec"] != object["spec"];
    }
    let bare = |v: &Value| {
        let mut out = v.clone();
        if let Some(map) = out.as_object_mut() {
            map.remove("metadata");
            map.remove("status");
        }
        out
    };
    bare(live) != bare(object)
}

/// Makes a new object: without a status but for the one that its kind begins with.
pub fn prepare(resource: &Resource, object: &mut Value) {
    if has_status(resource)
        && let Some(map) = object.as_object_mut()
    {
        map.remove("status");
    }
    if openshift::owns(resource) {
        openshift::prepare(resource, object);
        return;
    }
    match (resource.group.as_str(), resource.kind.as_str()) {
        ("", "Namespace") => {
            let mut finalizers = object["spec"]["finalizers"].take();
            match finalizers.as_array_mut() {
                Some(all) if all.iter().any(|f| f == "kubernetes") => {}
                Some(all) => all.push(json!("kubernetes")),
                None => finalizers = json!(["kubernetes"]),
            }
            object["spec"] = json!({ "finalizers": finalizers });
            object["status"] = json!({"phase": "Active"});
            let name = object["metadata"]["name"].clone();
            object["metadata"]["labels"]["kubernetes.io/metadata.name"] = name;
        }
        ("", "Pod") => object["status"] = pod::first_status(object),
        ("", "PersistentVolume") => object["status"] = json!({"phase": "Pending"}),
        ("", "PersistentVolumeClaim") => {
            object["status"] = json!({"phase": "Pending"});
        }
        ("apps", "StatefulSet") => object["status"] = json!({"availableReplicas": 0}),
        ("", "Secret") => encode(object),
        ("apiextensions.k8s.io", "CustomResourceDefinition") => {
            object["status"] = extensions::validate::first_status(object);
        }
        ("batch", "Job") => workload::select_pods(object),
        ("apps", "DaemonSet") => {
            let annotations = &mut object["metadata"]["annotations"];
            annotations["deprecated.daemonset.template.generation"] = json!("1");
        }
        ("autoscaling", "HorizontalPodAutoscaler") if resource.version == "v2" => {
            object["status"] = json!({"currentMetrics": null, "desiredReplicas": 0});
        }
        _ => {}
    }
}

/// What the server itself adds to a new object, which nobody manages.
pub fn add(resource: &Resource, object: &mut Value) {
    match (resource.group.as_str(), resource.kind.as_str()) {
        ("", "Event") => {
            for (field, value) in [
                ("eventTime", Value::Null),
                ("reportingComponent", json!("")),
                ("reportingInstance", json!("")),
            ] {
                if object.get(field).is_none() {
                    object[field] = value;
                }
            }
        }
        ("", "PersistentVolume") => add_finalizer(object, "kubernetes.io/pv-protection"),
        ("", "PersistentVolumeClaim") => add_finalizer(object, "kubernetes.io/pvc-protection"),
        _ => {}
    }
}

fn add_finalizer(object: &mut Value, finalizer: &str) {
    let mut all = object["metadata"]["finalizers"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    if !all.iter().any(|f| f == finalizer) {
        all.push(json!(finalizer));
        object["metadata"]["finalizers"] = json!(all);
    }
}

/// A Secret's text is kept as its data.
fn encode(secret: &mut Value) {
    let Some(map) = secret.as_object_mut() else {
        return;
    };
    let Some(Value::Object(texts)) = map.remove("stringData") else {
        return;
    };
    for (key, text) in texts {
        let bytes = text.as_str().unwrap_or_default().as_bytes();
        secret["data"][key] = json!(BASE64.encode(bytes));
    }
}

/// The fields that a write through the object itself, or through its status, does not manage.
#[must_use]
pub fn unmanaged(resource: &Resource, subresource: &str) -> &'static [&'static [&'static str]] {
    match subresource {
        "" if resource.group.is_empty() && resource.kind == "Namespace" => {
            &[&["f:status"], &["f:spec"]]
        }
        "" if has_status(resource) => &[&["f:status"]],
        "status" => &[&["f:spec"]],
        _ => &[],
    }
}

/// Makes an update: what the subresource does not write is as it was.
pub fn prepare_update(resource: &Resource, subresource: &str, live: &Value, object: &mut Value) {
    if resource.group.is_empty() && resource.kind == "Secret" {
        encode(object);
    }
    if subresource == "status" {
        let status = object.get("status").cloned();
        let metadata = object["metadata"].clone();
        *object = live.clone();
        // Labels, annotations and finalizers stay; who manages fields is counted by the caller.
        object["metadata"]["managedFields"] = metadata["managedFields"].clone();
        // A Deployment's revision is written with its status.
        if resource.group == "apps" && resource.kind == "Deployment" {
            put(
                &mut object["metadata"],
                "annotations",
                metadata.get("annotations").cloned(),
            );
        }
        put(object, "status", status);
    } else if has_status(resource) {
        put(object, "status", live.get("status").cloned());
    }
    if resource.group == "apps" && resource.kind == "DaemonSet" && subresource.is_empty() {
        let mut whole = object.clone();
        default(resource, &mut whole);
        let changed = live["spec"]["template"] != whole["spec"]["template"];
        workload::count_templates(live, object, changed);
    }
    if openshift::owns(resource) && subresource.is_empty() {
        openshift::prepare_update(resource, live, object);
    }
    if resource.group.is_empty() && resource.kind == "Namespace" && subresource != "finalize" {
        put(object, "spec", live.get("spec").cloned());
        let name = object["metadata"]["name"].clone();
        object["metadata"]["labels"]["kubernetes.io/metadata.name"] = name;
    }
}

fn put(object: &mut Value, field: &str, value: Option<Value>) {
    if let Some(map) = object.as_object_mut() {
        match value {
            Some(value) => map.insert(field.to_owned(), value),
            None => map.remove(field),
        };
    }
}

/// Fills in what is not given, and takes away what says nothing.
pub fn default(resource: &Resource, object: &mut Value) {
    clear(resource, object);
    if let Some(definition) = &resource.definition {
        structural::fill(object, definition.structure());
        return;
    }
    if extensions::is_definition(resource) {
        extensions::validate::default(object);
        extensions::validate::note_stored(object);
        return;
    }
    defaults::fill(resource, object);
    if resource.group.is_empty() && resource.kind == "Pod" {
        pod::zero_times(object);
    }
    if openshift::owns(resource) {
        openshift::default(resource, object);
    }
    if let Some(schema) = &resource.built_in {
        zero::fill(object, schema);
    }
}

/// Takes away what says nothing; of an object whose kind is a CRD's, and of a CRD, only what all objects have.
fn clear(resource: &Resource, object: &mut Value) {
    let definition = extensions::is_definition(resource);
    if let Some(schema) = resource.built_in.as_ref().filter(|_| !definition) {
        zero::clear(object, schema);
    } else if let Some(metadata) = object["metadata"].as_object_mut() {
        metadata.retain(|_, value| *value != json!([]) && *value != json!({}));
    }
}

/// What is wrong with an object.
#[must_use]
pub fn validate(resource: &Resource, object: &Value) -> Vec<Cause> {
    let mut causes = validate::object(resource, object);
    if let Some(definition) = &resource.definition {
        causes.extend(structural::problems(definition, None, object));
    } else if extensions::is_definition(resource) {
        causes.extend(extensions::validate::problems(object));
    } else if openshift::owns(resource) {
        causes.extend(openshift::validate(resource, object));
    }
    causes
}

/// What is wrong with a change, and with what it leads to.
#[must_use]
pub fn validate_update(resource: &Resource, live: &Value, object: &Value) -> Vec<Cause> {
    if let Some(definition) = &resource.definition {
        let mut causes = validate::object(resource, object);
        causes.extend(structural::problems(definition, Some(live), object));
        return causes;
    }
    let mut causes = validate::change(resource, live, object);
    if openshift::owns(resource) {
        causes.extend(openshift::validate_update(resource, live, object));
    }
    causes.extend(validate(resource, object));
    causes
}

/// What every answer about a kind warns of.
/// <https://github.com/kubernetes/kubernetes/blob/master/staging/src/k8s.io/api/core/v1/zz_generated.prerelease-lifecycle.go>
#[must_use]
pub fn deprecated(resource: &Resource) -> Option<&'static str> {
    match (resource.group.as_str(), resource.kind.as_str()) {
        ("", "Endpoints") => {
            Some("v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice")
        }
        ("", "ComponentStatus") => Some("v1 ComponentStatus is deprecated in v1.19+"),
        _ => None,
    }
}

/// The fields by which objects of a kind can be selected.
/// <https://github.com/kubernetes/kubernetes/blob/master/pkg/apis/core/v1/conversion.go>
#[must_use]
pub fn selectable(resource: &Resource) -> Vec<&str> {
    let own: &[&str] = match (resource.group.as_str(), resource.kind.as_str()) {
        ("", "Pod") => &[
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
            "status.podIPs",
            "status.nominatedNodeName",
        ],
        ("events.k8s.io", "Event") => &[
            "regarding.kind",
            "regarding.namespace",
            "regarding.name",
            "regarding.uid",
            "regarding.apiVersion",
            "regarding.resourceVersion",
            "regarding.fieldPath",
            "reason",
            "reportingController",
            "type",
        ],
        ("", "Event") => &[
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "reportingComponent",
            "source",
            "type",
        ],
        ("", "Secret") => &["type"],
        ("", "Namespace") => &["status.phase"],
        ("", "Node") => &["spec.unschedulable"],
        ("", "Service") => &["spec.clusterIP", "spec.type"],
        ("", "ReplicationController") => &["status.replicas"],
        ("batch", "Job") => &["status.successful"],
        ("certificates.k8s.io", _) => &["spec.signerName"],
        _ => &[],
    };
    let mut all = vec!["metadata.name"];
    // Kinds without fields of their own have this one too where they lie in no namespace.
    if resource.namespaced || own.is_empty() {
        all.push("metadata.namespace");
    }
    all.extend(own);
    let custom = resource.definition.iter().flat_map(|d| &d.selectable);
    all.extend(custom.map(String::as_str));
    if openshift::owns(resource) {
        all.extend(openshift::selectable(resource));
    }
    all
}

/// Whether the end of an object is declared by a controller, not by its deletion: Namespaces have finalizers of their own.
#[must_use]
pub fn ends_slowly(resource: &Resource, object: &Value) -> bool {
    let finalizers = object["spec"]["finalizers"].as_array();
    is_namespace(resource) && finalizers.is_some_and(|f| !f.is_empty())
}

fn is_namespace(resource: &Resource) -> bool {
    resource.group.is_empty() && resource.kind == "Namespace"
}

/// How many seconds the end of an object may take.
#[must_use]
pub fn grace(resource: &Resource, object: &Value, wanted: Option<i64>) -> i64 {
    if !(resource.group.is_empty() && resource.kind == "Pod") {
        return 0;
    }
    // A Pod that no node has, or that has ended, ends at once.
    let placed = object["spec"]["nodeName"].is_string();
    let ended = matches!(
        object["status"]["phase"].as_str(),
        Some("Succeeded" | "Failed")
    );
    if !placed || ended {
        return 0;
    }
    wanted
        .or_else(|| object["spec"]["terminationGracePeriodSeconds"].as_i64())
        .unwrap_or(30)
}

/// Whether the answer to the deletion of an object that is gone is the object itself.
/// <https://github.com/kubernetes/kubernetes/tree/master/pkg/registry> (`ReturnDeletedObject`)
#[must_use]
pub fn is_shown_at_its_end(resource: &Resource) -> bool {
    match resource.group.as_str() {
        "" => matches!(
            resource.kind.as_str(),
            "PersistentVolume"
                | "PersistentVolumeClaim"
                | "Pod"
                | "PodTemplate"
                | "ResourceQuota"
                | "Service"
                | "ServiceAccount"
        ),
        "storage.k8s.io" => resource.kind != "CSIStorageCapacity",
        _ => false,
    }
}

/// What an object is held by from when its end begins.
#[must_use]
pub fn last_finalizer(resource: &Resource, object: &Value) -> Option<&'static str> {
    let fresh = object["metadata"]["deletionTimestamp"].is_null();
    (fresh && extensions::is_definition(resource)).then_some(extensions::FINALIZER)
}

/// What changes when the end of an object begins.
pub fn begin_end(resource: &Resource, object: &mut Value) {
    if extensions::is_definition(resource) {
        extensions::begin_end(object);
    }
    if is_namespace(resource) {
        object["status"]["phase"] = json!("Terminating");
    }
}
