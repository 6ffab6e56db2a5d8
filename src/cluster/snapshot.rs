//! What was read of the cluster, as a value: it can be written to YAML and read back.

use std::collections::HashMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::lab::{
    model::{AccessRef, ListRef, LogRef, ObjectRef, ProxyRef},
    text::Text,
};

/// One thing to ask the cluster. Equal reads are asked once.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Read {
    /// One object by name.
    Object(ObjectRef),
    /// Objects by selector.
    List(ListRef),
    /// The kinds that a group/version serves.
    Api(String),
    /// An access review.
    Access(AccessRef),
    /// A GET through the service proxy.
    Proxy(ProxyRef),
    /// A GET as a browser does it: URL, and the address to connect to where it is known.
    Web(WebRef),
    /// A container's log, its end.
    Log(LogRef),
}

/// A GET over plain HTTP from the learner's own machine.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WebRef {
    /// Host header, and the name to resolve where `address` is missing.
    pub host: String,
    /// IP address or host name to connect to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Path with the leading slash.
    pub path: String,
}

/// What the cluster said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Answer {
    /// The object.
    Object(Value),
    /// There is no such object (the kind is served).
    Missing,
    /// The objects.
    List(Vec<Value>),
    /// The kinds; empty where the group/version is not served.
    Kinds(Vec<String>),
    /// Allowed or not, with the server's reason.
    Access {
        /// Whether it is allowed.
        allowed: bool,
        /// The authorizer's reason.
        #[serde(default)]
        reason: String,
    },
    /// A response to an HTTP request.
    Http {
        /// Status code.
        status: u16,
        /// Body.
        body: String,
    },
    /// Lines of a log.
    Log(String),
}

/// Why something could not be asked: the cluster's trouble, never the learner's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[error("{}", message.en)]
pub struct Obstacle {
    /// What kind of trouble.
    pub kind: ObstacleKind,
    /// One sentence: what was tried, on what, what came back.
    pub message: Text,
    /// A command that shows it, or what to do next; may be empty.
    #[serde(default)]
    pub next: Text,
    /// HTTP status, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
}

/// Kinds of trouble with a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ObstacleKind {
    /// 401, expired credentials, a failing exec plugin.
    Credentials,
    /// 403.
    Forbidden,
    /// The kind or the whole API group is not served.
    NotServed,
    /// 404: the kind is served, the object is not there.
    Missing,
    /// 409: somebody else owns the field, or the object changed meanwhile.
    Conflict,
    /// 400, 422: the API server refuses the object.
    Invalid,
    /// 429, 5xx: the API server can't now.
    Unavailable,
    /// Nobody there to talk to: DNS, refused, TLS. Trying again soon rarely helps.
    Unreachable,
    /// A connection that broke.
    Connection,
    /// No answer in time.
    Timeout,
    /// An answer that makes no sense, or a mistake in the lab.
    Other,
}

impl Obstacle {
    /// A mistake in the lab, which no learner can mend.
    #[must_use]
    pub fn of_lab(message: impl Into<String>) -> Self {
        Self {
            kind: ObstacleKind::Other,
            message: Text::same(message),
            next: Text::new(
                "this is a mistake in the lab, not yours: tell its author",
                "これはあなたではなく、ラボの間違いです。作成者に知らせてください",
            ),
            status: None,
        }
    }
}

/// Everything that was read, at one moment. Can be written as YAML and read back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "Recorded", into = "Recorded")]
pub struct Snapshot {
    /// When.
    pub at: Timestamp,
    /// The answers.
    pub answers: HashMap<Read, Result<Answer, Obstacle>>,
}

/// A snapshot as it is written: a list, in a fixed order.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Recorded {
    at: Timestamp,
    reads: Vec<Entry>,
}

/// One read with what came of it.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Entry {
    read: Read,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    answer: Option<Answer>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    obstacle: Option<Obstacle>,
}

impl From<Snapshot> for Recorded {
    fn from(snapshot: Snapshot) -> Self {
        let entry = |(read, outcome): (Read, Result<Answer, Obstacle>)| {
            let (answer, obstacle) = match outcome {
                Ok(answer) => (Some(answer), None),
                Err(obstacle) => (None, Some(obstacle)),
            };
            Entry {
                read,
                answer,
                obstacle,
            }
        };
        let mut reads: Vec<Entry> = snapshot.answers.into_iter().map(entry).collect();
        reads.sort_by(|a, b| a.read.cmp(&b.read));
        Self {
            at: snapshot.at,
            reads,
        }
    }
}

impl From<Recorded> for Snapshot {
    fn from(recorded: Recorded) -> Self {
        let outcome = |entry: Entry| {
            let outcome = match (entry.answer, entry.obstacle) {
                (_, Some(obstacle)) => Err(obstacle),
                (answer, None) => Ok(answer.unwrap_or(Answer::Missing)),
            };
            (entry.read, outcome)
        };
        Self {
            at: recorded.at,
            answers: recorded.reads.into_iter().map(outcome).collect(),
        }
    }
}
