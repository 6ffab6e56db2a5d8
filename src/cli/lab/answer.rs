//! `ccnr lab answer STEP VALUE`.

use std::process::ExitCode;

use clap::Args;

use super::show;
use crate::{
    cli::desk::Desk,
    ui::{report, step},
};

#[derive(Debug, Args)]
pub(in crate::cli) struct Answer {
    /// The step's number or id; STEP/CHECK where it asks several questions
    step: String,
    /// Your answer
    value: String,
    /// A lab's number or id
    #[arg(long, value_name = "LAB")]
    lab: Option<String>,
}

pub(super) async fn run(desk: &Desk, args: Answer) -> anyhow::Result<ExitCode> {
    let mut session = desk.session(args.lab.as_deref()).await?;
    let id = session.answer(&args.step, &args.value)?;
    let verified = session.verify(Some(&id), None, &|_| {}).await?;
    let report = &verified.report;
    for found in &report.steps {
        desk.print(&report::render_step(found, report.at, &desk.style))?;
    }
    for (number, passed) in session.course().steps() {
        if verified.passed.contains(&passed.id) {
            desk.print(&step::debrief(number, passed, &desk.style))?;
        }
    }
    if verified.passed.contains(&id) {
        desk.print("\n")?;
        show::show_current(&session, desk)?;
    }
    Ok(ExitCode::from(report.exit_code()))
}
