//! Prometheus' text exposition format, as far as checks read it: names, labels, values.
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>

/// One sample line.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sample<'a> {
    /// Metric name.
    pub(crate) name: &'a str,
    /// What stands between the braces.
    labels: &'a str,
    /// Value.
    pub(crate) value: f64,
}

impl Sample<'_> {
    /// The value of a label, unescaped.
    pub(crate) fn label(&self, wanted: &str) -> Option<String> {
        let mut rest = self.labels;
        loop {
            let (key, after) = rest.split_once("=\"")?;
            let (value, after) = quoted(after)?;
            if key.trim().trim_start_matches(',').trim() == wanted {
                return Some(value);
            }
            rest = after;
        }
    }
}

/// The samples of `text`; lines that are none are passed over.
pub(crate) fn samples(text: &str) -> impl Iterator<Item = Sample<'_>> {
    text.lines().filter_map(sample)
}

fn sample(line: &str) -> Option<Sample<'_>> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let end = line.find(|c: char| c == '{' || c.is_whitespace())?;
    let (name, rest) = line.split_at(end);
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(inner) => inner.split_at_checked(closing(inner)?)?,
        None => ("", rest),
    };
    let value = rest.trim_start_matches('}').split_whitespace().next()?;
    Some(Sample {
        name,
        labels,
        value: number(value)?,
    })
}

/// Where the label set ends: the first brace outside quotes.
fn closing(text: &str) -> Option<usize> {
    let (mut inside, mut escaped) = (false, false);
    for (i, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if inside => escaped = true,
            '"' => inside = !inside,
            '}' if !inside => return Some(i),
            _ => {}
        }
    }
    None
}

fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((i, c)) = chars.next() {
        match c {
            '"' => return Some((value, &text[i + 1..])),
            '\\' => value.push(match chars.next()?.1 {
                'n' => '\n',
                other => other,
            }),
            other => value.push(other),
        }
    }
    None
}

fn number(text: &str) -> Option<f64> {
    match text {
        "+Inf" => Some(f64::INFINITY),
        "-Inf" => Some(f64::NEG_INFINITY),
        other => other.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_names_labels_and_values() {
        let text =
            "# HELP x\njvm_memory_used_bytes{area=\"heap\",id=\"a}b\\\"c\"} 1.5E7 1700\nup 1\n";
        let all: Vec<Sample> = samples(text).collect();
        assert_eq!(all.len(), 2);
        assert_eq!(all[0].label("area").as_deref(), Some("heap"));
        assert_eq!(all[0].label("id").as_deref(), Some("a}b\"c"));
        assert!((all[0].value - 1.5e7).abs() < f64::EPSILON);
        assert_eq!((all[1].name, all[1].label("area")), ("up", None));
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in "\\PC{0,80}") {
            for sample in samples(&text) {
                let _ = sample.label("a");
            }
        }
    }
}
