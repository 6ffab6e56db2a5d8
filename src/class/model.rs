//! A class as data: what `class.yaml` says, after reading.

use std::path::PathBuf;

use jiff::{SignedDuration, civil::Date};

use super::budget::Budget;
use crate::lab::{names, text::Lang};

/// A class.
#[derive(Debug, Clone, PartialEq)]
pub struct Class {
    /// Its name, a DNS label.
    pub name: String,
    /// Who takes part, each id once.
    pub students: Vec<Student>,
    /// Labs, by number or id.
    pub labs: Vec<String>,
    /// What each project may use; none where the cluster's own limits are enough.
    pub budget: Option<Budget>,
    /// Whether students' Pods are kept apart.
    pub isolation: bool,
    /// How students log in.
    pub credentials: Credentials,
    /// The last day of the class.
    pub expires: Option<Date>,
    /// A file with a pull secret that every project gets: the `.dockerconfigjson` of a registry.
    pub pull_secret: Option<PathBuf>,
    /// Users who may look into every project, as the API server knows them.
    pub instructors: Vec<String>,
}

/// One student.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Student {
    /// The id, a DNS label: the first part of the projects' names.
    pub id: String,
    /// The person's name.
    pub name: Option<String>,
    /// Where the credentials may be sent.
    pub email: Option<String>,
    /// The language of labs and sheets.
    pub lang: Option<Lang>,
}

/// How students log in: by a token of a `ServiceAccount`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// How long they are good for.
    pub lifetime: SignedDuration,
    /// The folder that they are written to.
    pub dir: PathBuf,
}

impl Class {
    /// The namespace that holds what is the whole class's: accounts, the lease.
    #[must_use]
    pub fn home(&self) -> String {
        home(&self.name)
    }

    /// The student of this id.
    #[must_use]
    pub fn student(&self, id: &str) -> Option<&Student> {
        self.students.iter().find(|s| s.id == id)
    }

    /// The user that a student is to the API server: a `ServiceAccount`, whose tokens end with it.
    #[must_use]
    pub fn user(&self, student: &Student) -> String {
        format!("system:serviceaccount:{}:{}", self.home(), student.id)
    }

    /// The group that all students are in.
    #[must_use]
    pub fn group(&self) -> String {
        format!("system:serviceaccounts:{}", self.home())
    }

    /// Whether the last day is over.
    #[must_use]
    pub fn is_over(&self, today: Date) -> bool {
        self.expires.is_some_and(|last| today > last)
    }
}

/// The namespace of a class of this name.
#[must_use]
pub fn home(class: &str) -> String {
    format!("ccnr-{class}")
}

/// Why a class can't have this name, if it can't.
#[must_use]
pub fn name_problem(name: &str) -> Option<String> {
    names::label_problem(name).or_else(|| names::label_problem(&home(name)))
}
