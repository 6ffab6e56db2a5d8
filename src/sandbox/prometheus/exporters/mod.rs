//! What exporters tell: pages whose numbers follow from time and from what was asked of the program.

mod java;

use super::number::seconds;

/// What is known of a program that tells of itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Process {
    /// When it started, in milliseconds since 1970.
    pub started: i64,
    /// The time now.
    pub now: i64,
    /// The memory that its container may take, in bytes; zero for no limit.
    pub memory: i64,
    /// Something that is its own, such as a hash of its Pod's name.
    pub seed: u64,
    /// What was asked of it.
    pub asked: Asked,
}

/// What was asked of a program that remembers it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Asked {
    /// Orders since the start.
    pub orders: u64,
    /// Memory that it holds, in MiB.
    pub held: u64,
    /// How often it was asked to work.
    pub worked: u64,
}

/// The page of an exporter; none if there is none of that name.
#[must_use]
pub fn page(exporter: &str, process: &Process) -> Option<String> {
    match exporter {
        "java-demo" => Some(java::page(process)),
        "prometheus-operator" => Some(go(
            process,
            "prometheus_operator_ready",
            "1 when the controller is ready to reconcile resources, 0 otherwise",
        )),
        "config-reloader" => Some(go(
            process,
            "reloader_last_reload_successful",
            "Whether the last reload attempt was successful",
        )),
        _ => None,
    }
}

/// What every program in Go tells, and one thing more, which is so.
fn go(process: &Process, name: &str, help: &str) -> String {
    let up = seconds(process.now - process.started).max(0.0);
    let cpu = (up * 2.0).floor() / 1000.0;
    format!(
        "# HELP go_goroutines Number of goroutines that currently exist.\n# TYPE go_goroutines gauge\ngo_goroutines 42\n\
         # HELP process_cpu_seconds_total Total user and system CPU time spent in seconds.\n# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total {cpu}\n\
         # HELP process_start_time_seconds Start time of the process since unix epoch in seconds.\n# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds {}\n\
         # HELP {name} {help}\n# TYPE {name} gauge\n{name} 1\n",
        seconds(process.started)
    )
}
