//! Taking a class down in the safe order: custom resources while their operators still run, then the operators, then the
//! projects, then what is the whole class's. CRDs stay: they are the cluster's, and others may use them.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    time::Duration,
};

use futures::{StreamExt as _, stream};
use tokio::time::Instant;

use super::{
    Error,
    model::{Class, home},
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
    /// The projects that go.
    pub projects: BTreeSet<String>,
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
        student: Option<&str>,
    ) -> Result<Self, Error> {
        let mut projects = BTreeSet::new();
        let mut selector = format!("{CLASS}={}", class.name);
        if let Some(student) = student {
            selector = format!("{selector},{STUDENT}={student}");
        }
        cluster
            .each("v1", "Namespace", &selector, |found| {
                let name = found["metadata"]["name"].as_str().unwrap_or_default();
                // A label on the cluster's own namespaces is not ours, whoever put it there.
                if !names::is_protected(name) {
                    projects.insert(name.to_owned());
                }
            })
            .await?;
        Ok(Self {
            class: class.name.clone(),
            student: student.map(str::to_owned),
            projects,
            kinds: cluster.deletable_kinds().await?,
        })
    }

    /// The students' projects: all but the class's own namespace.
    fn rooms(&self) -> HashSet<&str> {
        let own = home(&self.class);
        self.projects
            .iter()
            .map(String::as_str)
            .filter(|p| *p != own)
            .collect()
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
            self.empty(cluster, phase, told).await?;
        }
        match &self.student {
            Some(student) => self.account(cluster, student).await,
            None => self.empty(cluster, Phase::Home, told).await,
        }
    }

    /// Whether it goes in this phase.
    fn goes(&self, phase: Phase, item: &Item, rooms: &HashSet<&str>) -> bool {
        let namespace = item.object.namespace.as_deref();
        let here = namespace.is_some_and(|n| rooms.contains(n));
        match phase {
            Phase::Custom => here && !item.is_owned(),
            // Copies go with the one that they are copies of.
            Phase::Operators => here && item.label("olm.copiedFrom").is_none(),
            Phase::Projects => rooms.contains(item.object.name.as_str()),
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
        let rooms = self.rooms();
        if item
            .label("olm.owner.namespace")
            .is_some_and(|n| rooms.contains(n))
        {
            return true;
        }
        // OLM's Operator is called PACKAGE.NAMESPACE.
        let of_project = |name: &str| name.split_once('.').is_some_and(|(_, n)| rooms.contains(n));
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
        let rooms = self.rooms();
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
                there.extend(found.filter(|item| self.goes(phase, item, &rooms)));
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
                    self.projects.contains(n) && self.student.is_none() || self.rooms().contains(n)
                });
                let outside = item.object.namespace.is_none();
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
        Phase::Custom => kind.namespaced && is_custom(kind),
        Phase::Operators => {
            kind.api_version.starts_with(OLM)
                && matches!(kind.kind.as_str(), "Subscription" | "ClusterServiceVersion")
        }
        Phase::Projects | Phase::Home => kind.api_version == "v1" && kind.kind == "Namespace",
        Phase::Shared => !kind.namespaced && leaves_traces(kind),
    }
}

/// Whether objects of a kind are looked after by an operator, and have to go while it runs.
fn is_custom(kind: &Kind) -> bool {
    let group = kind.api_version.split_once('/').map_or("", |(g, _)| g);
    let of_platform = ["k8s.io", "openshift.io", "operators.coreos.com"];
    group.contains('.') && !of_platform.iter().any(|p| group.ends_with(p))
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
