//! Plan, snapshot, evaluation, report. Pure, but for the execution of a plan, which calls `cluster`.

mod cause;
pub mod cel;
pub mod evaluate;
mod exposition;
mod finding;
pub mod matching;
mod object;
pub mod plan;
mod probe;
pub mod ready;
pub mod report;
pub mod verdict;
mod way;
