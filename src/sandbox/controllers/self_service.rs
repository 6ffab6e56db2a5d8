//! Projects for students of plain Kubernetes: who asks for a namespace becomes its admin, and may delete it again. A class's
//! cluster has an instructor, or a multi-tenancy operator, for that; `OpenShift` has its project requests.

use serde_json::{Value, json};

use super::{
    Controller, Outcome,
    cluster::{Cluster, Kind, NAMESPACES, is_going},
};
use crate::sandbox::{
    admission::REQUESTER,
    store::{Change, Key},
    verbs::name,
};

const ROLE_BINDINGS: Kind = Kind::new("rbac.authorization.k8s.io", "v1", "rolebindings");

/// The roles that a requester has: that of an admin, and that of an owner.
const ROLES: [&str; 2] = ["admin", "sandbox:project-owner"];

/// Binds requesters of namespaces to their roles.
#[derive(Debug, Default)]
pub struct SelfService;

impl Controller for SelfService {
    fn name(&self) -> &'static str {
        "self-service-controller"
    }

    fn program(&self) -> &'static str {
        "sandbox"
    }

    fn touched(&self, _: &Cluster<'_>, change: &Change) -> Vec<Key> {
        // Once is enough: an owner may give their rights away.
        let new = NAMESPACES.is_of(change) && change.before.is_none();
        new.then(|| change.key.clone()).into_iter().collect()
    }

    fn reconcile(&mut self, cluster: &Cluster<'_>, key: &Key) -> Outcome {
        let Some(namespace) = cluster.get(NAMESPACES, "", &key.1) else {
            return Ok(None);
        };
        let requester = namespace["metadata"]["annotations"][REQUESTER].as_str();
        if let Some(requester) = requester.filter(|_| !is_going(&namespace)) {
            for role in ROLES {
                if cluster.get(ROLE_BINDINGS, name(&namespace), role).is_none() {
                    cluster.create(ROLE_BINDINGS, binding(name(&namespace), role, requester))?;
                }
            }
        }
        Ok(None)
    }
}

fn binding(namespace: &str, role: &str, user: &str) -> Value {
    const GROUP: &str = "rbac.authorization.k8s.io";
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": {"name": role, "namespace": namespace},
        "roleRef": {"apiGroup": GROUP, "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": GROUP, "kind": "User", "name": user}],
    })
}
