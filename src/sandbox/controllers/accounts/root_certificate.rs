//! The `ConfigMap` `kube-root-ca.crt`.

use serde_json::json;

use super::{
    super::{
        Controller, Outcome,
        cluster::{CONFIG_MAPS, Cluster, NAMESPACES, is_going},
    },
    namespace_if, unless_ending,
};
use crate::sandbox::store::{Change, Key};

const NAME: &str = "kube-root-ca.crt";
const DESCRIPTION: &str = "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.";

/// Writes the API server's certificate into every namespace.
/// <https://github.com/kubernetes/kubernetes/blob/master/pkg/controller/certificates/rootcacertpublisher/publisher.go>
#[derive(Debug, Default)]
pub struct RootCertificate;

impl Controller for RootCertificate {
    fn name(&self) -> &'static str {
        "root-ca-cert-publisher"
    }

    fn touched(&self, _: &Cluster<'_>, change: &Change) -> Vec<Key> {
        if CONFIG_MAPS.is_of(change) {
            return namespace_if(change.key.1 == NAME, &change.key.0);
        }
        namespace_if(NAMESPACES.is_of(change), &change.key.1)
    }

    fn reconcile(&mut self, cluster: &Cluster<'_>, key: &Key) -> Outcome {
        let namespace = cluster.get(NAMESPACES, "", &key.1);
        if namespace.is_none_or(|n| is_going(&n)) {
            return Ok(None);
        }
        let data = json!({"ca.crt": *cluster.api.certificate()});
        let annotations = json!({"kubernetes.io/description": DESCRIPTION});
        let Some(found) = cluster.get(CONFIG_MAPS, &key.1, NAME) else {
            let made = cluster.create(
                CONFIG_MAPS,
                json!({
                    "apiVersion": "v1", "kind": "ConfigMap", "data": data,
                    "metadata": {"name": NAME, "namespace": key.1, "annotations": annotations},
                }),
            );
            return unless_ending(made.map(|_| ()));
        };
        let described =
            found["metadata"]["annotations"]["kubernetes.io/description"] == DESCRIPTION;
        if found["data"] != data || !described {
            let mut object = (*found).clone();
            object["data"] = data;
            object["metadata"]["annotations"] = annotations;
            cluster.update(CONFIG_MAPS, object)?;
        }
        Ok(None)
    }
}
