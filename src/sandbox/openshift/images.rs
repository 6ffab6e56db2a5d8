//! What is done to image streams and images by several: the server itself, its controllers, and Builds.

use serde_json::{Value, json};

use super::{import, list, stream, text};
use crate::sandbox::{
    registry::Resource,
    status::Refusal,
    verbs::{Api, How, name, patch},
};

fn resource(api: &Api, plural: &str) -> Result<std::sync::Arc<Resource>, Refusal> {
    let found = api.registry().get("image.openshift.io", "v1", plural);
    found.ok_or_else(Refusal::no_resource)
}

/// A stream; none where there is none.
#[must_use]
pub fn find(api: &Api, namespace: &str, stream: &str) -> Option<Value> {
    let resource = resource(api, "imagestreams").ok()?;
    let found = api.get(&resource, Some(namespace), stream).ok()?;
    Some((*found).clone())
}

/// An image; none where there is none.
#[must_use]
pub fn image(api: &Api, id: &str) -> Option<Value> {
    let resource = resource(api, "images").ok()?;
    let found = api.get(&resource, None, id).ok()?;
    Some((*found).clone())
}

/// Keeps an image; one that is there already stays.
pub fn keep(api: &Api, image: Value, how: &How) -> Result<(), Refusal> {
    match api.create(&*resource(api, "images")?, None, image, how) {
        Err(refusal) if refusal.reason != "AlreadyExists" => Err(refusal),
        _ => Ok(()),
    }
}

/// Writes a stream's status.
pub fn write_status(api: &Api, stream: &Value, how: &How) -> Result<Value, Refusal> {
    let how = How {
        subresource: "status".to_owned(),
        ..how.clone()
    };
    let tags = json!({"status": {"tags": stream["status"]["tags"]}});
    let namespace = stream["metadata"]["namespace"].as_str();
    let patch = (patch::Kind::Merge, &tags);
    let resource = resource(api, "imagestreams")?;
    let written = api.patch(&resource, namespace, name(stream), patch, &how)?;
    Ok((*written.object).clone())
}

/// Puts an image on a tag of a stream; gives the stream as it is then.
pub fn tag(
    api: &Api,
    (namespace, stream): (&str, &str),
    tag: &str,
    image: &Value,
    how: &How,
) -> Result<Value, Refusal> {
    let streams = resource(api, "imagestreams")?;
    let mut found = (*api.get(&streams, Some(namespace), stream)?).clone();
    let of_tag = list(&found, "/spec/tags").iter().find(|t| t["name"] == tag);
    let generation = of_tag.map_or(&found["metadata"]["generation"], |t| &t["generation"]);
    let event = json!({
        "created": api.clock.stamp(), "dockerImageReference": image["dockerImageReference"],
        "image": image["metadata"]["name"], "generation": generation,
    });
    stream::put(&mut found, tag, event);
    settle(api, &mut found);
    write_status(api, &found, how)
}

/// Brings tags that follow others to what these are; whether anything changed.
pub fn settle(api: &Api, found: &mut Value) -> bool {
    let now = api.clock.stamp();
    stream::follow(found, &now, &|namespace, name| find(api, namespace, name))
}

/// Imports the images of these tags into a stream that is there; gives the stream, and for each tag its image or why there is none.
pub fn import(
    api: &Api,
    stream: &Value,
    tags: &[String],
    how: &How,
) -> Result<(Value, Vec<Result<Value, String>>), Refusal> {
    let now = api.clock.stamp();
    let mut outcomes = Vec::new();
    let mut stream = stream.clone();
    for tag in tags {
        let of_tag = list(&stream, "/spec/tags")
            .iter()
            .find(|t| t["name"] == tag.as_str());
        let from = of_tag.map_or("", |t| text(t, "/from/name")).to_owned();
        let generation = of_tag.map_or(json!(1), |t| t["generation"].clone());
        let outcome = import::look_up(&from);
        match &outcome {
            Ok(image) => {
                keep(api, image.clone(), how)?;
                let event = json!({
                    "created": now, "dockerImageReference": image["dockerImageReference"],
                    "image": image["metadata"]["name"], "generation": generation,
                });
                stream::put(&mut stream, tag, event);
            }
            Err(why) => {
                let condition = import::condition(why, &now, &generation);
                stream::note(&mut stream, tag, condition);
            }
        }
        outcomes.push(outcome);
    }
    settle(api, &mut stream);
    let stream = write_status(api, &stream, how)?;
    Ok((stream, outcomes))
}

/// An image stream's tag as an object of its own; none where it stands for nothing.
#[must_use]
pub fn stream_tag(api: &Api, found: &Value, tag: &str) -> Option<Value> {
    let event = stream::latest(found, tag)?;
    let metadata = &found["metadata"];
    let spec = list(found, "/spec/tags").iter().find(|t| t["name"] == tag);
    let mut image = image(api, text(event, "/image"))?;
    image["dockerImageReference"] = json!(stream::pull_spec(found, tag)?);
    bare(&mut image);
    let mut out = json!({
        "kind": "ImageStreamTag", "apiVersion": "image.openshift.io/v1",
        "metadata": {
            "name": format!("{}:{tag}", name(found)), "namespace": metadata["namespace"], "uid": metadata["uid"],
            "resourceVersion": metadata["resourceVersion"], "creationTimestamp": event["created"],
        },
        "tag": spec, "generation": event["generation"], "lookupPolicy": found["spec"]["lookupPolicy"],
        "image": image,
    });
    if let Some(labels) = metadata.get("labels") {
        out["metadata"]["labels"] = labels.clone();
    }
    if let Some(annotations) = spec.map(|s| &s["annotations"]).filter(|a| a.is_object()) {
        out["metadata"]["annotations"] = annotations.clone();
    }
    Some(out)
}

/// An object as it stands within another one.
pub fn bare(object: &mut Value) {
    if let Some(map) = object.as_object_mut() {
        map.remove("apiVersion");
        map.remove("kind");
    }
}
