//! Reset: what it would remove, told first; then exactly that.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde_json::Value;

use super::{Error, Session, ownership::Ownership};
use crate::cluster::{
    apply,
    contents::{Item, Kind},
    identity::Identity,
    project::CLASS,
    snapshot::{Answer, Obstacle, ObstacleKind, Read},
};
use crate::lab::model::{ListRef, ObjectRef};

/// How long the end may take.
const PATIENCE: Duration = Duration::from_secs(180);

/// What a reset removes.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Per project of the lab that exists.
    pub projects: Vec<Removal>,
    kinds: Vec<Kind>,
    keeper: Keeper,
}

/// What is removed of one project.
#[derive(Debug, Clone)]
pub struct Removal {
    /// The project.
    pub project: String,
    /// Whether the project itself goes; else only what is in it.
    pub whole: bool,
    /// What goes with it, by kind.
    pub counts: BTreeMap<String, usize>,
    uid: String,
}

/// What stays in a project that was given to the learner.
#[derive(Debug, Clone, Default)]
struct Keeper {
    /// Role bindings by which people are here, and the roles that these give.
    access: BTreeSet<ObjectRef>,
    /// Who asks, as the API server knows it.
    user: String,
}

impl Session {
    /// Finds out what a reset would remove. A project of somebody else is an error.
    pub async fn reset_plan(&self) -> Result<Plan, Error> {
        let (ownership, kinds, identity) = tokio::try_join!(
            self.ownership(),
            self.cluster.deletable_kinds(),
            self.cluster.identity()
        )?;
        let mut keeper = Keeper {
            access: BTreeSet::new(),
            user: identity.name.clone(),
        };
        let mut projects = Vec::new();
        for (name, ownership) in ownership {
            let (project, whole) = match ownership {
                Ownership::Absent => continue,
                Ownership::Ours(project) => (project, true),
                Ownership::Given(project) => (project, false),
                Ownership::Foreign(_) => {
                    let student = self.learner.student.clone();
                    return Err(Error::Foreign { name, student });
                }
            };
            let items = self.cluster.contents(&name, &kinds).await?;
            if !whole {
                keeper.access.extend(self.access(&name, &identity).await?);
            }
            let mut counts = BTreeMap::new();
            for item in items.iter().filter(|i| keeper.goes(i, whole)) {
                *counts.entry(item.object.kind.clone()).or_default() += 1;
            }
            projects.push(Removal {
                project: name,
                whole,
                counts,
                uid: project.uid,
            });
        }
        Ok(Plan {
            projects,
            kinds,
            keeper,
        })
    }

    /// Removes what the plan says, waits for the end, and forgets the progress. `gone` hears of every project.
    pub async fn reset(&mut self, plan: &Plan, gone: &dyn Fn(&Removal)) -> Result<(), Error> {
        for removal in &plan.projects {
            self.begin_removal(removal, plan).await?;
        }
        for removal in &plan.projects {
            self.end_removal(removal, plan).await?;
            gone(removal);
        }
        self.progress = super::Progress::default();
        self.saved = super::Progress::default();
        self.store.forget(&self.loaded.lab.id)?;
        Ok(())
    }

    /// The role bindings of a project that let people in, and their roles.
    async fn access(&self, project: &str, us: &Identity) -> Result<Vec<ObjectRef>, Obstacle> {
        let list = ListRef {
            api_version: "rbac.authorization.k8s.io/v1".to_owned(),
            kind: "RoleBinding".to_owned(),
            namespace: Some(project.to_owned()),
            label_selector: None,
            field_selector: None,
        };
        match self.cluster.read(&Read::List(list)).await {
            Ok(Answer::List(found)) => Ok(found
                .iter()
                .filter(|b| lets_in(b, us))
                .flat_map(|b| std::iter::once(apply::reference(b)).chain(role_of(b)))
                .collect()),
            // Who may not see them may not delete them either.
            Err(o) if o.kind == ObstacleKind::Forbidden => Ok(Vec::new()),
            Ok(_) => Ok(Vec::new()),
            Err(o) => Err(o),
        }
    }

    async fn begin_removal(&self, removal: &Removal, plan: &Plan) -> Result<(), Obstacle> {
        if removal.whole {
            let openshift = self.served.is_openshift();
            return self
                .cluster
                .delete_project(&removal.project, &removal.uid, openshift)
                .await;
        }
        // An operator that goes before its custom resources can't clean up after them.
        let custom = |i: &Item| plan.keeper.goes(i, false) && i.is_custom();
        self.cluster
            .empty(&removal.project, &plan.kinds, custom, PATIENCE)
            .await
    }

    async fn end_removal(&self, removal: &Removal, plan: &Plan) -> Result<(), Obstacle> {
        let (name, kinds) = (&removal.project, &plan.kinds);
        if removal.whole {
            return self
                .cluster
                .wait_project_gone(name, &removal.uid, kinds, PATIENCE)
                .await;
        }
        let rest = |i: &Item| plan.keeper.goes(i, false);
        self.cluster.empty(name, kinds, rest, PATIENCE).await
    }
}

impl Keeper {
    /// Whether a reset removes this and says so. What Kubernetes and OpenShift put into every project is not told of.
    fn goes(&self, item: &Item, whole: bool) -> bool {
        if made_with_the_project(item) || self.is_asking(item) {
            return false;
        }
        // Limits are the instructor's, as is what has the class's label.
        let limit = matches!(item.object.kind.as_str(), "ResourceQuota" | "LimitRange");
        whole || !(limit || item.label(CLASS).is_some() || self.access.contains(&item.object))
    }

    /// Whether this is the `ServiceAccount` that asks.
    fn is_asking(&self, item: &Item) -> bool {
        let object = &item.object;
        let namespace = object.namespace.as_deref().unwrap_or_default();
        object.kind == "ServiceAccount"
            && self.user == format!("system:serviceaccount:{namespace}:{}", object.name)
    }
}

/// Whether a role binding lets people in, or the `ServiceAccount` that asks: without it, nobody could go on. A learner's
/// own bindings are for `ServiceAccount`s.
fn lets_in(binding: &Value, identity: &Identity) -> bool {
    let subjects = binding["subjects"].as_array().into_iter().flatten();
    subjects.into_iter().any(|subject| {
        let text = |key: &str| subject[key].as_str().unwrap_or_default();
        let account = format!(
            "system:serviceaccount:{}:{}",
            text("namespace"),
            text("name")
        );
        text("kind") != "ServiceAccount" || account == identity.name
    })
}

/// The role that a binding gives, where it is one of the project.
fn role_of(binding: &Value) -> Option<ObjectRef> {
    let role = &binding["roleRef"];
    (role["kind"] == "Role").then(|| ObjectRef {
        kind: "Role".to_owned(),
        name: role["name"].as_str().unwrap_or_default().to_owned(),
        ..apply::reference(binding)
    })
}

/// What every project has from its first moment, and what OLM copies into it again and again.
fn made_with_the_project(item: &Item) -> bool {
    if item.label("olm.copiedFrom").is_some() {
        return true;
    }
    let (kind, name) = (item.object.kind.as_str(), item.object.name.as_str());
    let annotation = |key: &str| item.metadata["annotations"][key].as_str();
    let account = |n: &str| matches!(n, "default" | "builder" | "deployer" | "pipeline");
    match kind {
        "ServiceAccount" => account(name),
        "ConfigMap" => matches!(name, "kube-root-ca.crt" | "openshift-service-ca.crt"),
        "RoleBinding" => name.starts_with("system:"),
        // OpenShift's tokens and pull secrets of those accounts.
        "Secret" => {
            annotation("kubernetes.io/service-account.name").is_some_and(account)
                || annotation("openshift.io/internal-registry-auth-token.service-account")
                    .is_some_and(account)
        }
        _ => false,
    }
}
