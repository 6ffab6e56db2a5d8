//! Rules, and the alerts that they give.

use serde::Serialize;

use super::{body::Page, parameters::Parameters};
use crate::sandbox::prometheus::{
    labels::Labels,
    number::{Number, seconds, stamp, stamp_of, written},
    rules::{Alert, Rule},
    server::Server,
};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Alerting<'a> {
    labels: &'a Labels,
    annotations: &'a Labels,
    state: &'static str,
    active_at: String,
    value: String,
}

fn alerting<'a>((labels, alert): (&'a Labels, &'a Alert)) -> Alerting<'a> {
    Alerting {
        labels,
        annotations: &alert.annotations,
        state: if alert.firing { "firing" } else { "pending" },
        active_at: stamp(alert.since),
        value: scientific(alert.value),
    }
}

/// A value as Go's `%e` writes it: `5.441024e+06`.
fn scientific(value: f64) -> String {
    if !value.is_finite() {
        return written(value);
    }
    let text = format!("{value:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, exponent) = match exponent.strip_prefix('-') {
        Some(rest) => ('-', rest),
        None => ('+', exponent),
    };
    format!("{digits}e{sign}{exponent:0>2}")
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AlertingRule<'a> {
    state: &'static str,
    name: &'a str,
    query: &'a str,
    duration: Number,
    keep_firing_for: Number,
    labels: &'a Labels,
    annotations: &'a Labels,
    alerts: Vec<Alerting<'a>>,
    health: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    last_error: &'a str,
    evaluation_time: Number,
    last_evaluation: String,
    r#type: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RecordingRule<'a> {
    name: &'a str,
    query: &'a str,
    labels: &'a Labels,
    health: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    last_error: &'a str,
    evaluation_time: Number,
    last_evaluation: String,
    r#type: &'static str,
}

#[derive(Serialize)]
#[serde(untagged)]
enum AnyRule<'a> {
    Alerting(AlertingRule<'a>),
    Recording(RecordingRule<'a>),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RuleGroup<'a> {
    name: &'a str,
    file: &'a str,
    rules: Vec<AnyRule<'a>>,
    interval: Number,
    limit: u64,
    evaluation_time: Number,
    last_evaluation: String,
}

/// How long an evaluation is said to take, in seconds.
const TOOK: f64 = 0.0005;

fn rule(rule: &Rule, evaluated: Option<i64>) -> AnyRule<'_> {
    let health = match evaluated {
        None => "unknown",
        Some(_) if rule.error.is_empty() => "ok",
        Some(_) => "err",
    };
    let evaluation_time = Number(evaluated.map_or(0.0, |_| TOOK));
    if rule.alerts {
        AnyRule::Alerting(AlertingRule {
            state: if evaluated.is_some() {
                rule.state()
            } else {
                "unknown"
            },
            name: &rule.name,
            query: &rule.query,
            duration: Number(seconds(rule.holds)),
            keep_firing_for: Number(seconds(rule.keeps)),
            labels: &rule.labels,
            annotations: &rule.annotations,
            alerts: rule.active.iter().map(alerting).collect(),
            health,
            last_error: &rule.error,
            evaluation_time,
            last_evaluation: stamp_of(evaluated),
            r#type: "alerting",
        })
    } else {
        AnyRule::Recording(RecordingRule {
            name: &rule.name,
            query: &rule.query,
            labels: &rule.labels,
            health,
            last_error: &rule.error,
            evaluation_time,
            last_evaluation: stamp_of(evaluated),
            r#type: "recording",
        })
    }
}

/// `/api/v1/rules`
pub(super) fn rules(server: &Server, parameters: &Parameters) -> Page {
    #[derive(Serialize)]
    struct Groups<'a> {
        groups: Vec<RuleGroup<'a>>,
    }
    let wanted = parameters.get("type");
    let is_wanted = |r: &&Rule| match wanted {
        "alert" => r.alerts,
        "record" => !r.alerts,
        _ => true,
    };
    let groups = server.groups.iter().map(|group| RuleGroup {
        name: &group.name,
        file: &group.file,
        rules: group
            .rules
            .iter()
            .filter(is_wanted)
            .map(|r| rule(r, group.evaluated))
            .collect(),
        interval: Number(seconds(group.interval)),
        limit: 0,
        evaluation_time: Number(group.evaluated.map_or(0.0, |_| TOOK)),
        last_evaluation: stamp_of(group.evaluated),
    });
    Page::data(&Groups {
        groups: groups.collect(),
    })
}

/// `/api/v1/alerts`
pub(super) fn alerts(server: &Server) -> Page {
    #[derive(Serialize)]
    struct Alerts<'a> {
        alerts: Vec<Alerting<'a>>,
    }
    let rules = server.groups.iter().flat_map(|g| &g.rules);
    let alerts = rules.flat_map(|r| r.active.iter().map(alerting)).collect();
    Page::data(&Alerts { alerts })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_alerts_read_as_in_go() {
        for (value, text) in [
            (5_441_024.0, "5.441024e+06"),
            (0.05, "5e-02"),
            (1.0, "1e+00"),
        ] {
            assert_eq!(scientific(value), text);
        }
    }
}
