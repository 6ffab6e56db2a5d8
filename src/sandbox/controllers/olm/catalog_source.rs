//! Catalogues: those that are there are connected.

use serde_json::json;

use super::{CATALOGS, catalog, text};
use crate::sandbox::{
    controllers::{Controller, Outcome, cluster::Cluster},
    store::{Change, Key},
};

/// Connects to catalogues.
#[derive(Debug, Default)]
pub struct CatalogSources;

impl Controller for CatalogSources {
    fn name(&self) -> &'static str {
        "catalog-operator"
    }

    fn program(&self) -> &'static str {
        "catalog"
    }

    fn touched(&self, _: &Cluster<'_>, change: &Change) -> Vec<Key> {
        let is = CATALOGS.is_of(change);
        is.then(|| change.key.clone()).into_iter().collect()
    }

    fn reconcile(&mut self, cluster: &Cluster<'_>, key: &Key) -> Outcome {
        let Some(source) = cluster.get(CATALOGS, &key.0, &key.1) else {
            return Ok(None);
        };
        let known = catalog::is_known(&key.1, &key.0);
        let state = if known { "READY" } else { "TRANSIENT_FAILURE" };
        if text(&source, "/status/connectionState/lastObservedState") == state {
            return Ok(None);
        }
        let (name, namespace) = (&key.1, &key.0);
        let address = source["spec"]["address"]
            .as_str()
            .map_or_else(|| format!("{name}.{namespace}.svc:50051"), str::to_owned);
        let now = cluster.stamp();
        let status = json!({"status": {
            "connectionState": {"address": address, "lastConnect": now, "lastObservedState": state},
            "registryService": {"createdAt": now, "protocol": "grpc"},
        }});
        cluster.merge_status(CATALOGS, &source, &status)?;
        Ok(None)
    }
}
