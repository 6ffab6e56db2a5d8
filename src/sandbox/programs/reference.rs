//! Names of images: what is left out, and what is wrong.
//! <https://github.com/distribution/reference/blob/main/normalize.go>

/// An image's name with nothing left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// Registry and path: `docker.io/library/nginx`.
    pub repository: String,
    /// The tag; empty where a digest alone was given.
    pub tag: String,
    /// `sha256:…`; empty where none was given.
    pub digest: String,
}

impl Reference {
    /// Reads a name as it stands in a Pod; says what is wrong otherwise.
    pub fn parse(text: &str) -> Result<Self, String> {
        const WRONG: &str = "invalid reference format";
        let (named, digest) = text.split_once('@').unwrap_or((text, ""));
        let (domain, rest) = match named.split_once('/') {
            Some((first, rest)) if is_domain(first) => (first, rest.to_owned()),
            Some(_) => ("docker.io", named.to_owned()),
            None => ("docker.io", format!("library/{named}")),
        };
        let (path, tag) = rest.split_once(':').unwrap_or((&rest, ""));
        let plain = path
            .strip_prefix("library/")
            .filter(|_| !named.contains('/'));
        if path.to_lowercase() != path {
            let path = plain.unwrap_or(path);
            return Err(format!(
                "{WRONG}: repository name ({path}) must be lowercase"
            ));
        }
        let given = rest.contains(':');
        let bad_digest = text.contains('@') && !is_digest(digest);
        if !path.split('/').all(is_component) || (given && !is_tag(tag)) || bad_digest {
            return Err(WRONG.to_owned());
        }
        let domain = if domain == "index.docker.io" {
            "docker.io"
        } else {
            domain
        };
        Ok(Self {
            repository: format!("{domain}/{path}"),
            tag: if given || !digest.is_empty() {
                tag
            } else {
                "latest"
            }
            .to_owned(),
            digest: digest.to_owned(),
        })
    }

    /// The registry.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.repository.split('/').next().unwrap_or_default()
    }

    /// The path in the registry.
    #[must_use]
    pub fn path(&self) -> &str {
        self.repository.split_once('/').map_or("", |(_, path)| path)
    }

    /// The whole name.
    #[must_use]
    pub fn full(&self) -> String {
        let mut out = self.repository.clone();
        for (mark, part) in [(':', &self.tag), ('@', &self.digest)] {
            if !part.is_empty() {
                out.push(mark);
                out.push_str(part);
            }
        }
        out
    }
}

fn is_domain(text: &str) -> bool {
    text == "localhost" || text.contains(['.', ':']) || text.to_lowercase() != text
}

fn is_component(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c);
    let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    text.chars().all(inner) && ends(text.chars().next()) && ends(text.chars().last())
}

fn is_tag(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let first = text.chars().next();
    first.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_')
        && text.len() <= 128
        && text.chars().all(inner)
}

fn is_digest(text: &str) -> bool {
    let hex = text.strip_prefix("sha256:");
    hex.is_some_and(|h| h.len() == 64 && h.bytes().all(|b| b.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_filled_in() {
        for (given, full) in [
            ("nginx", "docker.io/library/nginx:latest"),
            ("nginx:1.27", "docker.io/library/nginx:1.27"),
            ("bitnami/redis", "docker.io/bitnami/redis:latest"),
            ("quay.io/a/b:c", "quay.io/a/b:c"),
            ("localhost/web:1.0", "localhost/web:1.0"),
            ("host:5000/a", "host:5000/a:latest"),
        ] {
            assert_eq!(Reference::parse(given).unwrap().full(), full, "{given}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_in_the_runtimes_words() {
        let why = |text: &str| Reference::parse(text).unwrap_err();
        let upper = "invalid reference format: repository name (NGINX) must be lowercase";
        assert_eq!(why("Quay.io/NGINX:::1"), upper);
        assert_eq!(why("NGINX"), upper);
        for wrong in ["nginx:", "nginx::1", " ", "a//b", "nginx@sha256:1", ""] {
            assert_eq!(why(wrong), "invalid reference format", "{wrong}");
        }
    }
}
