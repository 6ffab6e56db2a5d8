//! What lies in a project, of every kind that the cluster serves: by metadata only, one list per kind.

use futures::{StreamExt, stream};
use http::StatusCode;
use serde_json::Value;

use super::{
    Cluster,
    call::Call,
    obstacle,
    snapshot::{Obstacle, ObstacleKind},
};
use crate::lab::{model::ObjectRef, text::Text};

/// Aggregated discovery: every kind of the cluster by two requests. Kubernetes 1.28 and 1.29 know the form `v2beta1` only.
/// <https://kubernetes.io/docs/concepts/overview/kubernetes-api/#aggregated-discovery>
const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,\
    application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json";
/// Metadata of a list.
const METADATA: &str =
    "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";
/// How many lists are under way at once.
const CONCURRENCY: usize = 16;

/// An object, by its metadata.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// Which object.
    pub object: ObjectRef,
    /// Its plural resource, in paths.
    pub resource: String,
    /// `metadata`.
    pub metadata: Value,
}

impl Item {
    /// A label.
    #[must_use]
    pub fn label(&self, key: &str) -> Option<&str> {
        self.metadata["labels"][key].as_str()
    }

    /// Whether a controller made it and takes it away.
    #[must_use]
    pub fn is_owned(&self) -> bool {
        let owners = self.metadata["ownerReferences"].as_array();
        owners.is_some_and(|all| all.iter().any(|o| o["controller"] == true))
    }

    /// Whether it is a custom resource that an operator looks after, and has to be gone before the operator is.
    #[must_use]
    pub fn is_custom(&self) -> bool {
        is_custom(&self.object.api_version)
    }

    /// Its finalizers.
    pub fn finalizers(&self) -> impl Iterator<Item = &str> {
        let all = self.metadata["finalizers"].as_array().into_iter().flatten();
        all.filter_map(Value::as_str)
    }
}

/// A kind that can be listed and deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kind {
    /// `v1`, `apps/v1`, ….
    pub api_version: String,
    /// Kind.
    pub kind: String,
    /// Plural resource.
    pub resource: String,
    /// Whether its objects lie in namespaces.
    pub namespaced: bool,
}

impl Kind {
    /// Whether its objects are custom resources that an operator looks after.
    #[must_use]
    pub fn is_custom(&self) -> bool {
        is_custom(&self.api_version)
    }
}

/// Whether a group is neither the platform's nor OLM's own.
fn is_custom(api_version: &str) -> bool {
    let group = api_version.split_once('/').map_or("", |(g, _)| g);
    let of_platform = ["k8s.io", "openshift.io", "operators.coreos.com"];
    group.contains('.') && !of_platform.iter().any(|p| group.ends_with(p))
}

impl Cluster {
    /// Every kind that can be listed and deleted, each in the version that the server prefers.
    pub async fn deletable_kinds(&self) -> Result<Vec<Kind>, Obstacle> {
        let mut kinds = Vec::new();
        for path in ["/api", "/apis"] {
            let call = Call {
                accept: Some(AGGREGATED),
                ..Call::get("ask what the cluster serves", path)
            };
            let answer = self.json(&call).await?;
            // An empty list would say that a project is empty.
            if answer["kind"] != "APIGroupDiscoveryList" {
                return Err(Obstacle {
                    kind: ObstacleKind::Other,
                    message: Text::new(
                        format!(
                            "{}: {} can't list all its kinds at once",
                            call.what, self.server
                        ),
                        format!(
                            "{} はすべての種類を一度に返せません（{}）",
                            self.server, call.what
                        ),
                    ),
                    next: Text::new(
                        "ccnr needs Kubernetes 1.28, or OpenShift 4.15, or newer",
                        "ccnr には Kubernetes 1.28 以降、または OpenShift 4.15 以降が必要です",
                    ),
                    status: None,
                });
            }
            kinds.extend(deletable(&answer));
        }
        Ok(kinds)
    }

    /// Everything in a project. Kinds that this user may not list are left out: nothing of theirs can be this user's.
    pub async fn contents(&self, project: &str, kinds: &[Kind]) -> Result<Vec<Item>, Obstacle> {
        let here: Vec<&Kind> = kinds.iter().filter(|k| k.namespaced).collect();
        let lists: Vec<Result<Vec<Item>, Obstacle>> = stream::iter(here)
            .map(|kind| self.items(kind, project))
            .buffered(CONCURRENCY)
            .collect()
            .await;
        let mut all = Vec::new();
        for list in lists {
            all.extend(list?);
        }
        Ok(all)
    }

    /// The objects of one kind in the whole cluster. Who may not list them can't say that there are none: that is an error.
    pub async fn everywhere(&self, kind: &Kind) -> Result<Vec<Item>, Obstacle> {
        let group = super::resources::group_path(&kind.api_version);
        self.items_at(kind, format!("{group}/{}", kind.resource))
            .await
    }

    /// The objects of one kind in a project.
    async fn items(&self, kind: &Kind, project: &str) -> Result<Vec<Item>, Obstacle> {
        let group = super::resources::group_path(&kind.api_version);
        let path = format!("{group}/namespaces/{project}/{}", kind.resource);
        match self.items_at(kind, path).await {
            Err(o) if o.kind == ObstacleKind::Forbidden => Ok(Vec::new()),
            other => other,
        }
    }

    async fn items_at(&self, kind: &Kind, path: String) -> Result<Vec<Item>, Obstacle> {
        let call = Call {
            accept: Some(METADATA),
            ..Call::get(format!("list {}", kind.resource), path)
        };
        let (status, body) = self.send(&call).await?;
        match status {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => return Ok(Vec::new()),
            _ => {
                return Err(obstacle::from_status(
                    &call.what,
                    status,
                    &body,
                    &self.server,
                ));
            }
        }
        let mut list = self.parsed(&call.what, status, &body)?;
        let found = list["items"].as_array_mut().map(std::mem::take);
        let item = |mut found: Value| Item {
            object: ObjectRef {
                api_version: kind.api_version.clone(),
                kind: kind.kind.clone(),
                namespace: found["metadata"]["namespace"].as_str().map(str::to_owned),
                name: found["metadata"]["name"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned(),
            },
            resource: kind.resource.clone(),
            metadata: found["metadata"].take(),
        };
        Ok(found.unwrap_or_default().into_iter().map(item).collect())
    }
}

/// The kinds of an `APIGroupDiscoveryList`, each in the first, preferred version that has it: versions of a group need not
/// have the same kinds. What follows from other objects is left out.
fn deletable(list: &Value) -> Vec<Kind> {
    let mut kinds: Vec<Kind> = Vec::new();
    for group in each(&list["items"]) {
        let name = text(&group["metadata"]["name"]);
        let before = kinds.len();
        for version in each(&group["versions"]) {
            let version_name = text(&version["version"]);
            let api_version = if name.is_empty() {
                version_name.to_owned()
            } else {
                format!("{name}/{version_name}")
            };
            for resource in each(&version["resources"]) {
                let plural = text(&resource["resource"]);
                let can = |verb: &str| each(&resource["verbs"]).any(|v| v == verb);
                let known = kinds[before..].iter().any(|k| k.resource == plural);
                if can("list") && can("delete") && !follows(name, plural) && !known {
                    kinds.push(Kind {
                        api_version: api_version.clone(),
                        kind: text(&resource["responseKind"]["kind"]).to_owned(),
                        resource: plural.to_owned(),
                        namespaced: resource["scope"] == "Namespaced",
                    });
                }
            }
        }
    }
    kinds
}

/// Whether objects of this resource only tell of others: events; endpoints, which follow their Service; and OpenShift's
/// views, where deleting one deletes the object behind it.
fn follows(group: &str, plural: &str) -> bool {
    match group {
        "authorization.openshift.io" => true,
        "image.openshift.io" => matches!(plural, "imagestreamtags" | "imagetags"),
        _ => matches!(plural, "events" | "endpoints" | "endpointslices"),
    }
}

fn each(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn views_of_other_objects_are_left_out() {
        let resource = |plural: &str| json!({"resource": plural, "responseKind": {"kind": "X"}, "scope": "Namespaced", "verbs": ["delete", "list"]});
        let found = deletable(&json!({"items": [
            {"metadata": {"name": "rbac.authorization.k8s.io"}, "versions": [{"version": "v1", "resources": [resource("rolebindings")]}]},
            {"metadata": {"name": "authorization.openshift.io"}, "versions": [{"version": "v1", "resources": [resource("rolebindings")]}]},
            {"metadata": {"name": "image.openshift.io"}, "versions": [{"version": "v1", "resources": [resource("imagestreams"), resource("imagestreamtags")]}]},
        ]}));
        let names: Vec<&str> = found.iter().map(|k| k.resource.as_str()).collect();
        assert_eq!(names, ["rolebindings", "imagestreams"]);
        assert_eq!(found[0].api_version, "rbac.authorization.k8s.io/v1");
    }

    #[test]
    fn every_kind_is_found_in_the_first_version_that_has_it() {
        let resource = |plural: &str, kind: &str, verbs: &[&str]| json!({"resource": plural, "responseKind": {"kind": kind}, "scope": "Namespaced", "verbs": verbs});
        let all = ["delete", "get", "list"];
        let found = deletable(&json!({"items": [{
            "metadata": {"name": "operators.coreos.com"},
            "versions": [
                {"version": "v2", "resources": [resource("operatorconditions", "OperatorCondition", &all)]},
                {"version": "v1", "resources": [
                    resource("operatorconditions", "OperatorCondition", &all),
                    resource("operatorgroups", "OperatorGroup", &all),
                    resource("reviews", "Review", &["create"]),
                ]},
            ],
        }]}));
        let names: Vec<(&str, &str)> = found
            .iter()
            .map(|k| (k.resource.as_str(), k.api_version.as_str()))
            .collect();
        assert_eq!(
            names,
            [
                ("operatorconditions", "operators.coreos.com/v2"),
                ("operatorgroups", "operators.coreos.com/v1"),
            ]
        );
    }
}
