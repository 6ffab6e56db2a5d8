//! A sandbox in the background: a process of its own, started and stopped from this one.

use std::{
    fs::{self, File},
    io,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use super::{Error, Home, Running, failed, run::Options};

/// How long a start may take.
const READY: Duration = Duration::from_secs(20);
/// How long an end may take before it is forced.
const END: Duration = Duration::from_secs(5);
/// How often is looked.
const LOOK: Duration = Duration::from_millis(2);

/// Finds the sandbox that runs, or starts one in the background; tells whether it was started.
pub fn ensure(home: &Home, program: &Path, options: &Options) -> Result<(Running, bool), Error> {
    if let Some(running) = home.running()? {
        return Ok((running, false));
    }
    let mut child = spawn(home, program, options)?;
    let began = Instant::now();
    while began.elapsed() < READY {
        let announced = home.announced();
        if let Some(running) = announced.filter(|r| r.pid == child.id()) {
            return Ok((running, true));
        }
        let ended = child.try_wait().map_err(failed(program, "watched"))?;
        if ended.is_some() {
            // Somebody else may have started one at the same moment.
            while began.elapsed() < READY && matches!(home.lock(), Err(Error::Busy)) {
                if let Some(running) = home.announced() {
                    return Ok((running, false));
                }
                thread::sleep(LOOK);
            }
            return Err(Error::Ended {
                path: home.log().display().to_string(),
                last: last_line(&home.log()),
            });
        }
        thread::sleep(LOOK);
    }
    Err(Error::Late {
        seconds: READY.as_secs(),
        path: home.log().display().to_string(),
    })
}

fn spawn(home: &Home, program: &Path, options: &Options) -> Result<Child, Error> {
    home.make_folder()?;
    let path = home.log();
    let log = log(&path).map_err(failed(&path, "made"))?;
    let errors = log.try_clone().map_err(failed(&path, "made"))?;
    let mut command = Command::new(program);
    command.args(["sandbox", "start", "--foreground"]);
    if let Some(flavour) = options.flavour {
        command.args(["--flavour", flavour.name()]);
    }
    if let Some(speed) = options.speed {
        command.args(["--speed", &speed.to_string()]);
    }
    if let Some(without) = &options.without {
        command.args(["--without", &without.to_string()]);
    }
    if options.fresh {
        command.arg("--fresh");
    }
    command.stdin(Stdio::null()).stdout(log).stderr(errors);
    // The folder that it is started in may go away.
    command.current_dir(home.folder());
    #[cfg(unix)]
    {
        // Ctrl-C in this terminal is not meant for it.
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
    }
    command.spawn().map_err(failed(program, "run"))
}

/// The log of a new process, which only its owner reads.
fn log(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn last_line(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    let last = text.lines().rev().find(|l| !l.trim().is_empty());
    last.unwrap_or("(nothing)").to_owned()
}

/// Stops the sandbox; tells whether one ran. What it holds stays.
pub fn stop(home: &Home) -> Result<bool, Error> {
    let Some(running) = home.running()? else {
        return Ok(false);
    };
    signal(&running, Signal::End)?;
    if ended_within(home, END)? {
        return Ok(true);
    }
    signal(&running, Signal::Force)?;
    if ended_within(home, END)? {
        return Ok(true);
    }
    Err(Error::Unstoppable {
        pid: running.pid,
        why: "it does not end".to_owned(),
    })
}

fn ended_within(home: &Home, time: Duration) -> Result<bool, Error> {
    let began = Instant::now();
    while began.elapsed() < time {
        match home.lock() {
            Ok(_) => return Ok(true),
            Err(Error::Busy) => thread::sleep(LOOK),
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}

#[derive(Clone, Copy)]
enum Signal {
    End,
    Force,
}

#[cfg(unix)]
fn signal(running: &Running, signal: Signal) -> Result<(), Error> {
    use rustix::process::{Pid, Signal as Named, kill_process};
    let pid = i32::try_from(running.pid).ok().and_then(Pid::from_raw);
    let signal = match signal {
        Signal::End => Named::TERM,
        Signal::Force => Named::KILL,
    };
    let sent = pid
        .ok_or(rustix::io::Errno::SRCH)
        .and_then(|pid| kill_process(pid, signal));
    match sent {
        Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
        Err(error) => Err(Error::Unstoppable {
            pid: running.pid,
            why: error.to_string(),
        }),
    }
}

#[cfg(not(unix))]
fn signal(running: &Running, _: Signal) -> Result<(), Error> {
    Err(Error::Unstoppable {
        pid: running.pid,
        why: "stop it in the task manager".to_owned(),
    })
}
