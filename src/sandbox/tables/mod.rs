//! Tables: the rows that `kubectl get` shows.
//! <https://kubernetes.io/docs/reference/using-api/api-concepts/#receiving-resources-as-tables>

mod age;
mod core;
mod custom;
mod openshift;
mod pod;
mod workload;

use std::borrow::Cow;

use jiff::Timestamp;
use serde::{Serialize, Serializer, ser::SerializeStruct as _};
use serde_json::{Value, json, value::RawValue};

use super::{
    metrics::{self, objects},
    registry::{Column, Resource},
    store::selector,
};
use crate::sandbox::pointer::{list, number};

/// A table of objects, with what is said of it as a whole.
pub struct Table<'a, F> {
    /// The resource, whose columns it has.
    pub resource: &'a Resource,
    /// The table's own metadata.
    pub metadata: Value,
    /// The objects; each is asked for when its row is written.
    pub objects: F,
    /// The time, by which ages are told.
    pub now: Timestamp,
    /// Whether the rows carry the objects themselves instead of their metadata.
    pub whole: bool,
}

impl<'a, F, I> Serialize for Table<'_, F>
where
    F: Fn() -> I,
    I: Iterator<Item = Shown<'a>>,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("Table", 5)?;
        out.serialize_field("kind", "Table")?;
        out.serialize_field("apiVersion", "meta.k8s.io/v1")?;
        out.serialize_field("metadata", &self.metadata)?;
        // A metrics server knows its columns by what it has measured.
        if self.resource.group == metrics::GROUP && (self.objects)().next().is_none() {
            out.serialize_field("columnDefinitions", &Value::Null)?;
            out.serialize_field("rows", &Value::Null)?;
        } else {
            let columns: Vec<Value> = self.resource.columns.iter().map(heading).collect();
            out.serialize_field("columnDefinitions", &columns)?;
            out.serialize_field("rows", &Rows(self))?;
        }
        out.end()
    }
}

struct Rows<'a, F>(&'a Table<'a, F>);

impl<'a, F, I> Serialize for Rows<'_, F>
where
    F: Fn() -> I,
    I: Iterator<Item = Shown<'a>>,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let table = self.0;
        serializer.collect_seq((table.objects)().map(|shown| Row {
            cells: cells(table.resource, &shown.object, table.now),
            whole: table.whole,
            shown,
        }))
    }
}

/// An object of a table.
pub struct Shown<'a> {
    /// The object.
    pub object: Cow<'a, Value>,
    /// Its metadata as JSON, where that is at hand; what is at hand of the object may lack the managers of its fields.
    pub metadata: Option<&'a RawValue>,
}

/// A row of a table.
struct Row<'a> {
    cells: Vec<Value>,
    shown: Shown<'a>,
    whole: bool,
}

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_struct("Row", 2)?;
        out.serialize_field("cells", &self.cells)?;
        let metadata = metadata(&self.shown.object);
        match (self.whole, self.shown.metadata, metadata) {
            (true, _, _) => out.serialize_field("object", &*self.shown.object)?,
            (_, Some(metadata), Cow::Borrowed(_)) => {
                out.serialize_field("object", &Partial::of(metadata))?;
            }
            (_, _, metadata) => out.serialize_field("object", &Partial::of(metadata))?,
        }
        out.end()
    }
}

#[derive(Serialize)]
struct Partial<T> {
    kind: &'static str,
    #[serde(rename = "apiVersion")]
    version: &'static str,
    metadata: T,
}

impl<T> Partial<T> {
    fn of(metadata: T) -> Self {
        Self {
            kind: "PartialObjectMetadata",
            version: "meta.k8s.io/v1",
            metadata,
        }
    }
}

/// An annotation that is a field in the form from which the server makes tables.
const FIELD: &str = "deprecated.daemonset.template.generation";

/// Whether the row of an object has its metadata as they are kept.
#[must_use]
pub fn repeats_metadata(object: &Value) -> bool {
    object["metadata"]["annotations"].get(FIELD).is_none()
}

/// The metadata of a row.
fn metadata(object: &Value) -> Cow<'_, Value> {
    let metadata = &object["metadata"];
    if repeats_metadata(object) {
        return Cow::Borrowed(metadata);
    }
    let mut metadata = metadata.clone();
    if let Some(map) = metadata.as_object_mut() {
        let annotations = map.get_mut("annotations").and_then(Value::as_object_mut);
        if annotations.is_some_and(|a| a.remove(FIELD).is_some() && a.is_empty()) {
            map.remove("annotations");
        }
    }
    Cow::Owned(metadata)
}

/// The cells of an object's row.
fn cells(resource: &Resource, object: &Value, now: Timestamp) -> Vec<Value> {
    let columns = resource.columns.iter();
    columns.map(|c| cell(resource, c, object, now)).collect()
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
