//! Pod templates: whether two are the same, their hash, and Pods made of them.

use serde_json::{Map, Value, json};

use crate::sandbox::{controllers::cluster::controlled_by, names, verbs::name};

/// The label that tells the Pods of a Deployment's templates apart.
pub const POD_TEMPLATE_HASH: &str = "pod-template-hash";
/// The letters of hashes: no vowels, so that no words come of it.
const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// A hash of a value, as names and labels carry it; the same for values that mean the same.
/// <https://github.com/kubernetes/kubernetes/blob/master/pkg/controller/controller_utils.go> (`ComputeHash`)
#[must_use]
pub fn hash(value: &Value, collisions: Option<i64>) -> String {
    let mut text = String::new();
    write(value, &mut text);
    if let Some(collisions) = collisions {
        text.push_str(&collisions.to_string());
    }
    let digits = fnv(text.as_bytes()).to_string();
    let letter = |digit: u8| char::from(LETTERS[usize::from(digit) % LETTERS.len()]);
    digits.bytes().map(letter).collect()
}

/// FNV-1a, 32 bits. <https://datatracker.ietf.org/doc/html/draft-eastlake-fnv>
fn fnv(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
    })
}

/// Writes a value down with its keys in order and without what is empty.
fn write(value: &Value, out: &mut String) {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().filter(|(_, v)| !is_empty(v)).collect();
            entries.sort_by_key(|(key, _)| *key);
            out.push('{');
            for (key, value) in entries {
                out.push_str(key);
                out.push(':');
                write(value, out);
                out.push(',');
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for item in items {
                write(item, out);
                out.push(',');
            }
            out.push(']');
        }
        other => out.push_str(&other.to_string()),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(map) => map.values().all(is_empty),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

/// Whether two values mean the same: nothing and something empty are alike.
#[must_use]
pub fn means(a: &Value, b: &Value) -> bool {
    let (mut left, mut right) = (String::new(), String::new());
    write(a, &mut left);
    write(b, &mut right);
    left == right
}

/// Whether two templates are the same but for their hash.
#[must_use]
pub fn same(a: &Value, b: &Value) -> bool {
    let bare = |template: &Value| {
        let mut template = template.clone();
        if let Some(labels) = template["metadata"]["labels"].as_object_mut() {
            labels.remove(POD_TEMPLATE_HASH);
        }
        template
    };
    means(&bare(a), &bare(b))
}

/// A Pod of a template, controlled by an object; the server completes its name.
#[must_use]
pub fn pod(template: &Value, owner: &Value) -> Value {
    let base = format!("{}-", name(owner));
    let base = match names::subdomain_problem(base.trim_end_matches('-')) {
        None => base,
        Some(_) => name(owner).to_owned(),
    };
    let mut metadata = Map::new();
    for field in ["labels", "annotations", "finalizers"] {
        let given = &template["metadata"][field];
        if !given.is_null() {
            metadata.insert(field.to_owned(), given.clone());
        }
    }
    metadata.insert("generateName".to_owned(), json!(base));
    let namespace = owner["metadata"]["namespace"].clone();
    metadata.insert("namespace".to_owned(), namespace);
    metadata.insert("ownerReferences".to_owned(), json!([controlled_by(owner)]));
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_that_mean_the_same_have_one_hash() {
        let a = json!({"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "resources": {}}]}});
        let b = json!({"spec": {"containers": [{"name": "c", "env": []}]}, "metadata": {"creationTimestamp": null, "labels": {"a": "b"}}});
        let other =
            json!({"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "d"}]}});
        assert_eq!(hash(&a, None), hash(&b, None));
        assert_ne!(hash(&a, None), hash(&other, None));
        assert_ne!(hash(&a, None), hash(&a, Some(1)));
        assert!(hash(&a, None).len() <= 10);
    }

    #[test]
    fn the_hash_of_a_template_is_no_part_of_it() {
        let a = json!({"metadata": {"labels": {"a": "b"}}});
        let b = json!({"metadata": {"labels": {"a": "b", POD_TEMPLATE_HASH: "x"}}});
        assert!(same(&a, &b));
        assert!(!same(&a, &json!({"metadata": {"labels": {"a": "c"}}})));
    }
}
