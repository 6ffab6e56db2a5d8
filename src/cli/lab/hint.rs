//! `ccnr lab hint`: each time a more direct one.

use std::process::ExitCode;

use crate::{
    cli::desk::Desk,
    ui::{step, words},
};

pub(super) async fn run(desk: &Desk, lab: Option<&str>) -> anyhow::Result<ExitCode> {
    let mut session = desk.session_or_record(lab).await?;
    session.require_started()?;
    let Some((_, current)) = session.course().current() else {
        desk.print(&words::all_done(session.loaded.lab.number, &desk.style))?;
        return Ok(ExitCode::SUCCESS);
    };
    let current = current.clone();
    let progress = session.progress.step_mut(&current.id);
    progress.hints = (progress.hints + 1).min(current.hints.len());
    let shown = progress.hints;
    if let Some(text) = step::hint(&current, shown, &desk.style) {
        desk.print(&text)?;
    }
    session.save().await?;
    Ok(ExitCode::SUCCESS)
}
