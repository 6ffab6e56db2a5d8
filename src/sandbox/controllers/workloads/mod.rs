//! The controllers of workloads: what kube-controller-manager does for the groups apps, batch, autoscaling and policy.
//! <https://github.com/kubernetes/kubernetes/tree/master/pkg/controller>

pub mod amount;
pub mod claim;
pub mod condition;
pub mod control;
//daemonset
pub mod deployment;
pub mod pods;
pub mod replicaset;
//revisions
//statefulset
pub mod template;
pub mod times;
