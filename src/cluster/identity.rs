//! Who asks, and what answers: user, version, platform.

use serde_json::json;

use super::{
    Cluster,
    call::Call,
    snapshot::{Answer, Obstacle, Read},
};
use crate::lab::model::AccessRef;

/// The user as the API server knows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// User name.
    pub name: String,
}

impl Cluster {
    /// For whom the API server takes us, by a `SelfSubjectReview` (Kubernetes 1.28 and newer); asked once.
    pub async fn identity(&self) -> Result<Identity, Obstacle> {
        let asked = self
            .identity
            .get_or_try_init(|| self.ask_identity())
            .await?;
        Ok(asked.clone())
    }

    async fn ask_identity(&self) -> Result<Identity, Obstacle> {
        let group = "authentication.k8s.io/v1";
        let review = json!({"apiVersion": group, "kind": "SelfSubjectReview"});
        let call = Call::ask(
            "ask who you are",
            format!("/apis/{group}/selfsubjectreviews"),
            review.to_string().into_bytes(),
        );
        let answer = self.json(&call).await?;
        let name = answer["status"]["userInfo"]["username"].as_str();
        Ok(Identity {
            name: name.unwrap_or_default().to_owned(),
        })
    }

    /// Whether this user may create objects of a cluster-scoped resource.
    pub async fn may_create(&self, group: &str, resource: &str) -> Result<bool, Obstacle> {
        let access = AccessRef {
            verb: "create".to_owned(),
            group: group.to_owned(),
            resource: resource.to_owned(),
            subresource: None,
            namespace: None,
            user: None,
        };
        let answer = self.read(&Read::Access(access)).await?;
        Ok(matches!(answer, Answer::Access { allowed: true, .. }))
    }

    /// Kubernetes' version, such as `v1.33.2`.
    pub async fn version(&self) -> Result<String, Obstacle> {
        let answer = self
            .json(&Call::get("ask for the version", "/version"))
            .await?;
        Ok(answer["gitVersion"].as_str().unwrap_or_default().to_owned())
    }

    /// OpenShift's version, such as `4.20.3`; none where it can't be seen.
    pub async fn openshift_version(&self) -> Option<String> {
        let path = "/apis/config.openshift.io/v1/clusterversions/version";
        let answer = self
            .json(&Call::get("ask for the version", path))
            .await
            .ok()?;
        answer["status"]["desired"]["version"]
            .as_str()
            .map(str::to_owned)
    }
}
