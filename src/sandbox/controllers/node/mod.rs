//! What makes Pods run: the scheduler, which gives them a node, and the node, whose kubelet runs them.

pub mod kubelet;
pub mod lifecycle;
pub mod requests;
pub mod scheduler;
pub mod status;
