//! `ccnr class credentials`.

use std::process::ExitCode;

use clap::Args;

use super::{Ground, Which, apply::Issued};
use crate::{
    class::{credentials, live, model::Student, plan::Plan, sheet},
    cli::desk::Desk,
    ui,
};

/// Arguments of `ccnr class credentials`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Credentials {
    #[command(flatten)]
    which: Which,
    /// Write new ones also where the old are still good
    #[arg(long, conflicts_with = "revoke")]
    renew: bool,
    /// Take back what was given out: the accounts go, and the next apply makes new ones
    #[arg(long)]
    revoke: bool,
}

pub(super) async fn run(desk: &Desk, args: Credentials) -> anyhow::Result<ExitCode> {
    let ground = Ground::of(desk, &args.which.file).await?;
    let students = ground.students(desk)?;
    if args.revoke {
        return revoke(desk, &ground, &students).await;
    }
    let compared = live::compare(&ground.cluster, &ground.blueprint, Some(&students)).await?;
    let plan = Plan::of(&ground.blueprint, &compared, &students);
    let not_ready = |s: &&Student| plan.students.iter().any(|(id, _)| *id == s.id);
    let (not_ready, ready): (Vec<&Student>, Vec<&Student>) =
        students.into_iter().partition(not_ready);
    let file = &args.which.file;
    for student in &not_ready {
        desk.print(&ui::class::not_ready(&student.id, file, &desk.style))?;
    }
    let good = write(desk, &ground, &ready, args.renew).await? && not_ready.is_empty();
    Ok(if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(3)
    })
}

/// Writes kubeconfigs and the sheet; tells whether all could be.
pub(super) async fn write(
    desk: &Desk,
    ground: &Ground,
    students: &[&Student],
    renew: bool,
) -> anyhow::Result<bool> {
    let progress = desk.bar(&ui::class::issuing(), students.len());
    let told = |outcome: &Issued| match outcome {
        Ok(_) => progress.advance(),
        Err(error) => progress.line(&ui::class::not_issued(error, &desk.style)),
    };
    let outcomes =
        credentials::issue(&ground.cluster, &ground.blueprint, students, renew, &told).await;
    progress.finish(None);
    let class = ground.class();
    let good = outcomes.iter().all(Result::is_ok);
    let issued: Vec<&credentials::Issued> =
        outcomes.iter().filter_map(|o| o.as_ref().ok()).collect();
    if issued.is_empty() {
        return Ok(good);
    }
    for (name, text) in [
        ("sheet.html", sheet::html(class)),
        ("sheet.txt", sheet::text(class)),
    ] {
        credentials::write_private(&class.credentials.dir.join(name), &text)?;
    }
    desk.print(&ui::class::issued(
        &issued,
        &class.credentials.dir,
        &desk.style,
    ))?;
    Ok(good)
}

async fn revoke(desk: &Desk, ground: &Ground, students: &[&Student]) -> anyhow::Result<ExitCode> {
    if !desk.confirm(&ui::class::may_revoke(students.len()))? {
        return Ok(ExitCode::from(1));
    }
    for student in students {
        credentials::revoke(&ground.cluster, ground.class(), student).await?;
        let path = credentials::path(ground.class(), student);
        match std::fs::remove_file(&path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                anyhow::bail!("{} can't be removed: {e}", path.display())
            }
            _ => {}
        }
    }
    desk.print(&ui::class::revoked(students.len(), &desk.style))?;
    Ok(ExitCode::SUCCESS)
}
