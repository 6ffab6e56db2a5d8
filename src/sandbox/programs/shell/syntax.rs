//! The parts of a script: loops, statements, where output goes.

/// The text before an endless loop, and what it repeats.
pub(super) fn endless_loop(script: &str) -> Option<(&str, &str)> {
    for head in [
        "while true",
        "while :",
        "while sleep",
        "until false",
        "for ((;;))",
        "for (( ; ; ))",
    ] {
        let Some(at) = script.find(head) else {
            continue;
        };
        let rest = &script[at + head.len()..];
        let start = rest.find("do").map(|i| i + 2)?;
        let end = rest.rfind("done").unwrap_or(rest.len());
        return rest.get(start..end).map(|body| (&script[..at], body));
    }
    None
}

/// Statements with what follows them: `;`, `&&`, `||`.
pub(super) fn statements(script: &str) -> Vec<(&str, &'static str)> {
    let mut out = Vec::new();
    let (mut start, mut quote) = (0, None);
    let bytes = script.as_bytes();
    let mut i = 0;
    while i < bytes.len() {
        let c = bytes[i];
        match quote {
            Some(q) if c == q => quote = None,
            Some(_) => {}
            None if c == b'\'' || c == b'"' => quote = Some(c),
            None => {
                let rest = &bytes[i..];
                let mark = if rest.starts_with(b"&&") {
                    Some(("&&", 2))
                } else if rest.starts_with(b"||") {
                    Some(("||", 2))
                } else if matches!(c, b';' | b'\n')
                    || (c == b'&' && (i == 0 || bytes[i - 1] != b'>'))
                {
                    Some((";", 1))
                } else {
                    None
                };
                if let Some((mark, length)) = mark {
                    out.push((&script[start..i], mark));
                    i += length;
                    start = i;
                    continue;
                }
            }
        }
        i += 1;
    }
    out.push((&script[start..], ""));
    out
}

/// A statement without where its output goes, and that file.
pub(super) fn redirected(text: &str) -> (&str, Option<String>) {
    let Some(at) = text
        .find('>')
        .filter(|_| !text.contains(['\'', '"']))
        .or_else(|| after_quotes(text))
    else {
        return (text, None);
    };
    let file = text[at..].trim_start_matches('>').trim();
    let command = text[..at].trim_end().trim_end_matches(['1', '2']);
    (
        command,
        Some(
            file.split_whitespace()
                .next()
                .unwrap_or_default()
                .to_owned(),
        ),
    )
}

/// A `>` after the last quote.
fn after_quotes(text: &str) -> Option<usize> {
    let last = text.rfind(['\'', '"'])?;
    text[last..].find('>').map(|i| last + i)
}
