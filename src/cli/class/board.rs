//! `ccnr class board`.

use std::{
    fs,
    io::{self, Write as _},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Args;
use console::{Key, Term};

use super::{Ground, Which};
use crate::{
    class::board::{Board as Found, Depth, Filter, Scope, Watcher},
    cli::{Form, desk::Desk},
    ui,
};

/// Arguments of `ccnr class board`.
#[derive(Debug, Args)]
pub(in crate::cli) struct Board {
    #[command(flatten)]
    which: Which,
    /// This lab, by number or id [default: the one that most are at]
    #[arg(long, value_name = "LAB")]
    lab: Option<String>,
    /// Only these students: stuck, error, waiting, new, done, or a part of an id, a name, a step or a cause
    #[arg(long, value_name = "WHICH")]
    filter: Option<String>,
    /// Show no names, for projecting
    #[arg(long)]
    anonymous: bool,
    /// Show every student, also those whom nothing holds up
    #[arg(long)]
    all: bool,
    /// Show one picture, also on a terminal
    #[arg(long)]
    once: bool,
    /// Write a table; - for standard output
    #[arg(long, value_name = "FILE", conflicts_with = "once")]
    csv: Option<PathBuf>,
    /// Serve the board as a web page, here or at this address and port, until Ctrl-C
    #[arg(long, value_name = "ADDR", num_args = 0..=1, default_missing_value = "127.0.0.1:0",
        conflicts_with_all = ["once", "csv"])]
    serve: Option<SocketAddr>,
    /// Write the board as a web page that needs nothing else
    #[arg(long, value_name = "FILE", conflicts_with_all = ["serve", "once", "csv"])]
    export: Option<PathBuf>,
}

pub(super) async fn run(desk: &Desk, args: Board) -> anyhow::Result<ExitCode> {
    let ground = Ground::of(desk, &args.which.file).await?;
    let watcher = gather(desk, &ground, args.lab.as_deref(), Depth::Open).await?;
    let show = Show::of(desk, &args, watcher.board());
    let lang = desk.style.lang;
    if let Some(path) = &args.csv {
        write_csv(
            desk,
            path,
            &ui::board::csv(&show.shown(watcher.board()), lang),
        )?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(path) = &args.export {
        let page = ui::board_page::export(&show.shown(watcher.board()), &desk.style);
        write_file(path, &page)?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(address) = args.serve {
        super::board_served::run(desk, show, watcher, address).await?;
        return Ok(ExitCode::SUCCESS);
    }
    let live = Term::stdout().is_term() && !args.once && desk.globals.output == Form::Text;
    if live {
        follow(desk, &show, watcher).await?;
        return Ok(ExitCode::SUCCESS);
    }
    let found = show.shown(watcher.board());
    desk.answer(
        &show.text(&found, desk, None),
        &ui::board::json(&found, lang),
    )?;
    Ok(ExitCode::SUCCESS)
}

/// Looks at the class.
pub(super) async fn gather(
    desk: &Desk,
    ground: &Ground,
    lab: Option<&str>,
    depth: Depth,
) -> anyhow::Result<Watcher> {
    let students = ground.students(desk)?;
    let scope = Scope::of(&ground.blueprint, &students, lab);
    if scope.labs.is_empty() {
        let labs = ground.class().labs.join(", ");
        anyhow::bail!(
            "the class has no lab \"{}\"; it has {labs}",
            lab.unwrap_or_default()
        );
    }
    let waiting = desk.spinner(&ui::board::looking());
    let watcher = Watcher::gather(ground.cluster.clone(), scope, depth).await;
    waiting.finish(None);
    Ok(watcher)
}

/// How a board is shown.
pub(super) struct Show {
    filter: Option<Filter>,
    /// What stands for the students, if they are not to be named.
    labels: Option<Vec<String>>,
    all: bool,
}

impl Show {
    fn of(desk: &Desk, args: &Board, board: &Found) -> Self {
        let students = board.labs.first().map_or(0, |l| l.rows.len());
        Self {
            filter: args.filter.as_deref().map(Filter::from),
            labels: args.anonymous.then(|| labels(students)),
            all: args.all || args.filter.is_some() || desk.style.verbose,
        }
    }

    /// What of the board is shown.
    pub(super) fn shown(&self, board: &Found) -> Found {
        let board = board.clone();
        let named = match &self.labels {
            Some(labels) => board.anonymous(labels),
            None => board,
        };
        named.filtered(self.filter.as_ref())
    }

    fn text(&self, board: &Found, desk: &Desk, height: Option<usize>) -> String {
        let Some(lab) = board.labs.get(ui::board::busiest(board)) else {
            return String::new();
        };
        let view = ui::board::View {
            all: self.all,
            height,
        };
        ui::board::render(board, lab, view, &desk.style)
            + &ui::board::others(board, lab, &desk.style)
    }
}

/// Names for students that tell nothing, in an order of chance.
fn labels(students: usize) -> Vec<String> {
    let digits = students.to_string().len();
    let mut labels: Vec<String> = (1..=students).map(|n| format!("#{n:0digits$}")).collect();
    fastrand::shuffle(&mut labels);
    labels
}

/// Shows the board on the terminal as it changes, until a key ends it.
async fn follow(desk: &Desk, show: &Show, watcher: Watcher) -> anyhow::Result<()> {
    let screen = Screen::open()?;
    let (leave, left) = tokio::sync::oneshot::channel();
    // A thread of its own: nobody has to wait for a key that is never pressed.
    std::thread::spawn(move || {
        let keys = Term::stdout();
        while let Ok(key) = keys.read_key() {
            if matches!(key, Key::Char('q' | 'Q') | Key::Escape | Key::CtrlC) {
                break;
            }
        }
        let _ = leave.send(());
    });
    let draw = |board: &Found| {
        let found = show.shown(board);
        let (height, _) = screen.0.size();
        let text = show.text(&found, desk, Some(usize::from(height)));
        redraw(&text, &ui::board::keys(&desk.style)).is_ok()
    };
    tokio::select! {
        () = watcher.follow(draw) => {}
        _ = left => {}
    }
    Ok(())
}

/// A screen of its own on the terminal; what was there before comes back when this is dropped.
struct Screen(Term);

impl Screen {
    fn open() -> io::Result<Self> {
        let screen = Self(Term::stdout());
        screen.0.write_str("\x1b[?1049h")?;
        screen.0.hide_cursor()?;
        Ok(screen)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing back.
        let _ = self.0.show_cursor();
        let _ = self.0.write_str("\x1b[?1049l");
    }
}

/// Writes over what is on the screen, so that nothing flickers.
fn redraw(text: &str, last: &str) -> io::Result<()> {
    let lines = text.replace('\n', "\x1b[K\n");
    let mut out = io::stdout().lock();
    write!(out, "\x1b[H{lines}{last}\x1b[J")?;
    out.flush()
}

/// Whether a file's name means standard output.
pub(super) fn is_stdout(path: &Path) -> bool {
    path == Path::new("-")
}

pub(super) fn write_csv(desk: &Desk, path: &Path, text: &str) -> anyhow::Result<()> {
    if is_stdout(path) {
        desk.print(text)?;
        return Ok(());
    }
    write_file(path, text)
}

fn write_file(path: &Path, text: &str) -> anyhow::Result<()> {
    fs::write(path, text).map_err(|e| anyhow::anyhow!("{} can't be written: {e}", path.display()))
}
