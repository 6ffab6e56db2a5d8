//! The `ccnr` command.
fn main() {}
