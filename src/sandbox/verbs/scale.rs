//! The `scale` subresource: how many replicas there are to be.
//! <https://kubernetes.io/docs/reference/kubernetes-api/autoscaling-resources/scale-v1/>

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Api, How, key, missing, name, patch::Kind};
use crate::sandbox::{
    patch::merge,
    registry::Resource,
    status::{Cause, Refusal},
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
        let live = self.store.get(&resource.place, &key(namespace, wanted));
        let live: Arc<Value> = live.ok_or_else(|| missing(resource, wanted))?;
        let mut scale = of(&live);
        match change {
            Change::Whole(new) => scale = new.clone(),
            Change::Patch(Kind::Json, patch) => {
                super::patch::bounded(patch)?;
                let operations: json_patch::Patch = serde_json::from_value(patch.clone())
                    .map_err(|e| Refusal::bad_request(format!("error decoding patch: {e}")))?;
                json_patch::patch(&mut scale, &operations).map_err(|_| Refusal::unprocessable())?;
            }
            Change::Patch(_, patch) => merge::rfc7386(&mut scale, patch),
        }
        let version = scale["metadata"]["resourceVersion"]
            .as_str()
            .unwrap_or_default();
        if !version.is_empty() && live["metadata"]["resourceVersion"] != version {
            return Err(Refusal::modified(resource.about(), wanted));
        }
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
            let about = crate::sandbox::status::About {
                group: "autoscaling",
                resource: "Scale",
            };
            return Err(Refusal::invalid(about, wanted, vec![cause]));
        }
        let mut object = (*live).clone();
        object["spec"]["replicas"] = json!(replicas);
        let written = self.update(resource, namespace, name(&live), object, how)?;
        Ok(of(&written.object))
    }
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
