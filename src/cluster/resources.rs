//! From kinds to the paths under which the API server serves them.

use serde_json::Value;

use super::snapshot::{Obstacle, ObstacleKind};
use super::{Cluster, call::Call, obstacle};
use crate::lab::text::Text;

/// How a kind is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// The plural name in paths.
    pub plural: String,
    /// Whether its objects lie in namespaces.
    pub namespaced: bool,
}

/// The kinds of the built-in groups whose plural the labs use; they need no discovery.
/// <https://kubernetes.io/docs/reference/kubernetes-api/>
const BUILT_IN: [(&str, &str, &str, bool); 24] = [
    ("v1", "ConfigMap", "configmaps", true),
    ("v1", "Event", "events", true),
    ("v1", "Namespace", "namespaces", false),
    ("v1", "Node", "nodes", false),
    (
        "v1",
        "PersistentVolumeClaim",
        "persistentvolumeclaims",
        true,
    ),
    ("v1", "Pod", "pods", true),
    ("v1", "ResourceQuota", "resourcequotas", true),
    ("v1", "Secret", "secrets", true),
    ("v1", "Service", "services", true),
    ("v1", "ServiceAccount", "serviceaccounts", true),
    ("apps/v1", "DaemonSet", "daemonsets", true),
    ("apps/v1", "Deployment", "deployments", true),
    ("apps/v1", "ReplicaSet", "replicasets", true),
    ("apps/v1", "StatefulSet", "statefulsets", true),
    (
        "autoscaling/v2",
        "HorizontalPodAutoscaler",
        "horizontalpodautoscalers",
        true,
    ),
    ("batch/v1", "CronJob", "cronjobs", true),
    ("batch/v1", "Job", "jobs", true),
    (
        "discovery.k8s.io/v1",
        "EndpointSlice",
        "endpointslices",
        true,
    ),
    ("networking.k8s.io/v1", "Ingress", "ingresses", true),
    (
        "networking.k8s.io/v1",
        "NetworkPolicy",
        "networkpolicies",
        true,
    ),
    (
        "rbac.authorization.k8s.io/v1",
        "ClusterRole",
        "clusterroles",
        false,
    ),
    (
        "rbac.authorization.k8s.io/v1",
        "ClusterRoleBinding",
        "clusterrolebindings",
        false,
    ),
    ("rbac.authorization.k8s.io/v1", "Role", "roles", true),
    (
        "rbac.authorization.k8s.io/v1",
        "RoleBinding",
        "rolebindings",
        true,
    ),
];

/// A built-in kind, without asking anybody.
#[must_use]
pub fn built_in(api_version: &str, kind: &str) -> Option<Resource> {
    BUILT_IN
        .iter()
        .find(|(v, k, ..)| *v == api_version && *k == kind)
        .map(|(_, _, plural, namespaced)| Resource {
            plural: (*plural).to_owned(),
            namespaced: *namespaced,
        })
}

/// The path of a group/version: `/api/v1` or `/apis/GROUP/VERSION`.
#[must_use]
pub fn group_path(api_version: &str) -> String {
    if api_version.contains('/') {
        format!("/apis/{api_version}")
    } else {
        format!("/api/{api_version}")
    }
}

/// Who brings a kind that the cluster does not serve.
#[must_use]
pub fn brought_by(api_version: &str) -> Option<&'static str> {
    match api_version.split('/').next().unwrap_or_default() {
        "monitoring.coreos.com" => Some("the Prometheus Operator"),
        "operators.coreos.com" => Some("the Operator Lifecycle Manager"),
        "postgresql.cnpg.io" => Some("CloudNativePG"),
        "monitoring.rhobs" => Some("the Cluster Observability Operator"),
        group if group.ends_with(".openshift.io") => Some("OpenShift"),
        _ => None,
    }
}

/// The trouble of a kind that is not served.
#[must_use]
pub fn not_served(api_version: &str, kind: &str) -> Obstacle {
    let next = brought_by(api_version).map_or_else(Text::default, |who| {
        Text::new(format!("{who} brings it"), format!("{who} が提供します"))
    });
    Obstacle {
        kind: ObstacleKind::NotServed,
        message: Text::new(
            format!("this cluster does not serve {kind} ({api_version})"),
            format!("このクラスターには {kind}（{api_version}）がありません"),
        ),
        next,
        status: Some(404),
    }
}

impl Cluster {
    /// How a kind is served. Discovery of its group/version is remembered; a kind that is not in it is looked for again.
    pub async fn resource(&self, api_version: &str, kind: &str) -> Result<Resource, Obstacle> {
        if let Some(resource) = built_in(api_version, kind) {
            return Ok(resource);
        }
        let find = |kinds: Vec<(String, Resource)>| kinds.into_iter().find(|(k, _)| k == kind);
        let found = match find(self.discovered(api_version).await?) {
            Some(found) => Some(found),
            None => {
                // A CRD may have come since.
                self.discovery.lock().await.remove(api_version);
                find(self.discovered(api_version).await?)
            }
        };
        found
            .map(|(_, resource)| resource)
            .ok_or_else(|| not_served(api_version, kind))
    }

    /// The kinds of a group/version; none where it is not served.
    pub async fn kinds(&self, api_version: &str) -> Result<Vec<String>, Obstacle> {
        Ok(self
            .discovered(api_version)
            .await?
            .into_iter()
            .map(|(kind, _)| kind)
            .collect())
    }

    async fn discovered(&self, api_version: &str) -> Result<Vec<(String, Resource)>, Obstacle> {
        if let Some(known) = self.discovery.lock().await.get(api_version) {
            return Ok(known.clone());
        }
        let what = format!("ask for the kinds of {api_version}");
        let (status, body) = self
            .send(&Call::get(&what, group_path(api_version)))
            .await?;
        let found = match status.as_u16() {
            200 => kinds_of(&self.parsed(&what, status, &body)?),
            // It may come later, with an operator: nothing to remember.
            404 => return Ok(Vec::new()),
            _ => return Err(obstacle::from_status(&what, status, &body, &self.server)),
        };
        self.discovery
            .lock()
            .await
            .insert(api_version.to_owned(), found.clone());
        Ok(found)
    }

    /// Every served group and group/version, by one request.
    pub async fn groups(&self) -> Result<Vec<String>, Obstacle> {
        let what = "ask what the cluster serves";
        let parsed = self.json(&Call::get(what, "/apis")).await?;
        let mut served = vec!["v1".to_owned()];
        for group in parsed["groups"].as_array().into_iter().flatten() {
            served.extend(group["name"].as_str().map(str::to_owned));
            let versions = group["versions"].as_array().into_iter().flatten();
            served.extend(versions.filter_map(|v| v["groupVersion"].as_str().map(str::to_owned)));
        }
        Ok(served)
    }
}

/// The kinds of an `APIResourceList`; subresources are none.
fn kinds_of(list: &Value) -> Vec<(String, Resource)> {
    let resources = list["resources"].as_array().into_iter().flatten();
    resources
        .filter_map(|r| {
            let plural = r["name"].as_str().filter(|n| !n.contains('/'))?;
            let namespaced = r["namespaced"].as_bool().unwrap_or_default();
            Some((
                r["kind"].as_str()?.to_owned(),
                Resource {
                    plural: plural.to_owned(),
                    namespaced,
                },
            ))
        })
        .collect()
}
