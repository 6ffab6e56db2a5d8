//! What of a board is shown: some students only, or all without their names.

use super::{Board, Cell, LabBoard, Row};
use crate::{check::verdict::Outcome, lab::text::Text};

/// Which students are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    /// Whose step fails.
    Stuck,
    /// Whose step could not be checked.
    Error,
    /// Whose step is converging.
    Waiting,
    /// Who has not begun.
    New,
    /// Who is done.
    Done,
    /// Whose id, name, step or cause has this in it.
    Text(String),
}

impl From<&str> for Filter {
    fn from(text: &str) -> Self {
        match text {
            "stuck" => Self::Stuck,
            "error" => Self::Error,
            "waiting" => Self::Waiting,
            "new" => Self::New,
            "done" => Self::Done,
            other => Self::Text(other.to_lowercase()),
        }
    }
}

impl Filter {
    fn takes(&self, lab: &LabBoard, row: &Row) -> bool {
        let open = |outcome| row.open().is_some_and(|c| c.outcome == outcome);
        match self {
            Self::Stuck => open(Outcome::Fail),
            Self::Error => open(Outcome::Error),
            Self::Waiting => open(Outcome::Waiting),
            Self::New => row.started.is_none(),
            Self::Done => row.is_done(),
            Self::Text(wanted) => {
                let step = row
                    .current
                    .and_then(|c| lab.steps.get(c))
                    .map(|s| s.id.as_str());
                let why = row.open().and_then(|c| c.why.as_ref());
                let code = why.and_then(|w| w.code.as_deref());
                let all = [Some(row.student.as_str()), row.name.as_deref(), step, code];
                all.iter()
                    .flatten()
                    .any(|t| t.to_lowercase().contains(wanted))
            }
        }
    }
}

impl Board {
    /// The rows of these students; the counts above stay those of the whole class.
    #[must_use]
    pub fn filtered(mut self, filter: Option<&Filter>) -> Self {
        let Some(filter) = filter else {
            return self;
        };
        for lab in &mut self.labs {
            let rows = std::mem::take(&mut lab.rows);
            let kept = rows.into_iter().filter(|r| filter.takes(lab, r));
            lab.rows = kept.collect();
        }
        self
    }

    /// The board without names: `labels` stand for the students, in the class's order. Findings name projects after students,
    /// so that these are replaced there too.
    #[must_use]
    pub fn anonymous(mut self, labels: &[String]) -> Self {
        for lab in &mut self.labs {
            for (row, label) in lab.rows.iter_mut().zip(labels) {
                let id = std::mem::replace(&mut row.student, label.clone());
                row.name = None;
                row.wanted.clear();
                for why in row.cells.iter_mut().filter_map(|c| c.why.as_mut()) {
                    for text in [&mut why.text, &mut why.title] {
                        *text =
                            Text::new(without(&text.en, &id, label), without(&text.ja, &id, label));
                    }
                }
            }
            lab.rows.sort_by(|a, b| a.student.cmp(&b.student));
        }
        self
    }
}

/// The text with one word replaced, where it stands alone.
fn without(text: &str, word: &str, by: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(word) {
        let (before, found) = rest.split_at(at);
        let after = &found[word.len()..];
        let joined = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        let last = before.chars().last().or_else(|| out.chars().last());
        let alone = !joined(last) && !joined(after.chars().next());
        out.push_str(before);
        out.push_str(if alone { by } else { word });
        rest = after;
    }
    out + rest
}

impl Cell {
    /// Whether it counts as an open question for the student.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(
            self.outcome,
            Outcome::Fail | Outcome::Waiting | Outcome::Error
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_goes_wherever_it_stands_alone() {
        assert_eq!(
            without("project sato-web of sato", "sato", "A1"),
            "project A1-web of A1"
        );
        assert_eq!(without("satori, asato", "sato", "A1"), "satori, asato");
    }
}
