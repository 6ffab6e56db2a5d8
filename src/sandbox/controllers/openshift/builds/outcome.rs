//! What comes of a Build: the image, or what is wrong.
//! <https://github.com/openshift/api/blob/master/build/v1/consts.go>

use serde_json::{Value, json};

use super::super::text;
use crate::sandbox::{
    openshift::{
        build, build_log,
        image::{REGISTRY, Reference, digest},
        images, import,
    },
    verbs::Api,
};

/// Where sources can be fetched from.
const HOSTS: [&str; 5] = [
    "github.com",
    "gitlab.com",
    "bitbucket.org",
    "codeberg.org",
    "example.test",
];
/// The ref of a source that can't be assembled.
const BROKEN: &str = "broken";

/// Why a Build does not go on.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Problem {
    /// In one word.
    pub(super) reason: &'static str,
    /// In words.
    pub(super) message: String,
}

impl Problem {
    pub(super) fn new(reason: &'static str, message: &str) -> Self {
        Self {
            reason,
            message: message.to_owned(),
        }
    }
}

/// What keeps a Build from beginning.
pub(super) fn before(api: &Api, build: &Value) -> Option<Problem> {
    let own = text(build, "/metadata/namespace");
    let stream_of = |reference: &Value| {
        let namespace = match text(reference, "/namespace") {
            "" => own,
            given => given,
        };
        let stream = text(reference, "/name")
            .split(':')
            .next()
            .unwrap_or_default();
        images::find(api, namespace, stream)
    };
    let to = &build["spec"]["output"]["to"];
    if to["kind"] == "ImageStreamTag" && stream_of(to).is_none() {
        let message = "Output image could not be resolved.";
        return Some(Problem::new("InvalidOutputReference", message));
    }
    let from = build::strategy(build).map_or(&Value::Null, |s| &s["from"]);
    // What a configuration refers to was looked up when the Build was made of it.
    (from["kind"] == "ImageStreamTag").then(|| {
        let message = "Referenced image could not be resolved.";
        Problem::new("InvalidImageReference", message)
    })
}

/// What goes wrong in a stage.
pub(super) fn at_stage(api: &Api, build: &Value, stage: &str) -> Option<Problem> {
    let source = &build["spec"]["source"];
    let uri = text(source, "/git/uri");
    match stage {
        "FetchInputs" if !uri.is_empty() && !is_fetchable(uri) => {
            let message = "Failed to fetch the input source.";
            Some(Problem::new("FetchSourceFailed", message))
        }
        "PullImages" => {
            let from = build::strategy(build).map_or("", |s| text(s, "/from/name"));
            (!from.is_empty() && !is_pullable(api, from))
                .then(|| Problem::new("PullBuilderImageFailed", "Failed pulling builder image."))
        }
        "Build" if text(source, "/git/ref") == BROKEN => {
            let message = "Generic Build failure - check logs for details.";
            Some(Problem::new("GenericBuildFailed", message))
        }
        _ => None,
    }
}

/// Whether a repository is where one could be.
fn is_fetchable(uri: &str) -> bool {
    let host = build_log::host(uri);
    let path = uri.split_once(host).map_or("", |(_, rest)| rest);
    let depth = path
        .split(['/', ':'])
        .filter(|part| !part.is_empty())
        .count();
    HOSTS.contains(&host) && depth >= 1
}

fn is_pullable(api: &Api, from: &str) -> bool {
    match Reference::parse(from) {
        Some(reference) if reference.registry == REGISTRY => {
            images::image(api, &reference.digest).is_some()
        }
        _ => import::look_up(from).is_ok(),
    }
}

/// Where the image is pushed.
pub(super) fn reference(build: &Value) -> Value {
    let to = &build["spec"]["output"]["to"];
    match to["kind"].as_str() {
        Some("ImageStreamTag") => {
            let namespace = match text(to, "/namespace") {
                "" => text(build, "/metadata/namespace"),
                given => given,
            };
            json!(format!("{REGISTRY}/{namespace}/{}", text(to, "/name")))
        }
        Some(_) => to["name"].clone(),
        None => Value::Null,
    }
}

/// The image of a Build, which is another one each time.
pub(super) fn image(api: &Api, build: &Value) -> Value {
    let id = digest(&format!("image of {}", text(build, "/metadata/uid")));
    let to = reference(build);
    let name = to
        .as_str()
        .and_then(|t| t.rsplit_once(':'))
        .map_or("", |(name, _)| name);
    let from = build::strategy(build).map_or("", |s| text(s, "/from/name"));
    let git = &build["spec"]["source"]["git"];
    let labels = json!({
        "io.openshift.build.image": from, "io.openshift.build.name": build["metadata"]["name"],
        "io.openshift.build.namespace": build["metadata"]["namespace"],
        "io.openshift.build.source-location": git["uri"].as_str().unwrap_or_default(),
    });
    json!({
        "apiVersion": "image.openshift.io/v1", "kind": "Image", "metadata": {
            "name": id, "annotations": {"image.openshift.io/dockerLayersOrder": "ascending"},
        },
        "dockerImageReference": format!("{name}@{id}"), "dockerImageMetadataVersion": "1.0",
        "dockerImageManifestMediaType": "application/vnd.oci.image.manifest.v1+json",
        "dockerImageMetadata": {
            "kind": "DockerImage", "apiVersion": "1.0", "Id": digest(&format!("config of {id}")),
            "Created": api.clock.stamp(), "Architecture": "amd64",
            "Config": {"User": "1001", "ExposedPorts": {"8080/tcp": {}}, "Labels": labels},
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_where_sources_are() {
        for right in [
            "https://github.com/sclorg/django-ex.git",
            "git@gitlab.com:a/b.git",
            "ssh://git@codeberg.org/a/b",
        ] {
            assert!(is_fetchable(right), "{right}");
        }
        for wrong in [
            "https://github.com",
            "https://git.invalid/a/b.git",
            "https://githb.com/a/b",
            "",
        ] {
            assert!(!is_fetchable(wrong), "{wrong}");
        }
    }
}
