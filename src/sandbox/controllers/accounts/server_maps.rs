//! What an API server tells other servers in `ConfigMaps` of `kube-system`.

use serde_json::{Value, json};

use super::{
    super::{
        Controller, Outcome,
        cluster::{CONFIG_MAPS, Cluster, NAMESPACES},
    },
    namespace_if,
};
use crate::sandbox::store::{Change, Key};

const NAMESPACE: &str = "kube-system";

/// One of these maps. What it lacks is filled in; what is there already in it stays, but for what follows from the server itself.
#[derive(Debug)]
pub struct ServerMap {
    controller: &'static str,
    map: &'static str,
    data: fn(&Cluster<'_>, &Value) -> Value,
}

impl ServerMap {
    /// By which authority clients prove who they are, as other servers of the cluster read it.
    /// <https://kubernetes.io/docs/tasks/extend-kubernetes/configure-aggregation-layer/#original-request-username-and-group>
    pub const AUTHENTICATION: Self = Self {
        controller: "cluster-authentication-trust-controller",
        map: "extension-apiserver-authentication",
        data: |cluster, _| {
            let authority = &*cluster.api.certificate();
            json!({
                "client-ca-file": authority,
                "requestheader-allowed-names": "[\"front-proxy-client\"]",
                "requestheader-client-ca-file": authority,
                "requestheader-extra-headers-prefix": "[\"X-Remote-Extra-\"]",
                "requestheader-group-headers": "[\"X-Remote-Group\"]",
                "requestheader-username-headers": "[\"X-Remote-User\"]",
            })
        },
    };

    /// Since when is noted which token Secrets are used.
    /// <https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#legacy-serviceaccount-token-tracking-controller>
    pub const TOKENS: Self = Self {
        controller: "legacy-service-account-token-tracking-controller",
        map: "kube-apiserver-legacy-service-account-token-tracking",
        data: |cluster, before| match before["since"].as_str() {
            Some(since) => json!({ "since": since }),
            None => json!({ "since": cluster.stamp().split('T').next() }),
        },
    };
}

impl Controller for ServerMap {
    fn name(&self) -> &'static str {
        self.controller
    }

    fn program(&self) -> &'static str {
        "kube-apiserver"
    }

    fn touched(&self, _: &Cluster<'_>, change: &Change) -> Vec<Key> {
        if CONFIG_MAPS.is_of(change) {
            let own = change.key.0 == NAMESPACE && change.key.1 == self.map;
            return namespace_if(own, NAMESPACE);
        }
        let own = NAMESPACES.is_of(change) && change.key.1 == NAMESPACE;
        namespace_if(own, NAMESPACE)
    }

    fn reconcile(&mut self, cluster: &Cluster<'_>, _: &Key) -> Outcome {
        let found = cluster.get(CONFIG_MAPS, NAMESPACE, self.map);
        let before = found
            .as_ref()
            .map_or(Value::Null, |map| map["data"].clone());
        let data = (self.data)(cluster, &before);
        match found {
            None => {
                let map = json!({
                    "apiVersion": "v1", "kind": "ConfigMap", "data": data,
                    "metadata": {"name": self.map, "namespace": NAMESPACE},
                });
                cluster.create(CONFIG_MAPS, map)?;
            }
            Some(found) if before != data => {
                let mut object = (*found).clone();
                object["data"] = data;
                cluster.update(CONFIG_MAPS, object)?;
            }
            Some(_) => {}
        }
        Ok(None)
    }
}
