//! Tags and images of image streams, as objects of their own.

use http::{Response, StatusCode};
use serde_json::{Value, json};

use super::{made_list, resource, success, theirs};
use crate::sandbox::{
    openshift::{images, stream},
    serve::{On, media, request::Verb, respond::Body},
    status::{About, Refusal},
    verbs::{name, patch, read::Wanted},
};

/// A request for tags.
pub(super) fn tag(on: &On<'_>, verb: Verb) -> Result<Response<Body>, Refusal> {
    match verb {
        Verb::List => list(on),
        Verb::Get => {
            let (of, tag) = split(on.name())?;
            let found = images::find(on.api, on.namespace().unwrap_or_default(), of);
            let found = found.and_then(|s| images::stream_tag(on.api, &s, tag));
            let found = found.ok_or_else(|| missing(on))?;
            Ok(on.object(StatusCode::OK, &found, &[]))
        }
        Verb::Create => {
            let body = on.body()?;
            write(on, name(&body), &body, StatusCode::CREATED)
        }
        Verb::Update => write(on, on.name(), &on.body()?, StatusCode::OK),
        Verb::Patch => {
            let (of, tag) = split(on.name())?;
            let found = images::find(on.api, on.namespace().unwrap_or_default(), of);
            let found = found.and_then(|s| images::stream_tag(on.api, &s, tag));
            let mut found = found.ok_or_else(|| missing(on))?;
            let kind = patch::Kind::of(on.asked.header(http::header::CONTENT_TYPE))?;
            patch::changed(&mut found, kind, &media::patch(on.asked)?, on.resource)?;
            write(on, on.name(), &found, StatusCode::OK)
        }
        Verb::Delete => delete(on),
        Verb::Watch | Verb::DeleteCollection => Err(Refusal::method_not_allowed()),
    }
}

fn missing(on: &On<'_>) -> Refusal {
    Refusal::not_found(on.resource.about(), on.name())
}

fn split(name: &str) -> Result<(&str, &str), Refusal> {
    let parts = name
        .split_once(':')
        .filter(|(s, t)| !s.is_empty() && !t.is_empty());
    parts.ok_or_else(|| Refusal::bad_request("ImageStreamTags must be retrieved with <name>:<tag>"))
}

fn list(on: &On<'_>) -> Result<Response<Body>, Refusal> {
    let streams = resource(on, "image.openshift.io", "imagestreams")?;
    let selector = on.selector()?;
    let page = on.api.list(&streams, on.namespace(), &Wanted::default())?;
    let mut found = Vec::new();
    for stream in &page.items {
        let tags = stream["status"]["tags"].as_array().into_iter().flatten();
        for tag in tags.filter_map(|t| t["tag"].as_str()) {
            found.extend(images::stream_tag(on.api, stream, tag));
        }
    }
    found.retain(|tag| selector.matches(tag));
    Ok(made_list(on, found))
}

/// Makes a tag what it is to be, in the stream that it belongs to, which is made for it.
fn write(
    on: &On<'_>,
    full: &str,
    body: &Value,
    code: StatusCode,
) -> Result<Response<Body>, Refusal> {
    let (of, tag) = split(full)?;
    let namespace = on.namespace().unwrap_or_default();
    let streams = resource(on, "image.openshift.io", "imagestreams")?;
    let how = theirs(on);
    let mut spec = body["tag"].clone();
    if !spec.is_object() {
        spec = json!({});
    }
    spec["name"] = json!(tag);
    let found = images::find(on.api, namespace, of);
    let stream = match found {
        Some(mut stream) => {
            let taken = stream["spec"]["tags"].as_array();
            let taken = taken.is_some_and(|all| all.iter().any(|t| t["name"] == tag));
            if code == StatusCode::CREATED && (taken || stream::latest(&stream, tag).is_some()) {
                return Err(Refusal::already_exists(on.resource.about(), full));
            }
            if stream["spec"]["tags"].is_null() {
                stream["spec"]["tags"] = json!([]);
            }
            if let Some(tags) = stream["spec"]["tags"].as_array_mut() {
                tags.retain(|t| t["name"] != tag);
                tags.push(spec);
            }
            on.api.update(&streams, Some(namespace), of, stream, &how)?
        }
        None => {
            let stream = json!({"metadata": {"name": of}, "spec": {"tags": [spec]}});
            on.api.create(&streams, Some(namespace), stream, &how)?
        }
    };
    let mut stream = (*stream.object).clone();
    if !how.dry_run && images::settle(on.api, &mut stream) {
        stream = images::write_status(on.api, &stream, &how)?;
    }
    let shown = images::stream_tag(on.api, &stream, tag).unwrap_or_else(|| empty(&stream, tag));
    Ok(on.object(code, &shown, &[]))
}

/// A tag for which there is no image yet.
fn empty(stream: &Value, tag: &str) -> Value {
    let metadata = &stream["metadata"];
    let spec = stream["spec"]["tags"].as_array();
    let spec = spec.and_then(|all| all.iter().find(|t| t["name"] == tag));
    json!({
        "kind": "ImageStreamTag", "apiVersion": "image.openshift.io/v1",
        "metadata": {
            "name": format!("{}:{tag}", name(stream)), "namespace": metadata["namespace"], "uid": metadata["uid"],
            "resourceVersion": metadata["resourceVersion"], "creationTimestamp": metadata["creationTimestamp"],
        },
        "tag": spec, "generation": spec.map(|s| &s["generation"]), "lookupPolicy": stream["spec"]["lookupPolicy"],
        "image": {"metadata": {"creationTimestamp": null}, "dockerImageMetadata": null},
    })
}

fn delete(on: &On<'_>) -> Result<Response<Body>, Refusal> {
    let (of, tag) = split(on.name())?;
    let namespace = on.namespace().unwrap_or_default();
    let mut stream = images::find(on.api, namespace, of).ok_or_else(|| missing(on))?;
    let mut was = false;
    for (pointer, key) in [("/spec/tags", "name"), ("/status/tags", "tag")] {
        if let Some(tags) = stream.pointer_mut(pointer).and_then(Value::as_array_mut) {
            let before = tags.len();
            tags.retain(|t| t[key] != tag);
            was |= tags.len() < before;
        }
    }
    if !was {
        return Err(missing(on));
    }
    let streams = resource(on, "image.openshift.io", "imagestreams")?;
    let how = theirs(on);
    let status = stream["status"].clone();
    let written = on.api.update(&streams, Some(namespace), of, stream, &how)?;
    let mut stream = (*written.object).clone();
    stream["status"] = status;
    images::write_status(on.api, &stream, &how)?;
    Ok(success(StatusCode::OK))
}

/// One image of a stream: `NAME@sha256:…`, of which the beginning is enough.
pub(super) fn image(on: &On<'_>) -> Result<Response<Body>, Refusal> {
    let parts = on.name().split_once('@').filter(|(_, id)| !id.is_empty());
    let Some((of, id)) = parts else {
        let why = "ImageStreamImages must be retrieved with <name>@<id>";
        return Err(Refusal::bad_request(why));
    };
    let namespace = on.namespace().unwrap_or_default();
    let stream = images::find(on.api, namespace, of).ok_or_else(|| {
        let about = About {
            group: "image.openshift.io",
            resource: "imagestreams",
        };
        Refusal::not_found(about, of)
    })?;
    let tags = stream["status"]["tags"].as_array().into_iter().flatten();
    let items = tags.flat_map(|t| t["items"].as_array().into_iter().flatten());
    let mut named = items.filter_map(|i| i["image"].as_str());
    let full = named
        .find(|image| image.starts_with(id))
        .ok_or_else(|| missing(on))?;
    let mut image = images::image(on.api, full).ok_or_else(|| missing(on))?;
    images::bare(&mut image);
    let found = json!({
        "kind": "ImageStreamImage", "apiVersion": "image.openshift.io/v1",
        "metadata": {
            "name": on.name(), "namespace": namespace,
            "creationTimestamp": image["metadata"]["creationTimestamp"],
        },
        "image": image,
    });
    Ok(on.object(StatusCode::OK, &found, &[]))
}
