//! The controllers of workloads: what kube-controller-manager does for the groups apps, batch, autoscaling and policy.
//! <https://github.com/kubernetes/kubernetes/tree/master/pkg/controller>

pub mod amount;
pub mod autoscaler;
pub mod claim;
pub mod condition;
pub mod control;
pub mod cronjob;
pub mod daemonset;
pub mod deployment;
pub mod disruption;
pub mod job;
pub mod pods;
pub mod replicaset;
pub mod revisions;
pub mod statefulset;
pub mod template;
pub mod times;

use super::cluster::Kind;

/// `ControllerRevisions`.
pub const CONTROLLER_REVISIONS: Kind = Kind::new("apps", "v1", "controllerrevisions");
/// `DaemonSets`.
pub const DAEMON_SETS: Kind = Kind::new("apps", "v1", "daemonsets");
/// `PersistentVolumeClaims`.
pub const CLAIMS: Kind = Kind::new("", "v1", "persistentvolumeclaims");
/// Jobs.
pub const JOBS: Kind = Kind::new("batch", "v1", "jobs");
/// `CronJobs`.
pub const CRON_JOBS: Kind = Kind::new("batch", "v1", "cronjobs");
/// `HorizontalPodAutoscalers`.
pub const AUTOSCALERS: Kind = Kind::new("autoscaling", "v2", "horizontalpodautoscalers");
/// `PodDisruptionBudgets`.
pub const DISRUPTION_BUDGETS: Kind = Kind::new("policy", "v1", "poddisruptionbudgets");
