//! Prometheus' HTTP API.
//! <https://prometheus.io/docs/prometheus/latest/querying/api/>

pub mod body;
pub mod parameters;
