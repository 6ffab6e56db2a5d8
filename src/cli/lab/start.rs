//! `ccnr lab start LAB`.

use std::{env, process::ExitCode};

use clap::Args;

use super::show;
use crate::{
    cli::desk::Desk,
    session::{Session, files::Outcome, preflight::Unmet},
    ui::{place, prompt, step},
};

#[derive(Debug, Args)]
pub(in crate::cli) struct Start {
    /// The lab's number or id
    lab: String,
    /// Let the program do the labs that come before
    #[arg(long)]
    catch_up: bool,
}

pub(super) async fn run(desk: &Desk, args: Start) -> anyhow::Result<ExitCode> {
    let mut session = desk.session(Some(&args.lab)).await?;
    let user = session.cluster.identity().await?.name;
    let total = session.course().steps().count();
    desk.print(&step::lab_head(&session.loaded.lab, total, &desk.style))?;
    desk.print(&place::line(
        &place::Place::of(&session, Some(user)),
        &desk.style,
    ))?;
    if !ready(&session, desk).await? {
        return Ok(ExitCode::from(3));
    }
    let before = if args.catch_up {
        session.loaded.lab.needs.clone()
    } else {
        Vec::new()
    };
    // Later commands write without asking again. Where nobody can be asked, only a start that writes itself insists.
    let fresh = session.progress.started_at.is_none();
    let writes = session.start_writes() || !before.is_empty();
    let ask = fresh && (writes || prompt::possible());
    if ask && !desk.confirm(&place::set_up(&session.loaded.lab))? {
        desk.notice(&place::nothing_changed());
        return Ok(ExitCode::from(1));
    }
    for id in before {
        catch_up(&id, desk).await?;
    }
    let busy = desk.spinner(&place::setting_up());
    let started = session
        .start(&env::current_dir()?, &|conflict| desk.decide(conflict))
        .await;
    busy.finish(None);
    let started = started?;
    for (name, outcome) in &started.files {
        match outcome {
            Outcome::Written => desk.notice(&place::file_written(name)),
            Outcome::Kept => desk.notice(&place::file_kept(name)),
            Outcome::Same => {}
        }
    }
    desk.print("\n")?;
    show::show_current(&session, desk)?;
    Ok(ExitCode::SUCCESS)
}

/// Whether the lab can run here; if not, everything that is missing is said.
async fn ready(session: &Session, desk: &Desk) -> anyhow::Result<bool> {
    let unmet: Vec<Unmet> = session.preflight().await?.unmet;
    if unmet.is_empty() {
        return Ok(true);
    }
    desk.print("\n")?;
    for missing in &unmet {
        desk.print(&place::unmet(
            &missing.missing,
            missing.why.as_ref(),
            &desk.style,
        ))?;
    }
    Ok(false)
}

/// Does a lab that comes before, whole.
async fn catch_up(id: &str, desk: &Desk) -> anyhow::Result<()> {
    let mut session = desk.session(Some(id)).await?;
    let course = session.course();
    let Some((_, last)) = course.steps().filter(|(_, s)| !s.optional).last() else {
        return Ok(());
    };
    let last = last.id.clone();
    let busy = desk.spinner(&place::catching_up(&session.loaded.lab));
    session
        .start(&env::current_dir()?, &|conflict| desk.decide(conflict))
        .await?;
    for step in session.to_solve(&last, true) {
        session
            .solve(&step, &|conflict| desk.decide(conflict))
            .await?;
        busy.message(&step);
    }
    Ok(())
}
