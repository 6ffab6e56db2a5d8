//! The subjects that are answered by a question to the cluster instead of an object: served kinds, access, HTTP,
//! metrics, PromQL, logs.

use crate::cluster::snapshot::{Answer, Obstacle, ObstacleKind, Read, Snapshot};
use serde_json::Value;

use super::{
    evaluate::{Held, answer},
    exposition, plan,
    verdict::Finding,
    way,
};
use crate::lab::{
    model::{AccessRef, Bounds, HttpTarget, ProxyRef, Subject},
    text::Text,
};

/// Judges such a subject; the others are `evaluate`'s.
pub(crate) fn held(subject: &Subject, seen: &Snapshot, client: &str) -> Held {
    match subject {
        Subject::Api {
            group_version,
            kinds,
        } => api(group_version, kinds, seen, client),
        Subject::Can { access, expect } => can(access, *expect, seen, client),
        Subject::Http {
            target,
            status,
            contains,
        } => match http(target, *status, contains.as_deref(), seen) {
            Held::No(finding) => Held::No(way::explained(finding, target, seen, client)),
            held => held,
        },
        Subject::Metric {
            proxy,
            names,
            labels,
            bounds,
        } => match body(proxy, seen) {
            Ok(text) => {
                let values: Vec<f64> = exposition::samples(text)
                    .filter(|s| names.iter().any(|n| n == s.name))
                    .filter(|s| {
                        labels
                            .iter()
                            .all(|(k, v)| s.label(k).as_deref() == Some(v.as_str()))
                    })
                    .map(|s| s.value)
                    .collect();
                bounded(&values, *bounds, &names.join(" / "))
            }
            Err(held) => *held,
        },
        Subject::Promql {
            proxy,
            query,
            bounds,
        } => match promql_answer(proxy, seen) {
            Ok(text) => promql(text, query, *bounds),
            Err(held) => *held,
        },
        Subject::Log { log, contains } => match answer(seen, &Read::Log(log.clone())) {
            Ok(Answer::Log(text)) if text.contains(contains.as_str()) => Held::Yes,
            Ok(Answer::Log(text)) => Held::No(Finding {
                expected: Text::new(
                    format!("a line with `{contains}`"),
                    format!("`{contains}` を含む行"),
                ),
                observed: text
                    .lines()
                    .last()
                    .map_or_else(|| Text::new("the log is empty", "ログは空です"), Text::same),
                ..Finding::default()
            }),
            Ok(_) => Held::No(Finding {
                expected: Text::new("a Pod that writes a log", "ログを書く Pod"),
                observed: Text::new("there is no such Pod", "該当する Pod がありません"),
                ..Finding::default()
            }),
            Err(obstacle) => Held::Unknown(obstacle),
        },
        Subject::Object { .. } | Subject::Objects { .. } | Subject::Question { .. } => {
            Held::Unknown(Obstacle::of_lab("this check is not a probe"))
        }
    }
}

fn api(group_version: &str, kinds: &[String], seen: &Snapshot, client: &str) -> Held {
    let served: &[String] = match answer(seen, &Read::Api(group_version.to_owned())) {
        Ok(Answer::Kinds(served)) => served,
        Ok(_) => &[],
        Err(obstacle) => return Held::Unknown(obstacle),
    };
    let missing: Vec<&str> = kinds
        .iter()
        .filter(|k| !served.contains(k))
        .map(String::as_str)
        .collect();
    if missing.is_empty() && !served.is_empty() {
        return Held::Yes;
    }
    let group = group_version.split('/').next().unwrap_or_default();
    Held::No(Finding {
        expected: Text::new(
            format!("the cluster serves {} of {group_version}", kinds.join(", ")),
            format!(
                "クラスターが {group_version} の {} を提供していること",
                kinds.join(", ")
            ),
        ),
        observed: if served.is_empty() {
            Text::new(
                format!("{group_version} is not served"),
                format!("{group_version} は提供されていません"),
            )
        } else {
            Text::new(
                format!("without {}", missing.join(", ")),
                format!("{} がありません", missing.join(", ")),
            )
        },
        see: Some(format!("{client} api-resources --api-group={group}")),
        ..Finding::default()
    })
}

fn can(access: &AccessRef, expect: bool, seen: &Snapshot, client: &str) -> Held {
    let (allowed, reason) = match answer(seen, &Read::Access(access.clone())) {
        Ok(Answer::Access { allowed, reason }) => (*allowed, reason.as_str()),
        Ok(_) => (false, ""),
        Err(obstacle) => return Held::Unknown(obstacle),
    };
    if allowed == expect {
        return Held::Yes;
    }
    let who = access.user.as_deref();
    let what = access.words();
    let because = if reason.is_empty() {
        String::new()
    } else {
        format!(" ({reason})")
    };
    let (en, ja) = if expect {
        ("may", "できる")
    } else {
        ("may not", "できない")
    };
    Held::No(Finding {
        expected: Text::new(
            format!("{} {en} {what}", who.unwrap_or("you")),
            format!("{} が {what} {ja}こと", who.unwrap_or("あなた")),
        ),
        observed: Text::new(
            format!(
                "{}{because}",
                if allowed { "allowed" } else { "not allowed" }
            ),
            format!(
                "{}{because}",
                if allowed {
                    "許可されています"
                } else {
                    "許可されていません"
                }
            ),
        ),
        see: Some(access.command(client)),
        ..Finding::default()
    })
}

fn http(target: &HttpTarget, status: u16, contains: Option<&str>, seen: &Snapshot) -> Held {
    let read = match target {
        HttpTarget::Service(proxy) => Read::Proxy(proxy.clone()),
        HttpTarget::Route(object, _) | HttpTarget::Ingress(object, _) => {
            if let Err(obstacle) = answer(seen, &Read::Object(object.clone())) {
                return Held::Unknown(obstacle);
            }
            match plan::web_read(target, seen) {
                Some(web) => Read::Web(web),
                None => {
                    return Held::No(Finding {
                        expected: Text::new(
                            format!("an address of {} {}", object.kind, object.name),
                            format!("{} {} のアドレス", object.kind, object.name),
                        ),
                        observed: Text::new("it has none yet", "まだありません"),
                        objects: vec![object.clone()],
                        ..Finding::default()
                    });
                }
            }
        }
    };
    let (got, body) = match answer(seen, &read) {
        Ok(Answer::Http { status, body }) => (*status, body.as_str()),
        Ok(_) => (0, ""),
        // The address is the learner's work: one that gives no sensible answer is no trouble of the cluster's.
        Err(obstacle)
            if matches!(read, Read::Web(_)) && obstacle.kind != ObstacleKind::Unreachable =>
        {
            return Held::No(Finding {
                expected: Text::new(format!("HTTP {status}"), format!("HTTP {status}")),
                observed: obstacle.message,
                ..Finding::default()
            });
        }
        Err(obstacle) => return Held::Unknown(obstacle),
    };
    if got == status && contains.is_none_or(|c| body.contains(c)) {
        return Held::Yes;
    }
    let (en, ja) = contains.map_or_else(Default::default, |c| {
        (format!(" with `{c}`"), format!("、本文に `{c}`"))
    });
    Held::No(Finding {
        expected: Text::new(format!("HTTP {status}{en}"), format!("HTTP {status}{ja}")),
        observed: Text::same(format!("HTTP {got}: {}", said(body))),
        ..Finding::default()
    })
}

/// What a body says: the message of a Kubernetes Status, else its first line.
fn said(body: &str) -> String {
    let status: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
    match status["message"].as_str() {
        Some(message) if status["kind"] == "Status" => message.to_owned(),
        _ => first_line(body),
    }
}

/// The text behind a proxy read; a service that answers something else than 200 is not there yet.
fn body<'a>(proxy: &ProxyRef, seen: &'a Snapshot) -> Result<&'a str, Box<Held>> {
    match answer(seen, &Read::Proxy(proxy.clone())) {
        Ok(Answer::Http { status: 200, body }) => Ok(body),
        Ok(Answer::Http { status, body }) => Err(Box::new(Held::No(Finding {
            expected: Text::new(
                format!("Service {} answers on port {}", proxy.service, proxy.port),
                format!(
                    "Service {} がポート {} で応答すること",
                    proxy.service, proxy.port
                ),
            ),
            observed: Text::same(format!("HTTP {status}: {}", said(body))),
            ..Finding::default()
        }))),
        Ok(_) => Err(Box::new(Held::No(Finding::default()))),
        Err(obstacle) => Err(Box::new(Held::Unknown(obstacle))),
    }
}

/// What Prometheus says. It refuses a query with 400 or 422 and a reason: that is an answer too.
/// <https://prometheus.io/docs/prometheus/latest/querying/api/#format-overview>
fn promql_answer<'a>(proxy: &ProxyRef, seen: &'a Snapshot) -> Result<&'a str, Box<Held>> {
    if let Ok(Answer::Http { status, body }) = answer(seen, &Read::Proxy(proxy.clone()))
        && matches!(status, 400 | 422)
        && body.contains("errorType")
    {
        return Ok(body);
    }
    body(proxy, seen)
}

fn promql(text: &str, query: &str, bounds: Bounds) -> Held {
    let answer: Value = serde_json::from_str(text).unwrap_or_default();
    if answer["status"] != "success" {
        let said = answer["error"].as_str().unwrap_or(text);
        return Held::Unknown(Obstacle::of_lab(format!(
            "Prometheus refused the query `{query}`: {said}"
        )));
    }
    let result = &answer["data"]["result"];
    let number = |sample: &Value| sample[1].as_str().and_then(|v| v.parse::<f64>().ok());
    let values: Vec<f64> = match answer["data"]["resultType"].as_str() {
        Some("scalar") => number(result).into_iter().collect(),
        _ => result
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|s| number(&s["value"]))
            .collect(),
    };
    bounded(&values, bounds, query)
}

fn bounded(values: &[f64], bounds: Bounds, what: &str) -> Held {
    let fits = |v: f64| bounds.min.is_none_or(|m| v >= m) && bounds.max.is_none_or(|m| v <= m);
    if values.iter().any(|v| fits(*v)) {
        return Held::Yes;
    }
    let limits = match (bounds.min, bounds.max) {
        (Some(a), Some(b)) => format!(" {a}–{b}"),
        (Some(a), None) => format!(" ≥ {a}"),
        (None, Some(b)) => format!(" ≤ {b}"),
        (None, None) => String::new(),
    };
    Held::No(Finding {
        expected: Text::new(
            format!("a sample of {what}{limits}"),
            format!("{what}{limits} のサンプル"),
        ),
        observed: values.iter().copied().reduce(f64::max).map_or_else(
            || Text::new("no sample", "サンプルなし"),
            |v| Text::same(v.to_string()),
        ),
        ..Finding::default()
    })
}

fn first_line(body: &str) -> String {
    super::finding::show(&Value::from(body.lines().next().unwrap_or_default()))
}
