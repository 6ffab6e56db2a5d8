//! Tables: the rows that `kubectl get` shows.
//! <https://kubernetes.io/docs/reference/using-api/api-concepts/#receiving-resources-as-tables>

mod age;
mod core;
mod custom;
mod openshift;
mod pod;
mod workload;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    metrics::{self, objects},
    registry::{Column, Resource},
    store::selector,
};
use crate::sandbox::pointer::{list, number};

/// A table of objects, at a time; `whole`, with the objects themselves in its rows instead of their metadata.
#[must_use]
pub fn table<'a>(
    resource: &Resource,
    objects: impl IntoIterator<Item = &'a Value>,
    now: Timestamp,
    whole: bool,
) -> Value {
    let columns: Vec<Value> = resource.columns.iter().map(heading).collect();
    let row = |object: &Value| {
        let cells = resource
            .columns
            .iter()
            .map(|c| cell(resource, c, object, now));
        let mut metadata = object["metadata"].clone();
        if let Some(Value::Object(annotations)) = metadata.get_mut("annotations") {
            // It is a field in the form from which the server makes tables.
            annotations.remove("deprecated.daemonset.template.generation");
            if annotations.is_empty() {
                metadata.as_object_mut().map(|m| m.remove("annotations"));
            }
        }
        if whole {
            return json!({"cells": cells.collect::<Vec<_>>(), "object": object});
        }
        json!({
            "cells": cells.collect::<Vec<_>>(),
            "object": {
                "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": metadata,
            },
        })
    };
    let rows: Vec<Value> = objects.into_iter().map(row).collect();
    let mut table = json!({"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": {}});
    // A metrics server knows its columns by what it has measured.
    if !(rows.is_empty() && resource.group == metrics::GROUP) {
        table["columnDefinitions"] = json!(columns);
        table["rows"] = json!(rows);
    } else {
        table["columnDefinitions"] = Value::Null;
        table["rows"] = Value::Null;
    }
    table
}

fn heading(column: &Column) -> Value {
    json!({
        "name": column.name, "type": column.kind, "format": column.format, "description": "",
        "priority": column.priority,
    })
}

/// One cell of an object's row.
fn cell(resource: &Resource, column: &Column, object: &Value, now: Timestamp) -> Value {
    if let Some(path) = &column.path {
        return custom::cell(&column.kind, path, object, now);
    }
    let created = &object["metadata"]["creationTimestamp"];
    match column.name.as_str() {
        "Name" => object["metadata"]["name"].clone(),
        "Age" => json!(age::since(created, now)),
        "Created At" => created.clone(),
        name => {
            let own = (resource.group.as_str(), resource.plural.as_str());
            let found = match own {
                ("", "pods") => pod::cell(name, object, now),
                (metrics::GROUP, _) => objects::cell(name, object),
                ("apps" | "batch", _) | ("", "replicationcontrollers") => {
                    workload::cell(&resource.plural, name, object, now)
                }
                (group, _) if group.ends_with(".openshift.io") => {
                    Some(openshift::cell(&resource.kind, name, object, now))
                }
                _ => core::cell(own, name, object, now),
            };
            found.unwrap_or_else(|| missing(&column.kind))
        }
    }
}

/// What stands in a cell that says nothing.
fn missing(kind: &str) -> Value {
    match kind {
        "integer" => json!(0),
        "boolean" => json!(false),
        _ => json!("<none>"),
    }
}

/// Text at a JSON pointer.
fn text<'a>(object: &'a Value, pointer: &str) -> Option<&'a str> {
    object
        .pointer(pointer)
        .and_then(Value::as_str)
        .filter(|t| !t.is_empty())
}

/// Texts one after the other; none for no text.
fn joined(all: impl IntoIterator<Item = String>) -> Option<Value> {
    let all: Vec<String> = all.into_iter().collect();
    (!all.is_empty()).then(|| json!(all.join(",")))
}

/// A selector as text; none for one that asks for nothing.
fn selector(value: &Value) -> Option<Value> {
    let told = selector::text(value);
    (!told.is_empty()).then(|| json!(told))
}
