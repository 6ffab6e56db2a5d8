//! Metadata: names, labels, annotations, owners, finalizers.
//! <https://github.com/kubernetes/apimachinery/blob/master/pkg/api/validation/objectmeta.go>

use serde_json::{Value, json};

use super::{found::each, labels, rbac};
use crate::sandbox::{names, pointer::items, registry::Resource, status::Cause};

/// The most that all annotations of an object take, in bytes.
/// <https://github.com/kubernetes/apimachinery/blob/master/pkg/api/validation/objectmeta.go> (`TotalAnnotationSizeLimitB`)
const MOST_ANNOTATED: usize = 256 << 10;
/// Finalizers of the API server's own, which name no domain.
const OWN_FINALIZERS: [&str; 3] = ["kubernetes", "orphan", "foregroundDeletion"];

/// What an object's metadata has wrong.
pub(super) fn of(resource: &Resource, object: &Value) -> Vec<Cause> {
    let metadata = &object["metadata"];
    let text = |field: &str| metadata[field].as_str().unwrap_or_default();
    let mut causes = Vec::new();
    let base = text("generateName");
    // A name is made of the base: the dash at its end is none of the name's.
    let stem = base.strip_suffix('-').unwrap_or(base);
    if !stem.is_empty()
        && let Some(problem) = name_problem(resource, stem)
        && !is_service(resource)
    {
        causes.push(Cause::invalid(
            "metadata.generateName",
            &json!(base),
            &problem,
        ));
    }
    let name = text("name");
    if let Some(problem) = name_problem(resource, name) {
        causes.push(Cause::invalid("metadata.name", &json!(name), &problem));
    }
    causes.extend(labels(&metadata["labels"], "metadata.labels"));
    causes.extend(annotations(&metadata["annotations"]));
    causes.extend(owners(&metadata["ownerReferences"]));
    causes.extend(finalizers(resource, &metadata["finalizers"]));
    causes
}

fn is_service(resource: &Resource) -> bool {
    resource.group.is_empty() && resource.kind == "Service"
}

fn name_problem(resource: &Resource, name: &str) -> Option<String> {
    match (resource.group.as_str(), resource.kind.as_str()) {
        ("rbac.authorization.k8s.io", _) => rbac::name_problem(name).map(str::to_owned),
        // Versions, digests and people have names of other forms.
        ("apiregistration.k8s.io" | "user.openshift.io", _) | ("image.openshift.io", "Image") => {
            None
        }
        ("", "Namespace") if name.contains('.') => Some("must not contain dots".to_owned()),
        ("", "Namespace") => names::label_problem(name),
        ("", "Service") => names::service_problem(name),
        _ => names::subdomain_problem(name),
    }
}

fn annotations(annotations: &Value) -> Vec<Cause> {
    const FIELD: &str = "metadata.annotations";
    let mut causes = Vec::new();
    let mut size = 0;
    for (key, value) in annotations.as_object().into_iter().flatten() {
        for problem in names::qualified_problems(&key.to_lowercase()) {
            causes.push(Cause::invalid(FIELD, &json!(key), &problem));
        }
        size += key.len() + value.as_str().unwrap_or_default().len();
    }
    if size > MOST_ANNOTATED {
        causes.push(Cause::too_long(FIELD, MOST_ANNOTATED));
    }
    causes
}

fn owners(owners: &Value) -> Vec<Cause> {
    const FIELD: &str = "metadata.ownerReferences";
    let mut causes = Vec::new();
    let mut controller: Option<&Value> = None;
    for (_, owner) in each(owners) {
        let version = owner["apiVersion"].as_str().unwrap_or_default();
        let wrong = match version.split('/').collect::<Vec<_>>().as_slice() {
            [version] | [_, version] => version.is_empty(),
            _ => true,
        };
        if wrong {
            let why = "version must not be empty";
            causes.push(Cause::invalid(
                format!("{FIELD}.apiVersion"),
                &json!(version),
                why,
            ));
        }
        for field in ["kind", "name", "uid"] {
            if owner[field].as_str().unwrap_or_default().is_empty() {
                let why = "must not be empty";
                causes.push(Cause::invalid(format!("{FIELD}.{field}"), &json!(""), why));
            }
        }
        if owner["kind"] == "Event" && matches!(version, "v1" | "events.k8s.io/v1") {
            let version = if version == "v1" { "/v1" } else { version };
            let why = format!("{version}, Kind=Event is disallowed from being an owner");
            causes.push(Cause::invalid(FIELD, owner, &why));
        }
        if owner["controller"] == true {
            if let Some(first) = controller {
                let kinds = [first, owner].map(|o| o["kind"].as_str().unwrap_or_default());
                let names = [first, owner].map(|o| o["name"].as_str().unwrap_or_default());
                let why = format!(
                    "Only one reference can have Controller set to true. Found \"true\" in references for {}/{} and {}/{}",
                    kinds[0], names[0], kinds[1], names[1]
                );
                causes.push(Cause::invalid(FIELD, owners, &why));
            }
            controller = Some(owner);
        }
    }
    causes
}

fn finalizers(resource: &Resource, finalizers: &Value) -> Vec<Cause> {
    const FIELD: &str = "metadata.finalizers";
    const NO_FINALIZER: &str =
        "name is neither a standard finalizer name nor is it fully qualified";
    let mut causes = Vec::new();
    let has = |name: &str| items(finalizers).iter().any(|f| f == name);
    for (i, finalizer) in each(finalizers) {
        let name = finalizer.as_str().unwrap_or_default();
        for problem in names::qualified_problems(name) {
            causes.push(Cause::invalid(FIELD, finalizer, &problem));
        }
        // Only built-in kinds are looked at that closely.
        let plain = !name.contains('/') && !OWN_FINALIZERS.contains(&name);
        if plain && !resource.custom && resource.group.is_empty() {
            causes.push(Cause::invalid(
                format!("{FIELD}[{i}]"),
                finalizer,
                NO_FINALIZER,
            ));
        }
    }
    if has("orphan") && has("foregroundDeletion") {
        let why = "finalizer orphan and foregroundDeletion cannot be both set";
        causes.push(Cause::invalid(FIELD, finalizers, why));
    }
    causes
}

/// Finalizers that come when the end has begun.
pub(super) fn added_too_late(live: &Value, object: &Value) -> Option<Cause> {
    if !live["metadata"]["deletionTimestamp"].is_string() {
        return None;
    }
    let before = items(&live["metadata"]["finalizers"]);
    let after = items(&object["metadata"]["finalizers"]);
    let new = after.iter().filter(|f| !before.contains(f));
    let new: Vec<String> = new.map(Value::to_string).collect();
    (!new.is_empty()).then(|| {
        let why = format!(
            "no new finalizers can be added if the object is being deleted, found new finalizers []string{{{}}}",
            new.join(", ")
        );
        Cause::forbidden("metadata.finalizers", &why)
    })
}
