//! `ImageStreams`: names for images in a project, which move from image to image.
//! <https://github.com/openshift/openshift-apiserver/tree/main/pkg/image/apiserver/registry/imagestream>

use serde_json::{Value, json};

use super::{
    given,
    image::{REGISTRY, Reference},
    list, text,
};
use crate::sandbox::{
    admission::{Operation, Request},
    authz::{self, Attributes},
    status::{Cause, Refusal},
    store::State,
    verbs::name,
};

/// When images were last asked for from outside, as an annotation.
pub const CHECKED: &str = "openshift.io/image.dockerRepositoryCheck";

/// Keeps images of other projects from those who may not pull them.
pub(super) fn admit(state: &State, request: &Request<'_>, stream: &Value) -> Result<(), Refusal> {
    if request.operation == Operation::Delete {
        return Ok(());
    }
    let own = request.namespace.unwrap_or_default();
    let before = request.before.map_or(&[][..], |b| list(b, "/spec/tags"));
    let mut causes = Vec::new();
    for tag in list(stream, "/spec/tags") {
        let other = text(tag, "/from/namespace");
        let named = text(tag, "/from/name");
        let of = named.split(['@', ':']).next().unwrap_or_default();
        let known = before
            .iter()
            .any(|b| b["name"] == tag["name"] && b["from"] == tag["from"]);
        if known || other.is_empty() || other == own {
            continue;
        }
        let wanted = Attributes {
            verb: "get".to_owned(),
            group: "image.openshift.io".to_owned(),
            resource: "imagestreams".to_owned(),
            subresource: "layers".to_owned(),
            namespace: other.to_owned(),
            name: of.to_owned(),
            path: None,
        };
        if !authz::decide_in(state, request.user, &wanted).allowed {
            let field = format!("spec.tags[{}].from", text(tag, "/name"));
            causes.push(Cause::forbidden(field, &format!("{other}/{of}")));
        }
    }
    if causes.is_empty() {
        return Ok(());
    }
    let about = request.resource.about_kind();
    Err(Refusal::invalid(about, name(stream), causes))
}

/// A changed tag counts up its generation.
pub(super) fn prepare_update(live: &Value, stream: &mut Value) {
    let next = live["metadata"]["generation"].as_i64().unwrap_or_default() + 1;
    for tag in stream
        .pointer_mut("/spec/tags")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        let again = tag["generation"].is_null();
        default_tag(tag, next);
        let bare = |t: &Value| {
            let mut out = t.clone();
            out["generation"] = Value::Null;
            out
        };
        let before = list(live, "/spec/tags")
            .iter()
            .find(|t| t["name"] == tag["name"]);
        tag["generation"] = match before {
            // A tag without a generation is imported once more.
            Some(before) if !again && bare(before) == bare(tag) => {
                let (old, new) = (&before["generation"], &tag["generation"]);
                if new.as_i64() > old.as_i64() {
                    new.clone()
                } else {
                    old.clone()
                }
            }
            _ => json!(next),
        };
    }
}

pub(super) fn default(stream: &mut Value) {
    let generation = stream["metadata"]["generation"].as_i64().unwrap_or(1);
    given(
        &mut stream["spec"],
        &json!({"lookupPolicy": {"local": false}}),
    );
    for tag in stream
        .pointer_mut("/spec/tags")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        default_tag(tag, generation);
    }
    let repository = repository(stream);
    given(&mut stream["status"], &json!({}));
    stream["status"]["dockerImageRepository"] = json!(repository);
    for tag in stream
        .pointer_mut("/status/tags")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        if let Some(map) = tag.as_object_mut() {
            map.entry("items").or_insert(Value::Null);
        }
    }
}

/// Fills in a tag of a stream's specification.
pub fn default_tag(tag: &mut Value, generation: i64) {
    given(
        tag,
        &json!({
            "generation": generation, "importPolicy": {"importMode": "Legacy"},
            "referencePolicy": {"type": "Source"},
        }),
    );
    if let Some(map) = tag.as_object_mut() {
        map.entry("annotations").or_insert(Value::Null);
    }
}

/// Where the cluster's registry keeps the images of a stream.
#[must_use]
pub fn repository(stream: &Value) -> String {
    let metadata = &stream["metadata"];
    format!(
        "{REGISTRY}/{}/{}",
        text(metadata, "/namespace"),
        text(metadata, "/name")
    )
}

/// What is wrong with a stream.
pub(super) fn validate(stream: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    for tag in list(stream, "/spec/tags") {
        let from = &tag["from"];
        if from.is_null() {
            continue;
        }
        let field = format!("spec.tags[{}].from", text(tag, "/name"));
        let name = &from["name"];
        let given = name.as_str().unwrap_or_default();
        match from["kind"].as_str() {
            Some("DockerImage") => {
                if Reference::parse(given).is_none() {
                    let why = "invalid reference format";
                    causes.push(Cause::invalid(format!("{field}.name"), name, why));
                }
            }
            Some("ImageStreamTag" | "ImageStreamImage") => {}
            _ => {
                // The server resolves the name first, and says of that what its own checks say.
                let stream = text(stream, "/metadata/name");
                causes.push(Cause {
                    reason: "InternalError",
                    message: format!(
                        "Internal error: imagestreams \"{stream}\" is invalid: {field}.name: Invalid value: {name}: must be of the form <tag>, <repo>:<tag>, <id>, or <repo>@<id>"
                    ),
                    field: "[]".to_owned(),
                });
                let why = "valid values are 'DockerImage', 'ImageStreamImage', 'ImageStreamTag'";
                causes.push(Cause::required(format!("{field}.kind"), why));
            }
        }
    }
    causes
}

/// The newest image of a tag, as the stream's status has it.
#[must_use]
pub fn latest<'a>(stream: &'a Value, tag: &str) -> Option<&'a Value> {
    let found = list(stream, "/status/tags")
        .iter()
        .find(|t| t["tag"] == tag);
    list(found?, "/items").first()
}

/// What the image of a tag is pulled by: from where it came, or from the cluster's own registry where the tag says so.
#[must_use]
pub fn pull_spec(stream: &Value, tag: &str) -> Option<String> {
    let event = latest(stream, tag)?;
    let spec = list(stream, "/spec/tags").iter().find(|t| t["name"] == tag);
    let is_local = spec.is_some_and(|t| t["referencePolicy"]["type"] == "Local");
    Some(if is_local {
        format!("{}@{}", repository(stream), text(event, "/image"))
    } else {
        text(event, "/dockerImageReference").to_owned()
    })
}

/// The tags of a stream's status, to change.
fn tags_of(stream: &mut Value) -> Option<&mut Vec<Value>> {
    if stream["status"]["tags"].is_null() {
        stream["status"]["tags"] = json!([]);
    }
    stream.pointer_mut("/status/tags")?.as_array_mut()
}

/// Notes what is wrong with a tag.
#[allow(clippy::needless_pass_by_value)] // It is kept.
pub fn note(stream: &mut Value, tag: &str, condition: Value) {
    let Some(tags) = tags_of(stream) else {
        return;
    };
    match tags.iter_mut().find(|t| t["tag"] == tag) {
        Some(found) => found["conditions"] = json!([condition]),
        None => tags.push(json!({"tag": tag, "items": null, "conditions": [condition]})),
    }
}

/// Puts an image on a tag of a stream's status; false where it is there already.
pub fn put(stream: &mut Value, tag: &str, event: Value) -> bool {
    let newest = latest(stream, tag);
    let is_same = |newest: &Value| {
        ["image", "dockerImageReference"]
            .iter()
            .all(|f| newest[*f] == event[*f])
    };
    let is_there = newest.is_some_and(is_same);
    let newer = newest.is_some_and(|n| n["generation"].as_i64() < event["generation"].as_i64());
    if is_there && !newer {
        return false;
    }
    let Some(tags) = tags_of(stream) else {
        return false;
    };
    let at = tags.iter().position(|t| t["tag"] == tag);
    let at = at.unwrap_or_else(|| {
        tags.push(json!({"tag": tag, "items": []}));
        tags.len() - 1
    });
    if let Some(map) = tags[at].as_object_mut() {
        map.remove("conditions");
    }
    if tags[at]["items"].is_null() {
        tags[at]["items"] = json!([]);
    }
    if let Some(items) = tags[at]["items"].as_array_mut() {
        if is_there {
            items[0]["generation"] = event["generation"].clone();
        } else {
            items.insert(0, event);
        }
    }
    true
}

/// Brings the status of tags that follow other tags to what these are; `find` gives streams of other names or namespaces.
/// Whether anything changed.
pub fn follow(stream: &mut Value, now: &str, find: &dyn Fn(&str, &str) -> Option<Value>) -> bool {
    let own = (
        text(stream, "/metadata/namespace").to_owned(),
        text(stream, "/metadata/name").to_owned(),
    );
    let mut changed = false;
    for tag in list(stream, "/spec/tags").to_vec() {
        let from = &tag["from"];
        let name = text(from, "/name");
        let namespace = match text(from, "/namespace") {
            "" => own.0.as_str(),
            given => given,
        };
        let event = match from["kind"].as_str() {
            Some("ImageStreamTag") => {
                let (of, followed) = name.split_once(':').unwrap_or((own.1.as_str(), name));
                let other;
                let source = if (namespace, of) == (own.0.as_str(), own.1.as_str()) {
                    &*stream
                } else {
                    let Some(found) = find(namespace, of) else {
                        continue;
                    };
                    other = found;
                    &other
                };
                latest(source, followed).cloned()
            }
            Some("ImageStreamImage") => {
                let (of, image) = name.split_once('@').unwrap_or((own.1.as_str(), name));
                let source = find(namespace, of).unwrap_or(Value::Null);
                let mut items = list(&source, "/status/tags")
                    .iter()
                    .flat_map(|t| list(t, "/items"));
                items
                    .find(|i| text(i, "/image").starts_with(image))
                    .cloned()
            }
            _ => None,
        };
        let Some(mut event) = event else { continue };
        event["created"] = json!(now);
        event["generation"] = tag["generation"].clone();
        changed |= put(stream, text(&tag, "/name"), event);
    }
    changed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(image: &str) -> Value {
        json!({"image": image, "dockerImageReference": format!("r/{image}"), "generation": 1})
    }

    #[test]
    fn a_tag_remembers_what_it_stood_for() {
        let mut stream = json!({"metadata": {"name": "a", "namespace": "n"}});
        assert!(put(&mut stream, "latest", event("one")));
        assert!(put(&mut stream, "latest", event("two")));
        assert!(!put(&mut stream, "latest", event("two")));
        assert_eq!(latest(&stream, "latest").unwrap()["image"], "two");
        assert_eq!(list(&stream, "/status/tags/0/items").len(), 2);
    }

    #[test]
    fn a_tag_follows_another() {
        let mut stream = json!({
            "metadata": {"name": "a", "namespace": "n"},
            "spec": {"tags": [{"name": "v1", "generation": 2, "from": {"kind": "ImageStreamTag", "name": "latest"}}]},
        });
        put(&mut stream, "latest", event("one"));
        assert!(follow(&mut stream, "now", &|_, _| None));
        assert_eq!(latest(&stream, "v1").unwrap()["image"], "one");
        assert!(!follow(&mut stream, "later", &|_, _| None));
    }
}
