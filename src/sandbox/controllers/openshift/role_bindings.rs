//! The bindings that every project has: images are pulled and pushed, and rolled out, in it.
//! <https://github.com/openshift/openshift-controller-manager/tree/main/pkg/authorization/defaultrolebindings>

use serde_json::{Value, json};

use super::{PROGRAM, ROLE_BINDINGS};
use crate::sandbox::{
    controllers::{
        Controller, Outcome,
        accounts::unless_ending,
        cluster::{Cluster, NAMESPACES, is_going},
    },
    store::{Change, Key},
};

/// Binds the accounts of every namespace to their roles.
#[derive(Debug)]
pub(super) struct Defaults;

impl Controller for Defaults {
    fn name(&self) -> &'static str {
        "default-rolebindings-controller"
    }

    fn program(&self) -> &'static str {
        PROGRAM
    }

    fn touched(&self, _: &Cluster<'_>, change: &Change) -> Vec<Key> {
        if NAMESPACES.is_of(change) {
            return vec![(String::new(), change.key.1.clone())];
        }
        let lost = ROLE_BINDINGS.is_of(change) && change.after.is_none();
        let namespace = lost.then(|| (String::new(), change.key.0.clone()));
        namespace.into_iter().collect()
    }

    fn reconcile(&mut self, cluster: &Cluster<'_>, key: &Key) -> Outcome {
        if cluster
            .get(NAMESPACES, "", &key.1)
            .is_none_or(|n| is_going(&n))
        {
            return Ok(None);
        }
        for binding in bindings(&key.1) {
            let name = binding["metadata"]["name"].as_str().unwrap_or_default();
            if cluster.get(ROLE_BINDINGS, &key.1, name).is_none() {
                unless_ending(cluster.create(ROLE_BINDINGS, binding).map(|_| ()))?;
            }
        }
        Ok(None)
    }
}

fn bindings(namespace: &str) -> [Value; 3] {
    let account =
        |name: &str| json!({"kind": "ServiceAccount", "name": name, "namespace": namespace});
    let group = json!({
        "apiGroup": "rbac.authorization.k8s.io", "kind": "Group",
        "name": format!("system:serviceaccounts:{namespace}"),
    });
    let binding = |name: &str, role: &str, subject: Value, what: &str| {
        let description =
            format!("{what}  It is auto-managed by a controller; remove subjects to disable.");
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
            "metadata": {
                "name": name, "namespace": namespace,
                "annotations": {"openshift.io/description": description},
            },
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            "subjects": [subject],
        })
    };
    [
        binding(
            "system:image-pullers",
            "system:image-puller",
            group,
            "Allows all pods in this namespace to pull images from this namespace.",
        ),
        binding(
            "system:image-builders",
            "system:image-builder",
            account("builder"),
            "Allows builds in this namespace to push images to this namespace.",
        ),
        binding(
            "system:deployers",
            "system:deployer",
            account("deployer"),
            "Allows deploymentconfigs in this namespace to rollout pods in this namespace.",
        ),
    ]
}
