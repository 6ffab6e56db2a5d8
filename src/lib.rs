//! `ccnr` runs hands-on Kubernetes and OpenShift workshops: labs are data, the cluster's API is the engine.
#![forbid(unsafe_code)]

pub mod check;
pub mod class;
pub mod cli;
pub mod cluster;
pub mod lab;
pub mod sandbox;
pub mod session;
pub mod ui;
