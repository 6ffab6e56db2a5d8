//! `ccnr lab start LAB`.

use std::{env, process::ExitCode};

use clap::Args;

use super::{list, show, solve};
use crate::{
    cli::{client, desk::Desk},
    lab::text::Text,
    session::{Session, files::Outcome, preflight::Unmet},
    ui::{self, place, prompt, step},
};

#[derive(Debug, Args)]
pub(in crate::cli) struct Start {
    /// The lab's number or id; without it, the labs are listed
    lab: Option<String>,
    /// Let the program do the labs that come before
    #[arg(long)]
    catch_up: bool,
}

pub(super) async fn run(desk: &Desk, args: Start) -> anyhow::Result<ExitCode> {
    let Some(lab) = &args.lab else {
        list::run(desk).await?;
        return Ok(ExitCode::from(2));
    };
    desk.learner_of(Some(lab))?;
    let practice = desk.practice(true)?;
    let mut session = desk.session(Some(lab)).await?;
    let mut before = Vec::new();
    if args.catch_up {
        for id in &session.loaded.lab.needs {
            before.push(desk.session(Some(id)).await?);
        }
    }
    for session in before.iter().chain([&session]) {
        tell(session, desk).await?;
        if !ready(session, desk).await? {
            return Ok(ExitCode::from(3));
        }
    }
    // Later commands write without asking again. Where nobody can be asked, a start whose setup writes insists.
    let fresh = session.progress.started_at.is_none();
    let insists = session.has_setup() || !before.is_empty();
    let ask = insists || (fresh && prompt::possible());
    if ask && !desk.confirm(&place::set_up(&session.loaded.lab))? {
        desk.notice(&place::nothing_changed());
        return Ok(ExitCode::from(1));
    }
    for earlier in &mut before {
        catch_up(earlier, desk).await?;
    }
    let busy = desk.spinner(&place::setting_up());
    let decide = |conflict: &Text| busy.suspend(|| desk.decide(conflict));
    let started = session.start(&env::current_dir()?, &decide).await;
    busy.finish(None);
    let started = started?;
    for (name, outcome) in &started.files {
        match outcome {
            Outcome::Written => desk.notice(&place::file_written(name)),
            Outcome::Kept => desk.notice(&place::file_kept(name)),
            Outcome::Same => {}
        }
    }
    if ["oc", "kubectl"]
        .iter()
        .all(|c| client::in_path(c).is_none())
    {
        desk.notice(&place::no_client());
    }
    if let Some(kubeconfig) = practice {
        desk.notice(&ui::sandbox::by_hand(&kubeconfig.display().to_string()));
    }
    desk.print("\n")?;
    show::show_current(&session, desk)?;
    Ok(ExitCode::SUCCESS)
}

/// Says which lab it is, where it goes, and as whom.
async fn tell(session: &Session, desk: &Desk) -> anyhow::Result<()> {
    let user = session.cluster.identity().await?.name;
    let total = session.course().steps().count();
    desk.print(&step::lab_head(&session.loaded.lab, total, &desk.style))?;
    desk.print(&place::line(
        &place::Place::of(session, Some(user)),
        &desk.style,
    ))?;
    Ok(())
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
async fn catch_up(session: &mut Session, desk: &Desk) -> anyhow::Result<()> {
    let required = session.course().steps().filter(|(_, s)| !s.optional).last();
    let Some(last) = required.map(|(_, s)| s.id.clone()) else {
        return Ok(());
    };
    desk.notice(&place::catching_up(&session.loaded.lab));
    session
        .start(&env::current_dir()?, &|conflict| desk.decide(conflict))
        .await?;
    for step in session.to_solve(&last, true).await? {
        solve::one(session, &step, desk).await?;
    }
    Ok(())
}
