//! Pruning: fields that a schema does not declare are dropped.
//! <https://github.com/kubernetes/apiextensions-apiserver/blob/master/pkg/apiserver/schema/pruning/algorithm.go>

use serde_json::Value;

use super::{DEEPEST, OWN, below, field, is};

/// Drops what a schema does not declare; gives the paths, sorted.
pub fn prune(object: &mut Value, schema: &Value) -> Vec<String> {
    let mut dropped = Vec::new();
    value(object, schema, "", true, DEEPEST, &mut dropped);
    dropped.sort();
    dropped
}

fn value(
    found: &mut Value,
    schema: &Value,
    path: &str,
    whole: bool,
    left: usize,
    dropped: &mut Vec<String>,
) {
    let Some(left) = left.checked_sub(1) else {
        return;
    };
    match found {
        Value::Object(map) => {
            let keeps = is(schema, "x-kubernetes-preserve-unknown-fields")
                || schema["additionalProperties"] == true;
            let whole = whole || is(schema, "x-kubernetes-embedded-resource");
            map.retain(|name, child| {
                if whole && OWN.contains(&name.as_str()) {
                    return true;
                }
                match field(schema, name) {
                    Some(of) => {
                        value(child, of, &below(path, name), false, left, dropped);
                        true
                    }
                    None if keeps => true,
                    None => {
                        dropped.push(below(path, name));
                        false
                    }
                }
            });
        }
        Value::Array(items) => {
            for (i, item) in items.iter_mut().enumerate() {
                let path = format!("{path}[{i}]");
                value(item, &schema["items"], &path, false, left, dropped);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_is_declared_or_free_stays() {
        let schema = json!({"properties": {
            "spec": {"properties": {
                "list": {"items": {"properties": {"a": {}}}},
                "free": {"x-kubernetes-preserve-unknown-fields": true, "properties": {"known": {"properties": {}}}},
                "map": {"additionalProperties": {"properties": {"v": {}}}},
                "object": {"x-kubernetes-embedded-resource": true, "properties": {"spec": {}}},
            }},
        }});
        let mut object = json!({
            "apiVersion": "a/v1", "kind": "A", "metadata": {"name": "a"}, "top": 1,
            "spec": {
                "list": [{"a": 1, "b": 2}], "free": {"x": {"y": 1}, "known": {"z": 1}},
                "map": {"k": {"v": 1, "w": 2}}, "object": {"kind": "B", "metadata": {"x": 1}, "spec": 1, "more": 1},
                "unknown": 1,
            },
        });
        let dropped = prune(&mut object, &schema);
        assert_eq!(
            dropped,
            [
                "spec.free.known.z",
                "spec.list[0].b",
                "spec.map.k.w",
                "spec.object.more",
                "spec.unknown",
                "top"
            ]
        );
        assert_eq!(object["spec"]["free"], json!({"x": {"y": 1}, "known": {}}));
        assert_eq!(object["spec"]["object"]["metadata"]["x"], 1);
    }
}
