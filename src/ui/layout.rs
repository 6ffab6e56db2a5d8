//! Lines that fit: wrapping with hanging indents, two sides of a line, columns.

use console::strip_ansi_codes;
use textwrap::{Options, WordSeparator, WordSplitter, WrapAlgorithm, core::Word};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The columns that `text` takes on a terminal; escape sequences take none.
#[must_use]
pub fn width(text: &str) -> usize {
    strip_ansi_codes(text).width()
}

/// `text` with spaces after it, up to `columns`.
#[must_use]
pub fn pad(text: &str, columns: usize) -> String {
    format!(
        "{text}{}",
        " ".repeat(columns.saturating_sub(self::width(text)))
    )
}

/// `text` wrapped into `columns`, the first line after `first`, the others after `rest`. Lines of
/// the text stay lines. Spaces in `code` do not break.
#[must_use]
pub fn wrap(text: &str, first: &str, rest: &str, columns: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let floor = width(first).max(width(rest)) + 8;
    for (i, line) in text.trim_end().lines().enumerate() {
        let options = Options::new(columns.max(floor))
            .initial_indent(if i == 0 { first } else { rest })
            .subsequent_indent(rest)
            .word_separator(WordSeparator::Custom(words))
            .word_splitter(WordSplitter::NoHyphenation)
            .wrap_algorithm(WrapAlgorithm::FirstFit);
        let glued = glue(line.trim(), columns.saturating_sub(width(rest)) / 2);
        lines.extend(
            textwrap::wrap(&glued, options)
                .into_iter()
                .map(|l| l.replace('\u{a0}', " ").trim_end().to_owned()),
        );
    }
    if lines.is_empty() {
        lines.push(first.trim_end().to_owned());
    }
    carry(lines)
}

/// `left` and, at the right edge, `right`; on two lines where one is too short.
#[must_use]
pub fn sides(left: &str, right: &str, rest: &str, columns: usize) -> Vec<String> {
    let (l, r) = (width(left), width(right));
    if right.is_empty() {
        return wrap_line(left, rest, columns);
    }
    if l + 2 + r <= columns {
        return vec![format!("{left}{}{right}", " ".repeat(columns - l - r))];
    }
    let mut lines = wrap_line(left, rest, columns);
    if r + width(rest) > columns {
        lines.extend(wrap(right, rest, rest, columns));
        return lines;
    }
    match lines.last_mut() {
        Some(last) if width(last) + 2 + r <= columns => {
            let gap = columns - width(last) - r;
            last.push_str(&" ".repeat(gap));
            last.push_str(right);
        }
        _ => lines.push(format!("{}{right}", " ".repeat(columns.saturating_sub(r)))),
    }
    lines
}

/// `text` wrapped as it is, its own indent before the first line.
#[must_use]
pub fn wrap_line(text: &str, rest: &str, columns: usize) -> Vec<String> {
    let body = text.trim_start_matches(' ');
    let first = &text[..text.len() - body.len()];
    wrap(body, first, rest, columns)
}

/// Cells in two columns, down first, where both fit; else in one.
#[must_use]
pub fn two_columns(cells: &[String], indent: &str, columns: usize) -> Vec<String> {
    let rest = format!("{indent}    ");
    let one = || -> Vec<String> {
        cells
            .iter()
            .flat_map(|c| wrap(c, indent, &rest, columns))
            .collect()
    };
    if cells.len() < 3 {
        return one();
    }
    let (left, right) = cells.split_at(cells.len().div_ceil(2));
    let widest = |cells: &[String]| cells.iter().map(|c| width(c)).max().unwrap_or(0);
    let first = widest(left) + 3;
    if width(indent) + first + widest(right) > columns {
        return one();
    }
    left.iter()
        .enumerate()
        .map(|(i, cell)| match right.get(i) {
            Some(other) => format!("{indent}{}{other}", pad(cell, first)),
            None => format!("{indent}{cell}"),
        })
        .collect()
}

/// Two pieces of prose as one: a space between, but none where both sides are wide characters.
pub(crate) fn join_prose(left: &mut String, right: &str) {
    let wide = |c: Option<char>| c.and_then(UnicodeWidthChar::width).is_some_and(|w| w > 1);
    let touching = wide(left.chars().last()) && wide(right.chars().next());
    if !left.is_empty() && !touching {
        left.push(' ');
    }
    left.push_str(right);
}

/// Words for wrapping: as Unicode breaks them, but between narrow characters only at spaces, so
/// that names, paths and commands stay whole.
fn words(line: &str) -> Box<dyn Iterator<Item = Word<'_>> + '_> {
    let mut ends: Vec<usize> = Vec::new();
    let mut at = 0;
    for word in WordSeparator::UnicodeBreakProperties.find_words(line) {
        let start = at;
        at += word.word.len() + word.whitespace.len();
        let wide = |c: Option<char>| c.and_then(UnicodeWidthChar::width).is_some_and(|w| w > 1);
        let before = strip_ansi_codes(&line[..start]).chars().last();
        let after = strip_ansi_codes(&line[start..]).chars().next();
        if start > 0 && (before == Some(' ') || wide(before) || wide(after)) {
            ends.push(start);
        }
    }
    ends.push(line.len());
    let mut start = 0;
    Box::new(ends.into_iter().map(move |end| {
        let word = Word::from(&line[start..end]);
        start = end;
        word
    }))
}

/// Spaces inside `code` of at most `longest` columns, turned into ones that do not break.
fn glue(line: &str, longest: usize) -> String {
    let mut out = String::with_capacity(line.len());
    let mut pieces = line.split('`');
    if let Some(first) = pieces.next() {
        out.push_str(first);
    }
    let mut inside = true;
    for piece in pieces {
        out.push('`');
        if inside && width(piece) <= longest {
            out.push_str(&piece.replace(' ', "\u{a0}"));
        } else {
            out.push_str(piece);
        }
        inside = !inside;
    }
    out
}

/// Colours that run over a line's end are closed there and opened again on the next line.
fn carry(lines: Vec<String>) -> Vec<String> {
    let mut open = String::new();
    lines
        .into_iter()
        .map(|line| {
            let before = std::mem::take(&mut open);
            open.clone_from(&before);
            for (at, _) in line.match_indices("\u{1b}[") {
                let Some(len) = line[at..].find('m') else {
                    continue;
                };
                let code = &line[at..=at + len];
                if code == "\u{1b}[0m" {
                    open.clear();
                } else {
                    open.push_str(code);
                }
            }
            let body = line.trim_start_matches(' ');
            let indent = &line[..line.len() - body.len()];
            let close = if open.is_empty() { "" } else { "\u{1b}[0m" };
            format!("{indent}{before}{body}{close}")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_code_stay_whole() {
        let lines = wrap("see project/name-one and `oc get pods` too", "", "  ", 24);
        assert_eq!(lines, ["see project/name-one and", "  `oc get pods` too"]);
    }

    #[test]
    fn wide_characters_count_two() {
        let text = "プロジェクトは Kubernetes の Namespace です。".repeat(4);
        for line in wrap(&text, "  ", "    ", 40) {
            assert!(width(&line) <= 40, "{line}");
            assert!(!line.trim_start().starts_with('。'));
        }
    }

    #[test]
    fn colours_end_with_their_line() {
        let text = "\u{1b}[36maa bb cc dd ee ff\u{1b}[0m";
        let lines = wrap(text, "", "", 8);
        assert!(lines.len() > 1);
        for line in lines {
            assert!(line.starts_with("\u{1b}[36m") && line.ends_with("\u{1b}[0m"));
        }
    }

    #[test]
    fn sides_take_two_lines_where_one_is_too_short() {
        assert_eq!(sides("left", "right", "", 20), ["left           right"]);
        assert_eq!(
            sides("a longer left side", "right", "", 20),
            ["a longer left side", "               right"]
        );
    }
}
