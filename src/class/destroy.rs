//! Taking a class down in the safe order: custom resources while their operators still run, then the operators, then the
//! projects, then what is the whole class's. CRDs stay: they are the cluster's, and others may use them.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use futures::{StreamExt as _, stream};
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::{
    Error,
    model::{Class, home},
    rooms::Labs,
};
use crate::{
    cluster::{
        Cluster,
        contents::{Item, Kind},
        pauses::Pauses,
        project::{CLASS, STUDENT},
        snapshot::{Obstacle, ObstacleKind},
    },
    lab::{model::ObjectRef, names, text::Text},
};

/// The group of OLM's kinds.
const OLM: &str = "operators.coreos.com/";
/// How many deletes are under way at once.
const CONCURRENCY: usize = 32;
/// How long custom resources may take, and what operators leave.
const CUSTOM: Duration = Duration::from_secs(120);
/// How long projects may take.
const PROJECTS: Duration = Duration::from_secs(300);
/// The longest pause between two looks.
const PAUSE: Duration = Duration::from_secs(1);

/// What is to be taken down.
#[derive(Debug, Clone)]
pub struct Scope {
    /// The class.
    pub class: String,
    /// Of this student alone; the class itself stays.
    pub student: Option<String>,
    /// The projects that are there, and go.
    pub projects: BTreeSet<String>,
    /// The projects that students have had by the class's file, or have now: something may be left of those that are gone.
    rooms: BTreeSet<String>,
    /// Namespaces that are not the class's, whatever they are called.
    foreign: BTreeSet<String>,
    kinds: Vec<Kind>,
}

/// What is happening.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Custom resources go.
    Custom,
    /// Operators go.
    Operators,
    /// Projects go.
    Projects,
    /// What is the whole class's goes, but for its namespace.
    Shared,
    /// The class's own namespace goes.
    Home,
}

impl Scope {
    /// Finds what there is of a class, by its labels.
    pub async fn find(
        cluster: &Cluster,
        class: &Class,
        labs: &Labs,
        student: Option<&str>,
    ) -> Result<Self, Error> {
        let kinds = cluster.deletable_kinds().await?;
        let (mut projects, mut foreign) = (BTreeSet::new(), BTreeSet::new());
        for kind in kinds.iter().filter(|k| is_of(Phase::Projects, k)) {
            for item in cluster.everywhere(kind).await? {
                let labelled = item.label(CLASS) == Some(class.name.as_str())
                    && student.is_none_or(|s| item.label(STUDENT) == Some(s));
                // A label on the cluster's own namespaces is not ours, whoever put it there.
                let ours = labelled && !names::is_protected(&item.object.name);
                let into = if ours { &mut projects } else { &mut foreign };
                into.insert(item.object.name);
            }
        }
        let students = class.students.iter().map(|s| s.id.as_str());
        let chosen = students.filter(|id| student.is_none_or(|s| s == *id));
        let named = chosen.flat_map(|id| labs.rooms(id)).map(|room| room.name);
        let own = home(&class.name);
        let gone = named.filter(|name| !foreign.contains(name));
        let rooms = gone.chain(projects.iter().cloned());
        Ok(Self {
            class: class.name.clone(),
            student: student.map(str::to_owned),
            rooms: rooms.filter(|name| *name != own).collect(),
            projects,
            foreign,
            kinds,
        })
    }

    /// Takes everything down; `told` hears of phases, with how much is left.
    pub async fn destroy(
        &self,
        cluster: &Cluster,
        told: &dyn Fn(Phase, usize),
    ) -> Result<(), Obstacle> {
        for phase in [
            Phase::Custom,
            Phase::Operators,
            Phase::Projects,
            Phase::Shared,
        ] {
            if phase == Phase::Shared {
                self.release(cluster).await?;
            }
            self.empty(cluster, phase, told).await?;
        }
        match &self.student {
            Some(student) => self.account(cluster, student).await,
            None => self.empty(cluster, Phase::Home, told).await,
        }
    }

    /// Takes from the CRDs, which stay, the labels by which OLM makes its `Operator`s of the projects again and again.
    async fn release(&self, cluster: &Cluster) -> Result<(), Obstacle> {
        let crds = self
            .kinds
            .iter()
            .filter(|k| k.kind == "CustomResourceDefinition");
        for kind in crds {
            for item in cluster.everywhere(kind).await? {
                let labels = item.metadata["labels"].as_object().into_iter().flatten();
                let of_project = |key: &&String| {
                    let operator = key.strip_prefix(OLM).and_then(|name| name.split_once('.'));
                    operator.is_some_and(|(_, namespace)| self.rooms.contains(namespace))
                };
                let gone: Map<String, Value> = labels
                    .map(|(key, _)| key)
                    .filter(of_project)
                    .map(|key| (key.clone(), Value::Null))
                    .collect();
                if !gone.is_empty() {
                    let merge = json!({"metadata": {"labels": gone}});
                    cluster.patch(&item.object, &merge).await?;
                }
            }
        }
        Ok(())
    }

    /// Whether this is a project of a student, that is there.
    fn is_room(&self, name: &str) -> bool {
        self.projects.contains(name) && self.rooms.contains(name)
    }

    /// Whether it goes in this phase.
    fn goes(&self, phase: Phase, item: &Item) -> bool {
        let namespace = item.object.namespace.as_deref();
        let here = namespace.is_some_and(|n| self.is_room(n));
        match phase {
            Phase::Custom => here && !item.is_owned(),
            // Copies go with the one that they are copies of.
            Phase::Operators => here && item.label("olm.copiedFrom").is_none(),
            Phase::Projects => self.is_room(&item.object.name),
            Phase::Shared => self.is_trace(item),
            Phase::Home => item.object.name == home(&self.class),
        }
    }

    /// Deletes the account of a student who leaves the class.
    async fn account(&self, cluster: &Cluster, student: &str) -> Result<(), Obstacle> {
        let account = ObjectRef {
            api_version: "v1".to_owned(),
            kind: "ServiceAccount".to_owned(),
            namespace: Some(home(&self.class)),
            name: student.to_owned(),
        };
        cluster.delete(&account, None).await
    }

    /// Whether something outside of projects belongs to what goes: by the class's labels, or by what OLM writes of the
    /// project that it made it for.
    fn is_trace(&self, item: &Item) -> bool {
        if item.label(CLASS) == Some(self.class.as_str()) {
            let mine = |student: &String| item.label(STUDENT) == Some(student.as_str());
            // The class's own namespace goes last.
            return self.student.as_ref().is_none_or(mine) && item.object.kind != "Namespace";
        }
        if item
            .label("olm.owner.namespace")
            .is_some_and(|n| self.rooms.contains(n))
        {
            return true;
        }
        // OLM's Operator is called PACKAGE.NAMESPACE.
        let of_project = |name: &str| {
            name.split_once('.')
                .is_some_and(|(_, n)| self.rooms.contains(n))
        };
        item.object.kind == "Operator"
            && item.object.api_version.starts_with(OLM)
            && of_project(&item.object.name)
    }

    /// Deletes what goes in a phase, over the whole cluster, and waits until it is gone.
    async fn empty(
        &self,
        cluster: &Cluster,
        phase: Phase,
        told: &dyn Fn(Phase, usize),
    ) -> Result<(), Obstacle> {
        let patience = match phase {
            Phase::Projects | Phase::Home => PROJECTS,
            _ => CUSTOM,
        };
        let deadline = Instant::now() + patience;
        let mut pauses = Pauses::up_to(PAUSE);
        loop {
            let mut there = Vec::new();
            for kind in self.kinds.iter().filter(|k| is_of(phase, k)) {
                let found = cluster.everywhere(kind).await?.into_iter();
                there.extend(found.filter(|item| self.goes(phase, item)));
            }
            told(phase, there.len());
            if there.is_empty() {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(held(&there, patience));
            }
            let due = there
                .iter()
                .filter(|i| i.metadata["deletionTimestamp"].is_null());
            let outcomes: Vec<Result<(), Obstacle>> = stream::iter(due)
                .map(|item| cluster.delete(&item.object, item.metadata["uid"].as_str()))
                .buffer_unordered(CONCURRENCY)
                .collect()
                .await;
            outcomes.into_iter().collect::<Result<(), Obstacle>>()?;
            pauses.pause().await;
        }
    }

    /// Everything that is left of the class, of every kind that can be listed: by its labels, by its projects, and by names
    /// that begin as a student's do.
    pub async fn audit(&self, cluster: &Cluster, students: &[String]) -> Result<Audit, Obstacle> {
        let mut audit = Audit {
            kinds: self.kinds.len(),
            left: BTreeMap::new(),
        };
        let named = |name: &str| {
            students
                .iter()
                .any(|s| name.strip_prefix(s).is_some_and(|r| r.starts_with('-')))
        };
        let mut lists = stream::iter(&self.kinds)
            .map(|kind| cluster.everywhere(kind))
            .buffered(CONCURRENCY / 2);
        while let Some(list) = lists.next().await {
            for item in list? {
                let labelled = item.label(CLASS) == Some(self.class.as_str())
                    && self
                        .student
                        .as_ref()
                        .is_none_or(|s| item.label(STUDENT) == Some(s.as_str()));
                let inside = item.object.namespace.as_deref().is_some_and(|n| {
                    self.projects.contains(n) && self.student.is_none() || self.rooms.contains(n)
                });
                let is_project = matches!(item.object.kind.as_str(), "Namespace" | "Project");
                let foreign = is_project && self.foreign.contains(&item.object.name);
                let outside = item.object.namespace.is_none() && !foreign;
                if labelled
                    || inside
                    || self.is_trace(&item)
                    || (outside && named(&item.object.name))
                {
                    audit
                        .left
                        .entry(item.object.kind.clone())
                        .or_default()
                        .push(item.object.to_string());
                }
            }
        }
        Ok(audit)
    }
}

/// What an audit found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audit {
    /// How many kinds were looked at.
    pub kinds: usize,
    /// What is left, by kind.
    pub left: BTreeMap<String, Vec<String>>,
}

impl Audit {
    /// How many objects are left.
    #[must_use]
    pub fn count(&self) -> usize {
        self.left.values().map(Vec::len).sum()
    }
}

/// Whether something of this kind is looked at in a phase.
fn is_of(phase: Phase, kind: &Kind) -> bool {
    match phase {
        Phase::Custom => kind.namespaced && kind.is_custom(),
        Phase::Operators => {
            kind.api_version.starts_with(OLM)
                && matches!(kind.kind.as_str(), "Subscription" | "ClusterServiceVersion")
        }
        Phase::Projects | Phase::Home => kind.api_version == "v1" && kind.kind == "Namespace",
        Phase::Shared => !kind.namespaced && leaves_traces(kind),
    }
}

/// Kinds outside of projects that a class, or OLM for it, leaves something of.
fn leaves_traces(kind: &Kind) -> bool {
    let group = kind.api_version.split_once('/').map_or("", |(g, _)| g);
    matches!(
        (group, kind.kind.as_str()),
        (
            "rbac.authorization.k8s.io",
            "ClusterRole" | "ClusterRoleBinding"
        ) | ("quota.openshift.io", "ClusterResourceQuota")
            | ("operators.coreos.com", "Operator")
    )
}

/// What holds the end, by its finalizers.
fn held(left: &[Item], patience: Duration) -> Obstacle {
    let told = |item: &Item| {
        let finalizers: Vec<&str> = item.finalizers().collect();
        if finalizers.is_empty() {
            item.object.to_string()
        } else {
            format!("{} ({})", item.object, finalizers.join(", "))
        }
    };
    let first: Vec<String> = left.iter().take(5).map(told).collect();
    let (count, seconds) = (left.len(), patience.as_secs());
    Obstacle {
        kind: ObstacleKind::Timeout,
        message: Text::new(
            format!(
                "{count} objects are not gone after {seconds} s: {}",
                first.join("; ")
            ),
            format!(
                "{seconds} 秒経っても {count} 個のオブジェクトが残っています: {}",
                first.join("; ")
            ),
        ),
        next: Text::new(
            "repeat the command; a finalizer goes when the controller that set it is back",
            "もう一度実行してください。ファイナライザーは、それを付けたコントローラーが動き出すと外れます",
        ),
        status: None,
    }
}
