//! Plan, snapshot, evaluation, report. Pure, but for the execution of a plan, which calls `cluster`.

pub mod report;
pub mod snapshot;
pub mod verdict;
