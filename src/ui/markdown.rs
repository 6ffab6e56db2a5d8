//! The Markdown of a lab's texts on a terminal: paragraphs, lists, headings, code, emphasis.

use super::{
    layout::{join_prose, wrap},
    style::{Style, Tone},
};

/// One block of text.
#[derive(Debug)]
enum Block {
    Paragraph(String),
    Heading(String),
    /// Indent of the item in the source, its marker, its text.
    Item(usize, String, String),
    Verbatim(Vec<String>),
    Gap,
}

/// `text` as lines of at most the style's width, `indent` columns from the left. Fenced code stays
/// as it is. No newline at the end.
#[must_use]
pub fn render(text: &str, style: &Style, indent: usize) -> String {
    let margin = " ".repeat(indent);
    let mut lines: Vec<String> = Vec::new();
    for block in blocks(text) {
        match block {
            Block::Gap => {
                if lines.last().is_some_and(|l| !l.is_empty()) {
                    lines.push(String::new());
                }
            }
            Block::Paragraph(text) => {
                lines.extend(wrap(&inline(&text, style), &margin, &margin, style.width));
            }
            Block::Heading(text) => {
                let text = style.paint(Tone::Strong, &text);
                lines.extend(wrap(&text, &margin, &margin, style.width));
            }
            Block::Item(depth, marker, text) => {
                let first = format!("{margin}{}{marker} ", " ".repeat(depth));
                let rest = " ".repeat(super::layout::width(&first));
                lines.extend(wrap(&inline(&text, style), &first, &rest, style.width));
            }
            Block::Verbatim(code) => {
                lines.extend(code.iter().map(|l| {
                    let line = format!("{margin}    {}", style.paint(Tone::Code, l));
                    line.trim_end().to_owned()
                }));
            }
        }
    }
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines.join("\n")
}

fn blocks(text: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let body = line.trim();
        let depth = line.len() - line.trim_start().len();
        if body.starts_with("```") {
            let code = lines
                .by_ref()
                .take_while(|l| !l.trim().starts_with("```"))
                .map(|l| {
                    let own = l.len() - l.trim_start_matches(' ').len();
                    l[own.min(depth)..].to_owned()
                })
                .collect();
            blocks.push(Block::Verbatim(code));
        } else if body.is_empty() {
            blocks.push(Block::Gap);
        } else if let Some(title) = heading(body) {
            blocks.push(Block::Heading(title.to_owned()));
        } else if let Some((marker, text)) = item(body) {
            blocks.push(Block::Item(depth, marker.to_owned(), text.to_owned()));
        } else if let Some(Block::Paragraph(text) | Block::Item(_, _, text)) = blocks.last_mut() {
            join_prose(text, body);
        } else {
            blocks.push(Block::Paragraph(body.to_owned()));
        }
    }
    blocks
}

fn heading(line: &str) -> Option<&str> {
    let text = line.trim_start_matches('#');
    let level = line.len() - text.len();
    (1..=6)
        .contains(&level)
        .then(|| text.strip_prefix(' '))
        .flatten()
        .map(str::trim)
}

/// The marker of a list item, and its text.
fn item(line: &str) -> Option<(&str, &str)> {
    let (marker, text) = line.split_once(' ')?;
    let number = marker.strip_suffix(['.', ')']);
    let ordered = number.is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
    if ordered {
        Some((marker, text.trim()))
    } else {
        matches!(marker, "-" | "*" | "+").then_some(("-", text.trim()))
    }
}

/// Code keeps its backticks; emphasis loses its asterisks, and shows where there is colour.
pub(crate) fn inline(text: &str, style: &Style) -> String {
    let mut out = String::with_capacity(text.len());
    for (i, piece) in text.split('`').enumerate() {
        let closed = i % 2 == 1 && text.matches('`').count() > i;
        if closed {
            out.push_str(&style.paint(Tone::Code, &format!("`{piece}`")));
            continue;
        }
        if i % 2 == 1 {
            out.push('`');
        }
        out.push_str(&emphasis(piece, style));
    }
    out
}

fn emphasis(text: &str, style: &Style) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('*') {
        let mark = if rest[at..].starts_with("**") {
            "**"
        } else {
            "*"
        };
        let inner = &rest[at + mark.len()..];
        let starts = inner.starts_with(|c: char| !c.is_whitespace());
        if let Some(end) = inner.find(mark).filter(|&end| starts && end > 0) {
            out.push_str(&rest[..at]);
            out.push_str(&style.paint(Tone::Strong, &inner[..end]));
            rest = &inner[end + mark.len()..];
        } else {
            out.push_str(&rest[..at + mark.len()]);
            rest = inner;
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_told_apart() {
        let text = "# Title\n\nOne **bold** word and\n`some code` here: 2 * 3 * 4.\n\n- first item that is long enough to wrap here\n  and goes on\n- second\n\n```\na  verbatim   line that is far too long for the width\n```\nend";
        let style = Style::default().with_width(40);
        insta::assert_snapshot!(render(text, &style, 2), @r"
          Title

          One bold word and `some code` here: 2
          * 3 * 4.

          - first item that is long enough to
            wrap here and goes on
          - second

              a  verbatim   line that is far too long for the width
          end
        ");
    }

    #[test]
    fn wide_lines_join_without_a_space() {
        let style = Style::default();
        assert_eq!(render("確かめ\nます", &style, 0), "確かめます");
        assert_eq!(render("ラボ\nlab", &style, 0), "ラボ lab");
    }

    #[test]
    fn colour_takes_no_room() {
        let style = Style {
            color: true,
            ..Style::default().with_width(40)
        };
        let text = "a **bold thing** and `a command` ".repeat(6);
        for line in render(&text, &style, 2).lines() {
            assert!(super::super::layout::width(line) <= 40);
        }
    }
}
