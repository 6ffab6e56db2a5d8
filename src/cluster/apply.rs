//! Server-side apply: ordered by kind, patient with kinds that are still on their way, honest about conflicts.

use std::time::Duration;

use futures::{StreamExt, stream};
use http::{Method, StatusCode};
use serde_json::Value;
use tokio::time::Instant;

use super::{
    Cluster,
    call::Call,
    obstacle,
    pauses::Pauses,
    snapshot::{Answer, Obstacle, ObstacleKind, Read},
};
use crate::lab::{
    model::{ListRef, ObjectRef},
    text::Text,
};

/// The field manager of everything that is written.
/// <https://kubernetes.io/docs/reference/using-api/server-side-apply/#managers>
pub const MANAGER: &str = "ccnr";

/// How many objects are under way at once.
const CONCURRENCY: usize = 32;
/// How long a permission that was just given may take to arrive: RBAC and OLM's aggregated roles are eventual.
const PERMISSION: Duration = Duration::from_secs(10);
/// The longest pause between two looks at something that is on its way.
const PAUSE: Duration = Duration::from_millis(300);

/// How objects are written.
#[derive(Debug, Clone, Default)]
pub struct How {
    /// Leave objects alone that exist.
    pub only_missing: bool,
    /// Take over the fields of these objects that belong to somebody else.
    pub take_over: Vec<ObjectRef>,
    /// How long to wait for kinds that are not served yet.
    pub patience: Duration,
}

impl Cluster {
    /// Applies objects: namespaces first, then CRDs until they are served, then what others refer to, then the rest.
    /// All trouble of one wave is reported, with the objects that it is about; a wave with trouble is the last one.
    pub async fn apply_all(
        &self,
        objects: &[Value],
        how: &How,
    ) -> Result<(), Vec<(ObjectRef, Obstacle)>> {
        for wave in 0..=LAST_WAVE {
            let due: Vec<&Value> = objects.iter().filter(|o| self::wave(o) == wave).collect();
            let failed: Vec<(ObjectRef, Obstacle)> = stream::iter(due)
                .map(|object| async move {
                    let outcome = self.put(object, how).await;
                    outcome.map_err(|obstacle| (reference(object), obstacle))
                })
                .buffer_unordered(CONCURRENCY)
                .filter_map(|outcome| async move { outcome.err() })
                .collect()
                .await;
            if !failed.is_empty() {
                return Err(failed);
            }
        }
        Ok(())
    }

    /// Writes one object and, if it is a CRD, waits until its kind is served.
    async fn put(&self, object: &Value, how: &How) -> Result<(), Obstacle> {
        let started = Instant::now();
        let mut pauses = Pauses::up_to(PAUSE);
        loop {
            let outcome = if how.only_missing {
                self.create_missing(object).await
            } else {
                let take_over = how.take_over.contains(&reference(object));
                self.apply(object, take_over).await
            };
            let patience = match outcome.as_ref().map_err(|o| o.kind) {
                Err(ObstacleKind::NotServed) => how.patience,
                Err(ObstacleKind::Forbidden) => how.patience.min(PERMISSION),
                _ => Duration::ZERO,
            };
            if started.elapsed() >= patience {
                outcome?;
                return self.established(object).await;
            }
            pauses.pause().await;
        }
    }

    /// Creates what does not exist. A project can have one `OperatorGroup` only: any that is there will do.
    async fn create_missing(&self, object: &Value) -> Result<(), Obstacle> {
        let ObjectRef {
            api_version,
            kind,
            namespace,
            ..
        } = reference(object);
        if kind == "OperatorGroup" {
            let list = Read::List(ListRef {
                api_version,
                kind,
                namespace,
                label_selector: None,
                field_selector: None,
            });
            if matches!(self.read(&list).await, Ok(Answer::List(found)) if !found.is_empty()) {
                return Ok(());
            }
        }
        self.create(object).await.map(drop)
    }

    /// Server-side apply of one object.
    pub async fn apply(&self, object: &Value, take_over: bool) -> Result<(), Obstacle> {
        let reference = reference(object);
        let what = format!("apply {}", named(&reference));
        let path = format!(
            "{}?fieldManager={MANAGER}&fieldValidation=Strict&force={take_over}",
            self.object_path(&reference).await?
        );
        let kind = "application/apply-patch+yaml";
        let call = Call::change(&what, Method::PATCH, path, kind, object);
        self.done(&call, &reference).await.map(drop)
    }

    /// Creates an object; false where one of this name exists, which is left alone.
    pub async fn create(&self, object: &Value) -> Result<bool, Obstacle> {
        let reference = reference(object);
        let what = format!("create {}", named(&reference));
        let collection = self
            .path(
                &reference.api_version,
                &reference.kind,
                reference.namespace.as_deref(),
            )
            .await?;
        let path = format!("{collection}?fieldManager={MANAGER}&fieldValidation=Strict");
        let call = Call::change(&what, Method::POST, path, "application/json", object);
        match self.done(&call, &reference).await {
            Ok(_) => Ok(true),
            Err(o) if o.status == Some(409) => Ok(false),
            Err(o) => Err(o),
        }
    }

    /// Sends a change; a 404 that does not name the object means that its kind is not served.
    pub(super) async fn done(&self, call: &Call, on: &ObjectRef) -> Result<Value, Obstacle> {
        let (status, body) = self.send(call).await?;
        if status.is_success() {
            return self.parsed(&call.what, status, &body);
        }
        let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
        if status == StatusCode::NOT_FOUND && answer["details"]["name"].is_null() {
            return Err(super::resources::not_served(&on.api_version, &on.kind));
        }
        let mut obstacle = obstacle::from_status(&call.what, status, &body, &self.server);
        if let Some(owners) = owners(&answer) {
            obstacle.message = Text::new(
                format!("{}: {}", call.what, owners.en),
                format!("{}（{}）", owners.ja, call.what),
            );
            obstacle.next = Text::new(
                "say yes to take the fields over, or pass --yes",
                "フィールドを引き継ぐには、質問に「はい」と答えるか、--yes を付けてください",
            );
        }
        Err(obstacle)
    }

    /// The path of one object.
    pub(super) async fn object_path(&self, object: &ObjectRef) -> Result<String, Obstacle> {
        let collection = self
            .path(
                &object.api_version,
                &object.kind,
                object.namespace.as_deref(),
            )
            .await?;
        Ok(format!("{collection}/{}", object.name))
    }

    /// Waits until a CRD is served; other objects are at once.
    async fn established(&self, object: &Value) -> Result<(), Obstacle> {
        let reference = reference(object);
        if reference.kind != "CustomResourceDefinition" {
            return Ok(());
        }
        let deadline = Instant::now() + self.limits.total;
        let mut pauses = Pauses::up_to(PAUSE);
        loop {
            let answer = self.read(&Read::Object(reference.clone())).await?;
            let conditions = match &answer {
                Answer::Object(crd) => crd["status"]["conditions"].as_array(),
                _ => None,
            };
            let holds = |c: &Value| c["type"] == "Established" && c["status"] == "True";
            if conditions.is_some_and(|all| all.iter().any(holds)) {
                return Ok(());
            }
            if Instant::now() > deadline {
                let what = format!("wait until {} is served", named(&reference));
                let seconds = self.limits.total.as_secs_f64();
                return Err(obstacle::timeout(&what, seconds, &self.server));
            }
            pauses.pause().await;
        }
    }
}

/// What the object is called.
#[must_use]
pub fn reference(object: &Value) -> ObjectRef {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
    ObjectRef {
        api_version: text("/apiVersion").unwrap_or_default().to_owned(),
        kind: text("/kind").unwrap_or_default().to_owned(),
        namespace: text("/metadata/namespace").map(str::to_owned),
        name: text("/metadata/name").unwrap_or_default().to_owned(),
    }
}

/// `Deployment test-nginx in student-web`.
#[must_use]
pub fn named(object: &ObjectRef) -> String {
    match &object.namespace {
        Some(namespace) => format!("{} {} in {namespace}", object.kind, object.name),
        None => format!("{} {}", object.kind, object.name),
    }
}

/// The last wave of [`wave`].
const LAST_WAVE: usize = 3;

/// When an object is written: what others need comes first.
fn wave(object: &Value) -> usize {
    match object["kind"].as_str().unwrap_or_default() {
        "Namespace" => 0,
        "CustomResourceDefinition" => 1,
        "ServiceAccount"
        | "Role"
        | "ClusterRole"
        | "RoleBinding"
        | "ClusterRoleBinding"
        | "ConfigMap"
        | "Secret"
        | "ResourceQuota"
        | "LimitRange"
        | "PersistentVolumeClaim"
        | "Service"
        | "OperatorGroup"
        | "ImageStream" => 2,
        _ => LAST_WAVE,
    }
}

/// Who owns the fields that are in conflict: `.spec.replicas belongs to "kubectl-scale"`.
fn owners(status: &Value) -> Option<Text> {
    let causes = status["details"]["causes"].as_array()?;
    let owned: Vec<(String, String)> = causes
        .iter()
        .filter(|c| c["reason"] == "FieldManagerConflict")
        .map(|c| {
            let field = c["field"].as_str().unwrap_or_default();
            let message = c["message"].as_str().unwrap_or_default();
            let manager = message.split('"').nth(1).unwrap_or("somebody else");
            (
                format!("{field} belongs to \"{manager}\""),
                format!("{field} は \"{manager}\" が管理しています"),
            )
        })
        .collect();
    let (en, ja): (Vec<String>, Vec<String>) = owned.into_iter().unzip();
    (!en.is_empty()).then(|| Text::new(en.join(", "), ja.join("、")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_conflict_names_the_other_manager_and_the_field() {
        let status = json!({"details": {"causes": [{
            "reason": "FieldManagerConflict", "field": ".spec.replicas",
            "message": "conflict with \"kubectl\" with subresource \"scale\" using apps/v1",
        }]}});
        assert_eq!(
            owners(&status).map(|o| o.en).as_deref(),
            Some(".spec.replicas belongs to \"kubectl\"")
        );
        assert_eq!(owners(&json!({"details": {"causes": []}})), None);
    }

    #[test]
    fn what_others_need_comes_first() {
        let order = [
            "Namespace",
            "CustomResourceDefinition",
            "Secret",
            "Prometheus",
        ];
        let waves: Vec<usize> = order.iter().map(|k| wave(&json!({"kind": k}))).collect();
        assert_eq!(waves, [0, 1, 2, LAST_WAVE]);
    }
}
