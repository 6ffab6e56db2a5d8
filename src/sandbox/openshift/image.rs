//! References to images, and what is known of an image.
//! <https://github.com/openshift/library-go/blob/master/pkg/image/reference/reference.go>

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use serde_json::{Value, json};

use super::given;

/// Where the cluster keeps images.
pub const REGISTRY: &str = "image-registry.openshift-image-registry.svc:5000";

/// A reference to an image: `registry/namespace/name:tag`, `…@sha256:…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The registry; empty where it is not named.
    pub registry: String,
    /// The repository in it.
    pub repository: String,
    /// The tag; empty where there is none.
    pub tag: String,
    /// The digest; empty where there is none.
    pub digest: String,
}

impl Reference {
    /// Reads a reference; none for text that is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (rest, digest) = text.split_once('@').unwrap_or((text, ""));
        let slash = rest.rfind('/').map_or(0, |at| at + 1);
        let (rest, tag) = match rest[slash..].find(':') {
            Some(at) => (&rest[..slash + at], &rest[slash + at + 1..]),
            None => (rest, ""),
        };
        let is_registry = |part: &str| part.contains(['.', ':']) || part == "localhost";
        let (registry, repository) = match rest.split_once('/') {
            Some((first, repository)) if is_registry(first) => (first, repository),
            _ => ("", rest),
        };
        let is_part = |part: &str| {
            let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c);
            !part.is_empty() && part.chars().all(inner) && !part.starts_with(['-', '_', '.'])
        };
        let is_tag = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let tag_is_right = tag.chars().all(is_tag)
            && tag.len() <= 128
            && (!tag.is_empty() || !text[slash..].contains(':') || !digest.is_empty());
        let digest_is_right = digest.is_empty() && !text.contains('@')
            || digest
                .strip_prefix("sha256:")
                .is_some_and(|hex| hex.len() == 64 && hex.chars().all(|c| c.is_ascii_hexdigit()));
        (repository.split('/').all(is_part) && tag_is_right && digest_is_right).then(|| Self {
            registry: registry.to_owned(),
            repository: repository.to_owned(),
            tag: tag.to_owned(),
            digest: digest.to_owned(),
        })
    }

    /// The same by digest alone.
    #[must_use]
    pub fn at(&self, digest: &str) -> String {
        let registry = if self.registry.is_empty() {
            "docker.io"
        } else {
            &self.registry
        };
        let library = if registry == "docker.io" && !self.repository.contains('/') {
            "library/"
        } else {
            ""
        };
        format!("{registry}/{library}{}@{digest}", self.repository)
    }
}

/// A digest of some content: always the same for the same. It is made by a plain hash: nobody can check it.
#[must_use]
pub fn digest(content: &str) -> String {
    let part = |seed: u64| {
        let mut hash = DefaultHasher::new();
        (seed, content).hash(&mut hash);
        format!("{:016x}", hash.finish())
    };
    format!("sha256:{}", [0, 1, 2, 3].map(part).concat())
}

/// The metadata of an image, as the server shows it.
pub(super) fn default(image: &mut Value) {
    let metadata = &mut image["dockerImageMetadata"];
    if metadata.is_object() {
        given(metadata, &json!({"ContainerConfig": {}}));
        metadata["apiVersion"] = json!("image.openshift.io/1.0");
        metadata["kind"] = json!("DockerImage");
        if metadata.get("Created").is_none() {
            metadata["Created"] = Value::Null;
        }
    } else if image.is_object() {
        image["dockerImageMetadata"] = Value::Null;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_taken_apart() {
        let of = |text: &str| Reference::parse(text).map(|r| [r.registry, r.repository, r.tag]);
        let right = |a: &str, b: &str, c: &str| Some([a.to_owned(), b.to_owned(), c.to_owned()]);
        assert_eq!(
            of("quay.io/ccnr/web:1.0"),
            right("quay.io", "ccnr/web", "1.0")
        );
        assert_eq!(of("localhost:1/none:1"), right("localhost:1", "none", "1"));
        assert_eq!(of("nginx"), right("", "nginx", ""));
        for wrong in ["X:::", "", " ", "a b", "a:", "a@sha256:1", "web@"] {
            assert_eq!(of(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn digests_have_the_right_form() {
        let digest = digest("a");
        assert_eq!(digest.len(), "sha256:".len() + 64);
        assert!(Reference::parse(&format!("web@{digest}")).is_some());
        assert_ne!(digest, super::digest("b"));
    }
}
