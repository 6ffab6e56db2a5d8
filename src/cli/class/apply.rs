//! `ccnr class apply`.

use std::{process::ExitCode, sync::Mutex};

use clap::Args;

use super::{Ground, Which};
use crate::{
    class::{
        apply::{Event, Outcome, Work},
        credentials, isolation, lease,
        live::{self, Compared},
        model::Student,
        plan::Plan,
    },
    cli::desk::Desk,
    ui,
};

/// Arguments of `ccnr class apply`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Apply {
    #[command(flatten)]
    which: Which,
    /// The most requests under way at once
    #[arg(long, value_name = "COUNT", default_value_t = 64)]
    max_in_flight: usize,
    /// Write no kubeconfigs and no sheet
    #[arg(long)]
    no_credentials: bool,
}

pub(super) async fn run(desk: &Desk, args: Apply) -> anyhow::Result<ExitCode> {
    let ground = Ground::of(desk, &args.which.file).await?;
    let students = ground.students(desk)?;
    let (cluster, blueprint) = (&ground.cluster, &ground.blueprint);
    let waiting = desk.spinner(&ui::class::comparing());
    let compared = live::compare(cluster, blueprint, Some(&students)).await?;
    waiting.finish(None);
    let plan = Plan::of(blueprint, &compared, &students);
    let head = ground.head(desk, students.len()).await?;
    desk.print(&(head + &ui::class::counts(&plan, blueprint, &desk.style)))?;
    let (_, _, deleted) = plan.total();
    if deleted > 0 && !desk.confirm(&ui::class::may_apply())? {
        return Ok(ExitCode::from(1));
    }
    let outcome = write(
        desk,
        &ground,
        (&students, &plan, &compared),
        args.max_in_flight,
    )
    .await?;
    let ready = outcome.ready(&students);
    let file = &args.which.file;
    desk.print(&ui::class::outcome(
        &outcome,
        ready.len(),
        file,
        &desk.style,
    ))?;
    let isolated = prove(desk, &ground, &ready).await?;
    let issued = if args.no_credentials {
        true
    } else {
        super::credentials::write(desk, &ground, &ready, false).await?
    };
    let good = outcome.failures.is_empty() && isolated && issued;
    Ok(if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(3)
    })
}

/// Writes what differs, while nobody else changes the class.
async fn write(
    desk: &Desk,
    ground: &Ground,
    (students, plan, compared): (&[&Student], &Plan, &Compared),
    most: usize,
) -> anyhow::Result<Outcome> {
    let (created, changed, deleted) = plan.total();
    let whole = created + changed + deleted;
    if whole == 0 && plan.students.is_empty() {
        return Ok(Outcome::default());
    }
    let progress = desk.bar(&ui::class::writing(), whole);
    let told = |event: Event<'_>| match event {
        Event::Written => progress.advance(),
        Event::Failed(failure) => progress.line(&ui::class::failure(failure, &desk.style)),
    };
    let work = Work {
        cluster: &ground.cluster,
        blueprint: &ground.blueprint,
        compared,
        most,
    };
    // The lease lies in the class's namespace, which has to be there first.
    let mut outcome = work.shared(&told).await;
    if outcome.failures.is_empty() {
        let lease = lease::take(&ground.cluster, ground.class()).await?;
        let own = work.students(students, plan, &told).await;
        outcome.written += own.written;
        outcome.failures.extend(own.failures);
        lease.give_back().await?;
    }
    progress.finish(None);
    Ok(outcome)
}

/// Asks the API server what students could do to each other; says so, and whether it is nothing.
async fn prove(desk: &Desk, ground: &Ground, students: &[&Student]) -> anyhow::Result<bool> {
    let progress = Mutex::new(None);
    let asked = |done: usize, whole: usize| {
        let mut bar = progress
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let bar = bar.get_or_insert_with(|| desk.bar(&ui::class::reviewing(), whole));
        if done <= whole {
            bar.advance();
        }
    };
    let rows = isolation::review(&ground.cluster, &ground.blueprint, students, &asked).await?;
    drop(progress);
    desk.print(&ui::class::isolation(&rows, &desk.style))?;
    Ok(rows.iter().all(|r| r.allowed.is_empty()))
}

/// How a kubeconfig came to be, for the summary.
pub(super) type Issued = Result<credentials::Issued, credentials::Error>;
