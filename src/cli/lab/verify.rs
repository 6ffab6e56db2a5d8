//! `ccnr lab verify`.

// Doc comments of arguments are help texts, which are no Markdown.
#![allow(clippy::doc_markdown)]

use std::{process::ExitCode, time::Duration};

use clap::Args;

use super::show;
use crate::{
    check::report::Report,
    cli::{Form, desk::Desk, duration},
    session::{Session, verify::Verified},
    ui::{machine, place, report, step},
};

#[derive(Debug, Args)]
pub(in crate::cli) struct Verify {
    /// A lab's number or id
    lab: Option<String>,
    /// Check this step alone, by number or id
    #[arg(long, value_name = "STEP")]
    step: Option<String>,
    /// Wait so long while something is still converging: 90s, 2m
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    wait: Option<Duration>,
}

pub(super) async fn run(desk: &Desk, args: Verify) -> anyhow::Result<ExitCode> {
    let mut session = desk.session(args.lab.as_deref()).await?;
    let only = match &args.step {
        Some(wanted) => Some(session.step(wanted)?.1),
        None => None,
    };
    let waiting = args.wait.map(|_| desk.spinner(&place::waiting()));
    let verified = session
        .verify(only.as_deref(), args.wait, &|report| {
            if let Some(progress) = &waiting {
                tell(report, progress, desk);
            }
        })
        .await?;
    drop(waiting);
    let report = &verified.report;
    match desk.globals.output {
        Form::Text => text(desk, &session, &verified, only.is_some())?,
        Form::Json => desk.print(&format!("{}\n", machine::json(report, desk.style.lang)))?,
        Form::Junit => desk.print(&machine::junit(report, desk.style.lang))?,
        Form::Tap => desk.print(&machine::tap(report, desk.style.lang))?,
    }
    Ok(ExitCode::from(report.exit_code()))
}

/// The report; what the steps that just passed were about; and the step that comes next, which was not begun yet and is left
/// out of the report.
fn text(desk: &Desk, session: &Session, verified: &Verified, alone: bool) -> anyhow::Result<()> {
    let report = &verified.report;
    if alone {
        for found in &report.steps {
            desk.print(&report::render_step(found, report.at, &desk.style))?;
        }
    } else if let Some(new) = new_step(session, verified) {
        desk.print(&report::render_progress(report, new, &desk.style))?;
    } else {
        desk.print(&report::render(report, &desk.style))?;
    }
    for (number, passed) in session.course().steps() {
        if verified.passed.contains(&passed.id) {
            desk.print(&format!("\n{}", step::debrief(number, passed, &desk.style)))?;
        }
    }
    if new_step(session, verified).is_some() && !alone {
        desk.print("\n")?;
        show::show_current(session, desk)?;
    }
    Ok(())
}

/// The step that became the current one by what just passed.
fn new_step<'a>(session: &'a Session, verified: &Verified) -> Option<&'a str> {
    let required = |id: &String| {
        let steps = &session.loaded.lab.steps;
        steps.iter().any(|s| s.id == *id && !s.optional)
    };
    let (_, current) = session.course().current()?;
    let moved_on = verified.passed.iter().any(required);
    moved_on.then_some(current.id.as_str())
}

fn tell(report: &Report, progress: &crate::ui::progress::Progress, desk: &Desk) {
    let (done, all) = report.progress();
    progress.message(place::waiting_at(done, all).get(desk.style.lang));
}
