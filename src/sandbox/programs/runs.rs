//! Runs of containers whose programs asked others. What a program says follows from its Pod; what others answered at that
//! moment does not, and is remembered.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use super::Program;

/// The most runs that are remembered: the last ones.
const MOST: usize = 200;

/// They all, by the id of the container.
#[derive(Debug, Default)]
pub struct Runs {
    kept: Mutex<VecDeque<(String, Program)>>,
}

impl Runs {
    /// Remembers a run, if its program asked others.
    pub fn keep(&self, id: &str, program: &Program) {
        if !program.asked {
            return;
        }
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == MOST {
            kept.pop_front();
        }
        kept.push_back((id.to_owned(), program.clone()));
    }

    /// The program of a run that is remembered.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<Program> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let found = kept.iter().rev().find(|(of, _)| of == id);
        found.map(|(_, program)| program.clone())
    }
}
