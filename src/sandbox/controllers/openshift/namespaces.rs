//! Namespaces: the users and labels that their Pods may have, and the end of those that were made as projects.
//! <https://github.com/openshift/cluster-policy-controller/tree/main/pkg/security/controller>

use serde_json::json;

use super::{PROGRAM, list};
use crate::sandbox::{
    controllers::{
        Controller, Outcome,
        cluster::{Cluster, NAMESPACES, is_going},
    },
    openshift::{
        project::FINALIZER,
        ranges::{self, UIDS},
    },
    store::{Change, Key},
    verbs::name,
};

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
        let all = cluster.list(NAMESPACES, None);
        let patch = json!({"metadata": {"annotations": ranges::free(all.iter().cloned())}});
        cluster.merge(NAMESPACES, &namespace, &patch)?;
        Ok(None)
    }
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
