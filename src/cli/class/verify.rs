//! `ccnr class verify`.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;

use super::{Ground, Which, board};
use crate::{
    class::board::Depth,
    cli::{Form, desk::Desk},
    ui,
};

/// Arguments of `ccnr class verify`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Verify {
    #[command(flatten)]
    which: Which,
    /// One lab alone, by number or id
    #[arg(long, value_name = "LAB")]
    lab: Option<String>,
    /// Write a table too; - for standard output
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
}

pub(super) async fn run(desk: &Desk, args: Verify) -> anyhow::Result<ExitCode> {
    if desk.globals.output == Form::Tap {
        anyhow::bail!("`ccnr class verify` does not answer as TAP; use -o json or -o junit");
    }
    let ground = Ground::of(desk, &args.which.file).await?;
    let watcher = board::gather(desk, &ground, args.lab.as_deref(), Depth::Everything).await?;
    let found = watcher.board();
    let lang = desk.style.lang;
    if let Some(path) = &args.csv {
        board::write_csv(desk, path, &ui::board::csv(found, lang))?;
        if board::is_stdout(path) {
            return Ok(ExitCode::from(found.exit_code()));
        }
    }
    match desk.globals.output {
        Form::Json => desk.print(&format!("{}\n", ui::board::json(found, lang)))?,
        Form::Junit => desk.print(&ui::board::junit(found, lang))?,
        Form::Text | Form::Tap => {
            let view = ui::board::View {
                all: true,
                height: None,
            };
            let labs = found.labs.iter();
            let texts: Vec<String> = labs
                .map(|l| ui::board::render(found, l, view, &desk.style))
                .collect();
            desk.print(&texts.join("\n"))?;
        }
    }
    Ok(ExitCode::from(found.exit_code()))
}
