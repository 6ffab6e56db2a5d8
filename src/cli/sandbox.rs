//! `ccnr sandbox …`: the practice cluster of this machine.

use std::{
    env, fs,
    io::{BufRead as _, BufReader},
    process::ExitCode,
    time::Duration,
};

use clap::{Args, Subcommand};
use serde_json::json;

use super::desk::Desk;
use crate::{
    sandbox::{
        controllers::program::Without,
        flavour::Flavour,
        home::{
            self, Error, Home, Identity, Running, process,
            run::{self, Options},
        },
    },
    session::store,
    ui::{
        place,
        sandbox::{self as ui, Facts},
    },
};

/// How often a followed log is looked at.
const LOOK: Duration = Duration::from_millis(200);

/// The practice cluster inside this program: an API server and simulated controllers, for you alone.
#[derive(Debug, Subcommand)]
pub(super) enum Sandbox {
    /// Start it in the background; one that runs is found
    Start(Start),
    /// Stop it; what is in it is kept
    Stop,
    /// Say where it is and what it is like
    Status,
    /// Remove everything in it, and begin anew
    Reset,
    /// Print the path of its kubeconfig: export KUBECONFIG="$(ccnr sandbox kubeconfig)"
    Kubeconfig {
        /// The administrator's instead of the student's
        #[arg(long)]
        admin: bool,
    },
    /// Show what it wrote since it was started
    Logs {
        /// Go on as more is written
        #[arg(short, long)]
        follow: bool,
    },
}

#[derive(Debug, Args)]
pub(super) struct Start {
    /// Stay in this terminal until Ctrl-C
    #[arg(long)]
    foreground: bool,
    /// What it is like: openshift, kubernetes-olm, kubernetes [default: as it was, else openshift]
    #[arg(long, value_name = "FLAVOUR")]
    flavour: Option<Flavour>,
    /// How many times faster than it says simulated work is done [default: as it was, else 1]
    #[arg(long, value_name = "N", value_parser = speed)]
    speed: Option<f64>,
    /// Leave the control loops of these programs to others, such as the real ones: kube-controller-manager, kube-scheduler,
    /// olm-operator, catalog-operator, prometheus-operator, or none [default: as it was, else none]
    #[arg(long, value_name = "PROGRAM,…")]
    without: Option<Without>,
    /// Forget what was in it
    #[arg(long)]
    fresh: bool,
}

/// A speed: a number from 0.1 to 100000.
fn speed(text: &str) -> Result<f64, String> {
    let known = text.parse::<f64>().ok();
    let known = known.filter(|n| (0.1..=100_000.0).contains(n));
    known.ok_or_else(|| "a number from 0.1 to 100000".to_owned())
}

impl From<&Start> for Options {
    fn from(start: &Start) -> Self {
        Self {
            flavour: start.flavour,
            speed: start.speed,
            without: start.without.clone(),
            fresh: start.fresh,
        }
    }
}

/// The sandbox of this user.
pub(super) fn home() -> Home {
    Home::below(&store::state_folder())
}

/// The sandbox, which is started where it does not run; and whether it was.
pub(super) fn ensure() -> anyhow::Result<(Home, Running, bool)> {
    let home = home();
    let (running, new) = process::ensure(&home, &env::current_exe()?, &Options::default())?;
    Ok((home, running, new))
}

pub(super) fn run(desk: &Desk, command: Sandbox) -> anyhow::Result<ExitCode> {
    if !matches!(command, Sandbox::Status) {
        desk.text_only()?;
    }
    let home = home();
    match command {
        Sandbox::Start(start) if start.foreground => foreground(desk, &home, &start)?,
        Sandbox::Start(args) => start(desk, &home, &args)?,
        Sandbox::Stop => {
            let ran = process::stop(&home)?;
            let said = if ran {
                ui::stopped()
            } else {
                ui::none_runs(home.exists())
            };
            desk.notice(&said);
        }
        Sandbox::Status => return status(desk, &home),
        Sandbox::Reset => return reset(desk, &home),
        Sandbox::Kubeconfig { admin } => {
            let identity = if admin {
                Identity::Admin
            } else {
                Identity::Student
            };
            let path = home.kubeconfig(identity);
            if !path.exists() {
                desk.notice(&ui::none_runs(false));
                return Ok(ExitCode::from(3));
            }
            desk.print(&format!("{}\n", path.display()))?;
        }
        Sandbox::Logs { follow } => logs(desk, &home, follow)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn foreground(desk: &Desk, home: &Home, start: &Start) -> anyhow::Result<()> {
    if start.fresh {
        forget(home)?;
    }
    Ok(run::run(home, &start.into(), |running| {
        // Nobody may read it.
        let _ = tell(desk, home, running, true);
    })?)
}

/// Forgets what was done in a sandbox that begins anew.
fn forget(home: &Home) -> anyhow::Result<()> {
    if let Some(server) = home.server() {
        store::forget_cluster(&server)?;
    }
    Ok(())
}

fn start(desk: &Desk, home: &Home, start: &Start) -> anyhow::Result<()> {
    let wanted = Options::from(start);
    if start.fresh {
        process::stop(home)?;
    }
    let (running, new) = process::ensure(home, &env::current_exe()?, &wanted)?;
    if let (false, Some(flavour)) = (new, start.flavour)
        && running.flavour != flavour.name()
    {
        return Err(Error::Flavour {
            kept: running.flavour,
            wanted: flavour,
        }
        .into());
    }
    tell(desk, home, &running, new)?;
    if !new
        && start
            .speed
            .is_some_and(|s| (s - running.speed).abs() > f64::EPSILON)
    {
        desk.notice(&ui::other_speed(running.speed));
    }
    let runs_without = running.without.parse().unwrap_or_default();
    if !new && start.without.as_ref().is_some_and(|w| *w != runs_without) {
        desk.notice(&ui::other_programs(&running.without));
    }
    Ok(())
}

fn tell(desk: &Desk, home: &Home, running: &Running, new: bool) -> anyhow::Result<()> {
    with_facts(home, running, |facts| {
        desk.print(&ui::started(facts, new, &desk.style))
    })?;
    Ok(())
}

/// The facts of a sandbox, as they are told.
fn with_facts<T>(home: &Home, running: &Running, tell: impl FnOnce(&Facts<'_>) -> T) -> T {
    let kubeconfig = home.kubeconfig(Identity::Student);
    let started = running.started.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    tell(&Facts {
        server: &running.server,
        router: &running.router,
        flavour: &running.flavour,
        speed: running.speed,
        without: &running.without,
        pid: running.pid,
        started: &started,
        size: home.size(),
        kubeconfig: &kubeconfig.display().to_string(),
    })
}

fn status(desk: &Desk, home: &Home) -> anyhow::Result<ExitCode> {
    let Some(running) = home.running()? else {
        let said = ui::none_runs(home.exists());
        let text = format!("{}\n", said.get(desk.style.lang));
        desk.answer(&text, &json!({"running": false}))?;
        return Ok(ExitCode::from(3));
    };
    let (text, json) = with_facts(home, &running, |facts| {
        let json = json!({
            "running": true, "server": facts.server, "router": facts.router, "flavour": facts.flavour, "speed": facts.speed,
            "without": facts.without, "pid": facts.pid, "started": facts.started, "bytes": facts.size, "kubeconfig": facts.kubeconfig,
        });
        (ui::status(facts, desk.style.lang), json)
    });
    desk.answer(&text, &json)?;
    Ok(ExitCode::SUCCESS)
}

/// Removes what it holds; one that ran is started again.
fn reset(desk: &Desk, home: &Home) -> anyhow::Result<ExitCode> {
    if !desk.confirm(&ui::may_reset())? {
        desk.notice(&place::nothing_changed());
        return Ok(ExitCode::from(1));
    }
    let running = home.running()?;
    process::stop(home)?;
    home.clear()?;
    forget(home)?;
    if let Some(before) = &running {
        let wanted = Options {
            flavour: before.flavour.parse().ok(),
            ..Options::default()
        };
        process::ensure(home, &env::current_exe()?, &wanted)?;
    }
    desk.notice(&ui::was_reset(running.is_some()));
    Ok(ExitCode::SUCCESS)
}

fn logs(desk: &Desk, home: &Home, follow: bool) -> anyhow::Result<()> {
    let path = home.log();
    let file = fs::File::open(&path).map_err(|source| home::Error::File {
        path: path.display().to_string(),
        action: "read",
        source,
    })?;
    let mut lines = BufReader::new(file);
    let mut line = String::new();
    loop {
        line.clear();
        if lines.read_line(&mut line)? > 0 {
            desk.print(&line)?;
        } else if follow && home.running()?.is_some() {
            std::thread::sleep(LOOK);
        } else {
            return Ok(());
        }
    }
}
