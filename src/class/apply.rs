//! Sending the differences: some at a time, as many as the server takes; one student's trouble stops nobody else.

use std::{collections::HashSet, time::Instant};

use futures::stream::{FuturesUnordered, StreamExt as _};
use serde_json::Value;

use super::{desired::Blueprint, live::Compared, model::Student, plan::Plan};
use crate::{
    cluster::{
        Cluster,
        apply::{named, reference},
        pace::Pace,
        project::{CLASS, STUDENT},
        snapshot::{Answer, Obstacle, ObstacleKind, Read},
    },
    lab::{model::ObjectRef, text::Text},
};

/// What happened while an apply is under way.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// An object was written.
    Written,
    /// A group of objects met trouble.
    Failed(&'a Failure),
}

/// What could not be done, with everything that depends on it.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// Whose it is; none for what is the whole class's.
    pub student: Option<String>,
    /// The object.
    pub object: ObjectRef,
    /// Why.
    pub obstacle: Obstacle,
    /// How many more objects were left out because of it.
    pub left_out: usize,
}

/// What an apply did.
#[derive(Debug, Default)]
pub struct Outcome {
    /// How many objects were written or deleted.
    pub written: usize,
    /// What could not be done.
    pub failures: Vec<Failure>,
}

impl Outcome {
    /// The students of whom something failed.
    #[must_use]
    pub fn failed_students(&self) -> HashSet<&str> {
        self.failures
            .iter()
            .filter_map(|f| f.student.as_deref())
            .collect()
    }

    /// Those who can begin: nobody, where something of the whole class failed.
    #[must_use]
    pub fn ready<'a>(&self, students: &[&'a Student]) -> Vec<&'a Student> {
        if self.failures.iter().any(|f| f.student.is_none()) {
            return Vec::new();
        }
        let failed = self.failed_students();
        let ready = |s: &&&Student| !failed.contains(s.id.as_str());
        students.iter().filter(ready).copied().collect()
    }
}

/// Objects that are written one after the other: a project, then what is in it.
struct Group {
    student: Option<String>,
    objects: Vec<Value>,
}

/// What is written where, and how much at once.
#[derive(Clone, Copy)]
pub struct Work<'a> {
    /// The cluster.
    pub cluster: &'a Cluster,
    /// What should be.
    pub blueprint: &'a Blueprint,
    /// What there is.
    pub compared: &'a Compared,
    /// The most requests under way at once.
    pub most: usize,
}

impl Work<'_> {
    /// Writes what is the whole class's.
    pub async fn shared(&self, told: &dyn Fn(Event<'_>)) -> Outcome {
        let group = self.due(None, self.blueprint.shared());
        self.run(group.into_iter(), told).await
    }

    /// Writes what differs for these students, and removes what the plan says.
    pub async fn students(
        &self,
        students: &[&Student],
        plan: &Plan,
        told: &dyn Fn(Event<'_>),
    ) -> Outcome {
        let groups = students.iter().flat_map(|student| self.groups(student));
        let mut outcome = self.run(groups, told).await;
        let surplus = std::iter::once((None, &plan.shared)).chain(
            plan.students
                .iter()
                .map(|(id, share)| (Some(id.clone()), share)),
        );
        for (student, share) in surplus {
            for object in &share.delete {
                match self.cluster.delete(object, None).await {
                    Ok(()) => {
                        outcome.written += 1;
                        told(Event::Written);
                    }
                    Err(obstacle) => {
                        let failure = Failure {
                            student: student.clone(),
                            object: object.clone(),
                            obstacle,
                            left_out: 0,
                        };
                        told(Event::Failed(&failure));
                        outcome.failures.push(failure);
                    }
                }
            }
        }
        outcome
    }

    /// The projects of a student with their contents, as far as something is to be done.
    fn groups(&self, student: &Student) -> Vec<Group> {
        let mut groups: Vec<Vec<Value>> = vec![Vec::new()];
        for object in self.blueprint.of_student(student) {
            if object["kind"] == "Namespace" {
                groups.push(Vec::new());
            }
            if let Some(last) = groups.last_mut() {
                last.push(object);
            }
        }
        let due = |objects| self.due(Some(student.id.clone()), objects);
        groups.into_iter().filter_map(due).collect()
    }

    fn due(&self, student: Option<String>, mut objects: Vec<Value>) -> Option<Group> {
        objects.retain(|o| !self.compared.is_settled(&reference(o)));
        (!objects.is_empty()).then_some(Group { student, objects })
    }

    async fn run(
        &self,
        mut groups: impl Iterator<Item = Group>,
        told: &dyn Fn(Event<'_>),
    ) -> Outcome {
        let mut pace = Pace::up_to(self.most);
        let mut under_way = FuturesUnordered::new();
        let mut outcome = Outcome::default();
        loop {
            while under_way.len() < pace.limit()
                && let Some(group) = groups.next()
            {
                under_way.push(self.step(group));
            }
            let Some((took, busy, done, rest)) = under_way.next().await else {
                return outcome;
            };
            pace.answered(took, busy);
            match done {
                Ok(()) => {
                    outcome.written += 1;
                    told(Event::Written);
                    // The next object of a project goes before new projects: who is begun is soon ready.
                    if !rest.objects.is_empty() {
                        under_way.push(self.step(rest));
                    }
                }
                Err((object, obstacle)) => {
                    let failure = Failure {
                        student: rest.student,
                        object,
                        obstacle,
                        left_out: rest.objects.len(),
                    };
                    told(Event::Failed(&failure));
                    outcome.failures.push(failure);
                }
            }
        }
    }

    /// Writes the first object of a group; gives the rest.
    async fn step(
        &self,
        mut group: Group,
    ) -> (
        std::time::Duration,
        bool,
        Result<(), (ObjectRef, Obstacle)>,
        Group,
    ) {
        let object = group.objects.remove(0);
        let before = self.cluster.pushed_back();
        let started = Instant::now();
        let done = self.put(&object, group.student.as_deref()).await;
        let busy = self.cluster.pushed_back() > before;
        let done = done.map_err(|obstacle| (reference(&object), obstacle));
        (started.elapsed(), busy, done, group)
    }

    /// Writes one object. What lies in no namespace of the class could be somebody else's of the same name.
    async fn put(&self, object: &Value, student: Option<&str>) -> Result<(), Obstacle> {
        let at = reference(object);
        if let Some(held) = self
            .compared
            .ending
            .get(&at.name)
            .filter(|_| at.kind == "Namespace")
        {
            return Err(ending(&at.name, held));
        }
        let known = self.compared.drifted.contains_key(&at);
        if at.namespace.is_none() && !known {
            if self.cluster.create(object).await? {
                return Ok(());
            }
            self.ours(&at, student).await?;
        }
        self.cluster.apply(object, true).await
    }

    /// Whether an object that exists is this class's and this student's.
    async fn ours(&self, at: &ObjectRef, student: Option<&str>) -> Result<(), Obstacle> {
        let Answer::Object(found) = self.cluster.read(&Read::Object(at.clone())).await? else {
            return Ok(());
        };
        let labels = &found["metadata"]["labels"];
        let class = &self.blueprint.class.name;
        let mine = labels[CLASS] == class.as_str() && labels[STUDENT].as_str() == student;
        if !mine {
            return Err(foreign(at, class));
        }
        if found["metadata"]["deletionTimestamp"].is_string() {
            return Err(ending(&at.name, ""));
        }
        Ok(())
    }
}

fn foreign(at: &ObjectRef, class: &str) -> Obstacle {
    let what = named(at);
    Obstacle {
        kind: ObstacleKind::Conflict,
        message: Text::new(
            format!("{what} exists and was not made for class {class}: it is left alone"),
            format!("{what} はすでに存在し、クラス {class} のものではないため、変更しません"),
        ),
        next: Text::new(
            "delete it if nobody needs it, or choose another prefix or id for the student",
            "不要なら削除するか、受講者の prefix や id を変えてください",
        ),
        status: Some(409),
    }
}

fn ending(name: &str, held: &str) -> Obstacle {
    let why = if held.is_empty() {
        String::new()
    } else {
        format!(", held by: {held}")
    };
    Obstacle {
        kind: ObstacleKind::Conflict,
        message: Text::new(
            format!("namespace {name} is Terminating{why}"),
            format!("namespace {name} は Terminating です{why}"),
        ),
        next: Text::new(
            "apply again once it is gone",
            "なくなったら、もう一度 apply してください",
        ),
        status: Some(409),
    }
}
