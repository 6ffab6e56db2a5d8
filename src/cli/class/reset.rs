//! `ccnr class reset`.

use std::{path::PathBuf, process::ExitCode, time::Instant};

use clap::Args;

use super::Ground;
use crate::{
    cli::desk::Desk,
    session::{Session, reset::Removal},
    ui::{self, place::Place},
};

/// Arguments of `ccnr class reset`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Reset {
    /// The class's file
    #[arg(value_name = "FILE", default_value = "class.yaml")]
    file: PathBuf,
    /// Of which lab, by number or id; may be repeated [default: all of the class]
    #[arg(long, value_name = "LAB")]
    lab: Vec<String>,
}

pub(super) async fn run(desk: &Desk, args: Reset) -> anyhow::Result<ExitCode> {
    let ground = Ground::of(desk, &args.file).await?;
    let labs = if args.lab.is_empty() {
        ground.class().labs.clone()
    } else {
        args.lab
    };
    for student in ground.named_students(desk)? {
        for lab in &labs {
            let mut session = ground.session(desk, student, lab).await?;
            reset(desk, &mut session).await?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Empties the projects of one lab, after a question.
async fn reset(desk: &Desk, session: &mut Session) -> anyhow::Result<()> {
    let plan = session.reset_plan().await?;
    let user = session.cluster.identity().await?.name;
    let here = Place::of(session, Some(user));
    let number = session.loaded.lab.number;
    desk.print(&ui::plan::removal(&plan, number, None, &here, &desk.style))?;
    if !desk.confirm(&ui::plan::delete())? {
        anyhow::bail!("nothing was deleted");
    }
    let progress = desk.spinner(&ui::plan::removing());
    let started = Instant::now();
    let gone =
        |removal: &Removal| progress.line(&ui::plan::gone(removal, started.elapsed(), &desk.style));
    session.reset(&plan, &gone).await?;
    progress.finish(None);
    Ok(())
}
