//! Requests to what runs in Pods.

pub mod fetch;
mod files;
pub mod policy;

use std::sync::Arc;

use serde_json::Value;

use super::{
    metrics,
    programs::{self, reference::Reference, table::Counts},
    prometheus::{
        api::{
            body::Page,
            pages::{self, Request},
            parameters::Parameters,
        },
        exporters::{self, Process},
        relabel::hash,
        world::Unreachable,
    },
    registry,
    schema::quantity,
    store::Fact,
    verbs::Api,
};

/// The image of a Prometheus, whatever the registry.
const PROMETHEUS: &str = "prometheus";

/// The Pod of an address that runs.
#[must_use]
pub fn pod_at(api: &Api, ip: &str) -> Option<Arc<Value>> {
    let place = registry::place("", "pods");
    let has = Fact::HasAddress(ip.to_owned());
    let found = api.store.with(|state| state.known(&place, None, &has));
    found.into_iter().next()
}

/// What a Pod answers on a port.
pub fn ask(api: &Api, pod: &Value, port: u16, request: &Request<'_>) -> Result<Page, Unreachable> {
    let containers = pod["spec"]["containers"].as_array().into_iter().flatten();
    let found = containers
        .map(|container| (container, programs::of(pod, container)))
        .find(|(container, program)| {
            program.listens(port) && started(pod, container["name"].as_str()).is_some()
        });
    let Some((container, program)) = found else {
        return Err(Unreachable::Refused);
    };
    let started = started(pod, container["name"].as_str()).unwrap_or_default();
    let uid = pod["metadata"]["uid"].as_str().unwrap_or_default();
    let now = api.clock.simulated_now();
    if is_prometheus(container) {
        let answer = api.prometheuses.with(|servers| {
            servers
                .get(uid)
                .map(|server| pages::answer(server, request, now))
        });
        return answer.ok_or(Unreachable::Refused);
    }
    let answer = program
        .http(port, request.path)
        .ok_or(Unreachable::Silent)?;
    let called = container["name"].as_str().unwrap_or_default();
    api.load
        .note(uid, called, metrics::round(api), answer.takes);
    if !answer.files.is_empty()
        && let Some(found) = files::mounted(api, pod, container, &answer.files, request.path)
    {
        return Ok(shown(found, request.path));
    }
    let name = pod["metadata"]["name"].as_str().unwrap_or_default();
    let Some(exporter) = &answer.exporter else {
        let body = match answer.counts {
            Some(counts) => counted(api, counts, uid, request, &answer.body),
            None => answer.body,
        };
        return Ok(Page {
            status: answer.status,
            kind: answer.content_type,
            text: body,
        });
    };
    let limit = &container["resources"]["limits"]["memory"];
    let process = Process {
        started,
        now,
        memory: whole(limit),
        seed: hash(name),
        asked: api.prometheuses.asked(uid),
    };
    Ok(Page {
        status: answer.status,
        kind: "text/plain; version=0.0.4; charset=utf-8",
        text: exporters::page(exporter, &process).unwrap_or(answer.body),
    })
}

/// A file, or what nginx says of one that is not there.
fn shown(found: files::Found, path: &str) -> Page {
    let missing = |status, why: &str| Page {
        status,
        kind: "text/html",
        text: format!(
            "<html>\r\n<head><title>{why}</title></head>\r\n<body>\r\n<center><h1>{why}</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
        ),
    };
    match found {
        files::Found::File(text) => Page {
            status: 200,
            kind: match path.rsplit_once('.') {
                Some((_, "txt")) => "text/plain",
                _ => "text/html",
            },
            text,
        },
        files::Found::Nothing if path.ends_with('/') => missing(403, "403 Forbidden"),
        files::Found::Nothing => missing(404, "404 Not Found"),
    }
}

/// Whether a container runs a Prometheus.
#[must_use]
pub fn is_prometheus(container: &Value) -> bool {
    let image = container["image"].as_str().unwrap_or_default();
    Reference::parse(image).is_ok_and(|r| r.path().rsplit('/').next() == Some(PROMETHEUS))
}

/// Remembers what is asked of a program, and fills in what it has counted.
fn counted(api: &Api, counts: Counts, uid: &str, request: &Request<'_>, body: &str) -> String {
    // The most that it holds, and what it is given where no amount is named, in MiB.
    const MOST_HELD: u64 = 96;
    const USUAL: u64 = 10;
    let asked = api.prometheuses.note(uid, |asked| match counts {
        Counts::Orders => asked.orders += 1,
        Counts::Work => asked.worked += 1,
        Counts::Heap => {
            let wanted = Parameters::parse(request.query, "");
            let more = wanted.get("mb").parse().unwrap_or(USUAL).min(MOST_HELD);
            // Nothing more is nothing at all.
            asked.held = match more {
                0 => 0,
                more => (asked.held + more).min(MOST_HELD),
            };
        }
    });
    let count = match counts {
        Counts::Orders => asked.orders,
        Counts::Work => asked.worked,
        Counts::Heap => asked.held,
    };
    body.replace("{count}", &count.to_string())
}

/// When a container started that runs, in milliseconds since 1970.
fn started(pod: &Value, container: Option<&str>) -> Option<i64> {
    let all = pod["status"]["containerStatuses"].as_array()?;
    let status = all.iter().find(|s| s["name"].as_str() == container)?;
    let since = status["state"]["running"]["startedAt"].as_str()?;
    let time: jiff::Timestamp = since.parse().ok()?;
    Some(time.as_millisecond())
}

/// A quantity in whole units; zero where there is none.
fn whole(value: &Value) -> i64 {
    let amount = value
        .as_str()
        .and_then(quantity::amount)
        .unwrap_or_default();
    i64::try_from(amount / 1_000_000_000).unwrap_or_default()
}
