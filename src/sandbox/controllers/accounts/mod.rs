//! What every namespace has: the `ServiceAccount` `default`, and the certificate by which the API server is known; and what the
//! server tells of itself.

mod root_certificate;
mod secrets;
mod server_maps;

pub use root_certificate::RootCertificate;
pub use secrets::TokenSecrets;
pub use server_maps::ServerMap;

use serde_json::json;

use super::{
    Controller, Outcome,
    cluster::{Cluster, NAMESPACES, SERVICE_ACCOUNTS, is_going},
};
use crate::sandbox::{
    admission::service_account::DEFAULT,
    status::Refusal,
    store::{Change, Key},
};

/// Makes the account `default` of every namespace.
/// <https://github.com/kubernetes/kubernetes/blob/master/pkg/controller/serviceaccount/serviceaccounts_controller.go>
#[derive(Debug, Default)]
pub struct DefaultAccount;

impl Controller for DefaultAccount {
    fn name(&self) -> &'static str {
        "service-account-controller"
    }

    fn touched(&self, _: &Cluster<'_>, change: &Change) -> Vec<Key> {
        if SERVICE_ACCOUNTS.is_of(change) {
            let lost = change.after.is_none() && change.key.1 == DEFAULT;
            return namespace_if(lost, &change.key.0);
        }
        namespace_if(NAMESPACES.is_of(change), &change.key.1)
    }

    fn reconcile(&mut self, cluster: &Cluster<'_>, key: &Key) -> Outcome {
        let namespace = cluster.get(NAMESPACES, "", &key.1);
        if namespace.is_none_or(|n| is_going(&n))
            || cluster.get(SERVICE_ACCOUNTS, &key.1, DEFAULT).is_some()
        {
            return Ok(None);
        }
        let account = json!({
            "apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": {"name": DEFAULT, "namespace": key.1},
        });
        unless_ending(cluster.create(SERVICE_ACCOUNTS, account).map(|_| ()))
    }
}

/// The key of a namespace, if something is the case.
fn namespace_if(condition: bool, name: &str) -> Vec<Key> {
    let key = condition.then(|| (String::new(), name.to_owned()));
    key.into_iter().collect()
}

/// Nothing is tried again in a namespace that ends.
pub(in crate::sandbox::controllers) fn unless_ending(made: Result<(), Refusal>) -> Outcome {
    match made {
        Err(refusal) if !refusal.is_of_ending_namespace() => Err(refusal),
        _ => Ok(None),
    }
}
