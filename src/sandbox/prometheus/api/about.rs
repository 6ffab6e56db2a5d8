//! What a Prometheus tells of itself: its series' types, its build, its state, its own metrics.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::json;

use super::{body::Page, parameters::Parameters};
use crate::sandbox::prometheus::{
    number::{seconds, stamp, written, written_duration},
    server::Server,
};

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
