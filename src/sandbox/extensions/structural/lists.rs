//! Lists whose items are told apart by value or by keys: none is there twice.
//! <https://github.com/kubernetes/apiextensions-apiserver/blob/master/pkg/apiserver/schema/listtype/validation.go>

use serde_json::{Map, Value};

use super::{DEEPEST, below, field};
use crate::sandbox::status::Cause;

/// The items that are there twice. Lists that had some before may keep them.
pub(super) fn object(schema: &Value, live: Option<&Value>, object: &Value) -> Vec<Cause> {
    let twice = |object: &Value| {
        let mut causes = Vec::new();
        value(object, schema, "", DEEPEST, &mut causes);
        causes
    };
    let before = live.is_some_and(|live| !twice(live).is_empty());
    if before { Vec::new() } else { twice(object) }
}

fn value(found: &Value, schema: &Value, path: &str, left: usize, causes: &mut Vec<Cause>) {
    let Some(left) = left.checked_sub(1) else {
        return;
    };
    match found {
        Value::Object(map) => {
            for (name, child) in map {
                if let Some(of) = field(schema, name) {
                    value(child, of, &below(path, name), left, causes);
                }
            }
        }
        Value::Array(items) => {
            let mut seen: Vec<Value> = Vec::new();
            for (i, item) in items.iter().enumerate() {
                let at = format!("{path}[{i}]");
                value(item, &schema["items"], &at, left, causes);
                let Some(identity) = identity(item, schema) else {
                    continue;
                };
                if seen.contains(&identity) {
                    causes.push(Cause::duplicate(at, &identity));
                } else {
                    seen.push(identity);
                }
            }
        }
        _ => {}
    }
}

/// What tells an item apart; none in a list that does not.
fn identity(item: &Value, schema: &Value) -> Option<Value> {
    match schema["x-kubernetes-list-type"].as_str()? {
        "set" => Some(item.clone()),
        "map" => {
            let mut own = Map::new();
            for key in schema["x-kubernetes-list-map-keys"].as_array()? {
                let key = key.as_str()?;
                let given = item.get(key);
                let given = given.or_else(|| schema["items"]["properties"][key].get("default"));
                if let Some(given) = given {
                    own.insert(key.to_owned(), given.clone());
                }
            }
            (!own.is_empty()).then_some(Value::Object(own))
        }
        _ => None,
    }
}
