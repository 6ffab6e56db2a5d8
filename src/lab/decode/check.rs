//! Checks: one subject each, with its conditions.

use std::fmt::Write as _;

use crate::lab::{
    expression,
    fields::{Fields, Problems, string},
    model::{
        AccessRef, Bounds, Check, Condition, Count, Given, HttpTarget, ListRef, LogRef, ObjectRef,
        ProxyRef, Subject,
    },
    problem::Problem,
    yaml::Node,
};

const SUBJECTS: [&str; 9] = [
    "object", "objects", "api", "can", "http", "metric", "promql", "log", "question",
];
/// The chains of causes that a check may name.
const CHAINS: [&str; 1] = ["service-monitor"];
const KEYS: [&str; 30] = [
    "object", "objects", "api", "can", "http", "metric", "promql", "log", "question", "id",
    "title", "match", "cel", "ready", "absent", "all", "any", "none", "count", "within", "stable",
    "fail", "next", "explain", "when", "optional", "status", "contains", "min", "max",
];

pub(super) fn check(node: &Node, problems: &Problems) -> Option<Check> {
    let f = Fields::of(node, &KEYS, problems);
    let subject = subject(&f);
    Some(Check {
        id: f.string("id"),
        title: f.text("title"),
        within: f.duration("within"),
        stable: f.duration("stable"),
        fail: f.maybe_text("fail"),
        next: f.maybe_text("next"),
        explain: chain(&f),
        when: super::when(f.get("when"), problems),
        optional: f.flag("optional", false),
        subject: subject?,
    })
}

fn subject(f: &Fields<'_>) -> Option<Subject> {
    let named: Vec<&str> = SUBJECTS
        .into_iter()
        .filter(|s| f.get(s).is_some())
        .collect();
    let [name] = named[..] else {
        let found = if named.is_empty() {
            "none".to_owned()
        } else {
            named.join(" and ")
        };
        f.problems.say(
            f.place(),
            format!(
                "a check has one subject ({}), this one has {found}",
                SUBJECTS.join(", ")
            ),
        );
        return None;
    };
    only_own_conditions(f, name);
    let node = f.get(name)?;
    let p = f.problems;
    Some(match name {
        "object" => Subject::Object {
            object: object(node, p),
            condition: condition(f),
            absent: f.flag("absent", false),
        },
        "objects" => objects(f, node),
        "api" => {
            let a = Fields::of(node, &["groupVersion", "kinds"], p);
            Subject::Api {
                group_version: a.string("groupVersion"),
                kinds: a.strings("kinds"),
            }
        }
        "can" => {
            let c = Fields::of(node, &["verb", "resource", "in", "as", "expect"], p);
            Subject::Can {
                access: access(&c, &c.string("verb")),
                expect: c.flag("expect", true),
            }
        }
        "http" => http(f, node),
        "metric" => {
            let m = Fields::of(
                node,
                &["service", "port", "path", "in", "name", "labels"],
                p,
            );
            Subject::Metric {
                proxy: proxy(&m, m.maybe("path").unwrap_or_else(|| "/metrics".to_owned())),
                names: m.one_or_more("name"),
                labels: m.named("labels", |n| string(n, p).unwrap_or_default()),
                bounds: bounds(f),
            }
        }
        "promql" => {
            let q = Fields::of(node, &["service", "port", "in", "query"], p);
            let query = q.string("query");
            Subject::Promql {
                proxy: proxy(&q, query_path(&query)),
                query,
                bounds: bounds(f),
            }
        }
        "log" => {
            let l = Fields::of(node, &["in", "selector", "pod", "container"], p);
            let log = LogRef {
                namespace: l.string("in"),
                pod: l.maybe("pod"),
                selector: l.maybe("selector"),
                container: l.maybe("container"),
            };
            Subject::Log {
                log,
                contains: f.string("contains"),
            }
        }
        _ => {
            let q = Fields::of(node, &["ask", "given", "answer", "choices"], p);
            Subject::Question {
                ask: q.text("ask"),
                given: q.named("given", |n| given(n, p)),
                answer: cel(&q, "answer").unwrap_or_default(),
                choices: q.strings("choices"),
            }
        }
    })
}

fn only_own_conditions(f: &Fields<'_>, name: &str) {
    let allowed: &[&str] = match name {
        "object" => &["match", "cel", "ready", "absent"],
        "objects" => &["all", "any", "none", "count", "cel"],
        "http" => &["status", "contains"],
        "metric" | "promql" => &["min", "max"],
        "log" => &["contains"],
        _ => &[],
    };
    for key in [
        "match", "cel", "ready", "absent", "all", "any", "none", "count", "status", "contains",
        "min", "max",
    ] {
        if let Some(node) = f.get(key)
            && !allowed.contains(&key)
        {
            f.problems
                .say(node.place, format!("\"{key}\" does not go with \"{name}\""));
        }
    }
}

fn objects(f: &Fields<'_>, node: &Node) -> Subject {
    let each = |key| {
        f.get(key)
            .map(|n| condition(&Fields::of(n, &["match", "cel", "ready"], f.problems)))
    };
    let subject = Subject::Objects {
        list: list(node, f.problems),
        all: each("all"),
        any: each("any"),
        none: each("none"),
        count: f.get("count").map(|n| count(n, f.problems)),
        cel: cel(f, "cel"),
    };
    if !["all", "any", "none", "count", "cel"]
        .iter()
        .any(|k| f.get(k).is_some())
    {
        f.problems.say(
            f.place(),
            "\"objects\" needs at least one of all, any, none, count, cel",
        );
    }
    subject
}

fn count(node: &Node, p: &Problems) -> Count {
    let f = Fields::of(node, &["equal", "min", "max", "where"], p);
    let filter = f
        .get("where")
        .map(|n| condition(&Fields::of(n, &["match", "cel", "ready"], p)));
    Count {
        equal: f.number("equal"),
        min: f.number("min"),
        max: f.number("max"),
        filter: filter.unwrap_or_default(),
    }
}

fn condition(f: &Fields<'_>) -> Condition {
    Condition {
        matches: f.json("match"),
        cel: cel(f, "cel"),
        ready: f.flag("ready", false),
    }
}

/// The name of a chain of causes, which must be known.
fn chain(f: &Fields<'_>) -> Option<String> {
    let name = f.maybe("explain")?;
    if !CHAINS.contains(&name.as_str()) {
        let place = f.get("explain").map_or(f.place(), |node| node.place);
        let unknown = Problem::unknown(place, "chain of causes", &name, &CHAINS);
        f.problems.add(unknown);
    }
    Some(name)
}

/// A CEL expression, which must at least be well-formed.
pub(super) fn cel(f: &Fields<'_>, key: &str) -> Option<String> {
    let expression = f.maybe(key)?;
    if let Some(problem) = expression::problem(&expression) {
        let place = f.get(key).map_or(f.place(), |node| node.place);
        f.problems
            .say(place, format!("\"{key}\" is no CEL expression: {problem}"));
    }
    Some(expression)
}

fn http(check: &Fields<'_>, node: &Node) -> Subject {
    let p = check.problems;
    let f = Fields::of(
        node,
        &["service", "port", "route", "ingress", "path", "in"],
        p,
    );
    let path = f.maybe("path").unwrap_or_else(|| "/".to_owned());
    let front = |api_version: &str, kind: &str, name: String| ObjectRef {
        api_version: api_version.to_owned(),
        kind: kind.to_owned(),
        namespace: f.maybe("in"),
        name,
    };
    let target = match (f.maybe("route"), f.maybe("ingress")) {
        (Some(name), None) => {
            HttpTarget::Route(front("route.openshift.io/v1", "Route", name), path)
        }
        (None, Some(name)) => {
            HttpTarget::Ingress(front("networking.k8s.io/v1", "Ingress", name), path)
        }
        (None, None) => HttpTarget::Service(proxy(&f, path)),
        (Some(_), Some(_)) => {
            p.say(f.place(), "give a route or an ingress, not both");
            HttpTarget::Service(proxy(&f, path))
        }
    };
    Subject::Http {
        target,
        status: check.number("status").unwrap_or(200),
        contains: check.maybe("contains"),
    }
}

fn proxy(f: &Fields<'_>, path: String) -> ProxyRef {
    ProxyRef {
        namespace: f.string("in"),
        service: f.string("service"),
        port: f.string("port"),
        path,
    }
}

fn bounds(f: &Fields<'_>) -> Bounds {
    Bounds {
        min: f.float("min"),
        max: f.float("max"),
    }
}

/// The path of Prometheus' query API. <https://prometheus.io/docs/prometheus/latest/querying/api/>
fn query_path(query: &str) -> String {
    let mut path = String::from("/api/v1/query?query=");
    for byte in query.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            path.push(char::from(byte));
        } else {
            // Writing to a String can't fail.
            let _ = write!(path, "%{byte:02X}");
        }
    }
    path
}

pub(super) fn given(node: &Node, p: &Problems) -> Given {
    let f = Fields::of(node, &["object", "list", "api", "keep"], p);
    match (f.get("object"), f.get("list"), f.get("api")) {
        (Some(n), None, None) => Given::Object(object(n, p)),
        (None, Some(n), None) => Given::List(list(n, p)),
        (None, None, Some(n)) => {
            Given::Api(Fields::of(n, &["groupVersion"], p).string("groupVersion"))
        }
        _ => {
            p.say(node.place, "give one of object, list, api");
            Given::Api(String::new())
        }
    }
}

pub(super) fn object(node: &Node, p: &Problems) -> ObjectRef {
    object_of(&Fields::of(node, &["apiVersion", "kind", "name", "in"], p))
}

pub(super) fn object_of(f: &Fields<'_>) -> ObjectRef {
    ObjectRef {
        api_version: f.string("apiVersion"),
        kind: f.string("kind"),
        namespace: f.maybe("in"),
        name: f.string("name"),
    }
}

pub(super) fn list(node: &Node, p: &Problems) -> ListRef {
    list_of(&Fields::of(
        node,
        &["apiVersion", "kind", "in", "selector", "fields"],
        p,
    ))
}

pub(super) fn list_of(f: &Fields<'_>) -> ListRef {
    ListRef {
        api_version: f.string("apiVersion"),
        kind: f.string("kind"),
        namespace: f.maybe("in"),
        label_selector: f.maybe("selector"),
        field_selector: f.maybe("fields"),
    }
}

/// `deployments.apps`, `pods/log`.
pub(super) fn access(f: &Fields<'_>, verb: &str) -> AccessRef {
    let written = f.string("resource");
    let (resource, subresource) = match written.split_once('/') {
        Some((resource, sub)) => (resource.to_owned(), Some(sub.to_owned())),
        None => (written, None),
    };
    let (resource, group) = resource
        .split_once('.')
        .map_or((resource.as_str(), ""), |parts| parts);
    AccessRef {
        verb: verb.to_owned(),
        group: group.to_owned(),
        resource: resource.to_owned(),
        subresource,
        namespace: f.maybe("in"),
        user: f.maybe("as"),
    }
}
