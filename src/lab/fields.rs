//! Taking mappings apart: every mistake is noted, none ends the reading.

use std::{cell::RefCell, collections::BTreeMap, time::Duration};

use serde_json::Value;

use crate::lab::{
    problem::{Place, Problem},
    text::Text,
    yaml::{Node, Tree},
};

/// Where mistakes are collected.
#[derive(Default)]
pub(crate) struct Problems(RefCell<Vec<Problem>>);

impl Problems {
    pub(crate) fn add(&self, problem: Problem) {
        self.0.borrow_mut().push(problem);
    }

    pub(crate) fn say(&self, place: Place, message: impl Into<String>) {
        self.add(Problem::at(place, message));
    }

    pub(crate) fn into_sorted(self) -> Vec<Problem> {
        let mut all = self.0.into_inner();
        all.sort_by_key(|p| (p.place.line, p.place.column));
        all
    }
}

/// One mapping, whose keys are all known.
pub(crate) struct Fields<'a> {
    place: Place,
    entries: &'a [(crate::lab::yaml::Spot, Node)],
    pub(crate) problems: &'a Problems,
}

impl<'a> Fields<'a> {
    /// The mapping `node`; keys that are not in `known` are mistakes.
    pub(crate) fn of(node: &'a Node, known: &[&str], problems: &'a Problems) -> Self {
        let entries: &[_] = match &node.value {
            Tree::Map(fields) => fields,
            _ => {
                problems.say(
                    node.place,
                    format!("expected a mapping, found {}", node.kind()),
                );
                &[]
            }
        };
        for (spot, _) in entries {
            if !known.contains(&spot.key.as_str()) {
                problems.add(Problem::unknown(spot.place, "key", &spot.key, known));
            }
        }
        Self {
            place: node.place,
            entries,
            problems,
        }
    }

    pub(crate) fn place(&self) -> Place {
        self.place
    }

    pub(crate) fn get(&self, key: &str) -> Option<&'a Node> {
        self.entries
            .iter()
            .find(|(spot, _)| spot.key == key)
            .map(|(_, node)| node)
    }

    pub(crate) fn need(&self, key: &str) -> Option<&'a Node> {
        let node = self.get(key);
        if node.is_none() {
            self.problems
                .say(self.place, format!("\"{key}\" is missing"));
        }
        node
    }

    pub(crate) fn string(&self, key: &str) -> String {
        self.need(key)
            .and_then(|n| string(n, self.problems))
            .unwrap_or_default()
    }

    pub(crate) fn maybe(&self, key: &str) -> Option<String> {
        self.get(key).and_then(|n| string(n, self.problems))
    }

    pub(crate) fn number<T: TryFrom<i64>>(&self, key: &str) -> Option<T> {
        let node = self.get(key)?;
        let number = node.json().as_i64().and_then(|n| T::try_from(n).ok());
        if number.is_none() {
            self.problems.say(
                node.place,
                format!("expected a whole number, found {}", node.kind()),
            );
        }
        number
    }

    pub(crate) fn float(&self, key: &str) -> Option<f64> {
        let node = self.get(key)?;
        let number = node.json().as_f64();
        if number.is_none() {
            self.problems.say(
                node.place,
                format!("expected a number, found {}", node.kind()),
            );
        }
        number
    }

    pub(crate) fn flag(&self, key: &str, default: bool) -> bool {
        let Some(node) = self.get(key) else {
            return default;
        };
        node.json().as_bool().unwrap_or_else(|| {
            self.problems.say(
                node.place,
                format!("expected true or false, found {}", node.kind()),
            );
            default
        })
    }

    pub(crate) fn text(&self, key: &str) -> Text {
        self.need(key)
            .map(|n| text(n, self.problems))
            .unwrap_or_default()
    }

    pub(crate) fn maybe_text(&self, key: &str) -> Option<Text> {
        self.get(key).map(|n| text(n, self.problems))
    }

    pub(crate) fn json(&self, key: &str) -> Option<Value> {
        self.get(key).map(Node::json)
    }

    /// `90s`, `2m`, `500ms`.
    pub(crate) fn duration(&self, key: &str) -> Option<Duration> {
        let node = self.get(key)?;
        let parsed = node.json().as_str().and_then(duration);
        if parsed.is_none() {
            self.problems
                .say(node.place, "expected a duration such as 90s or 2m");
        }
        parsed
    }

    pub(crate) fn items(&self, key: &str) -> &'a [Node] {
        self.get(key).map_or(&[], |n| items(n, self.problems))
    }

    pub(crate) fn strings(&self, key: &str) -> Vec<String> {
        self.items(key)
            .iter()
            .filter_map(|n| string(n, self.problems))
            .collect()
    }

    /// One string, or a list of them.
    pub(crate) fn one_or_more(&self, key: &str) -> Vec<String> {
        match self.need(key) {
            Some(node) if matches!(node.value, Tree::List(_)) => self.strings(key),
            Some(node) => string(node, self.problems).into_iter().collect(),
            None => Vec::new(),
        }
    }

    /// A mapping from names to something.
    pub(crate) fn named<T>(
        &self,
        key: &str,
        decode: impl Fn(&'a Node) -> T,
    ) -> BTreeMap<String, T> {
        let Some(node) = self.get(key) else {
            return BTreeMap::new();
        };
        match &node.value {
            Tree::Map(fields) => fields
                .iter()
                .map(|(spot, n)| (spot.key.clone(), decode(n)))
                .collect(),
            _ => {
                self.problems.say(
                    node.place,
                    format!("expected a mapping, found {}", node.kind()),
                );
                BTreeMap::new()
            }
        }
    }
}

pub(crate) fn items<'a>(node: &'a Node, problems: &Problems) -> &'a [Node] {
    if let Tree::List(items) = &node.value {
        return items;
    }
    problems.say(
        node.place,
        format!("expected a list, found {}", node.kind()),
    );
    &[]
}

/// A string; numbers and booleans are taken as they are written, as in `version: 1`.
pub(crate) fn string(node: &Node, problems: &Problems) -> Option<String> {
    match &node.value {
        Tree::Scalar(Value::String(s)) => Some(s.clone()),
        Tree::Scalar(v @ (Value::Number(_) | Value::Bool(_))) => Some(v.to_string()),
        _ => {
            problems.say(
                node.place,
                format!("expected a string, found {}", node.kind()),
            );
            None
        }
    }
}

pub(crate) fn text(node: &Node, problems: &Problems) -> Text {
    let fields = Fields::of(node, &["en", "ja"], problems);
    let found = Text::new(fields.string("en"), fields.string("ja"));
    for (lang, said) in [("en", &found.en), ("ja", &found.ja)] {
        if fields.get(lang).is_some() && said.trim().is_empty() {
            problems.say(node.place, format!("the text in \"{lang}\" is empty"));
        }
    }
    found
}

fn duration(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let number: u64 = text[..digits].parse().ok()?;
    match &text[digits..] {
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "m" => number.checked_mul(60).map(Duration::from_secs),
        _ => None,
    }
}
