//! `ccnr lab …`: the learner's commands.

mod answer;
mod hint;
mod list;
mod reset;
mod show;
pub(super) mod solve;
mod start;
mod status;
mod verify;

use std::process::ExitCode;

use clap::Subcommand;

use super::desk::Desk;

/// The learner's commands. LAB is a number or an id; without it, the lab that was started last.
#[derive(Debug, Subcommand)]
pub(super) enum Lab {
    /// List the labs
    List,
    /// Show the current step, or what a lab is about
    Show(show::Show),
    /// Start a lab: set it up, and show its first step
    Start(start::Start),
    /// Check every step on the cluster
    Verify(verify::Verify),
    /// Say where you are, by the record
    Status {
        /// A lab's number or id
        lab: Option<String>,
    },
    /// Show the next hint for the current step
    Hint {
        /// A lab's number or id
        #[arg(long, value_name = "LAB")]
        lab: Option<String>,
    },
    /// Answer the question of a step
    Answer(answer::Answer),
    /// Let the program do a step
    Solve(solve::Solve),
    /// Remove what a lab made, and start over
    Reset(reset::Reset),
}

pub(super) async fn run(desk: &Desk, command: Lab) -> anyhow::Result<ExitCode> {
    if !matches!(command, Lab::List | Lab::Status { .. } | Lab::Verify(_)) {
        desk.text_only()?;
    }
    match command {
        Lab::List => list::run(desk).await,
        Lab::Show(args) => show::run(desk, args).await,
        Lab::Start(args) => start::run(desk, args).await,
        Lab::Verify(args) => verify::run(desk, args).await,
        Lab::Status { lab } => status::run(desk, lab.as_deref()).await,
        Lab::Hint { lab } => hint::run(desk, lab.as_deref()).await,
        Lab::Answer(args) => answer::run(desk, args).await,
        Lab::Solve(args) => solve::run(desk, args).await,
        Lab::Reset(args) => reset::run(desk, args).await,
    }
}
