//! What Pods use, as `metrics.k8s.io` would tell it.

use std::fmt;

use serde_json::Value;

use crate::sandbox::controllers::cluster::Cluster;

/// Measures what Pods use.
pub trait Usage: Send + fmt::Debug {
    /// How much of a resource (`cpu`, `memory`) a Pod uses, in thousandths; none where it was not measured.
    fn of_pod(&self, cluster: &Cluster<'_>, pod: &Value, resource: &str) -> Option<i64>;
}
