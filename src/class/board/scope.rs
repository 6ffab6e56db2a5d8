//! What has to be read for a board: lists over the whole cluster, as many as there are kinds, whatever the number of students.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::{
    check::plan,
    class::{
        desired::Blueprint,
        model::Student,
        rooms::{Labs, context},
    },
    cluster::{pages::Wide, project::CLASS, snapshot::Read},
    lab::{
        catalogue::Checks,
        model::{Check, Given, HttpTarget, Lab, Subject},
    },
    session::{served::Served, shared},
};

/// A class as its board sees it.
#[derive(Debug, Clone)]
pub struct Scope {
    /// The class's name.
    pub class: String,
    /// Who is on the board.
    pub students: Vec<Pupil>,
    /// What the cluster serves.
    pub served: Served,
    /// What each lab's steps are judged by.
    pub labs: Vec<Checks>,
    /// The lists to read; the first one is of the students' records.
    pub lists: Vec<Wide>,
    /// Whose a namespace is: the students, by their place in `students`.
    pub owners: HashMap<String, Vec<usize>>,
}

/// The list of the students' records.
pub(super) const RECORDS: usize = 0;

/// A student as the board sees one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pupil {
    /// The id.
    pub id: String,
    /// The person's name.
    pub name: Option<String>,
    /// Who this is to the API server.
    pub user: String,
}

impl Scope {
    /// What the board of these students needs; with `only`, of this lab by number or id.
    #[must_use]
    pub fn of(blueprint: &Blueprint, students: &[&Student], only: Option<&str>) -> Self {
        let Labs { served, .. } = &blueprint.labs;
        let class = &blueprint.class;
        let pupil = |s: &&Student| Pupil {
            id: s.id.clone(),
            name: s.name.clone(),
            user: class.user(s),
        };
        let mut owners: HashMap<String, Vec<usize>> = HashMap::new();
        for (i, student) in students.iter().enumerate() {
            for room in blueprint.labs.rooms(&student.id) {
                owners.entry(room.name).or_default().push(i);
            }
        }
        let someone = students.first().map_or("student", |s| s.id.as_str());
        let rendered = |checks: &Checks| checks.of(&context(someone, served));
        let chosen = |checks: &Checks| {
            let lab = rendered(checks);
            only.is_none_or(|o| lab.id == o || lab.number.to_string() == o)
        };
        let labs: Vec<Checks> = blueprint.labs.checks().into_iter().filter(chosen).collect();
        let mut kinds = Kinds::default();
        for lab in labs.iter().map(rendered) {
            kinds.add_lab(&lab, served);
        }
        Self {
            class: class.name.clone(),
            students: students.iter().map(pupil).collect(),
            served: served.clone(),
            labs,
            lists: kinds.lists(&class.name, &owners),
            owners,
        }
    }

    /// The lab as this student has it.
    #[must_use]
    pub fn lab(&self, lab: usize, student: &str) -> Option<Lab> {
        let checks = self.labs.get(lab)?;
        Some(checks.of(&context(student, &self.served)))
    }

    /// `oc` or `kubectl`.
    #[must_use]
    pub fn client(&self) -> &'static str {
        context("student", &self.served).client()
    }
}

/// Kinds by `apiVersion` and kind, with the field selectors that they are read with and the namespaces that they are read in.
#[derive(Debug, Default)]
struct Kinds(BTreeMap<(String, String), Used>);

/// How a kind is read.
type Used = (BTreeSet<Option<String>>, BTreeSet<String>);

impl Kinds {
    fn add_lab(&mut self, lab: &Lab, served: &Served) {
        let steps = lab.steps.iter().filter(|s| served.lacks(&s.when).is_none());
        for step in steps {
            for baseline in step.baseline.values() {
                self.add(&plan::given_read(&baseline.given));
            }
            let checks = step
                .checks
                .iter()
                .filter(|c| served.lacks(&c.when).is_none());
            for check in checks {
                for read in plan::reads(check) {
                    self.add(&read);
                }
                self.add_evidence(check);
            }
        }
    }

    fn add(&mut self, read: &Read) {
        let (version, kind, fields, place) = match read {
            Read::Object(o) if o.kind == "Namespace" => {
                (&o.api_version, &o.kind, None, Some(&o.name))
            }
            Read::Object(o) => (&o.api_version, &o.kind, None, o.namespace.as_ref()),
            Read::List(l) => (
                &l.api_version,
                &l.kind,
                l.field_selector.clone(),
                l.namespace.as_ref(),
            ),
            _ => return,
        };
        if let Some(place) = place {
            let entry = self.0.entry((version.clone(), kind.clone())).or_default();
            entry.0.insert(fields);
            entry.1.insert(place.clone());
        }
    }

    /// What says why a check is not met.
    fn add_evidence(&mut self, check: &Check) {
        match &check.subject {
            Subject::Object {
                object, condition, ..
            } if condition.ready => {
                self.add(&Read::List(plan::warnings_of_pods(
                    object.namespace.clone(),
                )));
                self.add_core("Pod", object.namespace.as_deref());
            }
            Subject::Http {
                target: HttpTarget::Route(o, _) | HttpTarget::Ingress(o, _),
                ..
            } => {
                self.add_core("Service", o.namespace.as_deref());
                self.add(&Read::List(plan::all_slices(o.namespace.clone())));
            }
            Subject::Question { given, .. } => {
                for given in given.values().filter(|g| !matches!(g, Given::Api(_))) {
                    self.add(&plan::given_read(given));
                }
            }
            _ => {}
        }
    }

    fn add_core(&mut self, kind: &str, place: Option<&str>) {
        self.add(&Read::List(crate::lab::model::ListRef {
            api_version: "v1".to_owned(),
            kind: kind.to_owned(),
            namespace: place.map(str::to_owned),
            label_selector: None,
            field_selector: None,
        }));
    }

    /// One list for each kind that is read in a namespace of the class.
    fn lists(self, class: &str, owners: &HashMap<String, Vec<usize>>) -> Vec<Wide> {
        let records = Wide {
            api_version: "v1".to_owned(),
            kind: "ConfigMap".to_owned(),
            labels: None,
            fields: Some(format!("metadata.name={}", shared::NAME)),
        };
        let inside = self
            .0
            .into_iter()
            .filter(|(_, (_, places))| places.iter().any(|p| owners.contains_key(p)));
        let one = |((api_version, kind), (fields, _)): ((String, String), Used)| {
            let all_narrowed = fields.len() == 1;
            Wide {
                api_version,
                labels: (kind == "Namespace").then(|| format!("{CLASS}={class}")),
                fields: fields.into_iter().next().flatten().filter(|_| all_narrowed),
                kind,
            }
        };
        std::iter::once(records).chain(inside.map(one)).collect()
    }
}
