//! What an apply would do, per student: told before it is done.

use serde_json::Value;

use super::{desired::Blueprint, live::Compared, model::Student};
use crate::{cluster::apply, lab::model::ObjectRef};

/// What would be done.
#[derive(Debug, Default)]
pub struct Plan {
    /// For the whole class.
    pub shared: Share,
    /// For those students for whom something is to be done.
    pub students: Vec<(String, Share)>,
    /// How many students there are.
    pub all: usize,
    /// What is the class's but in its file no more: students or projects. It stays.
    pub left_over: Vec<ObjectRef>,
}

/// What is to be done for one student, or for all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Share {
    /// Objects to create.
    pub create: usize,
    /// Objects to change, with where they differ.
    pub change: Vec<(ObjectRef, String)>,
    /// Objects to delete.
    pub delete: Vec<ObjectRef>,
    /// Projects that are still being deleted, with what holds them.
    pub ending: Vec<(String, String)>,
}

impl Share {
    /// Whether nothing is to be done.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.writes() == 0 && self.ending.is_empty()
    }

    /// How many objects are written or deleted.
    #[must_use]
    pub fn writes(&self) -> usize {
        self.create + self.change.len() + self.delete.len()
    }

    fn add(&mut self, wanted: &Value, compared: &Compared) {
        let object = apply::reference(wanted);
        if compared.is_settled(&object) {
            return;
        }
        if object.kind == "Namespace"
            && let Some(held) = compared.ending.get(&object.name)
        {
            self.ending.push((object.name, held.clone()));
        } else if let Some(path) = compared.drifted.get(&object) {
            self.change.push((object, path.clone()));
        } else {
            self.create += 1;
        }
    }
}

impl Plan {
    /// Works out what differs.
    #[must_use]
    pub fn of(blueprint: &Blueprint, compared: &Compared, students: &[&Student]) -> Self {
        let mut plan = Self {
            all: students.len(),
            ..Self::default()
        };
        for object in blueprint.shared() {
            plan.shared.add(&object, compared);
        }
        for student in students {
            let mut share = Share::default();
            for object in blueprint.of_student(student) {
                share.add(&object, compared);
            }
            let (goes, stays) = surplus_of(blueprint, compared, &student.id);
            share.delete = goes;
            plan.left_over.extend(stays);
            if !share.is_empty() {
                plan.students.push((student.id.clone(), share));
            }
        }
        for (object, owner) in &compared.surplus {
            match owner {
                None => plan.shared.delete.push(object.clone()),
                Some(id) if blueprint.class.student(id).is_none() => {
                    plan.left_over.push(object.clone());
                }
                Some(_) => {}
            }
        }
        plan
    }

    /// All shares as one.
    #[must_use]
    pub fn total(&self) -> (usize, usize, usize) {
        let all = || std::iter::once(&self.shared).chain(self.students.iter().map(|(_, s)| s));
        (
            all().map(|s| s.create).sum(),
            all().map(|s| s.change.len()).sum(),
            all().map(|s| s.delete.len()).sum(),
        )
    }
}

/// What a student has that is no longer wanted: what goes, and the projects, which an apply never deletes.
fn surplus_of(
    blueprint: &Blueprint,
    compared: &Compared,
    student: &str,
) -> (Vec<ObjectRef>, Vec<ObjectRef>) {
    let own = compared
        .surplus
        .iter()
        .filter(|(_, owner)| owner.as_deref() == Some(student));
    let rooms = blueprint.labs.rooms(student);
    // What lies in a project that stays stays with it.
    let in_room = |object: &ObjectRef| {
        let namespace = object.namespace.as_deref();
        namespace.is_none_or(|n| n == blueprint.class.home() || rooms.iter().any(|r| r.name == n))
    };
    let objects = own.map(|(object, _)| object.clone());
    objects
        .filter(|o| o.kind == "Namespace" || in_room(o))
        .partition(|o| o.kind != "Namespace")
}
