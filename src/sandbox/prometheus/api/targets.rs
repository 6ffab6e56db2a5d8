//! Targets: what is scraped, and what is dropped.

use serde::Serialize;

use super::{body::Page, parameters::Parameters};
use crate::sandbox::prometheus::{
    config::Job,
    labels::Labels,
    number::{Number, seconds, stamp_of, written_duration},
    server::Server,
    target::Target,
};

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
    last_scrape_duration: Number,
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
        last_scrape_duration: Number(seconds(target.took)),
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
