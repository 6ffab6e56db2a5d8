//! Changes of what exists, as `kubectl patch`, `scale`, `rollout` and `oc start-build` make them.

use http::Method;
use serde_json::{Value, json};

use super::{
    Cluster,
    apply::{MANAGER, named},
    call::Call,
    snapshot::{Answer, Obstacle, ObstacleKind, Read},
};
use crate::lab::{
    model::{ListRef, ObjectRef},
    text::Text,
};

/// The revision of a Deployment and of its `ReplicaSet`s.
const REVISION: &str = "deployment.kubernetes.io/revision";
const MERGE: &str = "application/merge-patch+json";

impl Cluster {
    /// JSON merge patch (RFC 7396).
    pub async fn patch(&self, object: &ObjectRef, merge: &Value) -> Result<(), Obstacle> {
        let path = self.object_path(object).await?;
        self.merge(&format!("patch {}", named(object)), object, path, merge)
            .await
    }

    /// Sets the replicas by the scale subresource.
    pub async fn scale(&self, object: &ObjectRef, replicas: i64) -> Result<(), Obstacle> {
        let path = format!("{}/scale", self.object_path(object).await?);
        let merge = json!({"spec": {"replicas": replicas}});
        self.merge(&format!("scale {}", named(object)), object, path, &merge)
            .await
    }

    /// Rolls out anew, as `kubectl rollout restart` does: an annotation of the Pod template with the time.
    pub async fn restart(&self, object: &ObjectRef, at: jiff::Timestamp) -> Result<(), Obstacle> {
        let path = self.object_path(object).await?;
        let annotations = json!({"kubectl.kubernetes.io/restartedAt": format!("{at:.0}")});
        let merge = json!({"spec": {"template": {"metadata": {"annotations": annotations}}}});
        self.merge(&format!("restart {}", named(object)), object, path, &merge)
            .await
    }

    /// Undoes the last rollout of a Deployment: its template becomes that of the `ReplicaSet` before.
    pub async fn rollback(&self, namespace: &str, name: &str) -> Result<(), Obstacle> {
        let deployment = ObjectRef {
            api_version: "apps/v1".to_owned(),
            kind: "Deployment".to_owned(),
            namespace: Some(namespace.to_owned()),
            name: name.to_owned(),
        };
        let what = format!("roll back {}", named(&deployment));
        let impossible = |en: &str, ja: &str| Obstacle {
            kind: ObstacleKind::Invalid,
            message: Text::new(format!("{what}: {en}"), format!("{ja}（{what}）")),
            next: Text::new(
                "`ccnr lab verify` says what is missing",
                "足りないものは `ccnr lab verify` で確認できます",
            ),
            status: None,
        };
        let Answer::Object(current) = self.read(&Read::Object(deployment.clone())).await? else {
            return Err(impossible("there is none", "ありません"));
        };
        let sets = ListRef {
            api_version: "apps/v1".to_owned(),
            kind: "ReplicaSet".to_owned(),
            namespace: deployment.namespace.clone(),
            label_selector: None,
            field_selector: None,
        };
        let Answer::List(sets) = self.read(&Read::List(sets)).await? else {
            return Err(impossible(
                "its ReplicaSets can't be listed",
                "ReplicaSet を一覧できません",
            ));
        };
        let template = previous(&current, &sets).ok_or_else(|| {
            impossible(
                "it has no revision before this one",
                "これより前のリビジョンがありません",
            )
        })?;
        let path = format!(
            "{}?fieldManager={MANAGER}",
            self.object_path(&deployment).await?
        );
        let body = json!([{"op": "replace", "path": "/spec/template", "value": template}]);
        let kind = "application/json-patch+json";
        let call = Call::change(&what, Method::PATCH, path, kind, &body);
        self.done(&call, &deployment).await.map(drop)
    }

    /// Starts an OpenShift build. It is not repeated when its fate is unknown: that would start a second one.
    pub async fn start_build(&self, namespace: &str, name: &str) -> Result<(), Obstacle> {
        let config = ObjectRef {
            api_version: "build.openshift.io/v1".to_owned(),
            kind: "BuildConfig".to_owned(),
            namespace: Some(namespace.to_owned()),
            name: name.to_owned(),
        };
        let path = format!("{}/instantiate", self.object_path(&config).await?);
        let body = json!({
            "apiVersion": config.api_version, "kind": "BuildRequest", "metadata": {"name": name},
            "triggeredBy": [{"message": "Manually triggered"}],
        });
        let what = format!("build {}", named(&config));
        let call = Call {
            repeatable: false,
            ..Call::change(&what, Method::POST, path, "application/json", &body)
        };
        self.done(&call, &config).await.map(drop)
    }

    async fn merge(
        &self,
        what: &str,
        object: &ObjectRef,
        path: String,
        merge: &Value,
    ) -> Result<(), Obstacle> {
        let path = format!("{path}?fieldManager={MANAGER}&fieldValidation=Strict");
        let call = Call::change(what, Method::PATCH, path, MERGE, merge);
        self.done(&call, object).await.map(drop)
    }
}

/// The Pod template of the revision before the current one.
fn previous(deployment: &Value, sets: &[Value]) -> Option<Value> {
    let revision = |object: &Value| -> Option<u64> {
        object["metadata"]["annotations"][REVISION]
            .as_str()?
            .parse()
            .ok()
    };
    let current = revision(deployment)?;
    let uid = &deployment["metadata"]["uid"];
    let owned = |set: &&Value| {
        let owners = set["metadata"]["ownerReferences"].as_array();
        owners.is_some_and(|all| all.iter().any(|o| &o["uid"] == uid))
    };
    let before = sets
        .iter()
        .filter(owned)
        .filter(|s| revision(s).is_some_and(|r| r < current))
        .max_by_key(|s| revision(s))?;
    let mut template = before["spec"]["template"].clone();
    if let Some(labels) = template["metadata"]["labels"].as_object_mut() {
        labels.remove("pod-template-hash");
    }
    Some(template)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(revision: &str, image: &str, owner: &str) -> Value {
        json!({
            "metadata": {"annotations": {REVISION: revision}, "ownerReferences": [{"uid": owner}]},
            "spec": {"template": {"metadata": {"labels": {"app": "a", "pod-template-hash": "x"}}, "image": image}},
        })
    }

    #[test]
    fn the_revision_before_is_the_highest_lower_one_of_this_deployment() {
        let deployment = json!({"metadata": {"uid": "d", "annotations": {REVISION: "12"}}});
        let sets = [
            set("9", "nine", "d"),
            set("10", "ten", "d"),
            set("12", "twelve", "d"),
            set("11", "foreign", "other"),
        ];
        let template = previous(&deployment, &sets).unwrap();
        assert_eq!(template["image"], "ten");
        assert_eq!(template["metadata"]["labels"], json!({"app": "a"}));
        assert_eq!(previous(&deployment, &sets[2..]), None);
    }
}
