//! What the reader sees. Pure: values in, text out; only `progress` and `prompt` touch the terminal.

pub mod board;
mod board_forms;
pub mod board_page;
mod check;
pub mod class;
pub mod doctor;
pub mod layout;
pub mod machine;
pub mod markdown;
pub mod place;
pub mod plan;
pub mod progress;
pub mod prompt;
pub mod report;
pub mod sandbox;
pub mod step;
pub mod style;
pub mod words;
