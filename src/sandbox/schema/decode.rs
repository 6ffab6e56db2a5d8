//! What a request's object may hold: fields of other types are refused, unknown ones dropped and told.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde_json::{Map, Value};

use super::{Scalar, Schema, Shape, quantity, times};
use crate::sandbox::status::Refusal;

/// What is said of a text that is no quantity.
const NO_QUANTITY: &str =
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";

/// What decoding an object has noticed.
#[derive(Debug, Default, PartialEq)]
pub struct Noticed {
    /// Fields that the kind does not have, by their paths.
    pub unknown: Vec<String>,
}

/// Where in an object the decoding is.
struct At<'a> {
    /// The kind in whose name a refusal speaks.
    kind: &'a str,
    version: &'a str,
    path: Vec<String>,
}

impl At<'_> {
    /// The path as `spec.template.spec.containers[0].image`.
    fn shown(&self) -> String {
        let mut out = String::new();
        for part in &self.path {
            if !out.is_empty() && !part.starts_with('[') {
                out.push('.');
            }
            out.push_str(part);
        }
        out
    }

    /// A value of the right type that makes no sense.
    fn refused(&self, problem: &str) -> Refusal {
        Refusal::bad_request(format!(
            "{} in version \"{}\" cannot be handled as a {}: {problem}",
            self.kind, self.version, self.kind
        ))
    }

    /// As Go's JSON decoder says it: the struct, the path of fields without indices, the type.
    fn mismatch(&self, found: &Value, holder: Option<&str>, wanted: &str) -> Refusal {
        let fields: Vec<&str> = self
            .path
            .iter()
            .filter(|p| !p.starts_with('['))
            .map(String::as_str)
            .collect();
        let found = match found {
            Value::Null => "null",
            Value::Bool(_) => "bool",
            // A number that is no such integer is shown.
            Value::Number(n) if wanted.starts_with("int") => &format!("number {n}"),
            Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        let place = holder.map_or_else(
            || format!("Go value of type {wanted}"),
            |holder| {
                format!(
                    "Go struct field {holder}.{} of type {wanted}",
                    fields.join(".")
                )
            },
        );
        Refusal::bad_request(format!(
            "{} in version \"{}\" cannot be handled as a {}: json: cannot unmarshal {found} into {place}",
            self.kind, self.version, self.kind
        ))
    }
}

/// Drops from an object of a built-in kind what the kind does not have, and refuses what has another type.
pub fn built_in(
    object: &mut Value,
    schema: &Schema,
    kind: &str,
    version: &str,
) -> Result<Noticed, Refusal> {
    let mut noticed = Noticed::default();
    let mut at = At {
        kind,
        version,
        path: Vec::new(),
    };
    value(object, schema, None, &mut at, &mut noticed)?;
    Ok(noticed)
}

fn value(
    found: &mut Value,
    schema: &Schema,
    holder: Option<&str>,
    at: &mut At<'_>,
    noticed: &mut Noticed,
) -> Result<(), Refusal> {
    let node = schema.node();
    match (&node.shape, &mut *found) {
        (Shape::Any, _) | (_, Value::Null) => Ok(()),
        (Shape::Object(_), Value::Object(map)) => object(map, schema, holder, at, noticed),
        (Shape::List(_), Value::Array(items)) => {
            let Some(of) = schema.items() else {
                return Ok(());
            };
            for (i, item) in items.iter_mut().enumerate() {
                at.path.push(format!("[{i}]"));
                value(item, &of, holder, at, noticed)?;
                at.path.pop();
            }
            Ok(())
        }
        (Shape::Scalar(kind), found) => {
            scalar(found, *kind, holder, at)?;
            if *kind == Scalar::Time {
                let micros = node.name.as_deref() == Some("MicroTime");
                times::normalize(found, micros).map_err(|problem| at.refused(&problem))?;
            }
            Ok(())
        }
        (Shape::Object(fields), found) => {
            let wanted = match (&node.name, fields.rest) {
                (Some(name), _) => format!("v1.{name}"),
                (None, _) => "map[string]string".to_owned(),
            };
            Err(at.mismatch(found, holder, &wanted))
        }
        (Shape::List(_), found) => {
            let of = schema.items().map_or_else(String::new, |s| go_type(&s));
            Err(at.mismatch(found, holder, &format!("[]{of}")))
        }
    }
}

fn object(
    map: &mut Map<String, Value>,
    schema: &Schema,
    holder: Option<&str>,
    at: &mut At<'_>,
    noticed: &mut Noticed,
) -> Result<(), Refusal> {
    let keeps = schema.as_object().is_some_and(|o| o.keeps_unknown);
    // The values of a map are the field's that holds it.
    let name = schema.node().name.as_deref();
    for (key, child) in map.iter_mut() {
        if name.is_some() {
            at.path.push(key.clone());
        }
        match schema.field(key) {
            Some(of) => value(child, &of, name.or(holder), at, noticed)?,
            None if keeps => {}
            None => noticed.unknown.push(at.shown()),
        }
        if name.is_some() {
            at.path.pop();
        }
    }
    map.retain(|key, _| keeps || schema.field(key).is_some());
    // Maps of quantities are what the API calls resource lists.
    let rest = schema.rest().filter(|_| name.is_none());
    if rest.is_some_and(|of| matches!(of.node().shape, Shape::Scalar(Scalar::Quantity))) {
        for amount in map.values_mut() {
            if let Some(kept) = amount.as_str().and_then(quantity::of_resource) {
                *amount = Value::String(kept);
            }
        }
    }
    // Go knows no null in a struct: the field is not set. A text in a map is empty.
    if schema.node().name.is_some() {
        map.retain(|_, v| !v.is_null());
    } else if schema
        .rest()
        .is_some_and(|of| matches!(of.node().shape, Shape::Scalar(Scalar::String)))
    {
        for value in map.values_mut().filter(|v| v.is_null()) {
            *value = Value::from("");
        }
    }
    Ok(())
}

fn scalar(
    found: &mut Value,
    kind: Scalar,
    holder: Option<&str>,
    at: &At<'_>,
) -> Result<(), Refusal> {
    let right = match (kind, &*found) {
        (Scalar::String | Scalar::Time | Scalar::Bytes, Value::String(_))
        | (Scalar::Boolean, Value::Bool(_))
        | (Scalar::Number, Value::Number(_))
        | (Scalar::IntOrString | Scalar::Quantity, Value::String(_) | Value::Number(_)) => true,
        (Scalar::Integer(32), Value::Number(n)) => {
            n.as_i64().is_some_and(|n| i32::try_from(n).is_ok())
        }
        (Scalar::Integer(_), Value::Number(n)) => n.is_i64(),
        _ => false,
    };
    if !right && kind == Scalar::Quantity {
        return Err(at.refused(NO_QUANTITY));
    }
    if !right {
        let is_uid = at.path.last().is_some_and(|field| field == "uid");
        let wanted = match go_scalar(kind) {
            "string" if is_uid => "types.UID",
            wanted => wanted,
        };
        return Err(at.mismatch(found, holder, wanted));
    }
    match (kind, &*found) {
        (Scalar::Bytes, Value::String(text)) => match base64_problem(text) {
            Some(problem) => Err(at.refused(&problem)),
            None => Ok(()),
        },
        // One that was written as a number is kept as text too.
        (Scalar::Quantity, given) => {
            let text = given
                .as_str()
                .map_or_else(|| given.to_string(), str::to_owned);
            *found = match quantity::canonical(&text) {
                Some(kept) => Value::String(kept),
                None => return Err(at.refused(NO_QUANTITY)),
            };
            Ok(())
        }
        _ => Ok(()),
    }
}

/// What is wrong with base64, as Go says it.
fn base64_problem(text: &str) -> Option<String> {
    if BASE64.decode(text).is_ok() {
        return None;
    }
    let right = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/');
    let place = text.find(|c| !right(c)).unwrap_or(text.len() / 4 * 4);
    Some(format!("illegal base64 data at input byte {place}"))
}

fn go_scalar(kind: Scalar) -> &'static str {
    match kind {
        Scalar::String => "string",
        Scalar::Time => "v1.Time",
        Scalar::Bytes => "[]uint8",
        Scalar::Integer(32) => "int32",
        Scalar::Integer(_) => "int64",
        Scalar::Number => "float64",
        Scalar::Boolean => "bool",
        Scalar::IntOrString => "intstr.IntOrString",
        Scalar::Quantity => "resource.Quantity",
    }
}

fn go_type(schema: &Schema) -> String {
    match &schema.node().shape {
        Shape::Scalar(kind) => go_scalar(*kind).to_owned(),
        _ => schema
            .node()
            .name
            .as_ref()
            .map_or_else(|| "interface {}".to_owned(), |name| format!("v1.{name}")),
    }
}
