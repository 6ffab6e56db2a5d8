//! Namespaces: the users and labels that their Pods may have, and the end of those that were made as projects.
//! <https://github.com/openshift/cluster-policy-controller/tree/main/pkg/security/controller>

use serde_json::json;

use super::{PROGRAM, list};
use crate::sandbox::{
    controllers::{
        Controller, Outcome,
        cluster::{Cluster, NAMESPACES, is_going},
    },
    openshift::project::FINALIZER,
    store::{Change, Key},
    verbs::name,
};

/// The users of a namespace's Pods: the first, and how many.
pub(in crate::sandbox) const UIDS: &str = "openshift.io/sa.scc.uid-range";
/// Their groups.
pub(in crate::sandbox) const GROUPS: &str = "openshift.io/sa.scc.supplemental-groups";
/// Their `SELinux` level.
pub(in crate::sandbox) const LEVEL: &str = "openshift.io/sa.scc.mcs";

/// The first user of all.
const FIRST: u64 = 1_000_000_000;
/// How many users a namespace has.
const SIZE: u64 = 10_000;
/// How many `SELinux` categories there are.
const CATEGORIES: u64 = 1024;

/// Gives each namespace a range of users of its own.
#[derive(Debug)]
pub(super) struct Ranges;

impl Controller for Ranges {
    fn name(&self) -> &'static str {
        "namespace-security-allocation-controller"
    }

    fn program(&self) -> &'static str {
        "cluster-policy-controller"
    }

    fn touched(&self, _: &Cluster<'_>, change: &Change) -> Vec<Key> {
        let namespace = NAMESPACES.is_of(change) && change.after.is_some();
        namespace.then(|| change.key.clone()).into_iter().collect()
    }

    fn reconcile(&mut self, cluster: &Cluster<'_>, key: &Key) -> Outcome {
        let Some(namespace) = cluster.get(NAMESPACES, "", &key.1) else {
            return Ok(None);
        };
        if is_going(&namespace) || namespace["metadata"]["annotations"][UIDS].is_string() {
            return Ok(None);
        }
        let taken: Vec<u64> = cluster
            .list(NAMESPACES, None)
            .iter()
            .filter_map(|n| {
                n["metadata"]["annotations"][UIDS]
                    .as_str()?
                    .split('/')
                    .next()?
                    .parse()
                    .ok()
            })
            .collect();
        let free = (0..=CATEGORIES * CATEGORIES / 2)
            .find(|block| !taken.contains(&(FIRST + block * SIZE)));
        let block = free.unwrap_or_default();
        let range = format!("{}/{SIZE}", FIRST + block * SIZE);
        let patch = json!({"metadata": {"annotations": {
            UIDS: range, GROUPS: range, LEVEL: level(block),
        }}});
        cluster.merge(NAMESPACES, &namespace, &patch)?;
        Ok(None)
    }
}

/// The pair of categories with a number, the larger one first: `s0:c1,c0`, `s0:c2,c0`, `s0:c2,c1`.
fn level(number: u64) -> String {
    let (mut high, mut left) = (1, number);
    while left >= high && high < CATEGORIES {
        left -= high;
        high += 1;
    }
    format!("s0:c{high},c{left}")
}

/// Lets go of namespaces that were made as projects: there is nothing left for it to do.
#[derive(Debug)]
pub(super) struct Origin;

impl Controller for Origin {
    fn name(&self) -> &'static str {
        "origin-namespace-controller"
    }

    fn program(&self) -> &'static str {
        PROGRAM
    }

    fn touched(&self, _: &Cluster<'_>, change: &Change) -> Vec<Key> {
        let namespace = NAMESPACES.is_of(change) && change.after.is_some();
        namespace.then(|| change.key.clone()).into_iter().collect()
    }

    fn reconcile(&mut self, cluster: &Cluster<'_>, key: &Key) -> Outcome {
        let Some(namespace) = cluster.get(NAMESPACES, "", &key.1).filter(|n| is_going(n)) else {
            return Ok(None);
        };
        let mut finalizers = list(&namespace, "/spec/finalizers").to_vec();
        if !finalizers.iter().any(|f| f == FINALIZER) {
            return Ok(None);
        }
        finalizers.retain(|f| f != FINALIZER);
        let mut changed = (*namespace).clone();
        changed["spec"]["finalizers"] = json!(finalizers);
        let resource = cluster.resource(NAMESPACES)?;
        let how = cluster.through("finalize");
        cluster
            .api
            .update(&resource, None, name(&namespace), changed, &how)?;
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_namespaces_have_the_same_level() {
        let first: Vec<String> = (0..4).map(level).collect();
        assert_eq!(first, ["s0:c1,c0", "s0:c2,c0", "s0:c2,c1", "s0:c3,c0"]);
    }
}
