//! The accounts in whose name Builds run and roll out.
//! <https://github.com/openshift/openshift-controller-manager/tree/main/pkg/serviceaccounts>

use serde_json::json;

use super::PROGRAM;
use crate::sandbox::{
    controllers::{
        Controller, Outcome,
        accounts::unless_ending,
        cluster::{Cluster, NAMESPACES, SERVICE_ACCOUNTS, is_going},
    },
    store::{Change, Key},
};

/// The accounts of every namespace, besides the one that Pods have.
const ACCOUNTS: [&str; 2] = ["builder", "deployer"];

/// Makes the accounts of every namespace.
#[derive(Debug)]
pub(super) struct Accounts;

impl Controller for Accounts {
    fn name(&self) -> &'static str {
        "openshift-service-account-controller"
    }

    fn program(&self) -> &'static str {
        PROGRAM
    }

    fn touched(&self, _: &Cluster<'_>, change: &Change) -> Vec<Key> {
        let lost = SERVICE_ACCOUNTS.is_of(change) && change.after.is_none();
        let namespace = if lost {
            change.key.0.clone()
        } else if NAMESPACES.is_of(change) {
            change.key.1.clone()
        } else {
            return Vec::new();
        };
        vec![(String::new(), namespace)]
    }

    fn reconcile(&mut self, cluster: &Cluster<'_>, key: &Key) -> Outcome {
        if cluster
            .get(NAMESPACES, "", &key.1)
            .is_none_or(|n| is_going(&n))
        {
            return Ok(None);
        }
        for name in ACCOUNTS {
            if cluster.get(SERVICE_ACCOUNTS, &key.1, name).is_none() {
                let account = json!({
                    "apiVersion": "v1", "kind": "ServiceAccount",
                    "metadata": {"name": name, "namespace": key.1},
                });
                unless_ending(cluster.create(SERVICE_ACCOUNTS, account).map(|_| ()))?;
            }
        }
        Ok(None)
    }
}
