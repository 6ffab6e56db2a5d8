//! What a Prometheus tells of itself: targets, rules, its state.

use std::fmt::Write as _;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;

use super::{body::Page, parameters::Parameters};
use crate::sandbox::prometheus::{
    config::Job,
    labels::Labels,
    number::{seconds, written, written_duration},
    rules::{Alert, Rule},
    server::Server,
    target::Target,
};

/// A time as Go writes it, to the millisecond.
fn stamp(millis: i64) -> String {
    let time = Timestamp::from_millisecond(millis).unwrap_or(Timestamp::UNIX_EPOCH);
    time.to_string()
}

const NEVER: &str = "0001-01-01T00:00:00Z";

fn stamp_of(millis: Option<i64>) -> String {
    millis.map_or_else(|| NEVER.to_owned(), stamp)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Active<'a> {
    discovered_labels: &'a Labels,
    labels: &'a Labels,
    scrape_pool: &'a str,
    scrape_url: String,
    global_url: String,
    last_error: &'a str,
    last_scrape: String,
    last_scrape_duration: f64,
    health: &'static str,
    scrape_interval: String,
    scrape_timeout: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Dropped<'a> {
    discovered_labels: &'a Labels,
    scrape_pool: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Found<'a> {
    active_targets: Vec<Active<'a>>,
    dropped_targets: Vec<Dropped<'a>>,
    dropped_target_counts: Option<std::collections::BTreeMap<&'a str, usize>>,
}

fn active<'a>(job: &Job, pool: &'a str, target: &'a Target) -> Active<'a> {
    Active {
        discovered_labels: &target.discovered,
        labels: &target.labels,
        scrape_pool: pool,
        scrape_url: target.url(),
        global_url: target.url(),
        last_error: &target.error,
        last_scrape: stamp_of(target.scraped),
        last_scrape_duration: seconds(target.took),
        health: target.health(),
        scrape_interval: written_duration(job.interval),
        scrape_timeout: written_duration(job.timeout),
    }
}

/// `/api/v1/targets`
pub(super) fn targets(server: &Server, parameters: &Parameters) -> Page {
    let (state, wanted) = (parameters.get("state"), parameters.get("scrapePool"));
    let show = |what: &str| matches!(state, "" | "any") || state == what;
    let pools = || {
        let all = server.pools.iter();
        all.filter(|(name, _)| wanted.is_empty() || *name == wanted)
    };
    let mut all = Found {
        active_targets: Vec::new(),
        dropped_targets: Vec::new(),
        dropped_target_counts: None,
    };
    if show("active") {
        for (name, pool) in pools() {
            for target in &pool.active {
                all.active_targets.push(active(&pool.job, name, target));
            }
        }
    }
    if show("dropped") {
        for (name, pool) in pools() {
            for labels in &pool.dropped {
                all.dropped_targets.push(Dropped {
                    discovered_labels: labels,
                    scrape_pool: name,
                });
            }
        }
        let counts = pools().map(|(name, pool)| (name.as_str(), pool.dropped.len()));
        all.dropped_target_counts = Some(counts.collect());
    }
    Page::data(&all)
}

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
    duration: f64,
    keep_firing_for: f64,
    labels: &'a Labels,
    annotations: &'a Labels,
    alerts: Vec<Alerting<'a>>,
    health: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    last_error: &'a str,
    evaluation_time: f64,
    last_evaluation: String,
    r#type: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RecordingRule<'a> {
    name: &'a str,
    query: &'a str,
    #[serde(skip_serializing_if = "Labels::is_empty")]
    labels: &'a Labels,
    health: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    last_error: &'a str,
    evaluation_time: f64,
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
    interval: f64,
    limit: u64,
    evaluation_time: f64,
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
    let evaluation_time = evaluated.map_or(0.0, |_| TOOK);
    if rule.alerts {
        AnyRule::Alerting(AlertingRule {
            state: if evaluated.is_some() {
                rule.state()
            } else {
                "unknown"
            },
            name: &rule.name,
            query: &rule.query,
            duration: seconds(rule.holds),
            keep_firing_for: seconds(rule.keeps),
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
        interval: seconds(group.interval),
        limit: 0,
        evaluation_time: group.evaluated.map_or(0.0, |_| TOOK),
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

/// `/api/v1/metadata`
pub(super) fn metadata(server: &Server, parameters: &Parameters) -> Page {
    #[derive(Serialize)]
    struct Entry<'a> {
        r#type: &'a str,
        unit: &'static str,
        help: &'a str,
    }
    let wanted = parameters.get("metric");
    let limit = parameters.get("limit").parse().unwrap_or(usize::MAX);
    let mut found: std::collections::BTreeMap<&str, Vec<Entry<'_>>> =
        std::collections::BTreeMap::new();
    let targets = server.pools.values().flat_map(|p| &p.active);
    for (name, of) in targets.flat_map(|t| &t.metadata) {
        if wanted.is_empty() || wanted == name {
            let entries = found.entry(name).or_default();
            if !entries
                .iter()
                .any(|e| e.help == of.help && e.r#type == of.kind)
            {
                entries.push(Entry {
                    r#type: &of.kind,
                    unit: "",
                    help: &of.help,
                });
            }
        }
    }
    let found: std::collections::BTreeMap<_, _> = found.into_iter().take(limit).collect();
    Page::data(&found)
}

/// `/api/v1/status/buildinfo`
pub(super) fn build(server: &Server) -> Page {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Info<'a> {
        version: &'a str,
        revision: &'static str,
        branch: &'static str,
        build_user: &'static str,
        build_date: &'static str,
        go_version: &'static str,
    }
    Page::data(&Info {
        version: &server.settings.version,
        revision: "",
        branch: "HEAD",
        build_user: "",
        build_date: "",
        go_version: "",
    })
}

/// `/api/v1/status/runtimeinfo`
pub(super) fn runtime(server: &Server, now: i64) -> Page {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Runtime<'a> {
        start_time: String,
        #[serde(rename = "CWD")]
        folder: &'static str,
        hostname: &'a str,
        server_time: String,
        reload_config_success: bool,
        last_config_time: String,
        corruption_count: u64,
        goroutine_count: u64,
        storage_retention: String,
    }
    Page::data(&Runtime {
        start_time: stamp(server.started),
        folder: "/prometheus",
        hostname: &server.settings.host,
        server_time: stamp(now),
        reload_config_success: server.valid,
        last_config_time: stamp(server.loaded - server.loaded.rem_euclid(1000)),
        corruption_count: 0,
        goroutine_count: 65,
        storage_retention: written_duration(server.settings.retention),
    })
}

/// `/api/v1/status/flags`, those that matter here.
pub(super) fn flags(server: &Server) -> Page {
    Page::data(&json!({
        "config.file": "/etc/prometheus/config_out/prometheus.env.yaml",
        "query.lookback-delta": written_duration(server.settings.lookback),
        "query.max-samples": "50000000", "query.timeout": "2m",
        "storage.tsdb.path": "/prometheus",
        "storage.tsdb.retention.time": written_duration(server.settings.retention),
        "web.enable-lifecycle": "true", "web.listen-address": "0.0.0.0:9090", "web.route-prefix": "/",
    }))
}

/// `/api/v1/status/tsdb`
pub(super) fn storage(server: &Server) -> Page {
    Page::data(&json!({"headStats": {"numSeries": server.storage.len()}}))
}

/// Its own metrics, the basic ones.
pub(super) fn metrics(server: &Server, now: i64) -> String {
    let mut out = String::new();
    let mut tell = |name: &str, kind: &str, help: &str, labels: &str, value: f64| {
        let value = written(value);
        let _ = write!(
            out,
            "# HELP {name} {help}\n# TYPE {name} {kind}\n{name}{labels} {value}\n"
        );
    };
    let version = format!(
        "{{branch=\"HEAD\",goarch=\"amd64\",goos=\"linux\",goversion=\"\",revision=\"\",tags=\"\",version=\"{}\"}}",
        server.settings.version
    );
    let size = super::super::number::count;
    let up = seconds(now - server.started);
    let targets: usize = server.pools.values().map(|p| p.active.len()).sum();
    for (name, kind, help, labels, value) in [
        (
            "go_goroutines",
            "gauge",
            "Number of goroutines that currently exist.",
            "",
            65.0,
        ),
        (
            "process_cpu_seconds_total",
            "counter",
            "Total user and system CPU time spent in seconds.",
            "",
            (up * 4.0).floor() / 1000.0,
        ),
        (
            "process_resident_memory_bytes",
            "gauge",
            "Resident memory size in bytes.",
            "",
            91_226_112.0,
        ),
        (
            "process_start_time_seconds",
            "gauge",
            "Start time of the process since unix epoch in seconds.",
            "",
            seconds(server.started),
        ),
        (
            "prometheus_build_info",
            "gauge",
            "A metric with a constant '1' value labeled by version, revision, branch, goversion from which prometheus was built, and the goos and goarch for the build.",
            version.as_str(),
            1.0,
        ),
        (
            "prometheus_config_last_reload_success_timestamp_seconds",
            "gauge",
            "Timestamp of the last successful configuration reload.",
            "",
            seconds(server.loaded),
        ),
        (
            "prometheus_config_last_reload_successful",
            "gauge",
            "Whether the last configuration reload attempt was successful.",
            "",
            f64::from(u8::from(server.valid)),
        ),
        (
            "prometheus_ready",
            "gauge",
            "Whether Prometheus startup was fully completed and the server is ready for normal operation.",
            "",
            1.0,
        ),
        (
            "prometheus_sd_discovered_targets",
            "gauge",
            "Current number of discovered targets.",
            "{config=\"all\",name=\"scrape\"}",
            size(targets),
        ),
        (
            "prometheus_tsdb_head_series",
            "gauge",
            "Total number of series in the head block.",
            "",
            size(server.storage.len()),
        ),
    ] {
        tell(name, kind, help, labels, value);
    }
    out
}

/// What stands in for the pages of the real one.
pub(super) fn page(server: &Server) -> String {
    let targets: usize = server.pools.values().map(|p| p.active.len()).sum();
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Prometheus (simulated)</title></head><body>\n\
         <h1>Prometheus {} (simulated)</h1>\n\
         <p>This Prometheus is part of a practice cluster. Its HTTP API answers as the real one; the pages for a browser are not simulated.</p>\n\
         <p>{targets} targets, {} series, {} rule groups.</p>\n\
         <ul><li><a href=\"api/v1/targets\">targets</a></li><li><a href=\"api/v1/rules\">rules</a></li>\
         <li><a href=\"api/v1/alerts\">alerts</a></li><li><a href=\"api/v1/query?query=up\">query: up</a></li>\
         <li><a href=\"api/v1/status/config\">configuration</a></li></ul>\n</body></html>\n",
        server.settings.version,
        server.storage.len(),
        server.groups.len()
    )
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
