//! What an Ingress controller says of itself: where Ingresses can be reached.
//! <https://kubernetes.io/docs/concepts/services-networking/ingress-controllers/>

use serde_json::json;

use super::{
    Controller, Outcome,
    cluster::{Cluster, Kind, is_going},
};
use crate::sandbox::store::{Change, Key};

const INGRESSES: Kind = Kind::new("networking.k8s.io", "v1", "ingresses");

/// Where the router listens.
const ADDRESS: &str = "127.0.0.1";

/// Writes into Ingresses where they can be reached.
#[derive(Debug)]
pub(super) struct Addresses;

impl Controller for Addresses {
    fn name(&self) -> &'static str {
        "ingress-controller"
    }

    fn program(&self) -> &'static str {
        "ingress-controller"
    }

    fn touched(&self, _: &Cluster<'_>, change: &Change) -> Vec<Key> {
        let is_one = INGRESSES.is_of(change);
        is_one.then(|| change.key.clone()).into_iter().collect()
    }

    fn reconcile(&mut self, cluster: &Cluster<'_>, key: &Key) -> Outcome {
        let found = cluster.get(INGRESSES, &key.0, &key.1);
        if let Some(found) = found.filter(|i| !is_going(i)) {
            let wanted = json!([{"ip": ADDRESS}]);
            if found["status"]["loadBalancer"]["ingress"] != wanted {
                let status = json!({"status": {"loadBalancer": {"ingress": wanted}}});
                cluster.merge_status(INGRESSES, &found, &status)?;
            }
        }
        Ok(None)
    }
}
