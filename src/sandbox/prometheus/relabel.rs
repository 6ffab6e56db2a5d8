//! Rules that change labels, keep or drop what carries them.
//! <https://prometheus.io/docs/prometheus/latest/configuration/configuration/#relabel_config>

use regex::Regex;
use serde_json::Value;

use super::labels::{Labels, anchored};

/// What a rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Writes a label.
    Replace,
    /// Keeps only what fits.
    Keep,
    /// Drops what fits.
    Drop,
    /// Keeps what is equal to its target.
    KeepEqual,
    /// Drops what is equal to its target.
    DropEqual,
    /// Writes the rest of a division.
    HashMod,
    /// Copies labels under other names.
    LabelMap,
    /// Removes labels.
    LabelDrop,
    /// Removes all other labels.
    LabelKeep,
    /// Writes it in lower case.
    Lowercase,
    /// Writes it in upper case.
    Uppercase,
}

/// A rule.
#[derive(Debug, Clone)]
pub struct Rule {
    sources: Vec<String>,
    separator: String,
    pattern: Regex,
    modulus: u64,
    target: String,
    replacement: String,
    action: Action,
}

impl Rule {
    /// Reads a rule of a configuration.
    pub fn parse(value: &Value) -> Result<Self, String> {
        // What looks like a number may be meant as a text.
        let text = |field: &str| match &value[field] {
            Value::String(text) => Some(text.clone()),
            Value::Null => None,
            other => Some(other.to_string()),
        };
        let sources = value["source_labels"].as_array().into_iter().flatten();
        let action = text("action").unwrap_or_default().to_ascii_lowercase();
        Ok(Self {
            sources: sources
                .filter_map(|s| s.as_str().map(str::to_owned))
                .collect(),
            separator: text("separator").unwrap_or_else(|| ";".to_owned()),
            pattern: anchored(&text("regex").unwrap_or_else(|| "(.*)".to_owned()))?,
            modulus: value["modulus"].as_u64().unwrap_or_default(),
            target: text("target_label").unwrap_or_default(),
            replacement: text("replacement").unwrap_or_else(|| "$1".to_owned()),
            action: match action.as_str() {
                "" | "replace" => Action::Replace,
                "keep" => Action::Keep,
                "drop" => Action::Drop,
                "keepequal" => Action::KeepEqual,
                "dropequal" => Action::DropEqual,
                "hashmod" => Action::HashMod,
                "labelmap" => Action::LabelMap,
                "labeldrop" => Action::LabelDrop,
                "labelkeep" => Action::LabelKeep,
                "lowercase" => Action::Lowercase,
                "uppercase" => Action::Uppercase,
                other => return Err(format!("unknown relabel action \"{other}\"")),
            },
        })
    }

    /// Whether what carries the labels is kept.
    fn apply(&self, labels: &mut Labels) -> bool {
        let values: Vec<&str> = self.sources.iter().map(|s| labels.get(s)).collect();
        let value = values.join(&self.separator);
        match self.action {
            Action::Keep => return self.pattern.is_match(&value),
            Action::Drop => return !self.pattern.is_match(&value),
            Action::KeepEqual => return labels.get(&self.target) == value,
            Action::DropEqual => return labels.get(&self.target) != value,
            Action::Replace => {
                if let Some(captures) = self.pattern.captures(&value) {
                    let (mut target, mut new) = (String::new(), String::new());
                    captures.expand(&self.target, &mut target);
                    captures.expand(&self.replacement, &mut new);
                    labels.set(&target, new);
                }
            }
            Action::HashMod => {
                let rest = hash(&value).checked_rem(self.modulus).unwrap_or_default();
                labels.set(&self.target, rest.to_string());
            }
            Action::Lowercase => labels.set(&self.target, value.to_lowercase()),
            Action::Uppercase => labels.set(&self.target, value.to_uppercase()),
            Action::LabelMap => {
                let mut more = Vec::new();
                for (name, value) in labels.iter() {
                    if let Some(captures) = self.pattern.captures(name) {
                        let mut new = String::new();
                        captures.expand(&self.replacement, &mut new);
                        more.push((new, value.to_owned()));
                    }
                }
                for (name, value) in more {
                    labels.set(&name, value);
                }
            }
            Action::LabelDrop => labels.retain(|name| !self.pattern.is_match(name)),
            Action::LabelKeep => labels.retain(|name| self.pattern.is_match(name)),
        }
        true
    }
}

/// The labels after all rules; none where a rule drops them.
#[must_use]
pub fn relabelled(mut labels: Labels, rules: &[Rule]) -> Option<Labels> {
    rules
        .iter()
        .all(|rule| rule.apply(&mut labels))
        .then_some(labels)
}

/// A number for a text, always the same (FNV-1a).
#[must_use]
pub fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn after(rules: &Value) -> Option<Labels> {
        let rules: Vec<Rule> = rules
            .as_array()
            .unwrap()
            .iter()
            .map(|r| Rule::parse(r).unwrap())
            .collect();
        relabelled(Labels::of(&[("a", "x"), ("b", "y")]), &rules)
    }

    #[test]
    fn rules_follow_each_other() {
        let labels = after(&json!([
            {"source_labels": ["a", "b"], "regex": "(.);(.)", "target_label": "c", "replacement": "${2}-$1"},
            {"action": "labelmap", "regex": "(c)", "replacement": "d_$1"},
            {"action": "labeldrop", "regex": "a|b"},
            {"source_labels": ["c"], "target_label": "__tmp", "modulus": 1, "action": "hashmod"},
        ]));
        let wanted = Labels::of(&[("__tmp", "0"), ("c", "y-x"), ("d_c", "y-x")]);
        assert_eq!(labels, Some(wanted));
    }

    #[test]
    fn what_does_not_fit_is_dropped() {
        let keep = |regex: &str, action: &str| {
            after(&json!([{"source_labels": ["a"], "regex": regex, "action": action}])).is_some()
        };
        assert!(keep("x", "keep") && !keep("z", "keep") && !keep("x|z", "drop"));
        // The whole value has to fit.
        assert!(!keep("", "keep"));
        assert!(Rule::parse(&json!({"action": "no"})).is_err());
    }
}
