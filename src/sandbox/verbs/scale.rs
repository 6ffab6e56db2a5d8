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
        self.get(resource, namespace, wanted)
            .map(|object| of(&object))
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
            let scale = changed(of(&live), change)?;
            let mut object = (*live).clone();
            object["spec"]["replicas"] = json!(replicas(&scale, wanted)?);
            // What the writer says of the object that was meant.
            for field in ["uid", "resourceVersion"] {
                set(&mut object, field, scale["metadata"].get(field).cloned());
            }
            // A Scale is answered without warnings.
            let (operation, mut warnings) = (Operation::Update, Vec::new());
            let object = self.replace(state, &place, &live, object, operation, &mut warnings)?;
            Ok(of(&object))
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

fn of(object: &Value) -> Value {
    let metadata = &object["metadata"];
    let selector = selector::text(&object["spec"]["selector"]);
    let mut status = json!({"replicas": object["status"]["replicas"].as_i64().unwrap_or_default()});
    if !selector.is_empty() {
        status["selector"] = json!(selector);
    }
    let mut spec = json!({});
    // Zero is not written.
    if let Some(replicas) = object["spec"]["replicas"].as_i64().filter(|r| *r != 0) {
        spec["replicas"] = json!(replicas);
    }
    json!({
        "kind": "Scale", "apiVersion": "autoscaling/v1",
        "metadata": {
            "name": metadata["name"], "namespace": metadata["namespace"], "uid": metadata["uid"],
            "resourceVersion": metadata["resourceVersion"], "creationTimestamp": metadata["creationTimestamp"],
        },
        "spec": spec, "status": status,
    })
}
