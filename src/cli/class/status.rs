//! `ccnr class status`.

use std::process::ExitCode;

use clap::Args;

use super::{Ground, Which};
use crate::{
    class::{credentials, live, plan},
    cli::desk::Desk,
    ui,
};

/// Arguments of `ccnr class status`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Status {
    #[command(flatten)]
    which: Which,
}

pub(super) async fn run(desk: &Desk, args: Status) -> anyhow::Result<ExitCode> {
    let ground = Ground::of(desk, &args.which.file).await?;
    let students = ground.students(desk)?;
    let waiting = desk.spinner(&ui::class::comparing());
    let compared = live::compare(&ground.cluster, &ground.blueprint, Some(&students)).await?;
    waiting.finish(None);
    let plan = plan::Plan::of(&ground.blueprint, &compared, &students);
    let class = ground.class();
    let good: Vec<_> = students
        .iter()
        .map(|s| credentials::good_until(&ground.cluster, &credentials::path(class, s)))
        .collect();
    let facts = ui::class::Facts {
        plan: &plan,
        class,
        good_until: &good,
        now: ground.cluster.now(),
        is_there: compared.settled() + compared.drifted.len() > 0,
    };
    let head = ground.head(desk, students.len()).await?;
    let text = head + &ui::class::status(&facts, &args.which.file, &desk.style);
    desk.answer(&text, &ui::class::status_json(&facts))?;
    let ready = plan.students.is_empty() && plan.shared.is_empty();
    Ok(ExitCode::from(u8::from(!ready)))
}
