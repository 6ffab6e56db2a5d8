//! `ccnr lab show`: the current step, or a lab's overview.

use std::process::ExitCode;

use clap::Args;

use crate::{
    check::verdict::Outcome,
    cli::desk::Desk,
    lab::model::Step,
    session::Session,
    ui::{step, words},
};

#[derive(Debug, Args)]
pub(in crate::cli) struct Show {
    /// A lab's number or id
    lab: Option<String>,
    /// This step, by number or id
    #[arg(long, value_name = "STEP")]
    step: Option<String>,
}

pub(super) async fn run(desk: &Desk, args: Show) -> anyhow::Result<ExitCode> {
    let session = desk.session_or_record(args.lab.as_deref()).await?;
    if let Some(wanted) = &args.step {
        let (number, id) = session.step(wanted)?;
        let found = session.course().steps().find(|(_, s)| s.id == id);
        if let Some((_, found)) = found {
            show_step(&session, number, found, desk)?;
        }
    } else if args.lab.is_some() {
        desk.print(&overview(&session, desk))?;
    } else {
        show_current(&session, desk)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The step that comes next, after a word on the optional ones before it that are open; or that all is done.
pub(super) fn show_current(session: &Session, desk: &Desk) -> anyhow::Result<()> {
    for (number, open) in session.course().open_options() {
        desk.print(&step::optional(number, open, &desk.style))?;
    }
    match session.course().current() {
        Some((number, found)) => show_step(session, number, found, desk)?,
        None => desk.print(&words::all_done(session.loaded.lab.number, &desk.style))?,
    }
    Ok(())
}

fn show_step(session: &Session, number: usize, found: &Step, desk: &Desk) -> anyhow::Result<()> {
    let total = session.course().steps().count();
    let text = step::step_text(number, total, found, session.client, &desk.style);
    Ok(desk.print(&text)?)
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
    let started = session.progress.started_at.is_some();
    step::lab_show(&lab, started, &outcomes, &desk.style)
}
