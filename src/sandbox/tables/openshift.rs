//! The rows of `OpenShift`'s kinds.
//! <https://github.com/openshift/openshift-apiserver/tree/main/pkg> (`printersinternal` of each group)

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{list, number, text};
use crate::sandbox::openshift::template;

/// How long the list of a stream's tags gets.
const WIDEST: usize = 80;

pub(super) fn cell(kind: &str, column: &str, object: &Value, now: Timestamp) -> Value {
    let at = |pointer: &str| text(object, pointer).unwrap_or_default();
    match (kind, column) {
        ("Project", "Display Name") => json!(annotation(object, "openshift.io/display-name")),
        ("Project", "Status") => json!(at("/status/phase")),
        ("Route", _) => json!(route(column, object)),
        ("ImageStream", "Image Repository") => json!(at("/status/dockerImageRepository")),
        ("ImageStream", "Tags") => json!(tags(object)),
        ("ImageStream", "Updated") => json!(updated(object, now)),
        ("ImageStreamTag" | "ImageStreamImage", "Image Reference") => {
            json!(at("/image/dockerImageReference"))
        }
        ("ImageStreamTag" | "ImageStreamImage", "Updated") => {
            json!(ago(&object["metadata"]["creationTimestamp"], now))
        }
        ("ImageStreamTag" | "ImageStreamImage", "Image Name") => json!(at("/image/metadata/name")),
        ("Image", "Image Reference") => json!(at("/dockerImageReference")),
        ("Build" | "BuildConfig", _) => build(column, object, now),
        ("DeploymentConfig", _) => deployment(column, object),
        ("Template", "Description") => json!(
            annotation(object, "description")
                .lines()
                .next()
                .unwrap_or_default()
        ),
        ("Template", "Parameters") => json!(template::parameters(object)),
        ("Template", "Objects") => json!(list(object, "/objects").len()),
        ("User", "UID") => json!(at("/metadata/uid")),
        ("User", "Full Name") => json!(at("/fullName")),
        ("User", "Identities") => json!(joined(object, "/identities", ",")),
        ("Group", "Users") => json!(joined(object, "/users", ", ")),
        ("Identity", "IDP Name") => json!(at("/providerName")),
        ("Identity", "IDP User Name") => json!(at("/providerUserName")),
        ("Identity", "User Name") => json!(at("/user/name")),
        ("Identity", "User UID") => json!(at("/user/uid")),
        _ => json!(""),
    }
}

fn annotation<'a>(object: &'a Value, name: &str) -> &'a str {
    object["metadata"]["annotations"][name]
        .as_str()
        .unwrap_or_default()
}

fn joined(object: &Value, pointer: &str, between: &str) -> String {
    let all: Vec<&str> = list(object, pointer)
        .iter()
        .filter_map(Value::as_str)
        .collect();
    all.join(between)
}

fn route(column: &str, route: &Value) -> String {
    let at = |pointer: &str| text(route, pointer).unwrap_or_default();
    match column {
        "Host/Port" => host(route),
        "Path" => at("/spec/path").to_owned(),
        "Services" => services(route),
        "Port" => match &route["spec"]["port"]["targetPort"] {
            Value::Null => "<all>".to_owned(),
            Value::String(name) => name.clone(),
            number => number.to_string(),
        },
        "Termination" => match (
            at("/spec/tls/termination"),
            at("/spec/tls/insecureEdgeTerminationPolicy"),
        ) {
            ("", "") => String::new(),
            ("", policy) => format!("default/{policy}"),
            (termination, "") => termination.to_owned(),
            (termination, policy) => format!("{termination}/{policy}"),
        },
        "Wildcard" => at("/spec/wildcardPolicy").to_owned(),
        _ => String::new(),
    }
}

/// The host, as far as routers have taken it.
fn host(route: &Value) -> String {
    let wanted = text(route, "/spec/host").unwrap_or_default();
    let mut host = wanted.to_owned();
    let (mut admitted, mut refused, mut matched, mut reason) = (0, 0, false, "");
    let ingresses = list(route, "/status/ingress");
    for ingress in ingresses {
        let condition = list(ingress, "/conditions")
            .iter()
            .find(|c| c["type"] == "Admitted");
        match condition.and_then(|c| c["status"].as_str()) {
            Some("True") => {
                admitted += 1;
                if !matched {
                    let own = text(ingress, "/host").unwrap_or_default();
                    matched = own == wanted;
                    own.clone_into(&mut host);
                }
            }
            Some("False") => {
                refused += 1;
                reason = condition
                    .and_then(|c| text(c, "/reason"))
                    .unwrap_or_default();
            }
            _ => {}
        }
    }
    match (ingresses.len(), admitted, refused) {
        (0, _, _) => host,
        (_, 0, 1..) => reason.to_owned(),
        (_, 0, 0) => "Pending".to_owned(),
        (_, _, 1..) => format!("{host} ... {refused} rejected"),
        (_, 1, _) => host,
        _ => format!("{host} ... {} more", admitted - 1),
    }
}

fn services(route: &Value) -> String {
    let to = &route["spec"]["to"];
    let backends: Vec<&Value> = std::iter::once(to)
        .chain(list(route, "/spec/alternateBackends"))
        .collect();
    let total: i64 = backends.iter().filter_map(|b| b["weight"].as_i64()).sum();
    let shown = backends.iter().map(|backend| {
        let name = text(backend, "/name").unwrap_or_default();
        match backend["weight"].as_i64() {
            None => name.to_owned(),
            Some(_) if backends.len() == 1 && total != 0 => name.to_owned(),
            Some(_) if total == 0 => format!("{name}(0%)"),
            Some(weight) => format!("{name}({}%)", weight * 100 / total),
        }
    });
    shown.collect::<Vec<_>>().join(",")
}

/// The tags of a stream, as far as there is room.
fn tags(stream: &Value) -> String {
    let mut all: Vec<&str> = list(stream, "/status/tags")
        .iter()
        .filter_map(|t| t["tag"].as_str())
        .collect();
    for tag in list(stream, "/spec/tags")
        .iter()
        .filter_map(|t| t["name"].as_str())
    {
        if !all.contains(&tag) {
            all.push(tag);
        }
    }
    let mut out = String::new();
    for (i, tag) in all.iter().enumerate() {
        if !out.is_empty() && out.len() + tag.len() > WIDEST {
            return format!("{out} + {} more...", all.len() - i);
        }
        if !out.is_empty() {
            out.push(',');
        }
        out.push_str(tag);
    }
    out
}

fn updated(stream: &Value, now: Timestamp) -> String {
    let items = list(stream, "/status/tags")
        .iter()
        .flat_map(|t| list(t, "/items"));
    // Times in RFC 3339 are in the order of their text.
    let newest = items.filter_map(|i| i["created"].as_str()).max();
    newest.map_or_else(String::new, |newest| ago(&json!(newest), now))
}

/// `5 minutes ago`.
/// <https://github.com/docker/go-units/blob/master/duration.go>
fn ago(time: &Value, now: Timestamp) -> String {
    let then: Option<Timestamp> = time.as_str().and_then(|t| t.parse().ok());
    let Some(then) = then else {
        return String::new();
    };
    let seconds = now.as_second() - then.as_second();
    let (minutes, hours) = (seconds / 60, (seconds + 1800) / 3600);
    let told = match seconds {
        i64::MIN..1 => "Less than a second".to_owned(),
        1 => "1 second".to_owned(),
        2..60 => format!("{seconds} seconds"),
        _ if minutes == 1 => "About a minute".to_owned(),
        _ if minutes < 60 => format!("{minutes} minutes"),
        _ if hours == 1 => "About an hour".to_owned(),
        _ if hours < 48 => format!("{hours} hours"),
        _ if hours < 24 * 14 => format!("{} days", hours / 24),
        _ if hours < 24 * 60 => format!("{} weeks", hours / 24 / 7),
        _ if hours < 24 * 730 => format!("{} months", hours / 24 / 30),
        _ => format!("{} years", hours / 24 / 365),
    };
    format!("{told} ago")
}

fn build(column: &str, object: &Value, now: Timestamp) -> Value {
    match column {
        "Type" => json!(text(object, "/spec/strategy/type").unwrap_or_default()),
        "From" => json!(source(&object["spec"])),
        "Latest" => json!(number(object, "/status/lastVersion")),
        "Status" => {
            let phase = text(object, "/status/phase").unwrap_or_default();
            match text(object, "/status/reason") {
                Some(reason) => json!(format!("{phase} ({reason})")),
                None => json!(phase),
            }
        }
        "Started" => json!(ago(&object["status"]["startTimestamp"], now)),
        "Duration" => json!(duration(number(object, "/status/duration"))),
        _ => json!(""),
    }
}

/// What a Build is made from, in a word.
fn source(spec: &Value) -> String {
    let revision = match text(spec, "/revision/git/commit") {
        Some(commit) => commit.get(..7).unwrap_or(commit),
        None => text(spec, "/source/git/ref").unwrap_or_default(),
    };
    let source = &spec["source"];
    let has = |field: &str| !source[field].is_null();
    let (from, has_revision) = match (has("binary"), has("dockerfile"), has("git")) {
        (true, _, _) => ("Binary", true),
        (_, true, true) => ("Dockerfile,Git", true),
        (_, true, _) => ("Dockerfile", false),
        (_, _, true) => ("Git", true),
        _ => (text(source, "/type").unwrap_or_default(), false),
    };
    if has_revision && !revision.is_empty() {
        format!("{from}@{revision}")
    } else {
        from.to_owned()
    }
}

/// Nanoseconds as Go prints them, in whole seconds: `1m2s`.
fn duration(nanoseconds: i64) -> String {
    let seconds = nanoseconds / 1_000_000_000;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, 0) => String::new(),
        (0, 0, s) => format!("{s}s"),
        (0, m, s) => format!("{m}m{s}s"),
        (h, m, s) => format!("{h}h{m}m{s}s"),
    }
}

fn deployment(column: &str, config: &Value) -> Value {
    match column {
        "Revision" => json!(number(config, "/status/latestVersion")),
        "Desired" => {
            let replicas = number(config, "/spec/replicas");
            if config["spec"]["test"] == true {
                json!(format!("{replicas} (during test)"))
            } else {
                json!(replicas.to_string())
            }
        }
        "Current" => json!(number(config, "/status/updatedReplicas")),
        "Triggered By" => {
            let triggers =
                list(config, "/spec/triggers")
                    .iter()
                    .filter_map(|t| match t["type"].as_str()? {
                        "ConfigChange" => Some("config".to_owned()),
                        "ImageChange" => {
                            let from = text(t, "/imageChangeParams/from/name").unwrap_or_default();
                            Some(format!("image({from})"))
                        }
                        _ => None,
                    });
            json!(triggers.collect::<Vec<_>>().join(","))
        }
        _ => json!(""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_one_unit() {
        let now: Timestamp = "2026-01-10T00:00:00Z".parse().unwrap();
        let told = |then: &str| ago(&json!(then), now);
        assert_eq!(told("2026-01-10T00:00:00Z"), "Less than a second ago");
        assert_eq!(told("2026-01-09T23:58:45Z"), "About a minute ago");
        assert_eq!(told("2026-01-09T20:00:00Z"), "4 hours ago");
        assert_eq!(told("2026-01-01T00:00:00Z"), "9 days ago");
        assert_eq!(told("never"), "");
    }

    #[test]
    fn a_refused_route_shows_why() {
        let mut route = json!({"spec": {"host": "a.test", "to": {"name": "web", "weight": 1}}});
        assert_eq!(host(&route), "a.test");
        let condition =
            json!([{"type": "Admitted", "status": "False", "reason": "HostAlreadyClaimed"}]);
        route["status"] = json!({"ingress": [{"host": "a.test", "conditions": condition}]});
        assert_eq!(host(&route), "HostAlreadyClaimed");
        route["spec"]["alternateBackends"] = json!([{"name": "v2", "weight": 3}]);
        assert_eq!(services(&route), "web(25%),v2(75%)");
    }

    #[test]
    fn durations_are_told_as_go_tells_them() {
        assert_eq!(duration(62_000_000_000), "1m2s");
        assert_eq!(duration(0), "");
    }
}
