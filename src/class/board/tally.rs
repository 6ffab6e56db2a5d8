//! What the rows of a board come to: how many are where, and how long steps take.

use jiff::Timestamp;

use super::{LabBoard, Row, Totals};
use crate::{check::verdict::Outcome, session::progress::Progress};

/// Writes the counts of the rows into the heads.
pub(super) fn count(lab: &mut LabBoard) {
    for (i, head) in lab.steps.iter_mut().enumerate() {
        let rows = || lab.rows.iter().filter(|r| r.started.is_some());
        head.done = rows()
            .filter(|r| r.cells.get(i).is_some_and(super::Cell::is_done))
            .count();
        head.here = rows().filter(|r| r.current == Some(i)).count();
        let spent = rows().filter_map(|r| r.spent.get(i).copied().flatten());
        head.median = median(spent.collect());
    }
    let begun = || lab.rows.iter().filter(|r| r.started.is_some());
    let at = |r: &Row| r.current.unwrap_or(lab.steps.len()) as u64 + 1;
    lab.totals = Totals {
        students: lab.rows.len(),
        begun: begun().count(),
        done: lab.rows.iter().filter(|r| r.is_done()).count(),
        median_step: median(begun().map(at).collect()).and_then(|m| usize::try_from(m).ok()),
    };
}

/// How long each of these steps took, in seconds, from one pass to the next.
pub(super) fn spent(steps: &[&str], progress: &Progress) -> Vec<Option<u64>> {
    let at = |id: &&str| progress.steps.get(*id).and_then(|s| s.passed_at);
    let one = |id: &&str| {
        let end = at(id)?;
        let before = |t: &Timestamp| *t < end;
        let passes = steps.iter().filter_map(at).filter(before);
        let from = passes.chain(progress.started_at.filter(before)).max()?;
        u64::try_from(end.duration_since(from).as_secs()).ok()
    };
    steps.iter().map(one).collect()
}

fn median(mut all: Vec<u64>) -> Option<u64> {
    all.sort_unstable();
    all.get(all.len().checked_sub(1)? / 2).copied()
}

impl LabBoard {
    /// The rows, who is stuck longest first; then who could not be checked, is waiting, has not begun, is done.
    #[must_use]
    pub fn by_trouble(&self) -> Vec<&Row> {
        let rank = |r: &Row| match r.open().map(|c| c.outcome) {
            Some(Outcome::Fail) => 0,
            Some(Outcome::Error) => 1,
            Some(_) => 2,
            None if r.started.is_none() => 3,
            None => 4,
        };
        let mut rows: Vec<&Row> = self.rows.iter().collect();
        rows.sort_by(|a, b| (rank(a), a.since, &a.student).cmp(&(rank(b), b.since, &b.student)));
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_took_from_one_pass_to_the_next() {
        let mut progress = Progress {
            started_at: "2026-11-28T10:00:00Z".parse().ok(),
            ..Progress::default()
        };
        progress.step_mut("a").passed_at = "2026-11-28T10:01:00Z".parse().ok();
        progress.step_mut("b").passed_at = "2026-11-28T10:03:30Z".parse().ok();
        assert_eq!(
            spent(&["a", "b", "c"], &progress),
            [Some(60), Some(150), None]
        );
        assert_eq!(median(vec![9, 1, 5]), Some(5));
        assert_eq!(median(Vec::new()), None);
    }
}
