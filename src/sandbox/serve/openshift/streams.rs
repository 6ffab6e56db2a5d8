//! What is done to image streams: images come in from Builds, and from outside.

use http::{Response, StatusCode};
use serde_json::{Value, json};

use super::{own, resource, success, theirs};
use crate::sandbox::{
    names,
    openshift::{images, import, stream},
    serve::{On, respond::Body},
    status::Refusal,
    verbs::name,
};

/// An image that was pushed into a stream.
pub(super) fn mapping(on: &On<'_>) -> Result<Response<Body>, Refusal> {
    let body = on.body()?;
    let namespace = on.namespace().unwrap_or_default();
    let streams = resource(on, "image.openshift.io", "imagestreams")?;
    on.api.get(&streams, Some(namespace), name(&body))?;
    let (mut image, how) = (body["image"].clone(), own(on));
    image["apiVersion"] = json!("image.openshift.io/v1");
    image["kind"] = json!("Image");
    let tag = match body["tag"].as_str() {
        None | Some("") => "latest",
        Some(tag) => tag,
    };
    if !how.dry_run {
        images::keep(on.api, image.clone(), &how)?;
        images::tag(on.api, (namespace, name(&body)), tag, &image, &how)?;
    }
    Ok(success(StatusCode::CREATED))
}

/// The secrets with which images of a stream can be pulled: none, the sandbox asks for none.
pub(super) fn secrets(on: &On<'_>) -> Result<Response<Body>, Refusal> {
    on.api.get(on.resource, on.namespace(), on.name())?;
    let list = json!({
        "kind": "SecretList", "apiVersion": "image.openshift.io/v1", "metadata": {}, "items": [],
    });
    Ok(on.object(StatusCode::OK, &list, &[]))
}

/// Looks images up outside, and puts them on tags where that is wanted.
pub(super) fn import(on: &On<'_>) -> Result<Response<Body>, Refusal> {
    let mut body = on.body()?;
    let namespace = on.namespace().unwrap_or_default().to_owned();
    let wanted = name(&body).to_owned();
    body["apiVersion"] = json!(on.resource.api_version());
    body["kind"] = json!(on.resource.kind);
    for field in ["uid", "resourceVersion"] {
        if let Some(metadata) = body["metadata"].as_object_mut() {
            metadata.remove(field);
        }
    }
    body["metadata"]["namespace"] = json!(namespace);
    body["metadata"]["uid"] = json!(names::uid());
    body["metadata"]["creationTimestamp"] = json!(on.api.clock.stamp());
    let mut specs = Vec::new();
    for image in body["spec"]["images"].as_array_mut().into_iter().flatten() {
        stream::default_tag(image, 1);
        if let Some(map) = image.as_object_mut() {
            map.remove("generation");
            map.remove("annotations");
        }
        specs.push(image.clone());
    }
    let imports = body["spec"]["import"] == true && !on.how().dry_run;
    let outcomes = if imports {
        let stream = tagged(on, &namespace, &wanted, &specs)?;
        let tags: Vec<String> = specs.iter().map(tag_of).collect();
        let (mut stream, outcomes) = images::import(on.api, &stream, &tags, &own(on))?;
        images::bare(&mut stream);
        body["status"]["import"] = stream;
        outcomes
    } else {
        let name = |spec: &Value| spec["from"]["name"].as_str().unwrap_or_default().to_owned();
        specs
            .iter()
            .map(|spec| import::look_up(&name(spec)))
            .collect()
    };
    let shown = specs
        .iter()
        .zip(outcomes)
        .map(|(spec, outcome)| match outcome {
            Ok(mut image) => {
                images::bare(&mut image);
                let status = json!({"metadata": {}, "status": "Success"});
                json!({"status": status, "image": image, "tag": tag_of(spec)})
            }
            Err(why) => json!({"status": import::failure(&why), "tag": tag_of(spec)}),
        });
    body["status"]["images"] = shown.collect();
    Ok(on.object(StatusCode::CREATED, &body, &[]))
}

/// The tag that an image goes to: the one that is wanted, or its own.
fn tag_of(spec: &Value) -> String {
    let own = || {
        let from = spec["from"]["name"].as_str().unwrap_or_default();
        let reference = crate::sandbox::openshift::image::Reference::parse(from);
        reference.map(|r| r.tag).filter(|t| !t.is_empty())
    };
    let wanted = spec["to"]["name"].as_str().filter(|t| !t.is_empty());
    wanted
        .map(str::to_owned)
        .or_else(own)
        .unwrap_or_else(|| "latest".to_owned())
}

/// The stream, with tags for what is to be imported.
fn tagged(on: &On<'_>, namespace: &str, wanted: &str, specs: &[Value]) -> Result<Value, Refusal> {
    let streams = resource(on, "image.openshift.io", "imagestreams")?;
    let found = images::find(on.api, namespace, wanted);
    let is_new = found.is_none();
    let mut stream = found.unwrap_or_else(|| json!({"metadata": {"name": wanted}, "spec": {}}));
    stream["metadata"]["annotations"][stream::CHECKED] = json!(on.api.clock.stamp());
    if stream["spec"]["tags"].is_null() {
        stream["spec"]["tags"] = json!([]);
    }
    if let Some(tags) = stream["spec"]["tags"].as_array_mut() {
        for spec in specs {
            let tag = tag_of(spec);
            tags.retain(|t| t["name"] != tag.as_str());
            let mut new = json!({"name": tag});
            for field in ["from", "importPolicy", "referencePolicy"] {
                new[field] = spec[field].clone();
            }
            tags.push(new);
        }
    }
    let how = theirs(on);
    let written = if is_new {
        on.api.create(&streams, Some(namespace), stream, &how)?
    } else {
        on.api
            .update(&streams, Some(namespace), wanted, stream, &how)?
    };
    Ok((*written.object).clone())
}
