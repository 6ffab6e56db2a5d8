//! Controllers: each brings what is there closer to what is wanted, one object at a time, whatever happened before.
//! <https://kubernetes.io/docs/concepts/architecture/controller/>

pub mod accounts;
pub mod aggregation;
pub mod cluster;
pub mod endpoints;
pub mod events;
pub mod garbage;
mod ingress;
pub mod manager;
pub mod namespace;
pub mod node;
pub mod olm;
pub mod openshift;
pub mod placement;
pub mod program;
pub mod prometheus;
pub mod prometheus_operator;
pub mod quota;
pub mod self_service;
pub mod volumes;
pub mod workloads;

use std::time::Duration;

use self::cluster::Cluster;
use super::{
    flavour::Flavour,
    status::Refusal,
    store::{Change, Key},
};

/// What comes of one look at an object: when to look at it again though nothing changed, in simulated time; or why it could not
/// be done, upon which it is tried again after a while.
pub type Outcome = Result<Option<Duration>, Refusal>;

/// A control loop over the objects of one kind.
pub trait Controller: Send {
    /// Its name, under which it is known and writes events: `deployment-controller`.
    fn name(&self) -> &'static str;

    /// The program that it is part of on a real cluster, which is the manager of the fields that it writes.
    fn program(&self) -> &'static str {
        "kube-controller-manager"
    }

    /// The objects to look at because of a change: of its own kind or of one that these depend on. It reads only what is in the
    /// change, or quickly looked up.
    fn touched(&self, cluster: &Cluster<'_>, change: &Change) -> Vec<Key>;

    /// Looks at an object, which may be gone, and does what is next. It trusts nothing but what it reads now: memory of its own
    /// is for times only.
    fn reconcile(&mut self, cluster: &Cluster<'_>, key: &Key) -> Outcome;
}

/// All controllers of a cluster.
#[must_use]
pub fn all(flavour: Flavour) -> Vec<Box<dyn Controller>> {
    let mut all: Vec<Box<dyn Controller>> = vec![
        Box::new(accounts::DefaultAccount),
        Box::new(accounts::RootCertificate),
        Box::new(accounts::ServerMap::AUTHENTICATION),
        Box::new(accounts::ServerMap::TOKENS),
        Box::new(accounts::TokenSecrets),
        Box::new(aggregation::Aggregation),
        Box::new(endpoints::Endpoints::default()),
        Box::new(endpoints::Mirror),
        Box::new(endpoints::Slices::default()),
        Box::new(events::Expiry::default()),
        Box::new(garbage::Collector::default()),
        Box::new(namespace::Ending::default()),
        Box::new(node::kubelet::Kubelet::default()),
        Box::new(node::lifecycle::Lifecycle),
        Box::new(node::scheduler::Scheduler),
        Box::new(node::status::NodeStatus::default()),
        Box::new(prometheus::Servers::default()),
        Box::new(prometheus_operator::Operator::default()),
        Box::new(quota::Count),
        Box::new(volumes::ClaimProtection),
        Box::new(volumes::Claims::default()),
        Box::new(volumes::VolumeProtection),
        Box::new(volumes::Volumes),
        Box::new(workloads::autoscaler::Autoscalers::measuring(Box::new(
            workloads::autoscaler::usage::ResourceMetrics,
        ))),
        Box::new(workloads::cronjob::CronJobs),
        Box::new(workloads::daemonset::DaemonSets::default()),
        Box::new(workloads::deployment::Deployments::default()),
        Box::new(workloads::disruption::DisruptionBudgets),
        Box::new(workloads::job::Jobs::default()),
        Box::new(workloads::job::ttl::FinishedJobs::default()),
        Box::new(workloads::replicaset::ReplicaSets::default()),
        Box::new(workloads::statefulset::StatefulSets::default()),
    ];
    if flavour.has_olm() {
        all.extend(olm::all());
    }
    if flavour.has_openshift() {
        all.extend(openshift::all());
    } else {
        all.push(Box::new(ingress::Addresses));
        all.push(Box::new(self_service::SelfService));
    }
    all
}
