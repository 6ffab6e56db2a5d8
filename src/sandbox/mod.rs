//! The sandbox: a practice cluster in memory: an API server, and controllers that move it. It knows nothing of labs, and is spoken
//! to over HTTP only.

mod addresses;
pub mod admission;
pub mod authz;
pub mod clock;
pub mod controllers;
pub mod discovery;
pub mod extensions;
pub mod flavour;
pub mod go;
pub mod home;
pub mod instance;
pub mod kinds;
pub mod metrics;
pub mod names;
pub mod network;
pub mod openapi;
pub mod openshift;
pub mod patch;
pub mod pointer;
pub mod programs;
pub mod prometheus;
pub mod protobuf;
pub mod quota;
pub mod registry;
pub mod router;
pub mod schema;
pub mod serve;
pub mod start;
pub mod status;
pub mod store;
pub mod tables;
pub mod tokens;
pub mod verbs;
