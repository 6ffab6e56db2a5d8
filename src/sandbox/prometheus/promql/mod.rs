//! `PromQL`, as far as a small Prometheus needs it.
//! <https://prometheus.io/docs/prometheus/latest/querying/basics/>

mod aggregate;
pub mod ast;
mod binary;
mod check;
pub mod evaluate;
pub mod functions;
mod lexer;
mod over_time;
mod parser;
mod per_sample;
mod relabelled;

pub use parser::{parse, parse_selector};

/// What is wrong with a query's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    at: Option<usize>,
    /// What is wrong.
    pub message: String,
}

impl Fault {
    pub(crate) fn at(at: usize, message: impl Into<String>) -> Self {
        Self {
            at: Some(at),
            message: message.into(),
        }
    }

    pub(crate) fn nowhere(message: impl Into<String>) -> Self {
        Self {
            at: None,
            message: message.into(),
        }
    }

    /// As Prometheus tells it: line and column, and what is wrong.
    #[must_use]
    pub fn told(&self, query: &str) -> String {
        let message = &self.message;
        let Some(at) = self.at else {
            return format!("unknown position: parse error: {message}");
        };
        let before = query.get(..at).unwrap_or(query);
        let line = before.matches('\n').count() + 1;
        let column = at - before.rfind('\n').map_or(0, |n| n + 1) + 1;
        format!("{line}:{column}: parse error: {message}")
    }
}
