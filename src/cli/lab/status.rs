//! `ccnr lab status`: where the learner is, by the record.

use std::process::ExitCode;

use super::show;
use crate::{
    cli::desk::Desk,
    ui::{machine, place},
};

pub(super) async fn run(desk: &Desk, lab: Option<&str>) -> anyhow::Result<ExitCode> {
    let session = desk.session_or_record(lab).await?;
    let status = session_status(&session);
    let head = place::status(&status, &desk.style);
    let text = format!("{head}\n{}", show::overview(&session, desk));
    desk.answer(&text, &machine::status(&status, desk.style.lang))?;
    Ok(ExitCode::SUCCESS)
}

fn session_status(session: &crate::session::Session) -> place::Status {
    let course = session.course();
    place::Status {
        number: session.loaded.lab.number,
        title: session.loaded.lab.title.clone(),
        place: place::Place::of(session, None),
        started: session.progress.started_at,
        current: course.current().map(|(n, s)| (n, s.title.clone())),
        total: course.steps().count(),
        hints: session.progress.steps.values().map(|s| s.hints).sum(),
        solved: session.progress.steps.values().filter(|s| s.solved).count(),
    }
}
