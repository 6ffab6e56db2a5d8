//! Projects: what is known of one, making one, marking it as ours.

use std::{collections::BTreeMap, time::Duration};

use http::Method;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    Cluster,
    apply::MANAGER,
    call::Call,
    obstacle,
    pauses::Pauses,
    snapshot::{Answer, Obstacle, ObstacleKind, Read},
};
use crate::lab::{model::ObjectRef, text::Text};

/// Whether this program made it.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// The lab that an object belongs to.
pub const LAB: &str = "ccnr.dev/lab";
/// The step whose solution an object is.
pub const STEP: &str = "ccnr.dev/step";
/// The learner.
pub const STUDENT: &str = "ccnr.dev/student";
/// The class; an instructor's objects have it, and learners' commands leave those alone.
pub const CLASS: &str = "ccnr.dev/class";

/// Who asked for the project, as an annotation: OpenShift's own, and ours where there is no OpenShift.
const REQUESTERS: [&str; 2] = ["openshift.io/requester", "ccnr.dev/requester"];

/// How long a new project may take until it can be used.
const USABLE: Duration = Duration::from_secs(30);
/// How long the end of an old project of the same name is waited for.
const ENDING: Duration = Duration::from_secs(60);
/// The longest pause between two looks.
const PAUSE: Duration = Duration::from_millis(500);

/// A project as it is on the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// Its name.
    pub name: String,
    /// Its uid: another project of the same name has another one.
    pub uid: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Who asked for it, as the API server knows them; none where nobody wrote that down.
    pub requester: Option<String>,
    /// When it was made.
    pub created: Option<jiff::Timestamp>,
    /// Whether it is being deleted.
    pub terminating: bool,
}

impl Cluster {
    /// The project of this name; none where there is none, or none that this user may see.
    pub async fn project(&self, name: &str) -> Result<Option<Project>, Obstacle> {
        match self.read(&Read::Object(namespace(name))).await {
            Ok(Answer::Object(found)) => Ok(Some(project(name, &found))),
            Ok(_) => Ok(None),
            // To a student without rights in it, a project that does not exist is forbidden too.
            Err(o) if o.kind == ObstacleKind::Forbidden => Ok(None),
            Err(o) => Err(o),
        }
    }

    /// Makes a project and waits until it can be used: on OpenShift by a `ProjectRequest`, elsewhere a Namespace.
    pub async fn create_project(
        &self,
        name: &str,
        labels: &BTreeMap<String, String>,
        openshift: bool,
    ) -> Result<(), Obstacle> {
        let what = format!("create project {name}");
        let user = self.identity().await?.name;
        let (path, body) = if openshift {
            let group = "project.openshift.io/v1";
            // A ProjectRequest can't carry labels; the session remembers the uid instead.
            let body =
                json!({"apiVersion": group, "kind": "ProjectRequest", "metadata": {"name": name}});
            (format!("/apis/{group}/projectrequests"), body)
        } else {
            let body = json!({
                "apiVersion": "v1", "kind": "Namespace",
                "metadata": {"name": name, "labels": labels, "annotations": {REQUESTERS[1]: user}},
            });
            (format!("/api/v1/namespaces?fieldManager={MANAGER}"), body)
        };
        let call = Call::change(&what, Method::POST, path, "application/json", &body);
        let deadline = Instant::now() + ENDING;
        let mut pauses = Pauses::up_to(PAUSE);
        loop {
            let exists = match self.json(&call).await {
                Err(o) if o.status == Some(409) => o,
                other => {
                    drop(other?);
                    return self.usable(name).await;
                }
            };
            match self.project(name).await? {
                // Made this moment by a first attempt of this call, whose answer was lost.
                Some(project) if !project.terminating => return self.usable(name).await,
                // On its way out, which its learner may not see any more on OpenShift; or somebody else's.
                _ if Instant::now() < deadline => pauses.pause().await,
                _ => {
                    return Err(Obstacle {
                        message: Text::new(
                            format!(
                                "project {name} exists, and is being deleted or not yours to see"
                            ),
                            format!(
                                "プロジェクト {name} は存在しますが、削除中か、あなたからは見えません"
                            ),
                        ),
                        next: Text::new(
                            "try again later, choose another id with --student, or ask your instructor",
                            "しばらくしてから再実行するか、--student で別の ID を選ぶか、講師に聞いてください",
                        ),
                        ..exists
                    });
                }
            }
        }
    }

    /// Waits until Pods can be made in it: that is when the default `ServiceAccount` is there.
    async fn usable(&self, name: &str) -> Result<(), Obstacle> {
        let account = ObjectRef {
            api_version: "v1".to_owned(),
            kind: "ServiceAccount".to_owned(),
            namespace: Some(name.to_owned()),
            name: "default".to_owned(),
        };
        let deadline = Instant::now() + USABLE;
        let mut pauses = Pauses::up_to(PAUSE);
        loop {
            let seen = self.read(&Read::Object(account.clone())).await;
            match seen {
                Ok(Answer::Object(_)) => return Ok(()),
                Ok(_) => {}
                // A new project's role bindings take a moment.
                Err(o) if o.kind == ObstacleKind::Forbidden => {}
                Err(o) => return Err(o),
            }
            if Instant::now() > deadline {
                let what = format!("wait until project {name} can be used");
                return Err(obstacle::timeout(&what, USABLE.as_secs_f64(), &self.server));
            }
            pauses.pause().await;
        }
    }

    /// Marks a project as this user's, by labels. False where this user may not.
    pub async fn label_project(
        &self,
        name: &str,
        labels: &BTreeMap<String, String>,
    ) -> Result<bool, Obstacle> {
        let user = self.identity().await?.name;
        let merge = json!({"metadata": {"labels": labels, "annotations": {REQUESTERS[1]: user}}});
        match self.patch(&namespace(name), &merge).await {
            Ok(()) => Ok(true),
            Err(o) if matches!(o.kind, ObstacleKind::Forbidden | ObstacleKind::Invalid) => {
                Ok(false)
            }
            Err(o) => Err(o),
        }
    }
}

/// The Namespace behind a project.
#[must_use]
pub fn namespace(name: &str) -> ObjectRef {
    ObjectRef {
        api_version: "v1".to_owned(),
        kind: "Namespace".to_owned(),
        namespace: None,
        name: name.to_owned(),
    }
}

fn project(name: &str, found: &Value) -> Project {
    let meta = &found["metadata"];
    let labels = meta["labels"].as_object().into_iter().flatten();
    Project {
        name: name.to_owned(),
        uid: meta["uid"].as_str().unwrap_or_default().to_owned(),
        labels: labels
            .filter_map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned())))
            .collect(),
        requester: REQUESTERS
            .iter()
            .find_map(|key| meta["annotations"][key].as_str())
            .map(str::to_owned),
        created: meta["creationTimestamp"]
            .as_str()
            .and_then(|t| t.parse().ok()),
        terminating: meta["deletionTimestamp"].is_string(),
    }
}
