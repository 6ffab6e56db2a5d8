//! The sandbox: an API server in memory, with Kubernetes' own kinds. It knows nothing of labs, and is spoken to over HTTP only.
//!
//! In the making: it serves objects and their changes; the controllers that move a cluster are not there yet.

pub mod authz;
pub mod clock;
pub mod discovery;
pub mod kinds;
pub mod names;
pub mod openapi;
pub mod patch;
pub mod registry;
pub mod schema;
pub mod serve;
pub mod status;
pub mod store;
pub mod tables;
pub mod verbs;
