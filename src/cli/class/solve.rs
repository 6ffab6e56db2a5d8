//! `ccnr class solve`: the instructor helps.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;

use super::Ground;
use crate::cli::{
    desk::Desk,
    lab::solve::{Steps, steps},
};

/// Arguments of `ccnr class solve`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Solve {
    /// The class's file
    #[arg(value_name = "FILE", default_value = "class.yaml")]
    file: PathBuf,
    /// Of which lab, by number or id
    #[arg(long, value_name = "LAB")]
    lab: String,
    #[command(flatten)]
    which: Steps,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
}

pub(super) async fn run(desk: &Desk, args: Solve) -> anyhow::Result<ExitCode> {
    let ground = Ground::of(desk, &args.file).await?;
    for student in ground.named_students(desk)? {
        let mut session = ground.session(desk, student, &args.lab).await?;
        steps(&mut session, &args.which, args.dry_run, desk).await?;
    }
    Ok(ExitCode::SUCCESS)
}
