//! `ccnr class destroy`.

use std::process::ExitCode;

use clap::Args;

use crate::{
    class::{
        destroy::{Phase, Scope},
        lease,
        model::Class,
        rooms::Labs,
    },
    cli::desk::Desk,
    session::served::Served,
    ui,
};

/// Arguments of `ccnr class destroy`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Destroy {
    #[command(flatten)]
    which: super::Which,
    /// Do it only where the class's last day is over, and ask nothing: for a timer
    #[arg(long)]
    expired: bool,
}

pub(super) async fn run(desk: &Desk, args: Destroy) -> anyhow::Result<ExitCode> {
    let class = Class::read(&args.which.file)?;
    let today = jiff::Zoned::now().date();
    if args.expired && !class.is_over(today) {
        desk.print(&ui::class::not_over(&class, &desk.style))?;
        return Ok(ExitCode::SUCCESS);
    }
    // The names of projects are the same on every kind of cluster.
    let labs = Labs::of(&desk.catalogue(), &class, Served::default())?;
    let cluster = desk.instructors_cluster().await?;
    let mut good = true;
    let scopes: Vec<Option<&str>> = match super::named(desk).as_slice() {
        [] => vec![None],
        some => some.iter().copied().map(Some).collect(),
    };
    for student in scopes {
        let scope = Scope::find(&cluster, &class, &labs, student).await?;
        let user = cluster.identity().await?.name;
        desk.print(&ui::class::removal(
            &scope,
            &cluster.server,
            &user,
            &desk.style,
        ))?;
        if !scope.projects.is_empty() && !args.expired && !desk.confirm(&ui::plan::delete())? {
            return Ok(ExitCode::from(1));
        }
        good &= take_down(desk, &cluster, &class, &scope).await?;
    }
    Ok(if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(3)
    })
}

/// Takes it down and audits; tells whether nothing is left.
async fn take_down(
    desk: &Desk,
    cluster: &crate::cluster::Cluster,
    class: &Class,
    scope: &Scope,
) -> anyhow::Result<bool> {
    // A class that was never made, or is gone, has no namespace for a lease.
    let is_there = scope.projects.contains(&class.home()) || scope.student.is_some();
    let lease = if is_there {
        Some(lease::take(cluster, class).await?)
    } else {
        None
    };
    let progress = desk.spinner(&ui::class::removing());
    let told = |phase: Phase, left: usize| {
        progress.message(ui::class::phase(phase, left).get(desk.style.lang));
    };
    let outcome = scope.destroy(cluster, &told).await;
    // Where the class is gone, its lease is gone with it.
    if let Some(lease) = lease {
        let _ = lease.give_back().await;
    }
    outcome?;
    let students: Vec<String> = match &scope.student {
        Some(student) => vec![student.clone()],
        None => class.students.iter().map(|s| s.id.clone()).collect(),
    };
    let audit = scope.audit(cluster, &students).await?;
    progress.finish(None);
    desk.print(&ui::class::audit(&audit, &desk.style))?;
    Ok(audit.count() == 0)
}
