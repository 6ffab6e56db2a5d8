//! Go's zero values: what an object of a built-in kind holds where nobody sets a field, and which fields are as good as not set.

use serde_json::{Map, Value, json};

use super::{Schema, Shape};

/// The empty object of a type: structs that are no pointers, and lists that are always written.
#[must_use]
pub fn zero(schema: &Schema) -> Value {
    let mut out = Map::new();
    let required = schema.as_object().map_or(&[][..], |o| &o.required);
    for (name, field) in schema.fields() {
        if schema.default_of(name) == Some(&json!({})) {
            out.insert(name.to_owned(), zero(&field));
        } else if required.iter().any(|r| r == name) && field.as_list().is_some() {
            out.insert(name.to_owned(), Value::Null);
        }
    }
    Value::Object(out)
}

/// Takes away what says nothing: a list or a map that is empty, where it is not always written.
pub fn clear(value: &mut Value, schema: &Schema) {
    match (value, &schema.node().shape) {
        (Value::Object(map), Shape::Object(fields)) => {
            for (name, field) in schema.fields() {
                let Some(child) = map.get_mut(name) else {
                    continue;
                };
                clear(child, &field);
                let always = fields.required.iter().any(|r| r == name);
                match child {
                    Value::Array(items) if items.is_empty() && !always => {
                        map.remove(name);
                    }
                    Value::Object(keys) if keys.is_empty() && !always && is_map(&field) => {
                        map.remove(name);
                    }
                    _ => {}
                }
            }
        }
        (Value::Array(items), Shape::List(_)) => {
            if let Some(of) = schema.items() {
                for item in items {
                    clear(item, &of);
                }
            }
        }
        _ => {}
    }
}

/// Whether a type has keys of any name, and no fields.
fn is_map(schema: &Schema) -> bool {
    let fields = schema.as_object();
    fields.is_some_and(|f| f.known.is_empty() && f.rest.is_some())
}

/// Fills in what Go writes of a struct even where it is not set: structs in it that are no pointers, and scalars that are
/// always written.
pub fn fill(value: &mut Value, schema: &Schema) {
    match (value, &schema.node().shape) {
        (Value::Object(map), Shape::Object(fields)) => {
            for (name, field) in schema.fields() {
                let always = fields.required.iter().any(|r| r == name);
                match schema.default_of(name) {
                    Some(default) if *default == json!({}) || (always && !default.is_object()) => {
                        map.entry(name).or_insert_with(|| default.clone());
                    }
                    _ => {}
                }
                if let Some(child) = map.get_mut(name) {
                    fill(child, &field);
                }
            }
        }
        (Value::Array(items), Shape::List(_)) => {
            if let Some(of) = schema.items() {
                for item in items {
                    fill(item, &of);
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::registry::Registry;

    #[test]
    fn what_says_nothing_is_taken_away_but_structs_and_what_is_always_written() {
        let registry = Registry::kubernetes();
        let policies = registry.get("networking.k8s.io", "v1", "networkpolicies");
        let schema = policies.and_then(|p| p.schema().cloned()).unwrap();
        let mut object = json!({
            "metadata": {"name": "a", "labels": {}, "finalizers": [], "annotations": {"a": ""}},
            "spec": {"podSelector": {"matchLabels": {}}, "ingress": [{"from": [], "ports": []}], "egress": []},
        });
        clear(&mut object, &schema);
        let cleared = json!({
            "metadata": {"name": "a", "annotations": {"a": ""}},
            "spec": {"podSelector": {}, "ingress": [{}]},
        });
        assert_eq!(object, cleared);
        let slices = registry.get("discovery.k8s.io", "v1", "endpointslices");
        let schema = slices.and_then(|p| p.schema().cloned()).unwrap();
        let mut object = json!({"addressType": "IPv4", "endpoints": []});
        clear(&mut object, &schema);
        assert_eq!(object["endpoints"], json!([]));
    }
}
