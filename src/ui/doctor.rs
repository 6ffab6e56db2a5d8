//! The findings of `ccnr doctor`.

use super::{layout::wrap, style::Style};
use crate::{check::verdict::Outcome, lab::text::Text};

/// One line: how it stands, what about, and what was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// `Pass`, `Error` for what is missing, `Skipped` for what is not needed.
    pub outcome: Outcome,
    /// `cluster`, `user`, `lab 3`, ….
    pub about: Text,
    /// What was found, one line each.
    pub found: Vec<Text>,
}

/// The findings, in columns.
#[must_use]
pub fn render(lines: &[Line], style: &Style) -> String {
    let about = |l: &Line| super::layout::width(l.about.get(style.lang));
    let widest = lines.iter().map(about).max().unwrap_or_default();
    let mut out = String::new();
    for line in lines {
        let symbol = style.symbol(line.outcome);
        let about = super::layout::pad(line.about.get(style.lang), widest);
        let first = format!("  {symbol} {about}  ");
        let rest = " ".repeat(widest + 6);
        let mut texts = line.found.iter().map(|t| t.get(style.lang));
        let head = texts.next().unwrap_or_default();
        for wrapped in wrap(head, &first, &rest, style.width) {
            out.push_str(&wrapped);
            out.push('\n');
        }
        for wrapped in texts.flat_map(|t| wrap(t, &rest, &rest, style.width)) {
            out.push_str(&wrapped);
            out.push('\n');
        }
    }
    out
}
