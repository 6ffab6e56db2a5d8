//! Texts as Go writes them: messages of Kubernetes repeat what they are about in this form.

use std::fmt::Write as _;

use serde_json::Value;

/// A text in double quotes, in which everything shows.
/// <https://pkg.go.dev/strconv#Quote>
#[must_use]
pub fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{b}' => out.push_str("\\v"),
            c if is_print(c) => out.push(c),
            c => push_code(&mut out, u32::from(c)),
        }
    }
    out.push('"');
    out
}

fn push_code(out: &mut String, code: u32) {
    // Nothing fails in memory.
    let _ = match code {
        0..0x80 => write!(out, "\\x{code:02x}"),
        0x80..0x1_0000 => write!(out, "\\u{code:04x}"),
        _ => write!(out, "\\U{code:08x}"),
    };
}

/// Whether a character shows: letters, marks, numbers, punctuation, symbols, and the ASCII space.
/// <https://pkg.go.dev/unicode#IsPrint>
#[must_use]
pub fn is_print(c: char) -> bool {
    if c.is_ascii() {
        return c == ' ' || c.is_ascii_graphic();
    }
    // What does not show is escaped; a mark shows where it follows what it marks.
    let marked = format!("a{c}");
    marked.escape_debug().eq(marked.chars())
}

/// A value as JSON that is safe within HTML.
/// <https://pkg.go.dev/encoding/json#Marshal>
#[must_use]
pub fn json(value: &Value) -> String {
    html_safe(&value.to_string())
}

/// JSON without characters that mean something in HTML or JavaScript: in JSON they are parts of texts alone.
#[must_use]
pub fn html_safe(json: &str) -> String {
    json.replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_does_not_show_is_escaped() {
        for (text, wanted) in [
            ("a\t\"b\\'", r#""a\t\"b\\'""#),
            ("\u{0}\u{1b}\u{7f}\u{7}\u{b}", r#""\x00\x1b\x7f\a\v""#),
            ("é e\u{301} 😀 \u{fffd}", "\"é e\u{301} 😀 \u{fffd}\""),
            (
                "\u{feff}\u{ad}\u{85}\u{a0}",
                r#""\ufeff\u00ad\u0085\u00a0""#,
            ),
            ("\u{e000}\u{378}\u{110bd}", r#""\ue000\u0378\U000110bd""#),
            ("<&>", r#""<&>""#),
        ] {
            assert_eq!(quoted(text), wanted);
        }
        assert_eq!(
            json(&json!(["<&>\u{2028}\u{7f}"])),
            "[\"\\u003c\\u0026\\u003e\\u2028\u{7f}\"]"
        );
    }
}
