//! Reading fields of untyped Kubernetes objects.

use jiff::Timestamp;
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

/// When the object last changed, as far as it tells: made, marked for deletion, written to (but for its status, which
/// controllers write all the time), or a condition turned.
pub(crate) fn changed_at(object: &Value) -> Option<Timestamp> {
    let meta = ["/metadata/creationTimestamp", "/metadata/deletionTimestamp"];
    let writes = list(object, "/metadata/managedFields")
        .iter()
        .filter(|m| m["subresource"] != "status")
        .filter_map(|m| m["time"].as_str());
    let turns = list(object, "/status/conditions")
        .iter()
        .filter_map(|c| c["lastTransitionTime"].as_str());
    meta.iter()
        .filter_map(|pointer| string(object, pointer))
        .chain(writes)
        .chain(turns)
        .filter_map(|t| t.parse().ok())
        .max()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_changed_last_counts_but_not_the_status() {
        let object = json!({
            "metadata": {
                "creationTimestamp": "2026-01-01T00:00:00Z",
                "managedFields": [
                    {"time": "2026-01-02T00:00:00Z"},
                    {"time": "2026-01-09T00:00:00Z", "subresource": "status"},
                ],
            },
            "status": {"conditions": [{"lastTransitionTime": "2026-01-03T00:00:00Z"}]},
        });
        assert_eq!(changed_at(&object), "2026-01-03T00:00:00Z".parse().ok());
        assert_eq!(changed_at(&json!({})), None);
    }
}
