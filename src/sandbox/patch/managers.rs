//! Who manages which fields of an object: `metadata.managedFields`.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::fields::{self, FieldSet};
use crate::sandbox::{
    schema::{Schema, zero::zero},
    status::{Cause, Refusal},
};

/// Fields that nobody manages.
const NOBODYS: [&[&str]; 10] = [
    &["f:apiVersion"],
    &["f:kind"],
    &["f:metadata", "f:name"],
    &["f:metadata", "f:namespace"],
    &["f:metadata", "f:creationTimestamp"],
    &["f:metadata", "f:selfLink"],
    &["f:metadata", "f:uid"],
    &["f:metadata", "f:generation"],
    &["f:metadata", "f:managedFields"],
    &["f:metadata", "f:resourceVersion"],
];

/// How somebody came to manage fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// By server-side apply.
    Apply,
    /// By any other write.
    Update,
}

impl Operation {
    fn name(self) -> &'static str {
        match self {
            Self::Apply => "Apply",
            Self::Update => "Update",
        }
    }
}

/// Who writes, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Writer {
    /// The name of the field manager.
    pub name: String,
    /// How.
    pub operation: Operation,
    /// The version of the object that they write.
    pub api_version: String,
    /// The subresource through which they write; empty for the object itself.
    pub subresource: String,
}

/// What one writer manages.
#[derive(Debug, Clone, PartialEq)]
pub struct Managed {
    /// Who.
    pub by: Writer,
    /// When they last changed what they manage.
    pub time: String,
    /// Which fields.
    pub set: FieldSet,
}

/// Reads an object's `managedFields`.
#[must_use]
pub fn of(object: &Value) -> Vec<Managed> {
    let entries = object["metadata"]["managedFields"].as_array();
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    entries
        .into_iter()
        .flatten()
        .map(|entry| Managed {
            by: Writer {
                name: text(&entry["manager"]),
                operation: if entry["operation"] == "Apply" {
                    Operation::Apply
                } else {
                    Operation::Update
                },
                api_version: text(&entry["apiVersion"]),
                subresource: text(&entry["subresource"]),
            },
            time: text(&entry["time"]),
            set: FieldSet::parse(&entry["fieldsV1"]),
        })
        .collect()
}

/// Writes them into an object: appliers first, by time and name, as the API server sorts them.
pub fn write(object: &mut Value, mut managed: Vec<Managed>) {
    managed.retain(|m| !m.set.is_empty());
    managed.sort_by(|a, b| {
        let key = |m: &Managed| {
            let applies = m.by.operation == Operation::Apply;
            (
                !applies,
                m.time.clone(),
                m.by.name.clone(),
                m.by.api_version.clone(),
            )
        };
        key(a).cmp(&key(b))
    });
    let entries: Vec<Value> = managed.iter().map(entry).collect();
    if entries.is_empty() {
        if let Some(metadata) = object["metadata"].as_object_mut() {
            metadata.remove("managedFields");
        }
    } else {
        object["metadata"]["managedFields"] = Value::Array(entries);
    }
}

fn entry(managed: &Managed) -> Value {
    let mut out = json!({
        "manager": managed.by.name, "operation": managed.by.operation.name(),
        "apiVersion": managed.by.api_version,
        "fieldsType": "FieldsV1", "fieldsV1": managed.set.to_value(),
    });
    if !managed.time.is_empty() {
        out["time"] = json!(managed.time);
    }
    if !managed.by.subresource.is_empty() {
        out["subresource"] = json!(managed.by.subresource);
    }
    out
}

/// An object without its `managedFields`.
fn bare(object: &Value) -> Value {
    let mut out = object.clone();
    if let Some(metadata) = out["metadata"].as_object_mut() {
        metadata.remove("managedFields");
    }
    out
}

/// Whether a write takes all managers off an object: by a single entry with nothing in it.
/// <https://kubernetes.io/docs/reference/using-api/server-side-apply/#clearing-managedfields>
fn is_reset(object: &Value) -> bool {
    let entries = object["metadata"]["managedFields"].as_array();
    let only = entries.and_then(|all| <&[Value; 1]>::try_from(all.as_slice()).ok());
    only.is_some_and(|[entry]| *entry == json!({}))
}

/// What an object is compared with that was not there.
fn empty(schema: &Schema, built_in: bool) -> Value {
    if built_in {
        zero(schema)
    } else {
        json!({"apiVersion": "", "kind": "", "metadata": {}})
    }
}

/// Notes a write that is no apply: what it added or changed is the writer's now, and no longer anybody else's.
pub fn updated(
    before: Option<&Value>,
    after: &mut Value,
    schema: &Schema,
    by: &Writer,
    (built_in, unmanaged): (bool, &[&[&str]]),
    now: &str,
) {
    if is_reset(after) {
        return write(after, Vec::new());
    }
    let old = before.map_or_else(|| empty(schema, built_in), bare);
    let mut managed = of(after);
    if managed.is_empty() {
        managed = before.map(of).unwrap_or_default();
    }
    // An object that nobody manages stays so, until somebody applies to it.
    if before.is_some() && managed.is_empty() {
        return write(after, managed);
    }
    let difference = fields::compare(&old, &bare(after), schema);
    let changed = difference
        .added
        .union(difference.modified)
        .without_prefixes(unmanaged);
    for other in managed.iter_mut().filter(|m| m.by != *by) {
        other.set = other.set.difference(&changed);
    }
    for any in &mut managed {
        any.set = any.set.without_below(&difference.removed);
    }
    let changed = changed.without_prefixes(&NOBODYS);
    match managed.iter_mut().find(|m| m.by == *by) {
        Some(own) => {
            let all = std::mem::take(&mut own.set).union(changed.clone());
            if !changed.is_empty() || !difference.removed.is_empty() {
                now.clone_into(&mut own.time);
            }
            own.set = all;
        }
        None => managed.push(Managed {
            by: by.clone(),
            time: now.to_owned(),
            set: changed,
        }),
    }
    write(after, managed);
}

/// Who is said to manage what an object held that nobody managed.
/// <https://kubernetes.io/docs/reference/using-api/server-side-apply/#transferring-ownership>
fn before_first_apply(live: &Value, schema: &Schema, by: &Writer, now: &str) -> Option<Managed> {
    let by = Writer {
        name: "before-first-apply".to_owned(),
        operation: Operation::Update,
        api_version: by.api_version.clone(),
        subresource: String::new(),
    };
    let mut nothing = zero(schema);
    nothing["metadata"] = json!({});
    let difference = fields::compare(&nothing, &bare(live), schema);
    let set = difference.added.without_prefixes(&NOBODYS);
    let time = now.to_owned();
    (!set.is_empty()).then_some(Managed { by, time, set })
}

/// What a server-side apply comes to: the object with the configuration merged in. Without `force`, fields that others manage
/// and that would change are a conflict.
pub fn applied(
    live: Option<&Value>,
    config: &Value,
    schema: &Schema,
    by: &Writer,
    (force, unmanaged): (bool, &[&[&str]]),
    now: &str,
) -> Result<Value, Refusal> {
    let old = live.map_or_else(|| json!({}), bare);
    let mut managed = live.map(of).unwrap_or_default();
    if managed.is_empty() {
        managed.extend(live.and_then(|live| before_first_apply(live, schema, by, now)));
    }
    let wanted = fields::of(config, schema);
    let wanted = wanted
        .without_prefixes(&NOBODYS)
        .without_prefixes(unmanaged);
    let mut merged = super::merge::by_type(&old, config, schema);
    let own = managed.iter().position(|m| m.by == *by);
    let last = own.map_or_else(FieldSet::default, |i| managed[i].set.clone());
    let others = || managed.iter().enumerate().filter(|(i, _)| Some(*i) != own);
    let kept = others().fold(FieldSet::default(), |all, (_, m)| all.union(m.set.clone()));
    super::merge::remove(&mut merged, &last.difference(&wanted), &kept);
    let difference = fields::compare(&old, &merged, schema);
    let changed = difference.added.union(difference.modified);
    let mut conflicts = Vec::new();
    for (_, other) in others() {
        let both = other.set.intersection(&changed);
        conflicts.extend(both.iter().map(|path| (other.by.clone(), path.clone())));
    }
    if !conflicts.is_empty() && !force {
        conflicts.sort_by(|(a, left), (b, right)| {
            let other = |by: &Writer| managed.iter().position(|m| m.by == *by);
            let rank = other(a).cmp(&other(b));
            rank.then_with(|| fields::members_first(left, right))
        });
        return Err(conflict(&conflicts));
    }
    for (i, other) in managed.iter_mut().enumerate() {
        if Some(i) != own {
            other.set = other
                .set
                .difference(&changed)
                .without_below(&difference.removed);
        }
    }
    let unchanged = changed.is_empty() && difference.removed.is_empty();
    let same = unchanged && last == wanted;
    match own {
        Some(i) => {
            managed[i].set = wanted;
            if !same {
                now.clone_into(&mut managed[i].time);
            }
        }
        None => managed.push(Managed {
            by: by.clone(),
            // Who applies what is there already, and changes nothing, has no time.
            time: if unchanged && live.is_some() {
                String::new()
            } else {
                now.to_owned()
            },
            set: wanted,
        }),
    }
    write(&mut merged, managed);
    Ok(merged)
}

/// The refusal of an apply, as kubectl prints it.
fn conflict(conflicts: &[(Writer, fields::Path)]) -> Refusal {
    // Writing to a String does not fail, here and below.
    let who = |by: &Writer| {
        let mut out = format!("\"{}\"", by.name);
        if !by.subresource.is_empty() {
            let _ = write!(out, " with subresource \"{}\"", by.subresource);
        }
        if by.operation == Operation::Update {
            let _ = write!(out, " using {}", by.api_version);
        }
        out
    };
    let causes: Vec<Cause> = conflicts
        .iter()
        .map(|(by, path)| Cause {
            reason: "FieldManagerConflict",
            message: format!("conflict with {}", who(by)),
            field: shown(path),
        })
        .collect();
    let told = match conflicts {
        [(by, path)] => format!("conflict with {}: {}", who(by), shown(path)),
        all => {
            let mut lines: Vec<String> = Vec::new();
            let mut last = None;
            for (by, path) in all {
                if last != Some(by) {
                    lines.push(format!("conflicts with {}:", who(by)));
                    last = Some(by);
                }
                lines.push(format!("- {}", shown(path)));
            }
            lines.join("\n")
        }
    };
    let count = conflicts.len();
    let plural = if count == 1 { "conflict" } else { "conflicts" };
    Refusal::field_conflicts(
        format!("Apply failed with {count} {plural}: {told}"),
        causes,
    )
}

/// `.spec.template.spec.containers[name="web"].image`.
fn shown(path: &fields::Path) -> String {
    let mut out = String::new();
    for step in path {
        match step.split_once(':') {
            Some(("f", name)) => {
                out.push('.');
                out.push_str(name);
            }
            Some(("k", keys)) => {
                let keys: Value = serde_json::from_str(keys).unwrap_or_default();
                let each = keys.as_object().into_iter().flatten();
                let all: Vec<String> = each.map(|(k, v)| format!("{k}={v}")).collect();
                let _ = write!(out, "[{}]", all.join(","));
            }
            Some((_, value)) => {
                let _ = write!(out, "[={value}]");
            }
            None => {}
        }
    }
    out
}
