//! Answers: objects, lists, refusals; whole, as metadata alone, or as tables.

use std::{borrow::Cow, collections::BTreeMap, convert::Infallible, sync::Arc};

use http::{Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::{Bytes, Frame};
use jiff::Timestamp;
use serde::{Serialize, Serializer, ser::SerializeSeq as _};
use serde_json::{Map, Value, json, value::RawValue};

use super::{
    Asked,
    media::{Form, Media, Shape},
};
use crate::sandbox::{
    protobuf,
    registry::Resource,
    status::Refusal,
    store::Held,
    tables::{Shown, Table, repeats_metadata},
};

/// A body that is whole, or that goes on.
pub(super) type Body = UnsyncBoxBody<Bytes, Infallible>;

const JSON: &str = "application/json";

/// The objects of a list: as they are, or as they are kept; the latter are read one after the other.
#[derive(Debug, Clone, Copy)]
pub(super) enum Objects<'a> {
    Values(&'a [Arc<Value>]),
    Held(&'a [Arc<Held>]),
}

impl<'a> Objects<'a> {
    fn len(self) -> usize {
        match self {
            Self::Values(all) => all.len(),
            Self::Held(all) => all.len(),
        }
    }

    /// One of them, as a version shows it.
    fn get(self, at: usize, resource: &Resource) -> Arc<Value> {
        match self {
            Self::Values(all) => resource.seen(Arc::clone(&all[at])),
            Self::Held(all) => resource.seen(all[at].value()),
        }
    }

    /// As rows of a table. Records of who manages which field are not read for them, but repeated.
    fn rows(self, resource: &Resource, form: Form) -> impl Iterator<Item = Shown<'a>> {
        let raw = form.media == Media::Json && !form.pretty && !form.whole_rows;
        (0..self.len()).map(move |at| {
            let light = match self {
                Self::Held(all) if raw => all[at].without_managers(),
                _ => None,
            };
            let as_kept = |o: &Value| is_shown_as_kept(resource, o) && repeats_metadata(o);
            match light {
                Some((object, metadata)) if as_kept(&object) => Shown {
                    object: Cow::Owned(object),
                    metadata: Some(metadata),
                },
                _ => Shown {
                    object: Cow::Owned((*self.get(at, resource)).clone()),
                    metadata: None,
                },
            }
        })
    }

    fn read(self, resource: &Resource) -> impl DoubleEndedIterator<Item = Arc<Value>> {
        (0..self.len()).map(move |at| self.get(at, resource))
    }
}

impl Form {
    /// One object.
    pub(super) fn object(
        self,
        resource: &Resource,
        code: StatusCode,
        object: &Value,
        now: Timestamp,
    ) -> Response<Body> {
        if self.media == Media::Protobuf
            && let Some(bytes) = {
                let (version, kind) = self.kind(resource);
                protobuf::object(&version, &kind, object)
            }
        {
            return self::bytes(code, protobuf::MEDIA_TYPE, bytes);
        }
        match self.shape {
            Shape::Whole => self.written(code, object),
            Shape::Metadata => self.written(code, &metadata(object)),
            Shape::Table => {
                let version = &object["metadata"]["resourceVersion"];
                let metadata = if version.is_string() {
                    json!({ "resourceVersion": version })
                } else {
                    json!({})
                };
                let rows = || std::iter::once(shown(object));
                self.written(code, &self.table(resource, metadata, rows, now))
            }
        }
    }

    /// A list with its metadata.
    pub(super) fn list(
        self,
        resource: &Resource,
        items: Objects<'_>,
        metadata: Value,
        now: Timestamp,
    ) -> Response<Body> {
        let (version, kind) = self.kind(resource);
        let kind = format!("{kind}List");
        if self.media == Media::Protobuf
            && let Some(bytes) = protobuf::list(&version, &kind, &metadata, items.read(resource))
        {
            return self::bytes(StatusCode::OK, protobuf::MEDIA_TYPE, bytes);
        }
        if self.shape == Shape::Table {
            let rows = || items.rows(resource, self);
            let table = self.table(resource, metadata, rows, now);
            return self.written(StatusCode::OK, &table);
        }
        let mut metadata = metadata;
        if resource.custom && metadata["continue"].is_null() {
            metadata["continue"] = json!("");
        }
        let items = Items {
            all: items,
            form: self,
            resource,
        };
        let list = List {
            kind: &kind,
            version: &version,
            metadata: &metadata,
            items,
        };
        self.written(StatusCode::OK, &list)
    }

    /// One event of a watch.
    pub(super) fn event(
        self,
        resource: &Resource,
        change: &str,
        object: &Value,
        now: Timestamp,
    ) -> Bytes {
        let (version, kind) = match object["kind"].as_str() {
            // A word about the watch itself.
            Some("Status") => ("v1".to_owned(), "Status".to_owned()),
            _ => self.kind(resource),
        };
        if self.media == Media::Protobuf
            && let Some(bytes) = protobuf::event(change, &version, &kind, object)
        {
            return bytes.into();
        }
        let shown = match self.shape {
            _ if kind == "Status" => Cow::Borrowed(object),
            Shape::Whole => resource.shown(object),
            Shape::Metadata => Cow::Owned(metadata(object)),
            Shape::Table => {
                let rows = || std::iter::once(shown(object));
                let version = &object["metadata"]["resourceVersion"];
                let table = self.table(resource, json!({"resourceVersion": version}), rows, now);
                Cow::Owned(serde_json::to_value(table).unwrap_or_default())
            }
        };
        let event = Event {
            kind: change,
            object: &shown,
        };
        let mut text = serde_json::to_vec(&event).unwrap_or_default();
        text.push(b'\n');
        text.into()
    }

    fn table<F>(
        self,
        resource: &Resource,
        metadata: Value,
        objects: F,
        now: Timestamp,
    ) -> Table<'_, F> {
        Table {
            resource,
            metadata,
            objects,
            now,
            whole: self.whole_rows,
        }
    }

    /// The version and kind that objects of a resource have in this form.
    fn kind(self, resource: &Resource) -> (String, String) {
        match self.shape {
            Shape::Metadata => (
                "meta.k8s.io/v1".to_owned(),
                "PartialObjectMetadata".to_owned(),
            ),
            _ => (resource.api_version(), resource.kind.clone()),
        }
    }
}

fn metadata(object: &Value) -> Value {
    json!({
        "apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": object["metadata"],
    })
}

/// Adds what a client is warned of.
pub(super) fn warn<'a>(
    answer: &mut Response<Body>,
    warnings: impl IntoIterator<Item = &'a String>,
) {
    for warning in warnings {
        let text = format!("299 - \"{}\"", warning.replace('"', "\\\""));
        if let Ok(value) = text.parse() {
            answer.headers_mut().append(header::WARNING, value);
        }
    }
}

/// A list, whose items are not copied for it.
#[derive(Serialize)]
struct List<'a> {
    kind: &'a str,
    #[serde(rename = "apiVersion")]
    version: &'a str,
    metadata: &'a Value,
    items: Items<'a>,
}

struct Items<'a> {
    all: Objects<'a>,
    form: Form,
    resource: &'a Resource,
}

impl Serialize for Items<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut out = serializer.serialize_seq(Some(self.all.len()))?;
        for at in 0..self.all.len() {
            if let Some(json) = self.as_kept(at) {
                out.serialize_element(&json)?;
                continue;
            }
            let object = self.all.get(at, self.resource);
            match (self.form.shape, &*object) {
                (Shape::Metadata, object) => out.serialize_element(&metadata(object))?,
                // Those of built-in kinds don't repeat their kind.
                (_, Value::Object(map)) if !self.resource.custom => {
                    out.serialize_element(&Bare(map))?;
                }
                (_, object) => out.serialize_element(object)?,
            }
        }
        out.end()
    }
}

impl Items<'_> {
    /// An object of a built-in kind whose JSON is fit to be sent as it is kept.
    fn as_kept(&self, at: usize) -> Option<Kept<'_>> {
        let Objects::Held(all) = self.all else {
            return None;
        };
        let form = self.form;
        let plain = form.shape == Shape::Whole && form.media == Media::Json && !form.pretty;
        if !plain || self.resource.custom {
            return None;
        }
        let fields: BTreeMap<&str, &RawValue> =
            serde_json::from_str(all.get(at)?.json().get()).ok()?;
        let version: &str = serde_json::from_str(fields.get("apiVersion")?.get()).ok()?;
        (version == self.resource.api_version()).then_some(Kept(fields))
    }
}

/// The fields of an object, each as JSON.
struct Kept<'a>(BTreeMap<&'a str, &'a RawValue>);

impl Serialize for Kept<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().filter(|(key, _)| !names_kind(key)))
    }
}

/// An object without its kind.
struct Bare<'a>(&'a Map<String, Value>);

impl Serialize for Bare<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().filter(|(key, _)| !names_kind(key)))
    }
}

/// Whether a version of a resource shows an object as it is kept.
fn is_shown_as_kept(resource: &Resource, object: &Value) -> bool {
    matches!(resource.shown(object), Cow::Borrowed(_))
}

/// An object as the row of a table.
fn shown(object: &Value) -> Shown<'_> {
    Shown {
        object: Cow::Borrowed(object),
        metadata: None,
    }
}

fn names_kind(field: &str) -> bool {
    matches!(field, "apiVersion" | "kind")
}

#[derive(Serialize)]
struct Event<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    object: &'a Value,
}

/// What is said of an object that is gone.
pub(super) fn deleted(resource: &Resource, object: &Value) -> Value {
    let mut details = json!({
        "name": object["metadata"]["name"], "kind": resource.plural, "uid": object["metadata"]["uid"],
    });
    if !resource.group.is_empty() {
        details["group"] = json!(resource.group);
    }
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details})
}

/// JSON.
pub(super) fn json(code: StatusCode, value: &Value) -> Response<Body> {
    json_as(code, value, JSON)
}

/// JSON under a more exact name.
pub(super) fn json_as(code: StatusCode, value: &Value, kind: &str) -> Response<Body> {
    bytes(code, kind, value.to_string())
}

/// Text.
pub(super) fn text(code: StatusCode, text: &str) -> Response<Body> {
    bytes(code, "text/plain; charset=utf-8", text.to_owned())
}

/// Text that goes on as long as somebody sends more.
pub(super) fn growing(lines: tokio::sync::mpsc::Receiver<String>) -> Response<Body> {
    let lines = futures::stream::unfold(lines, |mut lines| async move {
        let bytes = Bytes::from(lines.recv().await?);
        Some((Ok::<_, Infallible>(Frame::data(bytes)), lines))
    });
    let mut answer = Response::new(StreamBody::new(lines).boxed_unsync());
    let kind = header::HeaderValue::from_static("text/plain; charset=utf-8");
    answer.headers_mut().insert(header::CONTENT_TYPE, kind);
    answer
}

/// Bytes of a media type.
pub(super) fn bytes(code: StatusCode, kind: &str, bytes: impl Into<Bytes>) -> Response<Body> {
    let mut answer = Response::new(Full::new(bytes.into()).boxed_unsync());
    *answer.status_mut() = code;
    if let Ok(kind) = kind.parse() {
        answer.headers_mut().insert(header::CONTENT_TYPE, kind);
    }
    answer
}

/// A refusal, in the form that a request takes.
pub(super) fn refusal(asked: &Asked, refusal: &Refusal) -> Response<Body> {
    let mut answer = Form::of_words(asked).value(refusal.code, &refusal.to_value());
    if let Some(seconds) = refusal.retry_after() {
        answer
            .headers_mut()
            .insert(header::RETRY_AFTER, seconds.into());
    }
    answer
}
