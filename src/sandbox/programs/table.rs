//! The images that can be pulled, and what runs in them: `images.yaml`.

use std::{collections::BTreeMap, sync::LazyLock, time::Duration};

use serde::Deserialize;

use super::reference::Reference;

static IMAGES: LazyLock<Vec<Image>> = LazyLock::new(|| {
    serde_yaml::from_str(include_str!("images.yaml")).unwrap_or_else(|error| {
        tracing::error!("the table of images can't be read: {error}");
        Vec::new()
    })
});

/// An image.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Image {
    /// Its full names, without tags; a trailing `*` stands for any rest.
    pub repositories: Vec<String>,
    /// Its tags, in the same way; any tag where there are none.
    pub tags: Vec<String>,
    /// Its size in bytes.
    pub size: u64,
    /// How many seconds its first pull takes.
    pub pull: f64,
    /// The user that it names; empty for root.
    pub user: String,
    /// What its entrypoint is called.
    pub program: String,
    /// Whether it has a shell, with the commands that come with one.
    pub shell: bool,
    /// Other commands in it.
    pub commands: Vec<String>,
    /// Variables of which one has to be set.
    pub environment: Vec<String>,
    /// What happens where none is.
    pub without: Option<Failure>,
    /// What keeps it from starting.
    pub fails: Vec<Failure>,
    /// Lines at the start.
    pub starts: Vec<String>,
    /// How many seconds it takes until it listens.
    pub ready: f64,
    /// Where it listens.
    pub listens: Vec<Listener>,
    /// The line that a request leaves in the log; none where it is empty.
    pub access: String,
    /// What it uses.
    pub uses: Uses,
    /// Its exit code when it is asked to stop; one that has none has to be killed.
    pub stops: Option<i64>,
    /// When it ends by itself.
    pub ends: Option<Ends>,
    /// The argument with which it does its work once and ends.
    pub once: String,
    /// What the registry says instead of giving it.
    pub refused: String,
}

/// What a program uses.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Uses {
    /// Processor time while it has nothing to do, in thousandths of a core.
    pub cpu: f64,
    /// Memory, in MiB.
    pub memory: f64,
    /// Processor time that its start takes, in milliseconds.
    pub start: f64,
    /// Processor time that a request takes, in milliseconds.
    pub request: f64,
    /// Whether it holds the memory that it was asked to hold.
    pub holds: bool,
}

impl Default for Uses {
    /// What a shell uses that waits.
    fn default() -> Self {
        Self {
            cpu: 0.0,
            memory: 0.4,
            start: 15.0,
            request: 0.2,
            holds: false,
        }
    }
}

impl Uses {
    /// Processor time while it has nothing to do, in billionths of a core.
    #[must_use]
    pub fn idle(&self) -> i64 {
        whole(self.cpu * 1e6)
    }

    /// Memory, in bytes.
    #[must_use]
    pub fn resident(&self) -> i64 {
        whole(self.memory * 1_048_576.0)
    }

    /// Processor time that its start takes.
    #[must_use]
    pub fn starts(&self) -> Duration {
        milliseconds(self.start)
    }
}

#[allow(clippy::cast_possible_truncation)] // Amounts of a machine are far below 2^63.
fn whole(amount: f64) -> i64 {
    amount as i64
}

/// So many milliseconds.
#[must_use]
pub fn milliseconds(count: f64) -> Duration {
    Duration::try_from_secs_f64(count / 1000.0).unwrap_or_default()
}

/// A way to fail at the start.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Failure {
    /// `as-user`, `without-capabilities`.
    pub when: String,
    /// The exit code.
    pub code: i64,
    /// What it says.
    pub lines: Vec<String>,
}

/// An end by itself.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ends {
    /// After so many seconds.
    pub after: f64,
    /// With this exit code.
    pub code: i64,
}

/// A port on which a program listens.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Listener {
    /// The port.
    pub port: u16,
    /// The folder whose files it shows.
    pub files: String,
    /// What it answers over HTTP, by path; nothing where it speaks something else.
    pub answers: BTreeMap<String, Page>,
}

/// An answer over HTTP.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Page {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: String,
    /// The exporter that writes the body.
    pub exporter: String,
    /// What of the request the program remembers, and shows in its metrics.
    pub counts: Option<Counts>,
    /// The processor time that it takes, in milliseconds; that of any request where it is not given.
    pub takes: Option<f64>,
}

/// What a program remembers of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Counts {
    /// How many orders there were; `{count}` in the body.
    Orders,
    /// How much memory it was asked to hold, in MiB, by the parameter `mb`; `{count}` in the body.
    Heap,
    /// How often it was given work.
    Work,
}

impl Image {
    fn is(&self, name: &Reference) -> bool {
        self.is_of(name)
            && (self.tags.is_empty() || any(&self.tags, &name.tag) || name.tag.is_empty())
    }

    fn is_of(&self, name: &Reference) -> bool {
        any(&self.repositories, &name.repository)
    }
}

fn any(patterns: &[String], text: &str) -> bool {
    patterns
        .iter()
        .any(|pattern| match pattern.strip_suffix('*') {
            Some(start) => text.starts_with(start),
            None => pattern == text,
        })
}

/// The image of a name.
#[must_use]
pub fn find(name: &Reference) -> Option<&'static Image> {
    IMAGES.iter().find(|image| image.is(name))
}

/// Whether there are images of that name with other tags.
#[must_use]
pub fn has_repository(name: &Reference) -> bool {
    IMAGES.iter().any(|image| image.is_of(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> bool {
        find(&Reference::parse(text).unwrap()).is_some()
    }

    #[test]
    fn the_images_of_the_labs_are_there() {
        for name in [
            "quay.io/nginx/nginx-unprivileged:1.27",
            "quay.io/ccnr/web:1.0",
            "quay.io/ccnr/web:2.0",
            "quay.io/ccnr/java-demo:1.0",
            "quay.io/prometheus/prometheus:v3.11.0",
            "quay.io/prometheus-operator/prometheus-operator:v0.85.0",
            "quay.io/prometheus-operator/prometheus-config-reloader:v0.85.0",
            "nginx",
            "busybox",
        ] {
            assert!(found(name), "{name}");
        }
        assert!(!found("quay.io/nginx/nginx-unprivileged:1.99"));
        assert!(!found("quay.io/ccnr/web:3.0"));
    }
}
