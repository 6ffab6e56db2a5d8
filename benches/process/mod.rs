//! A command that is run to its end, with its time and memory.

use std::{
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// Runs a command to its end: the time, and its peak memory in KiB as far as it was seen.
pub(crate) fn run(command: &mut Command) -> (Duration, u64) {
    let started = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    loop {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|l| l.strip_prefix("VmHWM:"));
        let seen = line.and_then(|l| l.trim().trim_end_matches(" kB").parse().ok());
        peak = peak.max(seen.unwrap_or(0));
        if child.try_wait().unwrap().is_some() {
            return (started.elapsed(), peak);
        }
        std::thread::sleep(Duration::from_micros(200));
    }
}
