//! Strategic merge patches: lists with a merge key are merged, directives delete, replace and order.
//! <https://github.com/kubernetes/community/blob/main/contributors/devel/sig-api-machinery/strategic-merge-patch.md>

use serde_json::{Map, Value};

use crate::sandbox::{schema::Schema, status::Refusal};

/// What happens to a map or list as a whole.
const DIRECTIVE: &str = "$patch";
/// `$deleteFromPrimitiveList/FIELD`.
const DELETE_FROM: &str = "$deleteFromPrimitiveList/";
/// `$setElementOrder/FIELD`.
const ORDER: &str = "$setElementOrder/";
/// Which keys stay.
const RETAIN: &str = "$retainKeys";

/// Applies a patch to an object of a type.
pub fn apply(object: &mut Value, patch: &Value, schema: &Schema) -> Result<(), Refusal> {
    let Value::Object(patch) = patch else {
        return Err(Refusal::bad_request(
            "json: cannot unmarshal array into Go value of type map[string]interface {}",
        ));
    };
    if !object.is_object() {
        *object = Value::Object(Map::new());
    }
    if let Value::Object(map) = object {
        merge_map(map, patch, Some(schema))?;
    }
    Ok(())
}

fn merge_map(
    target: &mut Map<String, Value>,
    patch: &Map<String, Value>,
    schema: Option<&Schema>,
) -> Result<(), Refusal> {
    match patch.get(DIRECTIVE).and_then(Value::as_str) {
        None | Some("merge") => {}
        Some("replace") => {
            *target = without_directives(patch);
            return Ok(());
        }
        Some("delete") => {
            target.clear();
            return Ok(());
        }
        Some(other) => {
            let message = format!("unknown patch type: {other} in map: map[{DIRECTIVE}:{other}]");
            return Err(Refusal::unexpected(message));
        }
    }
    if let Some(Value::Array(keys)) = patch.get(RETAIN) {
        target.retain(|key, _| keys.iter().any(|k| k == key));
    }
    for (key, change) in patch {
        if let Some(field) = key.strip_prefix(DELETE_FROM) {
            let gone = change.as_array().cloned().unwrap_or_default();
            if let Some(Value::Array(items)) = target.get_mut(field) {
                items.retain(|item| !gone.contains(item));
            }
        } else if key.starts_with('$') {
            // Orders follow below; the others are done.
        } else if change.is_null() {
            target.remove(key);
        } else {
            let of = schema.and_then(|s| s.field(key));
            merge_field(target, key, change, of.as_ref())?;
        }
    }
    for (key, order) in patch {
        if let (Some(field), Some(order)) = (key.strip_prefix(ORDER), order.as_array()) {
            let of = schema.and_then(|s| s.field(field));
            if let Some(Value::Array(items)) = target.get_mut(field) {
                sort(items, order, of.as_ref());
            }
        }
    }
    Ok(())
}

fn merge_field(
    target: &mut Map<String, Value>,
    key: &str,
    change: &Value,
    schema: Option<&Schema>,
) -> Result<(), Refusal> {
    match (change, target.get_mut(key)) {
        (Value::Object(change), Some(Value::Object(found))) => merge_map(found, change, schema),
        (Value::Object(change), _) => {
            let mut fresh = Map::new();
            if change.get(DIRECTIVE).and_then(Value::as_str) != Some("delete") {
                merge_map(&mut fresh, change, schema)?;
                target.insert(key.to_owned(), Value::Object(fresh));
            }
            Ok(())
        }
        (Value::Array(change), found) => {
            let mut items = match found {
                Some(Value::Array(items)) => std::mem::take(items),
                _ => Vec::new(),
            };
            merge_list(&mut items, change, schema)?;
            target.insert(key.to_owned(), Value::Array(items));
            Ok(())
        }
        (other, _) => {
            target.insert(key.to_owned(), other.clone());
            Ok(())
        }
    }
}

fn merge_list(
    items: &mut Vec<Value>,
    change: &[Value],
    schema: Option<&Schema>,
) -> Result<(), Refusal> {
    let list = schema.and_then(|s| s.as_list().map(|l| (s, l)));
    let Some((schema, list)) = list.filter(|(_, l)| l.merges) else {
        *items = change.to_vec();
        return Ok(());
    };
    let Some(key) = &list.merge_key else {
        for value in change {
            if !items.contains(value) {
                items.push(value.clone());
            }
        }
        return Ok(());
    };
    let directive = |v: &Value| v[DIRECTIVE].as_str().map(str::to_owned);
    if change
        .iter()
        .any(|v| directive(v).as_deref() == Some("replace"))
    {
        items.clear();
    }
    let of = schema.items();
    for value in change {
        let Value::Object(change) = value else {
            continue;
        };
        let same = |item: &Value| item.get(key) == value.get(key);
        match directive(value).as_deref() {
            Some("delete") => items.retain(|item| !same(item)),
            Some("replace") if value.get(key).is_none() => {}
            _ if value.get(key).is_none() => {
                let message = format!("map: {value} does not contain declared merge key: {key}");
                return Err(Refusal::bad_request(message));
            }
            _ => match items.iter_mut().find(|item| same(item)) {
                Some(Value::Object(found)) => merge_map(found, change, of.as_ref())?,
                _ => {
                    let mut fresh = Map::new();
                    merge_map(&mut fresh, change, of.as_ref())?;
                    items.push(Value::Object(fresh));
                }
            },
        }
    }
    Ok(())
}

/// Sorts the items that an order names as it names them; others keep their places relative to these.
fn sort(items: &mut [Value], order: &[Value], schema: Option<&Schema>) {
    let list = schema.and_then(|s| s.as_list());
    let key = list.and_then(|l| l.merge_key.as_deref());
    let place = |item: &Value| {
        let is = |o: &Value| match key {
            Some(key) => o.get(key) == item.get(key),
            None => o == item,
        };
        order.iter().position(is).unwrap_or(usize::MAX)
    };
    items.sort_by_key(place);
}

fn without_directives(patch: &Map<String, Value>) -> Map<String, Value> {
    let kept = patch.iter().filter(|(key, _)| !key.starts_with('$'));
    kept.map(|(k, v)| (k.clone(), v.clone())).collect()
}
