//! The `ccnr` command.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    ccnr::cli::main()
}
