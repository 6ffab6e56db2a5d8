//! Prometheus' HTTP API.
//! <https://prometheus.io/docs/prometheus/latest/querying/api/>

mod about;
pub mod body;
pub mod pages;
pub mod parameters;
mod rules;
mod targets;
