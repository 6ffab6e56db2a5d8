//! Plan, snapshot, evaluation, report. Pure, but for the execution of a plan, which calls `cluster`.

pub mod cel;
pub mod matching;
mod object;
pub mod plan;
pub mod ready;
pub mod report;
pub mod snapshot;
pub mod verdict;
