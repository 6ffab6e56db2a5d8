//! Structural schemas: what the objects of a CRD may hold.
//! <https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema>

pub mod check;
mod default;
mod format;
mod lists;
mod prune;
mod rules;
mod validate;

use serde_json::{Value, json};

pub use self::{default::fill, prune::prune};
use super::definition::Definition;
use crate::sandbox::{
    schema::{Schema, decode, sources},
    status::{Cause, Refusal},
};

/// The deepest that schemas and objects are followed.
const DEEPEST: usize = 200;

/// What every object holds besides its own fields.
const OWN: [&str; 3] = ["apiVersion", "kind", "metadata"];

/// What is wrong with an object; `live` is it as it was. What did not change is not looked at again.
#[must_use]
pub fn problems(definition: &Definition, live: Option<&Value>, object: &Value) -> Vec<Cause> {
    let schema = definition.structure();
    let mut causes = validate::object(schema, live, object);
    causes.extend(lists::object(schema, live, object));
    let Some(rules) = definition.rules() else {
        return causes;
    };
    // Rules may rely on the rest being right.
    let blocked = causes.iter().any(|c| {
        matches!(
            c.reason,
            "FieldValueRequired"
                | "FieldValueTypeInvalid"
                | "FieldValueTooMany"
                | "FieldValueTooLong"
                | "FieldValueDuplicate"
        )
    });
    if blocked {
        let why = "some validation rules were not checked because the object was invalid; correct the existing errors to complete validation";
        causes.push(Cause::invalid("<nil>", &Value::Null, why));
    } else {
        causes.extend(rules::check(rules, schema, live, object));
    }
    causes
}

/// Reads the metadata of a custom object; gives the fields that metadata does not have.
pub fn metadata(object: &mut Value, kind: &str, version: &str) -> Result<Vec<String>, Refusal> {
    let Some(schema) = object_meta() else {
        return Ok(Vec::new());
    };
    let Some(metadata) = object.get_mut("metadata") else {
        return Ok(Vec::new());
    };
    let noticed = decode::built_in(metadata, &schema, kind, version)?;
    let below = noticed.unknown.into_iter().map(|f| format!("metadata.{f}"));
    Ok(below.collect())
}

/// The type of every object's metadata.
fn object_meta() -> Option<Schema> {
    sources::types().get("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta")
}

/// Whether there is a rule in CEL anywhere in a schema.
#[must_use]
pub fn has_rules(schema: &Value) -> bool {
    match schema {
        Value::Object(map) => map.iter().any(|(key, child)| {
            key == "x-kubernetes-validations" && child.is_array() || has_rules(child)
        }),
        Value::Array(items) => items.iter().any(has_rules),
        _ => false,
    }
}

/// Gives whole objects in a schema, and the one that it is of, the fields that every object has.
pub fn embed(schema: &mut Value) {
    embed_below(schema);
    own_fields(schema);
}

fn embed_below(schema: &mut Value) {
    match schema {
        Value::Object(map) => map.values_mut().for_each(embed_below),
        Value::Array(items) => items.iter_mut().for_each(embed_below),
        _ => return,
    }
    if schema["x-kubernetes-embedded-resource"] == true {
        own_fields(schema);
    }
}

fn own_fields(schema: &mut Value) {
    if !schema.is_object() {
        *schema = json!({});
    }
    schema["type"] = json!("object");
    schema["properties"]["apiVersion"] = json!({"type": "string"});
    schema["properties"]["kind"] = json!({"type": "string"});
    schema["properties"]["metadata"] =
        json!({"$ref": "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"});
}

/// The schema of a field or key; none for one that is not declared.
fn field<'a>(schema: &'a Value, name: &str) -> Option<&'a Value> {
    let known = schema["properties"].get(name);
    known.or_else(|| Some(&schema["additionalProperties"]).filter(|s| s.is_object()))
}

fn is(schema: &Value, extension: &str) -> bool {
    schema[extension] == true
}

/// A path with one more field.
fn below(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}
