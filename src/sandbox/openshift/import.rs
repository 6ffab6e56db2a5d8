//! Images from outside: what a registry would say of them.
//! <https://github.com/openshift/openshift-apiserver/tree/main/pkg/image/apiserver/importer>

use serde_json::{Value, json};

use super::image::{Reference, digest};
use crate::sandbox::programs::{
    reference::Reference as FullName,
    table::{self, Image},
};

/// The registries that can be reached.
const REACHABLE: [&str; 9] = [
    "docker.io",
    "gcr.io",
    "ghcr.io",
    "mcr.microsoft.com",
    "public.ecr.aws",
    "quay.io",
    "registry.access.redhat.com",
    "registry.k8s.io",
    "registry.redhat.io",
];

/// Looks an image up, as the registry that it names; why where there is none.
pub fn look_up(name: &str) -> Result<Value, String> {
    let Some(reference) = Reference::parse(name) else {
        return Err(format!("{name}: invalid reference format"));
    };
    let registry = match reference.registry.as_str() {
        "" => "docker.io",
        given => given,
    };
    if !REACHABLE.contains(&registry) {
        return Err(format!(
            "{name}: Get \"https://{registry}/v2/\": {}",
            unreachable(registry)
        ));
    }
    // Of repositories whose images can be run, there are these tags; of others, any.
    if let Ok(full) = FullName::parse(name)
        && let Some(why) = refused(&full)
    {
        return Err(format!("{name}: {why}"));
    }
    let id = if reference.digest.is_empty() {
        let tag = if reference.tag.is_empty() {
            "latest"
        } else {
            &reference.tag
        };
        digest(&format!("{registry}/{}:{tag}", reference.repository))
    } else {
        reference.digest.clone()
    };
    Ok(json!({
        "apiVersion": "image.openshift.io/v1", "kind": "Image",
        "metadata": {"name": id},
        "dockerImageReference": reference.at(&id),
        "dockerImageMetadata": metadata(&reference, &id),
        "dockerImageMetadataVersion": "1.0",
        "dockerImageManifestMediaType": "application/vnd.docker.distribution.manifest.v2+json",
    }))
}

fn refused(full: &FullName) -> Option<String> {
    match table::find(full) {
        Some(Image { refused, .. }) if !refused.is_empty() => Some(refused.clone()),
        None if table::has_repository(full) => Some("manifest unknown".to_owned()),
        _ => None,
    }
}

fn unreachable(registry: &str) -> String {
    let host = registry.split(':').next().unwrap_or_default();
    match (host, registry.split_once(':')) {
        ("localhost", Some((_, port))) => {
            format!("dial tcp 127.0.0.1:{port}: connect: connection refused")
        }
        ("localhost", None) => "dial tcp 127.0.0.1:443: connect: connection refused".to_owned(),
        _ => format!("dial tcp: lookup {host} on 10.96.0.10:53: no such host"),
    }
}

/// What the image says of itself: enough to see how it is run, and whether it builds others.
fn metadata(reference: &Reference, id: &str) -> Value {
    let builds = [
        "python",
        "nodejs",
        "openjdk",
        "php",
        "ruby",
        "perl",
        "dotnet",
        "go-toolset",
        "s2i",
    ]
    .iter()
    .any(|builder| reference.repository.contains(builder));
    let mut config = json!({"ExposedPorts": {"8080/tcp": {}}, "User": "1001"});
    if builds {
        config["Labels"] = json!({
            "io.openshift.s2i.scripts-url": "image:///usr/libexec/s2i",
            "io.openshift.expose-services": "8080:http",
        });
    }
    json!({
        "kind": "DockerImage", "apiVersion": "1.0", "Id": digest(&format!("config of {id}")),
        "Created": "2025-01-01T00:00:00Z", "Architecture": "amd64", "Config": config,
    })
}

/// The refusal of an import, as the import's status has it.
#[must_use]
pub fn failure(why: &str) -> Value {
    json!({
        "metadata": {}, "status": "Failure", "reason": "InternalError", "code": 500,
        "message": format!("Internal error occurred: {why}"), "details": {"causes": [{"message": why}]},
    })
}

/// What a tag's status says of an import that failed.
#[must_use]
pub fn condition(why: &str, now: &str, generation: &Value) -> Value {
    json!({
        "type": "ImportSuccess", "status": "False", "lastTransitionTime": now, "reason": "InternalError",
        "message": format!("Internal error occurred: {why}"), "generation": generation,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_the_same_by_tag_and_by_digest() {
        let by_tag = look_up("quay.io/a/b:1").unwrap();
        let by_digest = look_up(by_tag["dockerImageReference"].as_str().unwrap()).unwrap();
        assert_eq!(by_tag["metadata"]["name"], by_digest["metadata"]["name"]);
        assert_ne!(
            by_tag["metadata"]["name"],
            look_up("quay.io/a/b:2").unwrap()["metadata"]["name"]
        );
    }

    #[test]
    fn what_can_not_be_reached_is_told() {
        let why = look_up("localhost:1/none:1").unwrap_err();
        assert!(
            why.ends_with("dial tcp 127.0.0.1:1: connect: connection refused"),
            "{why}"
        );
        assert!(
            look_up("registry.invalid/a:1")
                .unwrap_err()
                .ends_with("no such host")
        );
        assert!(look_up("X:::").is_err());
    }
}
