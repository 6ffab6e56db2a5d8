//! Answers: objects, lists, refusals; whole, as metadata alone, or as tables.

use std::{convert::Infallible, sync::Arc};

use http::{Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, combinators::UnsyncBoxBody};
use hyper::body::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::sandbox::{registry::Resource, status::Refusal, tables};

/// A body that is whole, or that goes on.
pub(super) type Body = UnsyncBoxBody<Bytes, Infallible>;

const JSON: &str = "application/json";

/// The form in which a client takes objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// As they are.
    Whole,
    /// Their metadata alone.
    Metadata,
    /// Rows for people.
    Table,
}

impl Form {
    /// By a request's `Accept`: the first form that it names and that is known.
    pub(super) fn of(accept: &str) -> Self {
        for part in accept.split(',') {
            if part.contains("as=Table") {
                return Self::Table;
            }
            if part.contains("as=PartialObjectMetadata") {
                return Self::Metadata;
            }
            if part.trim().starts_with(JSON) || part.contains("*/*") {
                return Self::Whole;
            }
        }
        Self::Whole
    }

    /// One object.
    pub(super) fn object(
        self,
        resource: &Resource,
        code: StatusCode,
        object: &Value,
        now: Timestamp,
    ) -> Response<Body> {
        match self {
            Self::Whole => json(code, object),
            Self::Metadata => json(code, &metadata(object)),
            Self::Table => {
                let mut table = tables::table(resource, [object], now);
                let version = &object["metadata"]["resourceVersion"];
                if version.is_string() {
                    table["metadata"]["resourceVersion"] = version.clone();
                }
                json(code, &table)
            }
        }
    }

    /// A list; `whole` is it as it is.
    pub(super) fn list(
        self,
        resource: &Resource,
        items: &[Arc<Value>],
        mut whole: Value,
        now: Timestamp,
    ) -> Response<Body> {
        match self {
            Self::Whole => {}
            Self::Metadata => {
                whole["apiVersion"] = json!("meta.k8s.io/v1");
                whole["kind"] = json!("PartialObjectMetadataList");
                whole["items"] = items.iter().map(|o| metadata(o)).collect();
            }
            Self::Table => {
                let mut table = tables::table(resource, items.iter().map(|o| &**o), now);
                table["metadata"] = whole["metadata"].take();
                whole = table;
            }
        }
        json(StatusCode::OK, &whole)
    }
}

fn metadata(object: &Value) -> Value {
    json!({
        "apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": object["metadata"],
    })
}

/// A list of objects. Those of built-in kinds don't repeat their kind.
pub(super) fn list(resource: &Resource, items: &[Arc<Value>], version: u64) -> Value {
    let item = |object: &Arc<Value>| {
        let mut object = resource.shown(object).into_owned();
        if let Some(map) = object.as_object_mut().filter(|_| !resource.custom) {
            map.remove("apiVersion");
            map.remove("kind");
        }
        object
    };
    json!({
        "apiVersion": resource.api_version(), "kind": format!("{}List", resource.kind),
        "metadata": {"resourceVersion": version.to_string()},
        "items": items.iter().map(item).collect::<Vec<_>>(),
    })
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
    body(code, kind, value.to_string())
}

/// A refusal.
pub(super) fn refusal(refusal: &Refusal) -> Response<Body> {
    json(refusal.code, &refusal.to_value())
}

/// Text.
pub(super) fn text(code: StatusCode, text: &str) -> Response<Body> {
    body(code, "text/plain; charset=utf-8", text.to_owned())
}

fn body(code: StatusCode, kind: &str, text: String) -> Response<Body> {
    let mut answer = Response::new(Full::new(Bytes::from(text)).boxed_unsync());
    *answer.status_mut() = code;
    if let Ok(kind) = kind.parse() {
        answer.headers_mut().insert(header::CONTENT_TYPE, kind);
    }
    answer
}
