//! The secrets with which accounts pull images from the cluster's own registry.
//! <https://github.com/openshift/openshift-controller-manager/tree/main/pkg/internalregistry/controllers>

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde_json::{Value, json};

use super::{PROGRAM, list};
use crate::sandbox::{
    controllers::{
        Controller, Outcome,
        cluster::{Cluster, SECRETS, SERVICE_ACCOUNTS, is_going},
    },
    names,
    openshift::image::REGISTRY,
    store::{Change, Key},
};

/// The secret of an account, as an annotation.
const SECRET: &str = "openshift.io/internal-registry-pull-secret-ref";

/// Gives every account its secret.
#[derive(Debug)]
pub(super) struct PullSecrets;

impl Controller for PullSecrets {
    fn name(&self) -> &'static str {
        "image-pull-secret-controller"
    }

    fn program(&self) -> &'static str {
        PROGRAM
    }

    fn touched(&self, _: &Cluster<'_>, change: &Change) -> Vec<Key> {
        let is_new = SERVICE_ACCOUNTS.is_of(change) && change.after.is_some();
        is_new.then(|| change.key.clone()).into_iter().collect()
    }

    fn reconcile(&mut self, cluster: &Cluster<'_>, key: &Key) -> Outcome {
        let Some(account) = cluster.get(SERVICE_ACCOUNTS, &key.0, &key.1) else {
            return Ok(None);
        };
        if is_going(&account) || account["metadata"]["annotations"][SECRET].is_string() {
            return Ok(None);
        }
        let name = format!("{}-dockercfg-{}", key.1, names::suffix(5));
        match cluster.create(SECRETS, secret(&account, &name)) {
            Err(refusal) if refusal.is_of_ending_namespace() => return Ok(None),
            made => made?,
        };
        let reference = json!({ "name": name });
        let with = |field: &str| {
            let mut all = list(&account, &format!("/{field}")).to_vec();
            all.push(reference.clone());
            all
        };
        let patch = json!({
            "metadata": {"annotations": {SECRET: name}},
            "secrets": with("secrets"), "imagePullSecrets": with("imagePullSecrets"),
        });
        cluster.merge(SERVICE_ACCOUNTS, &account, &patch)?;
        Ok(None)
    }
}

/// The secret of an account: the registry asks nobody for it here.
fn secret(account: &Value, name: &str) -> Value {
    let login = BASE64.encode(format!("<token>:{}", names::uid()));
    let config = json!({ REGISTRY: {"username": "<token>", "auth": login} });
    let metadata = &account["metadata"];
    json!({
        "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/dockercfg",
        "metadata": {
            "name": name, "namespace": metadata["namespace"],
            "annotations": {
                "openshift.io/internal-registry-auth-token.binding": "bound",
                "openshift.io/internal-registry-auth-token.service-account": metadata["name"],
            },
            "ownerReferences": [{
                "apiVersion": "v1", "kind": "ServiceAccount", "name": metadata["name"], "uid": metadata["uid"],
                "blockOwnerDeletion": false, "controller": true,
            }],
        },
        "data": {".dockercfg": BASE64.encode(config.to_string())},
    })
}
