//! What suites share.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    dead_code,
    unreachable_pub
)] // Helpers of tests.

pub mod apart;
pub mod catalogue;
pub mod cluster;
pub mod fuzzed;
pub mod http;
pub mod kubelet;
pub mod learner;
pub mod load;
pub mod machine;
pub mod mistakes;
pub mod normal;
pub mod operator;
pub mod program;
pub mod proxy;
pub mod sandbox;
pub mod scenario;
pub mod served;
pub mod stage;
pub mod wait;
