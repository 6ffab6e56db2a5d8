//! Merging by type, as server-side apply does: maps by key, lists by their items' keys or values, the rest as a whole.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::fields::{self, FieldSet, Path, Step};
use crate::sandbox::schema::Schema;

/// The object with everything that the configuration sets.
#[must_use]
pub fn by_type(live: &Value, config: &Value, schema: &Schema) -> Value {
    value(Some(live), config, Some(schema))
}

fn value(live: Option<&Value>, config: &Value, schema: Option<&Schema>) -> Value {
    let leaf = schema.is_some_and(fields::is_leaf);
    match config {
        Value::Object(map) if !leaf => {
            let mut out = live.and_then(Value::as_object).cloned().unwrap_or_default();
            for (key, child) in map {
                let of = schema.and_then(|s| s.field(key));
                let merged = value(out.get(key), child, of.as_ref());
                out.insert(key.clone(), merged);
            }
            Value::Object(out)
        }
        Value::Array(items) if !leaf => match schema.filter(|s| s.as_list().is_some()) {
            Some(list) => self::list(live, items, list),
            None => config.clone(),
        },
        other => other.clone(),
    }
}

/// Items that are there keep their places; new ones follow.
fn list(live: Option<&Value>, config: &[Value], schema: &Schema) -> Value {
    let of = schema.items();
    let mut out: Vec<(Option<Step>, Value)> = live
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .map(|item| (fields::item(item, schema), item.clone()))
        .collect();
    for item in config {
        let key = fields::item(item, schema);
        let known = out.iter_mut().find(|(k, _)| key.is_some() && *k == key);
        match known {
            Some((_, found)) => *found = value(Some(found), item, of.as_ref()),
            None => out.push((key, value(None, item, of.as_ref()))),
        }
    }
    Value::Array(out.into_iter().map(|(_, item)| item).collect())
}

/// Removes fields, but those that are kept, and those that hold something that is. Maps and lists that are empty then go too.
pub fn remove(object: &mut Value, gone: &FieldSet, kept: &FieldSet) {
    // What holds others goes first, with all that is in it: its items are found by their keys.
    let paths: BTreeSet<&Path> = gone.iter().collect();
    for path in paths {
        let holds = |p: &Path| p.starts_with(path);
        if !kept.iter().any(holds) {
            remove_at(object, path);
        }
    }
}

/// Removes one field; tells whether what held it is empty now.
fn remove_at(value: &mut Value, path: &[Step]) -> bool {
    let Some((step, rest)) = path.split_first() else {
        return false;
    };
    match (step.split_once(':'), value) {
        (Some(("f", name)), Value::Object(map)) => {
            let empty = match map.get_mut(name) {
                Some(child) if !rest.is_empty() => remove_at(child, rest),
                Some(_) => true,
                None => return false,
            };
            if empty {
                map.remove(name);
            }
            map.is_empty()
        }
        (Some((kind, key)), Value::Array(items)) => {
            let wanted: Value = serde_json::from_str(key).unwrap_or_default();
            let is = |item: &Value| match (kind, wanted.as_object()) {
                ("k", Some(keys)) => keys.iter().all(|(k, v)| item.get(k) == Some(v)),
                _ => *item == wanted,
            };
            if let Some(i) = items.iter().position(is) {
                let empty = rest.is_empty() || remove_at(&mut items[i], rest);
                if empty {
                    items.remove(i);
                }
            }
            items.is_empty()
        }
        _ => false,
    }
}

/// A merge patch (RFC 7386).
pub fn rfc7386(target: &mut Value, patch: &Value) {
    let Value::Object(changes) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(map) = target else { return };
    for (key, change) in changes {
        if change.is_null() {
            map.remove(key);
        } else {
            rfc7386(map.entry(key.clone()).or_insert(json!(null)), change);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_merge_patch_follows_its_rfc() {
        let mut target = json!({"a": "b", "c": {"d": "e", "f": "g"}});
        rfc7386(&mut target, &json!({"a": "z", "c": {"f": null}}));
        assert_eq!(target, json!({"a": "z", "c": {"d": "e"}}));
        let mut target = json!({"a": [1]});
        rfc7386(&mut target, &json!({"a": {"b": null}}));
        assert_eq!(target, json!({"a": {}}));
    }
}
