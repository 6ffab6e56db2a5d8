//! What the labs of a class need on a cluster: projects for each student, and rights. Found by loading each lab once.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Error, model::Class};
use crate::{
    check::plan,
    cluster::snapshot::Read,
    lab::{
        catalogue::{Catalogue, Checks, Loaded, Outline},
        model::{ObjectRef, Verb},
        template::Context,
    },
    session::served::Served,
};

/// A project that a student gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Room {
    /// Its name.
    pub name: String,
    /// The lab that it is for, by id.
    pub lab: String,
    /// Whether the lab installs an operator in it: who may do so decides by an `OperatorGroup`, which students can't make.
    pub operator_group: bool,
}

/// The labs of a class on a cluster.
#[derive(Debug, Clone)]
pub struct Labs {
    /// What the cluster serves.
    pub served: Served,
    outlines: Vec<Outlined>,
    /// What they need beyond projects.
    pub needs: Needs,
}

/// One lab.
#[derive(Debug, Clone)]
struct Outlined {
    id: String,
    outline: Outline,
    /// Which of its projects, counted from 0, get an `OperatorGroup`.
    groups: BTreeSet<usize>,
}

/// What students need to do in the labs, beyond what everybody may in a project.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs {
    /// The API groups of what is made or looked at.
    pub groups: BTreeSet<String>,
    /// `ClusterRole`s that students bind to accounts of their own.
    pub binds: BTreeSet<String>,
    /// Kinds that are read outside of projects: `apiVersion` and kind.
    pub reads: BTreeSet<(String, String)>,
}

impl Labs {
    /// Loads the labs of a class, for the cluster that serves this.
    pub fn of(catalogue: &Catalogue, class: &Class, served: Served) -> Result<Self, Error> {
        let someone = class.students.first().map_or("student", |s| s.id.as_str());
        let context = context(someone, &served);
        let mut needs = Needs::default();
        let mut outlines = Vec::new();
        for wanted in &class.labs {
            let folder = catalogue.find(wanted)?;
            let loaded = catalogue.load(&folder, &context)?;
            needs.add(&loaded);
            outlines.push(Outlined {
                groups: with_operator_group(&loaded),
                outline: catalogue.outline(&folder)?,
                id: loaded.lab.id,
            });
        }
        Ok(Self {
            served,
            outlines,
            needs,
        })
    }

    /// The projects of a student, each once.
    #[must_use]
    pub fn rooms(&self, student: &str) -> Vec<Room> {
        let context = context(student, &self.served);
        let mut rooms: BTreeMap<String, Room> = BTreeMap::new();
        for lab in &self.outlines {
            for (i, name) in lab.outline.projects(&context).into_iter().enumerate() {
                let room = rooms.entry(name.clone()).or_insert_with(|| Room {
                    name,
                    lab: lab.id.clone(),
                    operator_group: false,
                });
                room.operator_group |= lab.groups.contains(&i);
            }
        }
        rooms.into_values().collect()
    }

    /// What the steps of each lab are judged by, in the class's order.
    #[must_use]
    pub fn checks(&self) -> Vec<Checks> {
        self.outlines.iter().map(|o| o.outline.checks()).collect()
    }
}

/// For whom and for which cluster a lab of a class is rendered.
pub(super) fn context(student: &str, served: &Served) -> Context {
    Context::new(student, |group| served.has(group))
}

/// The projects of a lab, counted from 0, in which it makes sure of an `OperatorGroup`.
fn with_operator_group(loaded: &Loaded) -> BTreeSet<usize> {
    let place_of = |object: &Value| {
        let namespace = object["metadata"]["namespace"].as_str()?;
        loaded.lab.projects.iter().position(|p| p == namespace)
    };
    let groups = objects(loaded).filter(|o| o["kind"] == "OperatorGroup");
    groups.filter_map(place_of).collect()
}

/// What the setup and the solutions of a lab apply.
fn objects(loaded: &Loaded) -> impl Iterator<Item = &Value> {
    let solutions = loaded.lab.steps.iter().flat_map(|s| &s.solve);
    let actions = loaded.lab.setup.iter().chain(solutions);
    actions.flat_map(|action| match &action.verb {
        Verb::Apply(_, objects) | Verb::Ensure(_, objects) => objects.as_slice(),
        _ => &[],
    })
}

impl Needs {
    fn add(&mut self, loaded: &Loaded) {
        for object in objects(loaded) {
            self.groups
                .insert(group(object["apiVersion"].as_str().unwrap_or_default()));
            let role = &object["roleRef"];
            if role["kind"] == "ClusterRole" {
                self.binds.extend(role["name"].as_str().map(str::to_owned));
            }
        }
        for check in loaded.lab.steps.iter().flat_map(|s| &s.checks) {
            for read in plan::reads(check) {
                let (api_version, kind, namespace) = match read {
                    Read::Object(ObjectRef {
                        api_version,
                        kind,
                        namespace,
                        ..
                    }) => (api_version, kind, namespace),
                    Read::List(list) => (list.api_version, list.kind, list.namespace),
                    _ => continue,
                };
                self.groups.insert(group(&api_version));
                // A project is read by who has rights in it.
                if namespace.is_none() && kind != "Namespace" {
                    self.reads.insert((api_version, kind));
                }
            }
        }
    }
}

/// The group of an `apiVersion`; empty for core.
pub(super) fn group(api_version: &str) -> String {
    let group = api_version.rsplit_once('/').map_or("", |(group, _)| group);
    group.to_owned()
}
