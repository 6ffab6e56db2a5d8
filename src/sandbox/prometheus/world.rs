//! What a Prometheus can see and reach of its cluster.

use std::sync::Arc;

use serde_json::Value;

/// A page that was fetched.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fetched {
    /// The HTTP status.
    pub status: u16,
    /// The type of the body.
    pub content_type: String,
    /// The body.
    pub body: String,
}

/// Why nothing came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreachable {
    /// Nobody listens.
    Refused,
    /// Nothing answers, or nothing is let through.
    Silent,
    /// What answers speaks no such protocol.
    NoTls,
}

/// The cluster, to a Prometheus.
pub trait World {
    /// The objects of a resource (`endpoints`, `services`, `pods`) in a namespace, or everywhere; the error is that of the API.
    fn list(&self, resource: &str, namespace: Option<&str>) -> Result<Vec<Arc<Value>>, String>;

    /// Gets a page.
    fn get(&self, scheme: &str, address: &str, path: &str) -> Result<Fetched, Unreachable>;
}
