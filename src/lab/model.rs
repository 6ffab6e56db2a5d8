//! A lab as data, after rendering: what `docs/lab-format.md` describes, with every template replaced by its value.

use std::{collections::BTreeMap, fmt, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::text::Text;

/// One lab, rendered for one student on one cluster.
#[derive(Debug, Clone, PartialEq)]
pub struct Lab {
    /// Stable name, as in `labs/NN-id`.
    pub id: String,
    /// Number in the workshop's agenda.
    pub number: u32,
    /// Expected duration in minutes.
    pub minutes: u32,
    /// Title.
    pub title: Text,
    /// One or two sentences.
    pub summary: Text,
    /// Ids of the labs that come before.
    pub needs: Vec<String>,
    /// The lab's parameters, and `student`.
    pub params: BTreeMap<String, Value>,
    /// The projects (namespaces) that the lab owns.
    pub projects: Vec<String>,
    /// Preflight requirements.
    pub requires: Vec<Requirement>,
    /// What `start` does.
    pub setup: Vec<Action>,
    /// The steps, in order.
    pub steps: Vec<Step>,
}

/// What has to be true of the cluster before the lab can start.
#[derive(Debug, Clone, PartialEq)]
pub struct Requirement {
    /// What is needed.
    pub need: Need,
    /// The author's reason, shown when it is not met.
    pub why: Option<Text>,
}

/// One kind of requirement.
#[derive(Debug, Clone, PartialEq)]
pub enum Need {
    /// A group or group/version is served.
    Api(String),
    /// A group or group/version is not served.
    NoApi(String),
    /// The caller may do something.
    Can(AccessRef),
}

/// A condition on the cluster; all that is given must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct When {
    /// A group or group/version that must be served.
    pub api: Option<String>,
    /// A group or group/version that must not be served.
    pub no_api: Option<String>,
    /// The platform.
    pub platform: Option<Platform>,
}

/// The two families of platforms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Platform {
    /// OpenShift or OKD.
    OpenShift,
    /// Any other Kubernetes.
    Kubernetes,
}

/// One step of a lab.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Stable name.
    pub id: String,
    /// Title.
    pub title: Text,
    /// On which clusters the step exists.
    pub when: When,
    /// Does not hold up the others.
    pub optional: bool,
    /// Once passed, it counts as passed.
    pub once: bool,
    /// What the learner reads; Markdown.
    pub text: Text,
    /// Manifests that the learner gets, as paths below the manifests folder.
    pub files: Vec<String>,
    /// Commands to type.
    pub run: Run,
    /// What is remembered when the step becomes the current one.
    pub baseline: BTreeMap<String, Baseline>,
    /// The checks.
    pub checks: Vec<Check>,
    /// Hints, each more direct.
    pub hints: Vec<Text>,
    /// The solution.
    pub solve: Vec<Action>,
    /// Shown when the step passes.
    pub debrief: Option<Text>,
}

/// The commands of a step, per platform.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Run {
    /// On OpenShift.
    pub openshift: Vec<String>,
    /// Elsewhere.
    pub kubernetes: Vec<String>,
}

/// What a step remembers at its start.
#[derive(Debug, Clone, PartialEq)]
pub struct Baseline {
    /// What is read.
    pub given: Given,
    /// CEL over `items` or `self`: what is kept of it.
    pub keep: String,
}

/// Something read and bound to a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Given {
    /// One object, bound as `self` (or under its name in questions).
    Object(ObjectRef),
    /// A list of objects, bound as `items`.
    List(ListRef),
    /// The kinds of a group/version.
    Api(String),
}

/// One check.
#[derive(Debug, Clone, PartialEq)]
pub struct Check {
    /// Unique in its step.
    pub id: String,
    /// What is true when it passes.
    pub title: Text,
    /// What it looks at, and what must hold.
    pub subject: Subject,
    /// Time to converge.
    pub within: Option<Duration>,
    /// How long it must hold before it passes for the first time.
    pub stable: Option<Duration>,
    /// The author's sentence.
    pub fail: Option<Text>,
    /// What to do.
    pub next: Option<Text>,
    /// The chain to walk when it fails.
    pub explain: Option<String>,
    /// On which clusters the check exists.
    pub when: When,
    /// Does not hold up its step.
    pub optional: bool,
}

/// What a check looks at, with its conditions.
// A lab holds a few dozen of them: boxing the large ones would only make the matches harder to read.
#[allow(clippy::large_enum_variant)]
#[derive(Debug, Clone, PartialEq)]
pub enum Subject {
    /// One object by name.
    Object {
        /// Which.
        object: ObjectRef,
        /// What must hold of it.
        condition: Condition,
        /// It must not exist.
        absent: bool,
    },
    /// Objects by selector.
    Objects {
        /// Which.
        list: ListRef,
        /// Holds of every one, and there is at least one.
        all: Option<Condition>,
        /// Holds of at least one.
        any: Option<Condition>,
        /// Holds of none.
        none: Option<Condition>,
        /// How many there are.
        count: Option<Count>,
        /// CEL over `items`.
        cel: Option<String>,
    },
    /// Kinds that the cluster serves.
    Api {
        /// `group/version`.
        group_version: String,
        /// The kinds.
        kinds: Vec<String>,
    },
    /// An access review.
    Can {
        /// What is asked.
        access: AccessRef,
        /// The answer that passes.
        expect: bool,
    },
    /// An HTTP request.
    Http {
        /// Where to.
        target: HttpTarget,
        /// The status that passes.
        status: u16,
        /// What the body must contain.
        contains: Option<String>,
    },
    /// A metric in exposition text, through the service proxy.
    Metric {
        /// Where it is read.
        proxy: ProxyRef,
        /// Any of these names will do.
        names: Vec<String>,
        /// Labels it must have.
        labels: BTreeMap<String, String>,
        /// Bounds of the value.
        bounds: Bounds,
    },
    /// A PromQL query, through the service proxy.
    Promql {
        /// The query API, with the query in its path.
        proxy: ProxyRef,
        /// The query.
        query: String,
        /// Bounds of the value of at least one sample.
        bounds: Bounds,
    },
    /// A container's log.
    Log {
        /// Which log.
        log: LogRef,
        /// What it must contain.
        contains: String,
    },
    /// A question to the learner.
    Question {
        /// The question.
        ask: Text,
        /// What the answer is computed from.
        given: BTreeMap<String, Given>,
        /// CEL: the accepted answer or answers.
        answer: String,
        /// Answers to choose from.
        choices: Vec<String>,
    },
}

/// What must hold of one object.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Condition {
    /// A partial object.
    pub matches: Option<Value>,
    /// CEL over `self`.
    pub cel: Option<String>,
    /// It is ready, as its kind understands it.
    pub ready: bool,
}

/// How many objects there must be.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Count {
    /// Exactly.
    pub equal: Option<usize>,
    /// At least.
    pub min: Option<usize>,
    /// At most.
    pub max: Option<usize>,
    /// Only those are counted of which this holds.
    pub filter: Condition,
}

/// Bounds of a number, inclusive.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Bounds {
    /// At least.
    pub min: Option<f64>,
    /// At most.
    pub max: Option<f64>,
}

/// Where an HTTP check goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HttpTarget {
    /// Through the API server's service proxy.
    Service(ProxyRef),
    /// Through a Route, as a browser would.
    Route(ObjectRef, String),
    /// Through an Ingress, as a browser would.
    Ingress(ObjectRef, String),
}

/// One object.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ObjectRef {
    /// `v1`, `apps/v1`, ….
    pub api_version: String,
    /// Kind.
    pub kind: String,
    /// Project; none for cluster-scoped kinds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Name.
    pub name: String,
}

/// `KIND NAMESPACE/NAME`, or without the namespace where there is none.
impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{} {namespace}/{}", self.kind, self.name),
            None => write!(f, "{} {}", self.kind, self.name),
        }
    }
}

/// A list of objects.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListRef {
    /// `v1`, `apps/v1`, ….
    pub api_version: String,
    /// Kind.
    pub kind: String,
    /// Project; none for cluster-scoped kinds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Label selector.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label_selector: Option<String>,
    /// Field selector.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field_selector: Option<String>,
}

/// A question about permissions.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AccessRef {
    /// `create`, `get`, ….
    pub verb: String,
    /// API group; empty for core.
    #[serde(default)]
    pub group: String,
    /// Plural resource.
    pub resource: String,
    /// Subresource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subresource: Option<String>,
    /// Project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// On whose behalf; none for the caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
}

impl AccessRef {
    /// `VERB RESOURCE.GROUP`, as `kubectl auth can-i` takes it.
    #[must_use]
    pub fn words(&self) -> String {
        let (verb, resource) = (&self.verb, &self.resource);
        let dot = if self.group.is_empty() { "" } else { "." };
        let part = self.subresource.as_ref();
        let part = part.map_or_else(String::new, |s| format!(" --subresource={s}"));
        format!("{verb} {resource}{dot}{}{part}", self.group)
    }

    /// The command that asks the same.
    #[must_use]
    pub fn command(&self, client: &str) -> String {
        let option = |name: &str, value: &Option<String>| {
            let value = value.as_ref();
            value.map_or_else(String::new, |v| format!(" {name} {v}"))
        };
        let place = option("-n", &self.namespace);
        let user = option("--as", &self.user);
        format!("{client} auth can-i {}{place}{user}", self.words())
    }
}

/// A GET through the API server's service proxy.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProxyRef {
    /// Project.
    pub namespace: String,
    /// Service name.
    pub service: String,
    /// Port, by name or number.
    pub port: String,
    /// Path and query, with the leading slash.
    pub path: String,
}

/// A container's log.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LogRef {
    /// Project.
    pub namespace: String,
    /// Pod name; else the first pod of the selector.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<String>,
    /// Label selector.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<String>,
    /// Container; none for the only one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
}

/// One thing that `setup` or `solve` does.
#[derive(Debug, Clone, PartialEq)]
pub struct Action {
    /// What it does.
    pub verb: Verb,
    /// On which clusters.
    pub when: When,
}

/// What an action does.
#[derive(Debug, Clone, PartialEq)]
pub enum Verb {
    /// Make the project if it is missing.
    Project(String),
    /// Apply the objects of a manifest file, rendered.
    Apply(String, Vec<Value>),
    /// Create those objects of a manifest file that do not exist.
    Ensure(String, Vec<Value>),
    /// Delete one object.
    Delete(ObjectRef),
    /// Delete objects by selector, at most so many.
    DeleteSome(ListRef, Option<usize>),
    /// JSON merge patch.
    Patch(ObjectRef, Value),
    /// Scale subresource.
    Scale(ObjectRef, i64),
    /// Rollout restart.
    Restart(ObjectRef),
    /// Start an OpenShift build: namespace, name of the `BuildConfig`.
    Build(String, String),
    /// Undo the last rollout of a Deployment: namespace, name.
    Rollback(String, String),
    /// Wait for a check of the same step.
    Wait(String),
}

impl Verb {
    /// The project that it changes: empty where it names none, and no answer where its manifest does, or nothing is
    /// changed.
    #[must_use]
    pub fn project(&self) -> Option<&str> {
        match self {
            Self::Project(name) => Some(name),
            Self::Delete(object)
            | Self::Patch(object, _)
            | Self::Scale(object, _)
            | Self::Restart(object) => Some(object.namespace.as_deref().unwrap_or_default()),
            Self::DeleteSome(list, _) => Some(list.namespace.as_deref().unwrap_or_default()),
            Self::Build(namespace, _) | Self::Rollback(namespace, _) => Some(namespace),
            Self::Apply(..) | Self::Ensure(..) | Self::Wait(_) => None,
        }
    }
}
