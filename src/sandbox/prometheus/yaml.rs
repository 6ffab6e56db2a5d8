//! YAML whose fields stay in their order, as configurations are written for people.

use std::fmt::Write as _;

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub enum Yaml {
    /// A text, quoted where it has to be.
    Text(String),
    /// A word that is no text: a number, `true`.
    Word(String),
    /// Values.
    List(Vec<Yaml>),
    /// Names and values.
    Map(Vec<(String, Yaml)>),
}

impl Yaml {
    /// A text.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// A map of texts.
    #[must_use]
    pub fn map(pairs: Vec<(&str, Yaml)>) -> Self {
        Self::Map(pairs.into_iter().map(|(n, v)| (n.to_owned(), v)).collect())
    }

    /// The document.
    #[must_use]
    pub fn document(&self) -> String {
        let mut out = String::new();
        self.write(&mut out, 0);
        out
    }

    fn write(&self, out: &mut String, depth: usize) {
        let indent = "  ".repeat(depth);
        match self {
            Self::Map(pairs) => {
                for (name, value) in pairs {
                    let _ = write!(out, "{indent}{name}:");
                    value.behind(out, depth, false);
                }
            }
            Self::List(items) => {
                for item in items {
                    let _ = write!(out, "{indent}-");
                    item.behind(out, depth, true);
                }
            }
            Self::Text(_) | Self::Word(_) => self.behind(out, depth, false),
        }
    }

    /// What follows a name or a dash.
    fn behind(&self, out: &mut String, depth: usize, dash: bool) {
        match self {
            Self::Text(text) => {
                let _ = writeln!(out, " {}", scalar(text));
            }
            Self::Word(word) => {
                let _ = writeln!(out, " {word}");
            }
            Self::List(items) if items.is_empty() => out.push_str(" []\n"),
            Self::Map(pairs) if pairs.is_empty() => out.push_str(" {}\n"),
            Self::Map(_) | Self::List(_) if dash => {
                // The first field stands beside the dash.
                let mut inner = String::new();
                self.write(&mut inner, depth + 1);
                out.push(' ');
                out.push_str(inner.trim_start());
            }
            Self::List(_) => {
                out.push('\n');
                self.write(out, depth);
            }
            Self::Map(_) => {
                out.push('\n');
                self.write(out, depth + 1);
            }
        }
    }
}

/// A text, plain where that is safe.
fn scalar(text: &str) -> String {
    let odd = |c: char| c.is_control() || c == '"' || c == '\\';
    if text.chars().any(odd) {
        return serde_json::Value::from(text).to_string();
    }
    let starts = text.starts_with(|c: char| "-?:,[]{}#&*!|>'%@` ~=".contains(c));
    let numeric = text.starts_with(|c: char| c.is_ascii_digit() || c == '.' || c == '+')
        && text.parse::<f64>().is_ok();
    let word = [
        "", "true", "false", "yes", "no", "on", "off", "null", "y", "n",
    ]
    .contains(&text.to_ascii_lowercase().as_str());
    let inside = text.contains(": ") || text.contains(" #") || text.ends_with([':', ' ']);
    if numeric || word {
        format!("\"{text}\"")
    } else if starts || inside {
        format!("'{}'", text.replace('\'', "''"))
    } else {
        text.to_owned()
    }
}

impl From<&serde_json::Value> for Yaml {
    fn from(value: &serde_json::Value) -> Self {
        use serde_json::Value;
        match value {
            Value::String(text) => Self::Text(text.clone()),
            Value::Array(items) => Self::List(items.iter().map(Self::from).collect()),
            Value::Object(map) => Self::Map(
                map.iter()
                    .map(|(n, v)| (n.clone(), Self::from(v)))
                    .collect(),
            ),
            other => Self::Word(other.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_stay_in_their_order_and_can_be_read_again() {
        let value = Yaml::map(vec![
            ("b", Yaml::text("1")),
            (
                "a",
                Yaml::List(vec![Yaml::map(vec![
                    ("x", Yaml::text("(a);true")),
                    ("y", Yaml::Word("1".to_owned())),
                ])]),
            ),
            ("c", Yaml::map(vec![("d", Yaml::text("say \"x\": #1"))])),
            (
                "e",
                Yaml::List(vec![Yaml::text("- z"), Yaml::text("$(POD_NAME)")]),
            ),
        ]);
        let text = value.document();
        assert!(
            text.starts_with("b: \"1\"\na:\n- x: (a);true\n  y: 1\nc:\n  d: "),
            "{text}"
        );
        let read: serde_json::Value = serde_yaml::from_str(&text).unwrap();
        assert_eq!(
            read,
            serde_json::json!({"b": "1", "a": [{"x": "(a);true", "y": 1}], "c": {"d": "say \"x\": #1"}, "e": ["- z", "$(POD_NAME)"]})
        );
    }
}
