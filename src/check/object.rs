//! Reading fields of untyped Kubernetes objects.

use serde_json::Value;

/// The value at `pointer` (RFC 6901) as a string, or nothing.
pub(crate) fn string<'a>(object: &'a Value, pointer: &str) -> Option<&'a str> {
    object.pointer(pointer).and_then(Value::as_str)
}

/// The value at `pointer` as an integer, or `default`.
pub(crate) fn int(object: &Value, pointer: &str, default: i64) -> i64 {
    object
        .pointer(pointer)
        .and_then(Value::as_i64)
        .unwrap_or(default)
}

/// The list at `pointer`; empty where there is none.
pub(crate) fn list<'a>(object: &'a Value, pointer: &str) -> &'a [Value] {
    object
        .pointer(pointer)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// `metadata.name`, or the empty string.
pub(crate) fn name(object: &Value) -> &str {
    string(object, "/metadata/name").unwrap_or_default()
}

/// The condition of this type in `status.conditions`.
pub(crate) fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    list(object, "/status/conditions")
        .iter()
        .find(|c| c["type"] == kind)
}

/// `a=b,c=d` of a mapping of labels.
pub(crate) fn selector(labels: Option<&Value>) -> Option<String> {
    let labels = labels?.as_object()?;
    let parts: Vec<String> = labels
        .iter()
        .filter_map(|(k, v)| Some(format!("{k}={}", v.as_str()?)))
        .collect();
    (!parts.is_empty()).then(|| parts.join(","))
}
