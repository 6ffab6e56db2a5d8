//! The command line: parse, call, render. One thin module per command.

// Doc comments of arguments are help texts, which are no Markdown.
#![allow(clippy::doc_markdown)]

mod class;
mod client;
mod desk;
mod doctor;
mod duration;
mod failure;
mod lab;
mod sandbox;

use std::{path::PathBuf, process::ExitCode, time::Duration};

use clap::{Args, CommandFactory as _, Parser, Subcommand};

use self::desk::Desk;
use crate::{lab::text::Lang, ui::style::ColorChoice};

/// Hands-on Kubernetes and OpenShift workshops in your terminal: labs that set themselves up, check every step on the
/// cluster, and say why a step is not done yet.
#[derive(Debug, Parser)]
#[command(
    name = "ccnr",
    version,
    arg_required_else_help = true,
    after_help = "Begin with `ccnr lab start 1`: where there is no kubeconfig, it runs in the practice cluster.",
    max_term_width = 100
)]
struct Cli {
    #[command(flatten)]
    globals: Globals,
    #[command(subcommand)]
    command: Command,
}

/// Flags of every command.
#[derive(Debug, Clone, Args)]
struct Globals {
    /// The kubeconfig file [default: KUBECONFIG, else ~/.kube/config, else the Pod's ServiceAccount, else the practice cluster]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Cluster")]
    kubeconfig: Option<PathBuf>,
    /// Use the practice cluster in this program, whatever kubeconfig there is
    #[arg(long, global = true, help_heading = "Cluster", conflicts_with_all = ["kubeconfig", "context"])]
    sandbox: bool,
    /// The kubeconfig's context [default: its current one]
    #[arg(long, global = true, value_name = "NAME", help_heading = "Cluster")]
    context: Option<String>,
    /// How long to wait for one answer of the cluster: 10s, 1m
    #[arg(long, global = true, value_name = "DURATION", default_value = "10s", value_parser = duration::parse, help_heading = "Cluster")]
    request_timeout: Duration,
    /// Your id in the class, the first part of your projects' names [default: CCNR_STUDENT, else the kubeconfig's, else student]
    #[arg(long, global = true, value_name = "ID", help_heading = "Labs")]
    student: Option<String>,
    /// A folder with labs/ and manifests/ to use instead of the labs in this program
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        env = "CCNR_LABS",
        help_heading = "Labs"
    )]
    labs: Option<PathBuf>,
    /// The image of lab 4's Java app
    #[arg(
        long,
        global = true,
        value_name = "IMAGE",
        env = "CCNR_JAVA_IMAGE",
        help_heading = "Labs"
    )]
    java_image: Option<String>,
    /// The language of labs and reports [default: CCNR_LANG, else the locale's]
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "LANG",
        help_heading = "Output"
    )]
    lang: Option<Language>,
    /// The form of the answer; junit and tap for `lab verify` alone
    #[arg(
        short,
        long,
        global = true,
        value_enum,
        value_name = "FORM",
        default_value_t,
        help_heading = "Output"
    )]
    output: Form,
    /// When to use colour; NO_COLOR is respected
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "WHEN",
        default_value_t,
        help_heading = "Output"
    )]
    color: Color,
    /// Say more; twice, for what is asked of the cluster
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = "Output")]
    verbose: u8,
    /// No progress and no notices
    #[arg(short, long, global = true, help_heading = "Output")]
    quiet: bool,
    /// Answer every question with yes
    #[arg(short, long, global = true, help_heading = "Output")]
    yes: bool,
}

/// A language on the command line.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Language {
    En,
    Ja,
}

impl From<Language> for Lang {
    fn from(language: Language) -> Self {
        match language {
            Language::En => Self::En,
            Language::Ja => Self::Ja,
        }
    }
}

/// The form of an answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
enum Form {
    #[default]
    Text,
    Json,
    Junit,
    Tap,
}

/// When to use colour, on the command line.
#[derive(Debug, Clone, Copy, Default, clap::ValueEnum)]
enum Color {
    #[default]
    Auto,
    Always,
    Never,
}

impl From<Color> for ColorChoice {
    fn from(color: Color) -> Self {
        match color {
            Color::Auto => Self::Auto,
            Color::Always => Self::Always,
            Color::Never => Self::Never,
        }
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Take a lab: start, verify, hint, solve, reset
    #[command(subcommand)]
    Lab(lab::Lab),
    /// Run a class: make it, see how it is, take it down
    #[command(subcommand)]
    Class(class::Class),
    /// Check the cluster, your permissions, and which labs can run here
    Doctor,
    /// The practice cluster in this program: start, stop, status, reset, kubeconfig, logs
    #[command(subcommand)]
    Sandbox(sandbox::Sandbox),
    /// Run the real oc with the lab's project and context
    #[command(disable_help_flag = true)]
    Oc(client::Client),
    /// Run the real kubectl with the lab's project and context
    #[command(disable_help_flag = true)]
    Kubectl(client::Client),
    /// Print a completion script for your shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// Runs the program on its command line.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let desk = Desk::new(cli.globals);
    match run(&desk, cli.command) {
        Ok(code) => code,
        Err(error) => failure::show(&error, &desk),
    }
}

/// Runs one command and gives its exit code.
fn run(desk: &Desk, command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Completions { shell } => {
            let mut out = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "ccnr", &mut out);
            desk.print(&String::from_utf8_lossy(&out))?;
            Ok(ExitCode::SUCCESS)
        }
        // It brings its own threads, if any.
        Command::Sandbox(command) => sandbox::run(desk, command),
        // One thread is enough to wait for answers, and starts sooner than several.
        command => tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?
            .block_on(talk(desk, command)),
    }
}

/// The commands that talk to the cluster. Ctrl-C ends them: every one can be repeated.
async fn talk(desk: &Desk, command: Command) -> anyhow::Result<ExitCode> {
    let work = async {
        match command {
            Command::Lab(command) => lab::run(desk, command).await,
            Command::Class(command) => class::run(desk, command).await,
            Command::Doctor => doctor::run(desk).await,
            Command::Oc(args) => client::run(desk, "oc", args).await,
            Command::Kubectl(args) => client::run(desk, "kubectl", args).await,
            Command::Completions { .. } | Command::Sandbox(_) => Ok(ExitCode::SUCCESS),
        }
    };
    tokio::select! {
        outcome = work => outcome,
        _ = tokio::signal::ctrl_c() => {
            desk.notice(&crate::ui::words::interrupted());
            Ok(ExitCode::from(130))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_makes_sense() {
        Cli::command().debug_assert();
    }
}
