//! A small Prometheus: what it finds, scrapes, keeps and answers. Pure: what it looks at is given to it.
//! <https://prometheus.io/docs/introduction/overview/>

pub mod api;
pub mod labels;
pub mod number;
pub mod promql;
pub mod storage;
