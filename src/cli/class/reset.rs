//! `ccnr class reset`.

use std::{path::PathBuf, process::ExitCode, time::Instant};

use clap::Args;

use super::Ground;
use crate::{
    class::model::Student,
    cli::{desk::Desk, failure},
    session::reset::Removal,
    ui::{self, place::Place, prompt},
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
    let mut good = true;
    for student in ground.named_students(desk)? {
        for lab in &labs {
            // One student's trouble stops nobody else.
            if let Err(error) = reset(desk, &ground, student, lab).await {
                if error.is::<prompt::Interrupted>() {
                    return Err(error);
                }
                failure::show(&error, desk);
                good = false;
            }
        }
    }
    Ok(if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(3)
    })
}

/// Empties the projects of one lab, after a question.
async fn reset(desk: &Desk, ground: &Ground, student: &Student, lab: &str) -> anyhow::Result<()> {
    let mut session = ground.session(desk, student, lab).await?;
    let plan = session.reset_plan().await?;
    let user = session.cluster.identity().await?.name;
    let here = Place::of(&session, Some(user));
    let number = session.loaded.lab.number;
    desk.print(&ui::plan::removal(&plan, number, None, &here, &desk.style))?;
    if !desk.confirm(&ui::plan::delete())? {
        desk.notice(&ui::place::nothing_changed());
        return Ok(());
    }
    let progress = desk.spinner(&ui::plan::removing());
    let started = Instant::now();
    let gone =
        |removal: &Removal| progress.line(&ui::plan::gone(removal, started.elapsed(), &desk.style));
    session.reset(&plan, &gone).await?;
    progress.finish(None);
    Ok(())
}
