//! What Pods use, as `metrics.k8s.io` tells it.

use std::{fmt, time::Duration};

use jiff::Timestamp;
use serde_json::Value;

use crate::sandbox::{
    controllers::cluster::Cluster,
    metrics::{self, Used},
};

/// What was measured of a Pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// How much it uses, in thousandths.
    pub amount: i64,
    /// When it was measured.
    pub at: Timestamp,
    /// Over how long, by the machine's time.
    pub window: Duration,
}

/// Measures what Pods use.
pub trait Usage: Send + fmt::Debug {
    /// Whether the cluster measures at all.
    fn is_there(&self, _: &Cluster<'_>) -> bool {
        true
    }

    /// How much of a resource (`cpu`, `memory`) a Pod uses, or one of its containers; none where it was not measured.
    fn of_pod(
        &self,
        cluster: &Cluster<'_>,
        pod: &Value,
        resource: &str,
        container: Option<&str>,
    ) -> Option<Sample>;
}

/// The cluster's own metrics API.
#[derive(Debug, Clone, Copy, Default)]
pub struct ResourceMetrics;

impl Usage for ResourceMetrics {
    fn is_there(&self, cluster: &Cluster<'_>) -> bool {
        metrics::is_served(cluster.api)
    }

    fn of_pod(
        &self,
        cluster: &Cluster<'_>,
        pod: &Value,
        resource: &str,
        container: Option<&str>,
    ) -> Option<Sample> {
        let measured = metrics::of_pod(cluster.api, pod)?;
        let all = measured.containers.iter();
        let of = all.filter(|used| container.is_none_or(|wanted| used.name == wanted));
        let amounts: Vec<i64> = of
            .map(|used| thousandths(used, resource))
            .collect::<Option<_>>()?;
        (!amounts.is_empty()).then(|| Sample {
            amount: amounts
                .iter()
                .fold(0, |sum, each| sum.saturating_add(*each)),
            at: measured.at,
            window: cluster.api.clock.on_machine(measured.window),
        })
    }
}

/// An amount in thousandths, rounded up as the metrics API's clients do.
fn thousandths(used: &Used, resource: &str) -> Option<i64> {
    match resource {
        "cpu" => Some(used.cpu.saturating_add(999_999) / 1_000_000),
        "memory" => Some(used.memory.saturating_mul(1000)),
        _ => None,
    }
}
