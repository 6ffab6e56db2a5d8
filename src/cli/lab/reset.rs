//! `ccnr lab reset`: the plan first, then exactly that.

use std::{env, process::ExitCode, time::Instant};

use clap::Args;

use super::{show, solve};
use crate::{
    cli::desk::Desk,
    ui::{place, plan},
};

#[derive(Debug, Args)]
pub(in crate::cli) struct Reset {
    /// A lab's number or id
    lab: Option<String>,
    /// Then go back to this step: everything before it is done for you
    #[arg(long, value_name = "STEP")]
    to: Option<String>,
    /// Say what would be removed, and remove nothing
    #[arg(long)]
    plan: bool,
}

pub(super) async fn run(desk: &Desk, args: Reset) -> anyhow::Result<ExitCode> {
    let mut session = desk.session(args.lab.as_deref()).await?;
    let to = match &args.to {
        Some(wanted) => Some(session.step(wanted)?),
        None => None,
    };
    let user = session.cluster.identity().await?.name;
    let found = session.reset_plan().await?;
    let here = place::Place::of(&session, Some(user));
    desk.print(&plan::removal(
        &found,
        session.loaded.lab.number,
        to.as_ref().map(|(number, _)| *number),
        &here,
        &desk.style,
    ))?;
    if args.plan {
        return Ok(ExitCode::SUCCESS);
    }
    if !found.projects.is_empty() && !desk.confirm(&plan::delete())? {
        desk.notice(&place::nothing_changed());
        return Ok(ExitCode::from(1));
    }
    let began = Instant::now();
    let busy = desk.spinner(&plan::removing());
    let outcome = session
        .reset(&found, &|removal| {
            busy.line(&plan::gone(removal, began.elapsed(), &desk.style));
        })
        .await;
    busy.finish(None);
    outcome?;
    if let Some((_, step)) = to {
        session
            .start(&env::current_dir()?, &|conflict| desk.decide(conflict))
            .await?;
        let before: Vec<String> = session
            .to_solve(&step, true)
            .await?
            .into_iter()
            .filter(|id| *id != step)
            .collect();
        for id in before {
            solve::one(&mut session, &id, desk).await?;
        }
        desk.print("\n")?;
        show::show_current(&session, desk)?;
    } else {
        desk.notice(&plan::begins_again(session.loaded.lab.number));
    }
    Ok(ExitCode::SUCCESS)
}
