//! Why a class command can't go on.

use super::lease;
use crate::{
    cluster::snapshot::Obstacle,
    lab::{
        catalogue,
        problem::{self, Problem},
    },
};

/// Why a class command can't go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file can't be read or written.
    #[error("{path}: {reason}")]
    File {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
    /// The class file or its roster has mistakes.
    #[error("{}", problem::render(path, text, problems, false))]
    Invalid {
        /// The file.
        path: String,
        /// Its text.
        text: String,
        /// The mistakes.
        problems: Vec<Problem>,
    },
    /// A lab can't be had.
    #[error(transparent)]
    Lab(#[from] catalogue::Error),
    /// The cluster is in the way.
    #[error(transparent)]
    Cluster(#[from] Obstacle),
    /// Somebody else is at work on the class.
    #[error(transparent)]
    Lease(#[from] lease::Taken),
    /// The class has no such student.
    #[error("class {class} has no student \"{wanted}\"")]
    NoStudent {
        /// The class.
        class: String,
        /// Who was asked for.
        wanted: String,
    },
    /// Something of the name that the class needs is somebody else's.
    #[error("{what} exists and was not made for class {class}: it is left alone")]
    Foreign {
        /// What.
        what: String,
        /// The class.
        class: String,
    },
}
