//! The text in which exporters tell their samples.
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>

use std::collections::BTreeMap;

use super::{
    labels::{Labels, NAME},
    number,
};

/// What a page tells.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Exposition {
    /// Samples, in their order.
    pub samples: Vec<(Labels, f64)>,
    /// Type and help of metrics.
    pub metadata: BTreeMap<String, Metadata>,
}

/// What a metric is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata {
    /// `gauge`, `counter`.
    pub kind: String,
    /// In words.
    pub help: String,
}

/// Reads a page; the error is what is wrong with its first line that is no sample.
pub fn parse(text: &str) -> Result<Exposition, String> {
    let mut page = Exposition::default();
    for line in text.lines().map(str::trim) {
        if let Some(comment) = line.strip_prefix('#') {
            let mut words = comment.trim_start().splitn(3, ' ');
            let (word, name) = (words.next().unwrap_or_default(), words.next());
            let (Some(name), rest) = (name, words.next().unwrap_or_default()) else {
                continue;
            };
            let of = page.metadata.entry(name.to_owned()).or_default();
            match word {
                "HELP" => rest.clone_into(&mut of.help),
                "TYPE" => rest.clone_into(&mut of.kind),
                _ => {}
            }
        } else if !line.is_empty() {
            let sample =
                sample(line).ok_or_else(|| format!("expected value after metric, got {line:?}"))?;
            page.samples.push(sample);
        }
    }
    page.metadata
        .retain(|_, m| !m.kind.is_empty() || !m.help.is_empty());
    Ok(page)
}

fn sample(line: &str) -> Option<(Labels, f64)> {
    let end = line.find(|c: char| c == '{' || c.is_whitespace())?;
    let (name, mut rest) = line.split_at(end);
    let mut labels = Labels::of(&[(NAME, name)]);
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner.trim_start();
        while !rest.starts_with('}') {
            let (label, after) = rest.split_once("=\"")?;
            let (value, after) = quoted(after)?;
            labels.set(label.trim(), value);
            rest = after.trim_start();
            rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
        }
        rest = &rest[1..];
    }
    let value = number::read(rest.split_whitespace().next()?)?;
    Some((labels, value))
}

/// The text up to the closing quote, and what follows.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => match chars.next()?.1 {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            c => value.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_and_what_they_are() {
        let text = "# HELP a_total What it is.\n# TYPE a_total counter\na_total{x=\"1\",y=\"a\\\"}\"} 1.5E3\nb NaN 123\n";
        let page = parse(text).unwrap();
        assert_eq!(page.metadata["a_total"].kind, "counter");
        assert_eq!(page.metadata["a_total"].help, "What it is.");
        let labels = Labels::of(&[(NAME, "a_total"), ("x", "1"), ("y", "a\"}")]);
        assert_eq!(page.samples[0], (labels, 1500.0));
        assert!(page.samples[1].1.is_nan());
        for bad in ["<html>", "a", "a{x=\"1\" 1", "a{x 1"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
