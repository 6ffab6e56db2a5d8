//! The Prometheus servers that run in a cluster, and what was asked of its programs.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use super::{exporters::Asked, server::Server};

/// They all, by the uid of their Pod.
#[derive(Debug, Default)]
pub struct Instances {
    servers: Mutex<HashMap<String, Server>>,
    asked: Mutex<HashMap<String, Asked>>,
}

impl Instances {
    /// Works with the servers.
    pub fn with<T>(&self, work: impl FnOnce(&mut HashMap<String, Server>) -> T) -> T {
        work(&mut locked(&self.servers))
    }

    /// What was asked of the program of a Pod.
    #[must_use]
    pub fn asked(&self, uid: &str) -> Asked {
        locked(&self.asked).get(uid).copied().unwrap_or_default()
    }

    /// Notes that something was asked of the program of a Pod; gives all that was.
    pub fn note(&self, uid: &str, change: impl FnOnce(&mut Asked)) -> Asked {
        let mut all = locked(&self.asked);
        let asked = all.entry(uid.to_owned()).or_default();
        change(asked);
        *asked
    }

    /// Forgets a Pod.
    pub fn forget(&self, uid: &str) {
        locked(&self.servers).remove(uid);
        locked(&self.asked).remove(uid);
    }
}

/// A panic elsewhere leaves servers behind that go on.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
