//! Labels of a series, and what a selector asks of them.
//! <https://prometheus.io/docs/concepts/data_model/>

use std::collections::BTreeMap;

use regex::Regex;

/// The label that holds a metric's name.
pub const NAME: &str = "__name__";

/// The longest pattern that is compiled, in bytes.
const LONGEST_PATTERN: usize = 10_000;

/// The labels of a series, by name. An empty value is the same as no label.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Labels(BTreeMap<String, String>);

impl Labels {
    /// Labels of these names and values.
    #[must_use]
    pub fn of(pairs: &[(&str, &str)]) -> Self {
        pairs.iter().map(|(n, v)| (*n, *v)).collect()
    }

    /// The value of a label; empty where there is none.
    #[must_use]
    pub fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// Sets a label, or removes it by an empty value.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        let value = value.into();
        if value.is_empty() {
            self.0.remove(name);
        } else {
            self.0.insert(name.to_owned(), value);
        }
    }

    /// Without a label.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.0.remove(name);
        self
    }

    /// Keeps the labels that are wanted.
    pub fn retain(&mut self, mut wanted: impl FnMut(&str) -> bool) {
        self.0.retain(|name, _| wanted(name));
    }

    /// Names and values, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(n, v)| (n.as_str(), v.as_str()))
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As errors write them: `{__name__="up", job="a"}`.
    #[must_use]
    pub fn shown(&self) -> String {
        let all: Vec<String> = self
            .iter()
            .map(|(name, value)| format!("{name}={}", quoted(value)))
            .collect();
        format!("{{{}}}", all.join(", "))
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Labels {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let mut labels = Self::default();
        for (name, value) in pairs {
            labels.set(&name.into(), value);
        }
        labels
    }
}

/// A text in double quotes, as Go writes it.
#[must_use]
pub fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// How a matcher compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`
    Matches,
    /// `!~`
    MatchesNot,
}

/// What is asked of one label.
#[derive(Debug, Clone)]
pub struct Matcher {
    /// The label.
    pub name: String,
    /// How it compares.
    pub comparison: Comparison,
    /// With what.
    pub value: String,
    pattern: Option<Regex>,
}

impl Matcher {
    /// A matcher; the error is the one of a pattern that can't be compiled.
    pub fn new(name: &str, comparison: Comparison, value: &str) -> Result<Self, String> {
        let pattern = match comparison {
            Comparison::Matches | Comparison::MatchesNot => Some(anchored(value)?),
            Comparison::Equal | Comparison::NotEqual => None,
        };
        Ok(Self {
            name: name.to_owned(),
            comparison,
            value: value.to_owned(),
            pattern,
        })
    }

    /// Whether a value is as asked.
    #[must_use]
    pub fn accepts(&self, value: &str) -> bool {
        let matches = || self.pattern.as_ref().is_some_and(|p| p.is_match(value));
        match self.comparison {
            Comparison::Equal => value == self.value,
            Comparison::NotEqual => value != self.value,
            Comparison::Matches => matches(),
            Comparison::MatchesNot => !matches(),
        }
    }

    /// Whether labels are as asked.
    #[must_use]
    pub fn fits(&self, labels: &Labels) -> bool {
        self.accepts(labels.get(&self.name))
    }
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        let own = (&self.name, self.comparison, &self.value);
        own == (&other.name, other.comparison, &other.value)
    }
}

/// A pattern that has to fit the whole of a text.
pub fn anchored(pattern: &str) -> Result<Regex, String> {
    if pattern.len() > LONGEST_PATTERN {
        return Err("error parsing regexp: expression too large".to_owned());
    }
    // Alone first: a parenthesis too many would close the group around it.
    regex::RegexBuilder::new(pattern)
        .size_limit(1 << 20)
        .build()
        .and_then(|_| {
            regex::RegexBuilder::new(&format!("^(?s:{pattern})$"))
                .size_limit(1 << 20)
                .build()
        })
        .map_err(|error| worded(pattern, &error))
}

/// The errors that are made most often, as Go words them.
/// <https://pkg.go.dev/regexp/syntax#ErrorCode>
fn worded(pattern: &str, error: &regex::Error) -> String {
    let text = error.to_string();
    let why = if text.contains("unclosed group") {
        format!("missing closing ): `{pattern}`")
    } else if text.contains("unopened group") {
        format!("unexpected ): `{pattern}`")
    } else if text.contains("unclosed character class") {
        format!("missing closing ]: `{pattern}`")
    } else if text.contains("missing expression") {
        let operator: String = pattern.chars().take(1).collect();
        format!("missing argument to repetition operator: `{operator}`")
    } else {
        format!("invalid or unsupported syntax: `{pattern}`")
    };
    format!("error parsing regexp: {why}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_fits_the_whole_value() {
        let matcher = |value: &str| Matcher::new("job", Comparison::Matches, value).unwrap();
        assert!(matcher("a|bc").accepts("bc"));
        assert!(!matcher("b").accepts("bc"));
        assert!(matcher("").fits(&Labels::default()));
        let error = Matcher::new("job", Comparison::Matches, "a(").unwrap_err();
        assert_eq!(error, "error parsing regexp: missing closing ): `a(`");
        assert!(Matcher::new("job", Comparison::Matches, "a)(b").is_err());
    }

    #[test]
    fn labels_read_as_in_errors() {
        let labels = Labels::of(&[(NAME, "up"), ("job", "a\"b"), ("no", "")]);
        assert_eq!(labels.shown(), r#"{__name__="up", job="a\"b"}"#);
        assert_eq!(Labels::default().shown(), "{}");
    }
}
