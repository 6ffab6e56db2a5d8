//! Claims and Ingresses that name no class get the cluster's own.
//! <https://github.com/kubernetes/kubernetes/blob/master/plugin/pkg/admission/storage/storageclass/setdefault/admission.go>

use serde_json::{Value, json};

use super::Request;
use crate::sandbox::{registry, store::State, verbs::name};

/// The older way to name a class.
const CLASS_ANNOTATION: &str = "volume.beta.kubernetes.io/storage-class";

/// Sets the class of a new claim or Ingress that names none.
pub(super) fn choose_class(state: &State, request: &Request<'_>, object: &mut Value) {
    let (group, plural, field, marks): (_, _, _, &[&str]) =
        if request.creates("", "persistentvolumeclaims") {
            let annotations = &object["metadata"]["annotations"];
            if annotations[CLASS_ANNOTATION].is_string() {
                return;
            }
            let marks = &[
                "storageclass.kubernetes.io/is-default-class",
                "storageclass.beta.kubernetes.io/is-default-class",
            ];
            (
                "storage.k8s.io",
                "storageclasses",
                "storageClassName",
                marks,
            )
        } else if request.creates("networking.k8s.io", "ingresses") {
            if object["metadata"]["annotations"]["kubernetes.io/ingress.class"].is_string() {
                return;
            }
            let marks = &["ingressclass.kubernetes.io/is-default-class"];
            (
                "networking.k8s.io",
                "ingressclasses",
                "ingressClassName",
                marks,
            )
        } else {
            return;
        };
    if object["spec"].get(field).is_some_and(|c| !c.is_null()) {
        return;
    }
    if let Some(class) = default_of(state, group, plural, marks) {
        object["spec"][field] = json!(class);
    }
}

/// The class that is marked as the default: the newest of them.
fn default_of(state: &State, group: &str, plural: &str, marks: &[&str]) -> Option<String> {
    let place = registry::place(group, plural);
    let marked = |class: &Value| {
        let annotations = &class["metadata"]["annotations"];
        marks.iter().any(|m| annotations[*m] == "true")
    };
    let found = state.list(&place, None).filter(|c| marked(c));
    // Of two that are as old, the first by name.
    let newest = found.max_by(|a, b| {
        let made = |c: &Value| {
            c["metadata"]["creationTimestamp"]
                .as_str()
                .map(str::to_owned)
        };
        made(a).cmp(&made(b)).then_with(|| name(b).cmp(name(a)))
    });
    newest.map(|c| name(&c).to_owned())
}
