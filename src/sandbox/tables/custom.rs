//! The cells of custom resources, where their CRDs say that the values are.
//! <https://github.com/kubernetes/apiextensions-apiserver/blob/master/pkg/registry/customresource/tableconvertor/tableconvertor.go>

use jiff::Timestamp;
use serde_json::{Value, json};

use super::age;
use crate::sandbox::extensions::jsonpath;

/// What stands in a cell; nothing where the object has no such value.
pub(super) fn cell(kind: &str, path: &str, object: &Value, now: Timestamp) -> Value {
    let Some(value) = jsonpath::first(object, path).filter(|v| !v.is_null()) else {
        return Value::Null;
    };
    match kind {
        "string" => json!(text(value)),
        "integer" => value
            .as_f64()
            .map_or(Value::Null, |n| json!(whole(n).or_else(|| value.as_i64()))),
        "number" if value.is_number() => value.clone(),
        "boolean" if value.is_boolean() => value.clone(),
        "date" => match value.as_str().map(str::parse::<Timestamp>) {
            Some(Ok(_)) => json!(age::since(value, now)),
            Some(Err(_)) => json!("<invalid>"),
            None => Value::Null,
        },
        _ => Value::Null,
    }
}

/// The whole part of a number that JSON wrote with a fraction.
fn whole(n: f64) -> Option<i64> {
    let text = format!("{:.0}", n.trunc());
    text.parse().ok()
}

/// As Go prints a value.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
