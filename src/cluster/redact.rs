//! A Secret's values never get as far as a snapshot.

use serde_json::Value;

/// What stands in the place of a value.
const HIDDEN: &str = "***";

/// Hides the values of a Secret: its keys stay. Other objects are left as they are.
pub(crate) fn secrets(object: &mut Value) {
    if object["kind"] != "Secret" {
        return;
    }
    for part in ["data", "stringData"] {
        if let Some(fields) = object.get_mut(part).and_then(Value::as_object_mut) {
            for value in fields.values_mut() {
                *value = Value::from(HIDDEN);
            }
        }
    }
    // What `kubectl apply` remembers holds the values once more.
    let last_applied = "kubectl.kubernetes.io/last-applied-configuration";
    if let Some(annotations) = object
        .pointer_mut("/metadata/annotations")
        .and_then(Value::as_object_mut)
    {
        annotations.remove(last_applied);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_stay_and_values_go() {
        let mut secret = json!({"kind": "Secret", "data": {"password": "c2VjcmV0"}, "stringData": {"a": "secret"},
            "metadata": {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{secret}"}}});
        secrets(&mut secret);
        assert_eq!(secret["data"], json!({"password": "***"}));
        assert!(!secret.to_string().contains("ecret}"), "{secret}");
        let mut other = json!({"kind": "ConfigMap", "data": {"a": "b"}});
        secrets(&mut other);
        assert_eq!(other["data"]["a"], "b");
    }
}
