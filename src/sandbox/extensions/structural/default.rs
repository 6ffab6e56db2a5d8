//! Defaults of a schema, where fields are not given.
//! <https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#defaulting>

use serde_json::Value;

use super::{DEEPEST, field};

/// Fills in what is not given. A null that the schema does not allow counts as not given.
pub fn fill(object: &mut Value, schema: &Value) {
    value(object, schema, true, DEEPEST);
}

fn value(found: &mut Value, schema: &Value, root: bool, left: usize) {
    let Some(left) = left.checked_sub(1) else {
        return;
    };
    match found {
        Value::Object(map) => {
            let declared = schema["properties"].as_object();
            for (name, of) in declared.into_iter().flatten() {
                if root && name == "metadata" {
                    continue;
                }
                let nullable = of["nullable"] == true;
                let missing = map.get(name).is_none_or(|v| v.is_null() && !nullable);
                match of.get("default").filter(|_| missing) {
                    Some(default) => {
                        map.insert(name.clone(), default.clone());
                    }
                    None if missing => {
                        map.remove(name);
                    }
                    None => {}
                }
            }
            for (name, child) in map.iter_mut() {
                if let Some(of) = field(schema, name) {
                    value(child, of, false, left);
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                value(item, &schema["items"], false, left);
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
    fn defaults_reach_into_what_is_there() {
        let schema = json!({"properties": {"spec": {"properties": {
            "n": {"type": "integer", "default": 1},
            "maybe": {"nullable": true, "default": 2},
            "no": {"type": "string"},
            "list": {"items": {"properties": {"p": {"default": "TCP"}}}},
            "made": {"default": {}, "properties": {"x": {"default": true}}},
        }}}});
        let mut object = json!({"spec": {"n": null, "maybe": null, "no": null, "list": [{}]}});
        fill(&mut object, &schema);
        assert_eq!(
            object["spec"],
            json!({"n": 1, "maybe": null, "list": [{"p": "TCP"}], "made": {"x": true}})
        );
        let mut bare = json!({});
        fill(&mut bare, &schema);
        assert_eq!(bare, json!({}));
    }
}
