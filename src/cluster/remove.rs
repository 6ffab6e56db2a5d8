//! Deleting, in the background, and waiting for the end.

use std::{collections::HashMap, time::Duration};

use futures::{StreamExt, stream};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    Cluster,
    apply::named,
    call::Call,
    contents::{Item, Kind},
    obstacle,
    pauses::Pauses,
    snapshot::{Answer, Obstacle, ObstacleKind, Read},
};
use crate::lab::{
    model::{ListRef, ObjectRef},
    text::Text,
};

/// How many deletes are under way at once.
const CONCURRENCY: usize = 16;
/// For how long something that was deleted may be made again by what is itself about to go.
const COMES_BACK: Duration = Duration::from_secs(20);
/// The longest pause between two looks.
const PAUSE: Duration = Duration::from_millis(300);

impl Cluster {
    /// Deletes one object in the background; it being gone already is fine. With a uid, only that very object.
    pub async fn delete(&self, object: &ObjectRef, uid: Option<&str>) -> Result<(), Obstacle> {
        let path = self.object_path(object).await?;
        self.delete_at(&format!("delete {}", named(object)), path, uid)
            .await
    }

    /// Deletes objects by selector, at most so many.
    pub async fn delete_some(&self, list: &ListRef, limit: Option<usize>) -> Result<(), Obstacle> {
        let Answer::List(found) = self.read(&Read::List(list.clone())).await? else {
            return Ok(());
        };
        for object in found.iter().take(limit.unwrap_or(usize::MAX)) {
            self.delete(&super::apply::reference(object), None).await?;
        }
        Ok(())
    }

    /// Deletes a project with all that is in it. On OpenShift a learner may delete a Project, not a Namespace.
    pub async fn delete_project(
        &self,
        name: &str,
        uid: &str,
        openshift: bool,
    ) -> Result<(), Obstacle> {
        let path = if openshift {
            format!("/apis/project.openshift.io/v1/projects/{name}")
        } else {
            format!("/api/v1/namespaces/{name}")
        };
        // The Project API knows no preconditions.
        let uid = (!openshift).then_some(uid);
        self.delete_at(&format!("delete project {name}"), path, uid)
            .await
    }

    /// Deletes these items of a project, all at once.
    pub async fn delete_items(&self, items: &[&Item]) -> Result<(), Obstacle> {
        let outcomes: Vec<Result<(), Obstacle>> = stream::iter(items)
            .map(|item| self.delete_item(item))
            .buffer_unordered(CONCURRENCY)
            .collect()
            .await;
        outcomes.into_iter().collect()
    }

    async fn delete_item(&self, item: &Item) -> Result<(), Obstacle> {
        let group = super::resources::group_path(&item.object.api_version);
        let namespace = item.object.namespace.as_deref().unwrap_or_default();
        let path = format!(
            "{group}/namespaces/{namespace}/{}/{}",
            item.resource, item.object.name
        );
        let what = format!("delete {}", named(&item.object));
        self.delete_at(&what, path, item.metadata["uid"].as_str())
            .await
    }

    async fn delete_at(&self, what: &str, path: String, uid: Option<&str>) -> Result<(), Obstacle> {
        let mut body = json!({
            "apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background",
        });
        if let Some(uid) = uid {
            body["preconditions"] = json!({"uid": uid});
        }
        let call = Call::change(what, Method::DELETE, path, "application/json", &body);
        let (status, body) = self.send(&call).await?;
        match status {
            StatusCode::NOT_FOUND => Ok(()),
            // Another one of this name was made meanwhile: the one that was meant is gone.
            StatusCode::CONFLICT if uid.is_some() => Ok(()),
            s if s.is_success() => Ok(()),
            _ => Err(obstacle::from_status(what, status, &body, &self.server)),
        }
    }

    /// Waits until a project is gone, or says what holds it. On OpenShift its learner may lose sight of it a moment
    /// earlier, with the role binding in it.
    pub async fn wait_project_gone(
        &self,
        name: &str,
        uid: &str,
        kinds: &[Kind],
        patience: Duration,
    ) -> Result<(), Obstacle> {
        let deadline = Instant::now() + patience;
        let mut pauses = Pauses::up_to(PAUSE);
        loop {
            match self.project(name).await? {
                Some(project) if project.uid == uid => {}
                _ => return Ok(()),
            }
            if Instant::now() > deadline {
                let left = self.contents(name, kinds).await?;
                let what = Text::new(
                    format!("project {name} is still being deleted"),
                    format!("プロジェクト {name} はまだ削除中です"),
                );
                return Err(held(&what, &left.iter().collect::<Vec<_>>(), patience));
            }
            pauses.pause().await;
        }
    }

    /// Deletes what `goes` of a project and waits until it is gone, or says what is held. What controllers made goes with
    /// what they made it for; what is made again meanwhile is deleted again, for a while: what comes back for ever, such as
    /// what a service mesh puts into every project, is the cluster's own.
    pub async fn empty(
        &self,
        name: &str,
        kinds: &[Kind],
        goes: impl Fn(&Item) -> bool,
        patience: Duration,
    ) -> Result<(), Obstacle> {
        let deadline = Instant::now() + patience;
        let mut removed: HashMap<ObjectRef, (Instant, Value)> = HashMap::new();
        let mut pauses = Pauses::up_to(PAUSE);
        loop {
            let left = self.contents(name, kinds).await?;
            let comes_back = |item: &Item| {
                let known = removed.get(&item.object);
                known.is_some_and(|(since, uid)| {
                    *uid != item.metadata["uid"] && since.elapsed() > COMES_BACK
                })
            };
            let left: Vec<&Item> = left.iter().filter(|i| goes(i) && !comes_back(i)).collect();
            if left.is_empty() {
                return Ok(());
            }
            if Instant::now() > deadline {
                let what = Text::new(
                    format!("project {name} is not empty yet"),
                    format!("プロジェクト {name} はまだ空ではありません"),
                );
                return Err(held(&what, &left, patience));
            }
            let roots: Vec<&Item> = left
                .into_iter()
                .filter(|i| !i.is_owned() && i.metadata["deletionTimestamp"].is_null())
                .collect();
            self.delete_items(&roots).await?;
            for item in roots {
                let first = || (Instant::now(), item.metadata["uid"].clone());
                removed.entry(item.object.clone()).or_insert_with(first);
            }
            pauses.pause().await;
        }
    }
}

/// What holds something that is being deleted: objects with finalizers before others.
fn held(what: &Text, left: &[&Item], patience: Duration) -> Obstacle {
    let mut finalized: Vec<String> = left
        .iter()
        .filter(|i| i.metadata["deletionTimestamp"] != Value::Null)
        .flat_map(|i| {
            let held = |f: &str| format!("{} {} ({f})", i.object.kind, i.object.name);
            i.finalizers().map(held).collect::<Vec<_>>()
        })
        .collect();
    finalized.truncate(5);
    let others: Vec<String> = left
        .iter()
        .take(5)
        .map(|i| format!("{} {}", i.object.kind, i.object.name))
        .collect();
    let why = if finalized.is_empty() {
        Text::new(
            format!("left: {}", others.join(", ")),
            format!("残っているもの: {}", others.join("、")),
        )
    } else {
        Text::new(
            format!("held by finalizers: {}", finalized.join(", ")),
            format!(
                "ファイナライザーで止まっているもの: {}",
                finalized.join("、")
            ),
        )
    };
    Obstacle {
        kind: ObstacleKind::Timeout,
        message: Text::new(
            format!("{} after {} s; {}", what.en, patience.as_secs(), why.en),
            format!("{}（{} 秒経過）。{}", what.ja, patience.as_secs(), why.ja),
        ),
        next: Text::new(
            "repeat the command later; a finalizer goes when the controller that set it is back",
            "しばらくしてからもう一度実行してください。ファイナライザーは、それを付けたコントローラーが動き出すと外れます",
        ),
        status: None,
    }
}
