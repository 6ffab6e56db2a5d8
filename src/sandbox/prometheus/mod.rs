//! A small Prometheus: what it finds, scrapes, keeps and answers. Pure: what it looks at is given to it.
//! <https://prometheus.io/docs/introduction/overview/>

pub mod api;
pub mod config;
pub mod discovery;
pub mod exporters;
pub mod exposition;
pub mod gzip;
pub mod instances;
pub mod labels;
pub mod number;
pub mod promql;
pub mod relabel;
pub mod rules;
pub mod server;
pub mod storage;
pub mod target;
pub mod world;
pub mod yaml;
