//! `ccnr lab show`: the current step, or a lab's overview.

use std::process::ExitCode;

use crate::{
    check::verdict::Outcome,
    cli::desk::Desk,
    session::Session,
    ui::{step, words},
};

pub(super) async fn run(desk: &Desk, lab: Option<&str>) -> anyhow::Result<ExitCode> {
    let session = desk.session(lab).await?;
    if lab.is_some() {
        desk.print(&overview(&session, desk))?;
    } else {
        show_current(&session, desk)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The step that comes next, or that all is done.
pub(super) fn show_current(session: &Session, desk: &Desk) -> anyhow::Result<()> {
    let course = session.course();
    match course.current() {
        Some((number, found)) => {
            let total = course.steps().count();
            let text = step::step_text(number, total, found, session.client, &desk.style);
            desk.print(&text)?;
        }
        None => desk.print(&words::all_done(session.loaded.lab.number, &desk.style))?,
    }
    Ok(())
}

/// What a lab is about, with what was done of it by the record.
pub(super) fn overview(session: &Session, desk: &Desk) -> String {
    let course = session.course();
    let mut lab = session.loaded.lab.clone();
    lab.steps = course.steps().map(|(_, s)| s.clone()).collect();
    let outcomes: Vec<Option<Outcome>> = lab
        .steps
        .iter()
        .map(|s| {
            let passed = session.progress.step(&s.id).passed_at;
            passed.map(|_| Outcome::Pass)
        })
        .collect();
    step::lab_show(&lab, &outcomes, &desk.style)
}
