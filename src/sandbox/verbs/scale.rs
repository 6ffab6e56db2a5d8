//! The `scale` subresource: how many replicas there are to be.
//! <https://kubernetes.io/docs/reference/kubernetes-api/autoscaling-resources/scale-v1/>

use serde_json::{Value, json};

use super::{
    Api, How, key, missing,
    patch::{Kind, rfc6902},
    set,
    write::Place,
};
use crate::sandbox::{
    extensions::Scale,
    patch::{managers::Operation, merge},
    registry::Resource,
    status::{About, Cause, Refusal},
    store::selector,
};

impl Api {
    /// The scale of an object.
    pub fn scale(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        wanted: &str,
    ) -> Result<Value, Refusal> {
        let object = self.get(resource, namespace, wanted)?;
        of(resource, &object)
    }

    /// Another scale for an object.
    pub fn rescale(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        wanted: &str,
        change: Change<'_>,
        how: &How,
    ) -> Result<Value, Refusal> {
        let place = Place::of(resource, namespace, how);
        self.store.with(|state| {
            let live = state.get(&resource.place, &key(namespace, wanted));
            let live = live.ok_or_else(|| missing(resource, wanted))?;
            let scale = changed(of(resource, &live)?, change)?;
            let mut object = (*live).clone();
            let replicas = replicas(&scale, wanted)?;
            match custom(resource) {
                Some(paths) => paths.set(&mut object, replicas),
                None => object["spec"]["replicas"] = json!(replicas),
            }
            // What the writer says of the object that was meant.
            for field in ["uid", "resourceVersion"] {
                set(&mut object, field, scale["metadata"].get(field).cloned());
            }
            // A Scale is answered without warnings.
            let (operation, mut warnings) = (Operation::Update, Vec::new());
            let object = self.replace(state, &place, &live, object, operation, &mut warnings)?;
            of(resource, &object)
        })
    }
}

fn changed(mut scale: Value, change: Change<'_>) -> Result<Value, Refusal> {
    match change {
        Change::Whole(new) => scale = new.clone(),
        Change::Patch(Kind::Json, patch) => rfc6902(&mut scale, patch)?,
        Change::Patch(_, patch) => merge::rfc7386(&mut scale, patch),
    }
    Ok(scale)
}

/// How many replicas a scale asks for.
fn replicas(scale: &Value, wanted: &str) -> Result<i64, Refusal> {
    let replicas = match &scale["spec"]["replicas"] {
        Value::Null => 0,
        Value::Number(n) if n.is_i64() => n.as_i64().unwrap_or_default(),
        other => {
            return Err(Refusal::bad_request(format!(
                "Scale in version \"v1\" cannot be handled as a Scale: json: cannot unmarshal {other} into Go struct field ScaleSpec.spec.replicas of type int32"
            )));
        }
    };
    if replicas < 0 {
        let why = "must be greater than or equal to 0";
        let cause = Cause::invalid("spec.replicas", &json!(replicas), why);
        let about = About {
            group: "autoscaling",
            resource: "Scale",
        };
        return Err(Refusal::invalid(about, wanted, vec![cause]));
    }
    Ok(replicas)
}

/// How a scale changes.
#[derive(Debug, Clone, Copy)]
pub enum Change<'a> {
    /// It is this one.
    Whole(&'a Value),
    /// By a patch.
    Patch(Kind, &'a Value),
}

/// Where the numbers are in the objects of a custom resource.
fn custom(resource: &Resource) -> Option<&Scale> {
    resource.definition.as_ref()?.scale.as_ref()
}

fn of(resource: &Resource, object: &Value) -> Result<Value, Refusal> {
    let metadata = &object["metadata"];
    let (wanted, found, selector) = match custom(resource) {
        Some(paths) => {
            let wanted = paths.replicas(object);
            if wanted.is_none() {
                let path = paths.shown();
                let why = format!("the spec replicas field \"{path}\" does not exist");
                return Err(Refusal::internal(&why));
            }
            (wanted, paths.found(object), paths.selector(object))
        }
        None => (
            object["spec"]["replicas"].as_i64(),
            object["status"]["replicas"].as_i64().unwrap_or_default(),
            selector::text(&object["spec"]["selector"]),
        ),
    };
    let mut status = json!({"replicas": found});
    if !selector.is_empty() {
        status["selector"] = json!(selector);
    }
    let mut spec = json!({});
    // Zero is not written.
    if let Some(replicas) = wanted.filter(|r| *r != 0) {
        spec["replicas"] = json!(replicas);
    }
    Ok(json!({
        "kind": "Scale", "apiVersion": "autoscaling/v1",
        "metadata": {
            "name": metadata["name"], "namespace": metadata["namespace"], "uid": metadata["uid"],
            "resourceVersion": metadata["resourceVersion"], "creationTimestamp": metadata["creationTimestamp"],
        },
        "spec": spec, "status": status,
    }))
}
