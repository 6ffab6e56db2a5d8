//! What was found wrong, and the checks that many fields share.

use serde_json::{Map, Value, json};

use crate::sandbox::{names, status::Cause};

/// What is said of a number that is below zero.
const NEGATIVE: &str = "must be greater than or equal to 0";
/// What is said of a port that there is not.
const NO_PORT: &str = "must be between 1 and 65535, inclusive";

/// What was found wrong, in the order of the API server's own checks.
#[derive(Debug, Default)]
pub(super) struct Found(pub(super) Vec<Cause>);

impl Found {
    /// A cause whose words name a value that Go prints in its own way: structs in the order of their fields.
    pub(super) fn worded(
        &mut self,
        reason: &'static str,
        field: impl Into<String>,
        message: String,
    ) {
        self.0.push(Cause {
            reason,
            message,
            field: field.into(),
        });
    }

    pub(super) fn required(&mut self, field: impl Into<String>, why: &str) {
        self.0.push(Cause::required(field, why));
    }

    pub(super) fn invalid(&mut self, field: impl Into<String>, value: &Value, why: &str) {
        self.0.push(Cause::invalid(field, value, why));
    }

    pub(super) fn forbidden(&mut self, field: impl Into<String>, why: &str) {
        self.0.push(Cause::forbidden(field, why));
    }

    pub(super) fn duplicate(&mut self, field: impl Into<String>, value: &Value) {
        self.0.push(Cause::duplicate(field, value));
    }

    /// One of a few words; `none` is what is shown where there is none.
    pub(super) fn one_of(&mut self, field: impl Into<String>, value: &Value, known: &[&str]) {
        if !known.iter().any(|k| *value == **k) {
            let shown = if value.is_null() { &json!("") } else { value };
            self.0.push(Cause::not_supported(field, shown, known));
        }
    }

    /// One of a few words, where it is given.
    pub(super) fn optional_of(&mut self, field: impl Into<String>, value: &Value, known: &[&str]) {
        if !is_empty(value) {
            self.one_of(field, value, known);
        }
    }

    /// A number that is not negative.
    pub(super) fn natural(&mut self, field: impl Into<String>, value: &Value) {
        if value.as_i64().is_some_and(|n| n < 0) {
            self.invalid(field, value, NEGATIVE);
        }
    }

    /// A text that is there.
    pub(super) fn text(&mut self, field: impl Into<String>, value: &Value) {
        if is_empty(value) {
            self.required(field, "");
        }
    }

    /// A name of the form of a DNS label.
    pub(super) fn label_name(&mut self, field: impl Into<String>, value: &Value) {
        let problem = names::label_problem(value.as_str().unwrap_or_default());
        if let Some(problem) = problem {
            self.invalid(field, value, &problem);
        }
    }

    /// A name of the form of a DNS subdomain.
    pub(super) fn subdomain(&mut self, field: impl Into<String>, value: &Value) {
        let problem = names::subdomain_problem(value.as_str().unwrap_or_default());
        if let Some(problem) = problem {
            self.invalid(field, value, &problem);
        }
    }

    /// The number of a port.
    pub(super) fn port(&mut self, field: impl Into<String>, value: &Value) {
        if !(1..=65535).contains(&value.as_i64().unwrap_or_default()) {
            let shown = if value.is_null() { &json!(0) } else { value };
            self.invalid(field, shown, NO_PORT);
        }
    }

    /// The number of a port, or its name.
    pub(super) fn port_or_name(&mut self, field: &str, value: &Value) {
        match value.as_str() {
            Some(name) => {
                for problem in names::port_problems(name) {
                    self.invalid(field, value, problem);
                }
            }
            None => self.port(field, value),
        }
    }

    /// The keys of labels by which something is selected.
    pub(super) fn selected_labels(&mut self, field: &str, labels: &Value) {
        self.0.extend(super::labels(labels, field));
    }

    /// A `LabelSelector`.
    pub(super) fn selector(&mut self, field: &str, selector: &Value) {
        self.selected_labels(&format!("{field}.matchLabels"), &selector["matchLabels"]);
        for (i, term) in each(&selector["matchExpressions"]) {
            let at = format!("{field}.matchExpressions[{i}]");
            let none = term["values"].as_array().is_none_or(Vec::is_empty);
            match term["operator"].as_str().unwrap_or_default() {
                "In" | "NotIn" if none => self.required(
                    format!("{at}.values"),
                    "must be specified when `operator` is 'In' or 'NotIn'",
                ),
                "Exists" | "DoesNotExist" if !none => self.forbidden(
                    format!("{at}.values"),
                    "may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
                ),
                "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
                _ => self.invalid(
                    format!("{at}.operator"),
                    text_of(&term["operator"]),
                    "not a valid selector operator",
                ),
            }
        }
    }

    /// A share such as `25%`, or a number that is not negative.
    pub(super) fn share(&mut self, field: &str, value: &Value) {
        const NO_SHARE: &str = "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')";
        if let Some(text) = value.as_str()
            && percent(value).is_none()
        {
            self.invalid(field, &json!(text), NO_SHARE);
        }
        self.natural(field, value);
    }

    /// A share of at most everything.
    pub(super) fn at_most_all(&mut self, field: &str, value: &Value) {
        if percent(value).is_some_and(|p| p > 100) {
            self.invalid(field, value, "must not be greater than 100%");
        }
    }
}

/// The number of a share such as `25%`.
pub(super) fn percent(value: &Value) -> Option<u64> {
    let digits = value.as_str()?.strip_suffix('%')?;
    let right = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    right.then(|| digits.parse().unwrap_or(u64::MAX))
}

/// The items of a list, counted.
pub(super) fn each(list: &Value) -> impl Iterator<Item = (usize, &Value)> {
    list.as_array().into_iter().flatten().enumerate()
}

/// The entries of a map, by their keys.
pub(super) fn entries(map: &Value) -> impl Iterator<Item = (&String, &Value)> {
    map.as_object().into_iter().flat_map(Map::iter)
}

/// Whether a text or list is not given, or empty.
pub(super) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    }
}

/// A text as Go prints it: one that is not given is empty.
pub(super) fn text_of(value: &Value) -> &Value {
    static EMPTY: Value = Value::String(String::new());
    if value.is_null() { &EMPTY } else { value }
}
