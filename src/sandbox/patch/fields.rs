//! Sets of fields, as `managedFields` write them: who manages what.
//! <https://kubernetes.io/docs/reference/using-api/server-side-apply/#managers>

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
};

use serde_json::{Map, Value, json};

use crate::sandbox::schema::{ListKind, Schema, Shape};

/// One step on the way to a field, in the form of `FieldsV1`: `f:name`, `k:{"name":"x"}`, `v:"x"`.
pub type Step = String;

/// A way to a field.
pub type Path = Vec<Step>;

/// Some fields of an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FieldSet {
    paths: BTreeSet<Path>,
}

impl FieldSet {
    /// Reads `FieldsV1`.
    #[must_use]
    pub fn parse(fields: &Value) -> Self {
        let mut set = Self::default();
        set.read(fields, &mut Vec::new());
        set
    }

    fn read(&mut self, fields: &Value, at: &mut Path) {
        for (step, below) in fields.as_object().into_iter().flatten() {
            if step == "." {
                self.paths.insert(at.clone());
                continue;
            }
            at.push(step.clone());
            if below.as_object().is_none_or(Map::is_empty) {
                self.paths.insert(at.clone());
            } else {
                self.read(below, at);
            }
            at.pop();
        }
    }

    /// Writes `FieldsV1`.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let mut out = json!({});
        for path in &self.paths {
            let mut at = &mut out;
            for step in path {
                let Some(map) = at.as_object_mut() else { break };
                at = map.entry(step.clone()).or_insert_with(|| json!({}));
            }
        }
        // What is in the set and has something below is marked by a dot.
        for path in &self.paths {
            if self.has_below(path)
                && let Some(Value::Object(map)) = at(&mut out, path)
            {
                map.insert(".".to_owned(), json!({}));
            }
        }
        out
    }

    fn has_below(&self, path: &Path) -> bool {
        let next = self.paths.range(path.clone()..).nth(1);
        next.is_some_and(|p| p.starts_with(path))
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty()
    }

    /// Whether a field is in it.
    #[must_use]
    pub fn has(&self, path: &Path) -> bool {
        self.paths.contains(path)
    }

    /// The fields.
    pub fn iter(&self) -> impl Iterator<Item = &Path> {
        self.paths.iter()
    }

    /// One more field.
    pub fn insert(&mut self, path: Path) {
        self.paths.insert(path);
    }

    /// The fields of both.
    #[must_use]
    pub fn union(mut self, other: Self) -> Self {
        self.paths.extend(other.paths);
        self
    }

    /// The fields that are not in the other.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        Self {
            paths: self.paths.difference(&other.paths).cloned().collect(),
        }
    }

    /// The fields of both that are the same.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        Self {
            paths: self.paths.intersection(&other.paths).cloned().collect(),
        }
    }

    /// The fields that are neither in the other nor below one that is.
    #[must_use]
    pub fn without_below(&self, other: &Self) -> Self {
        let covered = |path: &Path| (1..=path.len()).any(|n| other.paths.contains(&path[..n]));
        Self {
            paths: self.paths.iter().filter(|p| !covered(p)).cloned().collect(),
        }
    }

    /// Without the fields at and below these.
    #[must_use]
    pub fn without_prefixes(&self, prefixes: &[&[&str]]) -> Self {
        let is_below = |path: &Path| {
            prefixes.iter().any(|prefix| {
                path.len() >= prefix.len() && path.iter().zip(*prefix).all(|(a, b)| a == b)
            })
        };
        Self {
            paths: self
                .paths
                .iter()
                .filter(|p| !is_below(p))
                .cloned()
                .collect(),
        }
    }
}

fn at<'a>(value: &'a mut Value, path: &Path) -> Option<&'a mut Value> {
    path.iter().try_fold(value, |v, step| v.get_mut(step))
}

/// The step to a field or key.
#[must_use]
pub fn field(name: &str) -> Step {
    format!("f:{name}")
}

/// The step to an item of a list that is told apart by value or keys; none for another list, or an item without its keys.
#[must_use]
pub fn item(value: &Value, list: &Schema) -> Option<Step> {
    match &list.as_list()?.kind {
        ListKind::Atomic => None,
        ListKind::Set => Some(format!("v:{value}")),
        ListKind::Map(keys) => {
            let of = list.items()?;
            let mut found = BTreeMap::new();
            for key in keys {
                let given = value.get(key).or_else(|| of.default_of(key));
                if let Some(given) = given {
                    found.insert(key.as_str(), given);
                }
            }
            (!found.is_empty()).then(|| format!("k:{}", json!(found)))
        }
    }
}

/// The order in which fields are told: those of a level before what is deeper.
#[must_use]
pub fn members_first(left: &Path, right: &Path) -> Ordering {
    let same = left.iter().zip(right).take_while(|(a, b)| a == b).count();
    let deeper = |path: &Path| path.len() > same + 1;
    let order = deeper(left).cmp(&deeper(right));
    order.then_with(|| left.cmp(right))
}

/// Whether a type has one owner as a whole.
#[must_use]
pub fn is_leaf(schema: &Schema) -> bool {
    match &schema.node().shape {
        Shape::Any | Shape::Scalar(_) => true,
        Shape::Object(fields) => fields.atomic,
        Shape::List(list) => list.kind == ListKind::Atomic,
    }
}

/// All fields that an object sets.
#[must_use]
pub fn of(object: &Value, schema: &Schema) -> FieldSet {
    let mut set = FieldSet::default();
    collect(object, schema, &mut Vec::new(), &mut set);
    set
}

fn collect(value: &Value, schema: &Schema, path: &mut Path, set: &mut FieldSet) {
    match value {
        Value::Object(map) if !is_leaf(schema) => {
            for (key, child) in map {
                let known = schema.known_field(key);
                let is_key = known.is_none();
                let of = known.or_else(|| schema.rest());
                path.push(field(key));
                match of {
                    Some(of) => collect(child, &of, path, set),
                    None => collect_free(child, path, set),
                }
                let empty = child.is_null() || child.as_object().is_some_and(Map::is_empty);
                if empty || is_key {
                    set.insert(path.clone());
                }
                path.pop();
            }
        }
        Value::Array(items) if !is_leaf(schema) => {
            let Some(of) = schema.items() else { return };
            for value in items {
                if let Some(step) = item(value, schema) {
                    path.push(step);
                    collect(value, &of, path, set);
                    set.insert(path.clone());
                    path.pop();
                }
            }
        }
        _ => set.insert(path.clone()),
    }
}

/// What no type tells of: maps are looked into, lists have one owner.
fn collect_free(value: &Value, path: &mut Path, set: &mut FieldSet) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (key, child) in map {
                path.push(field(key));
                collect_free(child, path, set);
                set.insert(path.clone());
                path.pop();
            }
        }
        _ => set.insert(path.clone()),
    }
}

/// What differs between two objects.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Difference {
    /// Fields that only the second has.
    pub added: FieldSet,
    /// Fields with another value.
    pub modified: FieldSet,
    /// Fields that only the first has.
    pub removed: FieldSet,
}

impl Difference {
    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.modified.is_empty() && self.removed.is_empty()
    }
}

/// Compares two objects of a type.
#[must_use]
pub fn compare(before: &Value, after: &Value, schema: &Schema) -> Difference {
    let mut found = Difference::default();
    differ(
        Some(before),
        Some(after),
        Some(schema),
        &mut Vec::new(),
        &mut found,
    );
    found
}

fn differ(
    before: Option<&Value>,
    after: Option<&Value>,
    schema: Option<&Schema>,
    path: &mut Path,
    found: &mut Difference,
) {
    let leaf = schema.is_some_and(is_leaf);
    // A list or map that is null is there, and empty.
    let null = |v: &&Value| v.is_null();
    let some = before.filter(|v| !null(v)).or(after).or(before);
    match some {
        Some(Value::Object(_)) if !leaf && maps(before, after) => {
            let map = |v: Option<&Value>| v.and_then(Value::as_object).cloned().unwrap_or_default();
            let (a, b) = (map(before), map(after));
            if a.is_empty() && b.is_empty() {
                change(before, after, path, found);
                return;
            }
            let keys: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            for key in keys {
                path.push(field(key));
                let of = schema.and_then(|s| s.field(key));
                differ(a.get(key), b.get(key), of.as_ref(), path, found);
                path.pop();
            }
            container(before, after, path, found);
        }
        Some(Value::Array(_)) if !leaf && schema.is_some_and(|s| s.as_list().is_some()) => {
            let Some(list) = schema else { return };
            let index = |v: Option<&Value>| -> BTreeMap<Step, Value> {
                let items = v.and_then(Value::as_array).into_iter().flatten();
                items
                    .filter_map(|value| Some((item(value, list)?, value.clone())))
                    .collect()
            };
            let (a, b) = (index(before), index(after));
            let of = list.items();
            let keys: BTreeSet<&Step> = a.keys().chain(b.keys()).collect();
            for key in keys {
                path.push(key.clone());
                differ(a.get(key), b.get(key), of.as_ref(), path, found);
                path.pop();
            }
            container(before, after, path, found);
        }
        _ => change(before, after, path, found),
    }
}

/// Whether both are maps, as far as they are there.
fn maps(before: Option<&Value>, after: Option<&Value>) -> bool {
    let map = |v: &Value| v.is_object() || v.is_null();
    before.is_none_or(map) && after.is_none_or(map)
}

/// A leaf.
fn change(before: Option<&Value>, after: Option<&Value>, path: &Path, found: &mut Difference) {
    if path.is_empty() {
        return;
    }
    match (before, after) {
        (None, Some(_)) => found.added.insert(path.clone()),
        (Some(_), None) => found.removed.insert(path.clone()),
        (Some(a), Some(b)) if a != b => found.modified.insert(path.clone()),
        _ => {}
    }
}

/// Something that holds others.
fn container(before: Option<&Value>, after: Option<&Value>, path: &Path, found: &mut Difference) {
    if before.is_none() || after.is_none() {
        change(before, after, path, found);
    }
}
