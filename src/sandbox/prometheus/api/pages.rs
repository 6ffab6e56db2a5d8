//! What is answered on which path.

use serde_json::{Value, json};

use super::{
    body::{ErrorType, Outcome, Page},
    parameters::Parameters,
};
use crate::sandbox::prometheus::{
    labels::{Labels, Matcher, NAME},
    promql::{
        self,
        ast::Kind,
        evaluate::{Answer, Engine},
    },
    server::Server,
    storage::between,
};

use super::{about, rules, targets};

/// A request.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// `GET`, `POST`.
    pub method: &'a str,
    /// The path, from the root on.
    pub path: &'a str,
    /// What follows the question mark.
    pub query: &'a str,
    /// The body of a form.
    pub form: &'a str,
}

/// The most points of a series that a range may give.
const MOST_POINTS: i64 = 11_000;

/// Answers a request.
#[must_use]
pub fn answer(server: &Server, request: &Request<'_>, now: i64) -> Page {
    let parameters = Parameters::parse(request.query, request.form);
    let path = request.path.trim_start_matches('/');
    match path {
        "-/healthy" => Page::text(200, "Prometheus Server is Healthy.\n"),
        "-/ready" => Page::text(200, "Prometheus Server is Ready.\n"),
        "-/reload" | "-/quit" if !matches!(request.method, "POST" | "PUT") => {
            Page::text(405, "Only POST or PUT requests allowed")
        }
        "-/reload" => Page::text(200, ""),
        "metrics" => Page {
            status: 200,
            kind: "text/plain; version=0.0.4; charset=utf-8; escaping=underscores",
            text: about::metrics(server, now),
        },
        "" | "graph" | "query" | "targets" | "alerts" | "rules" | "config" | "flags" | "status"
        | "service-discovery" => Page::html(about::page(server)),
        path => match path.strip_prefix("api/v1/") {
            Some(of) => api(server, of, &parameters, now),
            None => not_found(),
        },
    }
}

fn not_found() -> Page {
    Page::text(404, "404 page not found\n")
}

fn bad(error: impl AsRef<str>) -> Page {
    Page::error(ErrorType::BadData, error.as_ref())
}

fn api(server: &Server, of: &str, parameters: &Parameters, now: i64) -> Page {
    let outcome = match of {
        "query" => query(server, parameters, now),
        "query_range" => query_range(server, parameters),
        "series" => series(server, parameters, now),
        "labels" => labels(server, parameters, now, None),
        "targets" => Ok(targets::targets(server, parameters)),
        "scrape_pools" => {
            let pools: Vec<&String> = server.pools.keys().collect();
            Ok(Page::data(&json!({"scrapePools": pools})))
        }
        "rules" => Ok(rules::rules(server, parameters)),
        "alerts" => Ok(rules::alerts(server)),
        "alertmanagers" => Ok(Page::data(
            &json!({"activeAlertmanagers": [], "droppedAlertmanagers": []}),
        )),
        "metadata" => Ok(about::metadata(server, parameters)),
        "status/buildinfo" => Ok(about::build(server)),
        "status/config" => Ok(Page::data(&json!({"yaml": server.config.text}))),
        "status/runtimeinfo" => Ok(about::runtime(server, now)),
        "status/flags" => Ok(about::flags(server)),
        "status/tsdb" => Ok(about::storage(server)),
        "query_exemplars" => Ok(Page::data(&json!([]))),
        other => match other
            .strip_prefix("label/")
            .and_then(|rest| rest.strip_suffix("/values"))
        {
            Some(name) if !name.is_empty() => labels(server, parameters, now, Some(name)),
            _ => return not_found(),
        },
    };
    outcome.unwrap_or_else(bad)
}

fn parsed(text: &str) -> Result<promql::ast::Expr, String> {
    promql::parse(text)
        .map_err(|fault| format!("invalid parameter \"query\": {}", fault.told(text)))
}

fn engine(server: &Server) -> Engine<'_> {
    let looking = server.looking();
    Engine::new(&server.storage, looking.lookback, looking.interval)
}

fn query(server: &Server, parameters: &Parameters, now: i64) -> Result<Page, String> {
    let time = parameters.time("time", now)?;
    let expr = parsed(parameters.get("query"))?;
    Ok(match engine(server).instant(&expr, time) {
        Ok(answer) => Page::data(&Outcome(limited(answer, parameters), time)),
        Err(error) => Page::error(ErrorType::Execution, &error),
    })
}

/// At most so many series as the request takes.
fn limited(mut answer: Answer, parameters: &Parameters) -> Answer {
    let limit = parameters.get("limit").parse().unwrap_or_default();
    if limit > 0 {
        match &mut answer {
            Answer::Vector(all) => all.truncate(limit),
            Answer::Matrix(all) => all.truncate(limit),
            Answer::Scalar(_) | Answer::Text(_) => {}
        }
    }
    answer
}

fn query_range(server: &Server, parameters: &Parameters) -> Result<Page, String> {
    let (start, end) = (
        parameters.needed_time("start")?,
        parameters.needed_time("end")?,
    );
    if end < start {
        return Err(
            "invalid parameter \"end\": end timestamp must not be before start time".into(),
        );
    }
    let step = parameters.duration("step")?;
    if step <= 0 {
        return Err("invalid parameter \"step\": zero or negative query resolution step widths are not accepted. Try a positive integer".into());
    }
    if end.saturating_sub(start) / step > MOST_POINTS {
        return Err("exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)".into());
    }
    let expr = parsed(parameters.get("query"))?;
    if !matches!(expr.kind(), Kind::Scalar | Kind::Vector) {
        let kind = expr.kind().described();
        return Err(format!(
            "invalid parameter \"query\": invalid expression type {kind:?} for range query, must be Scalar or instant Vector"
        ));
    }
    Ok(match engine(server).range(&expr, start, end, step) {
        Ok(series) => Page::data(&Outcome(limited(Answer::Matrix(series), parameters), end)),
        Err(error) => Page::error(ErrorType::Execution, &error),
    })
}

const MATCH: &str = "invalid parameter \"match[]\": ";

/// The series that have samples in a time, by what `match[]` asks.
/// `prefix` is what a fault of that begins with.
fn found(
    server: &Server,
    parameters: &Parameters,
    now: i64,
    prefix: &str,
) -> Result<Vec<Labels>, String> {
    let (start, end) = (
        parameters.time("start", i64::MIN)?,
        parameters.time("end", now)?,
    );
    let mut asked: Vec<Vec<Matcher>> = Vec::new();
    for text in parameters.all("match[]") {
        let matchers = promql::parse_selector(text)
            .map_err(|fault| format!("{prefix}{}", fault.told(text)))?;
        asked.push(matchers);
    }
    let all = server.storage.select(&[]);
    let within = |points: &std::collections::VecDeque<_>| {
        between(points, start.saturating_sub(1), end)
            .next()
            .is_some()
    };
    let fits = |labels: &Labels| {
        asked.is_empty() || asked.iter().any(|all| all.iter().all(|m| m.fits(labels)))
    };
    let found = all.filter(|(labels, points)| fits(labels) && within(points));
    Ok(found.map(|(labels, _)| labels.clone()).collect())
}

fn series(server: &Server, parameters: &Parameters, now: i64) -> Result<Page, String> {
    if parameters.all("match[]").next().is_none() {
        return Err("no match[] parameter provided".to_owned());
    }
    Ok(Page::data(&found(server, parameters, now, MATCH)?))
}

/// The names of labels, or the values of one.
fn labels(
    server: &Server,
    parameters: &Parameters,
    now: i64,
    of: Option<&str>,
) -> Result<Page, String> {
    let mut all = std::collections::BTreeSet::new();
    let prefix = if of.is_some() { "" } else { MATCH };
    for labels in found(server, parameters, now, prefix)? {
        match of {
            Some(name) => {
                let value = labels.get(if name == "__name__" { NAME } else { name });
                if !value.is_empty() {
                    all.insert(value.to_owned());
                }
            }
            None => all.extend(labels.iter().map(|(name, _)| name.to_owned())),
        }
    }
    let all: Vec<Value> = all.into_iter().map(Value::from).collect();
    Ok(Page::data(&all))
}
