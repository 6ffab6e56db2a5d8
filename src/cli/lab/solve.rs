//! `ccnr lab solve`: the program does a step, or all up to one.

use std::process::ExitCode;

use clap::Args;

use super::show;
use crate::{
    cli::desk::Desk,
    lab::text::Text,
    session::{Error, Session},
    ui::{place, plan, report, step, words},
};

#[derive(Debug, Args)]
pub(in crate::cli) struct Solve {
    /// A lab's number or id
    lab: Option<String>,
    #[command(flatten)]
    which: Steps,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
}

/// Which steps are solved.
#[derive(Debug, Args)]
pub(in crate::cli) struct Steps {
    /// This step, by number or id [default: the current one]
    #[arg(long, value_name = "STEP", conflicts_with = "to")]
    step: Option<String>,
    /// All open steps up to this one
    #[arg(long, value_name = "STEP")]
    to: Option<String>,
}

pub(super) async fn run(desk: &Desk, args: Solve) -> anyhow::Result<ExitCode> {
    let mut session = desk.session(args.lab.as_deref()).await?;
    steps(&mut session, &args.which, args.dry_run, desk).await?;
    Ok(ExitCode::SUCCESS)
}

/// Solves the steps that are meant, or says what would be done.
pub(in crate::cli) async fn steps(
    session: &mut Session,
    which: &Steps,
    dry_run: bool,
    desk: &Desk,
) -> anyhow::Result<()> {
    session.require_started()?;
    let through = which.to.is_some();
    let wanted = match which.to.as_ref().or(which.step.as_ref()) {
        Some(wanted) => session.step(wanted)?.1,
        None => match session.course().current() {
            Some((_, step)) => step.id.clone(),
            None => {
                desk.print(&words::all_done(session.loaded.lab.number, &desk.style))?;
                return Ok(());
            }
        },
    };
    let ids = session.to_solve(&wanted, through).await?;
    if dry_run {
        for (number, step) in session.course().steps() {
            if ids.contains(&step.id) {
                let here = (session.client, &session.served);
                let text = plan::solution(number, step, here, &desk.style);
                desk.print(&text)?;
            }
        }
        return Ok(());
    }
    for id in ids {
        one(session, &id, desk).await?;
    }
    if session.course().current().is_some() {
        desk.print("\n")?;
    }
    show::show_current(session, desk)
}

/// Solves one step and says what it was about; one that does not pass is shown as it is.
pub(super) async fn one(session: &mut Session, id: &str, desk: &Desk) -> anyhow::Result<()> {
    let busy = desk.spinner(&place::solving(id));
    let decide = |conflict: &Text| busy.suspend(|| desk.decide(conflict));
    let outcome = session.solve(id, &decide).await;
    busy.finish(None);
    if let Err(Error::Unsolved { report, .. }) = &outcome {
        let at = jiff::Timestamp::now();
        desk.print(&report::render_step(report, at, &desk.style))?;
    }
    outcome?;
    let solved = session.course().steps().find(|(_, s)| s.id == id);
    if let Some((number, solved)) = solved {
        desk.print(&step::debrief(number, solved, &desk.style))?;
    }
    Ok(())
}
