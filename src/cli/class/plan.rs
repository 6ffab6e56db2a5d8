//! `ccnr class plan`.

use std::process::ExitCode;

use clap::Args;

use super::{Ground, Which};
use crate::{
    class::{live, plan},
    cli::desk::Desk,
    ui,
};

/// Arguments of `ccnr class plan`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Plan {
    #[command(flatten)]
    which: Which,
}

pub(super) async fn run(desk: &Desk, args: Plan) -> anyhow::Result<ExitCode> {
    let ground = Ground::of(desk, &args.which.file).await?;
    let students = ground.students(desk)?;
    let waiting = desk.spinner(&ui::class::comparing());
    let compared = live::compare(&ground.cluster, &ground.blueprint, Some(&students)).await?;
    waiting.finish(None);
    let plan = plan::Plan::of(&ground.blueprint, &compared, &students);
    let head = ground.head(desk, students.len()).await?;
    let text = head + &ui::class::plan(&plan, &ground.blueprint, &desk.style);
    desk.answer(&text, &ui::class::plan_json(&plan, &ground.blueprint))?;
    Ok(ExitCode::SUCCESS)
}
