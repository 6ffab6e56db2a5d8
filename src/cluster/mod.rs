//! The cluster: connection, calls, reads, writes. Everything that touches the network is below here.

pub mod apply;
pub mod call;
pub mod change;
pub mod connect;
pub mod contents;
pub mod identity;
pub mod obstacle;
pub mod pace;
pub mod pages;
pub mod pauses;
pub mod project;
mod proxy;
mod read;
mod redact;
pub mod remove;
pub mod resources;
pub mod snapshot;
pub mod watch;
mod web;

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
};

use jiff::{SignedDuration, Timestamp};

use self::call::Limits;

/// Kinds and how they are served, by group/version.
type Discovery = HashMap<String, Vec<(String, resources::Resource)>>;

/// A connection to one cluster as one user. Cheap to clone.
#[derive(Clone)]
pub struct Cluster {
    client: kube::Client,
    /// The API server's URL.
    pub server: String,
    /// The kubeconfig's context; none inside a Pod.
    pub context: Option<String>,
    /// The kubeconfig's name for the user; none inside a Pod.
    pub user: Option<String>,
    /// Where the cluster's router listens, host and port, where its kubeconfig says so: a practice cluster's hosts are in no DNS.
    pub router: Option<String>,
    limits: Limits,
    /// The kinds of a group/version, once they have been asked for.
    discovery: Arc<tokio::sync::Mutex<Discovery>>,
    /// Who asks, once that has been asked for.
    identity: Arc<tokio::sync::OnceCell<identity::Identity>>,
    /// By how many seconds the cluster's clock is ahead of this machine's.
    ahead: Arc<AtomicI64>,
    /// How often the server said that it has too much to do, or gave no answer.
    pushed_back: Arc<AtomicU64>,
    /// By what the server is known.
    authority: connect::Authority,
}

impl Cluster {
    /// How often the server said so far that it has too much to do, or gave no answer.
    #[must_use]
    pub fn pushed_back(&self) -> u64 {
        self.pushed_back.load(Ordering::Relaxed)
    }

    /// The time by the cluster's clock, which objects' ages are told by. Before the first answer it is this machine's.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        let ahead = SignedDuration::from_secs(self.ahead.load(Ordering::Relaxed));
        let here = Timestamp::now();
        here.checked_add(ahead).unwrap_or(here)
    }
}
