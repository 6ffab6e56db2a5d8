//! What the reader sees. Pure: values in, text out; only `progress` and `prompt` touch the terminal.

mod check;
pub mod layout;
pub mod machine;
pub mod markdown;
pub mod progress;
pub mod prompt;
pub mod report;
pub mod step;
pub mod style;
mod words;
