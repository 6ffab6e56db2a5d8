//! `ccnr class reset`.

use std::{path::PathBuf, process::ExitCode, time::Instant};

use clap::Args;

use super::Ground;
use crate::{
    cli::desk::Desk,
    session::{Session, reset::Removal, store::Store},
    ui::{self, place::Place},
};

/// Arguments of `ccnr class reset`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Reset {
    /// The class's file
    #[arg(value_name = "FILE", default_value = "class.yaml")]
    file: PathBuf,
    /// Of which lab, by number or id; may be repeated [default: all of the class]
    #[arg(short, long = "lab", value_name = "LAB")]
    labs: Vec<String>,
}

pub(super) async fn run(desk: &Desk, args: Reset) -> anyhow::Result<ExitCode> {
    let ground = Ground::of(desk, &args.file).await?;
    let labs = if args.labs.is_empty() {
        ground.class().labs.clone()
    } else {
        args.labs
    };
    for student in ground.students(desk)? {
        for lab in &labs {
            let learner = desk.learner_called(student.id.clone());
            let store = Store::of(&ground.cluster.server, &student.id);
            let mut session =
                Session::open(ground.cluster.clone(), learner, Some(lab), store).await?;
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
