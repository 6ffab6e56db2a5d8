//! Label and field selectors.
//! <https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors>

mod labels;

use serde_json::{Map, Value};

use crate::sandbox::status::Refusal;

/// What objects have to be like.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Selector {
    labels: Vec<Requirement>,
    fields: Vec<Requirement>,
}

#[derive(Debug, Clone, PartialEq)]
struct Requirement {
    key: String,
    test: Test,
}

#[derive(Debug, Clone, PartialEq)]
enum Test {
    In(Vec<String>),
    NotIn(Vec<String>),
    Exists,
    Absent,
    Above(i64),
    Below(i64),
}

impl Test {
    fn holds(&self, value: Option<&str>) -> bool {
        let number = || value.and_then(|v| v.parse::<i64>().ok());
        match self {
            Self::In(all) => value.is_some_and(|v| all.iter().any(|a| a == v)),
            Self::NotIn(all) => value.is_none_or(|v| all.iter().all(|a| a != v)),
            Self::Exists => value.is_some(),
            Self::Absent => value.is_none(),
            Self::Above(than) => number().is_some_and(|n| n > *than),
            Self::Below(than) => number().is_some_and(|n| n < *than),
        }
    }
}

impl Selector {
    /// Of a request's `labelSelector` and `fieldSelector`.
    pub fn parse(labels: &str, fields: &str) -> Result<Self, Refusal> {
        Ok(Self {
            labels: labels::parse(labels).map_err(Refusal::bad_request)?,
            fields: parse_fields(fields)?,
        })
    }

    /// Of a `LabelSelector` or, in `plain` form, of a map of labels. An empty one matches everything.
    #[must_use]
    pub fn of(value: &Value) -> Self {
        let structured =
            value.get("matchLabels").is_some() || value.get("matchExpressions").is_some();
        let equal = if structured {
            &value["matchLabels"]
        } else {
            value
        };
        let one = |(key, value): (&String, &Value)| Requirement {
            key: key.clone(),
            test: Test::In(vec![value.as_str().unwrap_or_default().to_owned()]),
        };
        let mut labels: Vec<Requirement> =
            equal.as_object().into_iter().flatten().map(one).collect();
        for expression in value["matchExpressions"].as_array().into_iter().flatten() {
            let values = expression["values"].as_array().into_iter().flatten();
            let values = values
                .filter_map(|v| v.as_str().map(str::to_owned))
                .collect();
            let test = match expression["operator"].as_str() {
                Some("In") => Test::In(values),
                Some("NotIn") => Test::NotIn(values),
                Some("Exists") => Test::Exists,
                _ => Test::Absent,
            };
            let key = expression["key"].as_str().unwrap_or_default().to_owned();
            labels.push(Requirement { key, test });
        }
        Self {
            labels,
            fields: Vec::new(),
        }
    }

    /// Whether labels fulfil it.
    #[must_use]
    pub fn matches_labels(&self, labels: Option<&Map<String, Value>>) -> bool {
        let of = |key: &str| labels.and_then(|l| l.get(key)).and_then(Value::as_str);
        self.labels.iter().all(|r| r.test.holds(of(&r.key)))
    }

    /// Whether an object fulfils it.
    #[must_use]
    pub fn matches(&self, object: &Value) -> bool {
        let labels = object["metadata"]["labels"].as_object();
        self.matches_labels(labels)
            && self.fields.iter().all(|r| {
                let value = field(object, &r.key);
                r.test.holds(Some(value.as_deref().unwrap_or_default()))
            })
    }

    /// Whether it asks for anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    /// Refuses fields by which objects of a kind can't be selected. Built-in kinds without fields of their own say which there are.
    pub fn check_fields(&self, known: &[&str], built_in: bool) -> Result<(), Refusal> {
        let Some(field) = self.fields().find(|f| !known.contains(f)) else {
            return Ok(());
        };
        Err(Refusal::bad_request(match known {
            [_, "metadata.namespace"] if built_in => {
                let known: Vec<String> = known.iter().map(|k| format!("\"{k}\"")).collect();
                let known = known.join(", ");
                format!("\"{field}\" is not a known field selector: only {known}")
            }
            _ => format!("field label not supported: {field}"),
        }))
    }

    /// The fields that it asks for.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|r| r.key.as_str())
    }

    /// The one name that it asks for, if it does.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.fields.iter().find_map(|r| match &r.test {
            Test::In(values) if r.key == "metadata.name" => values.first().map(String::as_str),
            _ => None,
        })
    }
}

/// A `LabelSelector`, or a map of labels, as text: `a=b,c in (d,e)`.
#[must_use]
pub fn text(value: &Value) -> String {
    let structured = value.get("matchLabels").is_some() || value.get("matchExpressions").is_some();
    let equal = if structured {
        &value["matchLabels"]
    } else {
        value
    };
    let pair = |(k, v): (&String, &Value)| format!("{k}={}", v.as_str().unwrap_or_default());
    let mut all: Vec<String> = equal.as_object().into_iter().flatten().map(pair).collect();
    for expression in value["matchExpressions"].as_array().into_iter().flatten() {
        let key = expression["key"].as_str().unwrap_or_default();
        let values = expression["values"].as_array().into_iter().flatten();
        let mut values: Vec<&str> = values.filter_map(Value::as_str).collect();
        values.sort_unstable();
        let values = values.join(",");
        all.push(match expression["operator"].as_str() {
            Some("In") => format!("{key} in ({values})"),
            Some("NotIn") => format!("{key} notin ({values})"),
            Some("Exists") => key.to_owned(),
            _ => format!("!{key}"),
        });
    }
    all.join(",")
}

/// A field of an object as selectors compare it.
fn field(object: &Value, path: &str) -> Option<String> {
    let found = path.split('.').try_fold(object, |at, part| at.get(part))?;
    match found {
        Value::String(text) => Some(text.clone()),
        Value::Null => None,
        other => Some(other.to_string()),
    }
}

/// `a=b,c!=d`; commas, equals signs and backslashes in values stand behind a backslash.
/// <https://github.com/kubernetes/apimachinery/blob/master/pkg/fields/selector.go>
fn parse_fields(text: &str) -> Result<Vec<Requirement>, Refusal> {
    let mut all = Vec::new();
    for term in terms(text).into_iter().filter(|t| !t.is_empty()) {
        let Some((key, operator, value)) = split(term) else {
            return Err(Refusal::bad_request(format!(
                "invalid selector: '{text}'; can't understand '{term}'"
            )));
        };
        let values = vec![unescaped(value)?];
        all.push(Requirement {
            key: key.to_owned(),
            test: if operator == "!=" {
                Test::NotIn(values)
            } else {
                Test::In(values)
            },
        });
    }
    Ok(all)
}

/// The terms between the commas that stand behind no backslash.
fn terms(text: &str) -> Vec<&str> {
    let (mut all, mut start, mut escaped) = (Vec::new(), 0, false);
    for (i, c) in text.char_indices() {
        if c == ',' && !escaped {
            all.push(&text[start..i]);
            start = i + 1;
        }
        escaped = c == '\\' && !escaped;
    }
    all.push(&text[start..]);
    all
}

/// The key, the operator and the value of a term.
fn split(term: &str) -> Option<(&str, &str, &str)> {
    for (i, _) in term.char_indices() {
        for operator in ["!=", "==", "="] {
            if let Some(value) = term[i..].strip_prefix(operator) {
                return Some((&term[..i], operator, value));
            }
        }
    }
    None
}

fn unescaped(value: &str) -> Result<String, Refusal> {
    let mut out = String::new();
    let mut rest = value.chars();
    while let Some(c) = rest.next() {
        match c {
            '\\' => match rest.next() {
                Some(c @ ('\\' | ',' | '=')) => out.push(c),
                other => {
                    let sequence: String = std::iter::once('\\').chain(other).collect();
                    return Err(Refusal::bad_request(format!(
                        "invalid field selector: invalid escape sequence: {sequence}"
                    )));
                }
            },
            c => out.push(c),
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_form_of_a_label_selector_is_understood() {
        let object =
            json!({"metadata": {"name": "x", "labels": {"app": "web", "tier": "front", "n": "3"}}});
        let matches = |text: &str| Selector::parse(text, "").unwrap().matches(&object);
        for yes in [
            "",
            "app=web",
            "app==web",
            "app!=db",
            "app in (db, web),tier",
            "tier notin (back)",
            "!zone",
            "n>2",
            "n<4",
        ] {
            assert!(matches(yes), "{yes}");
        }
        for no in [
            "app=db",
            "app!=web",
            "app in (db)",
            "zone",
            "!app",
            "n>3",
            "tier notin (front)",
        ] {
            assert!(!matches(no), "{no}");
        }
        assert!(Selector::parse("a b", "").is_err());
        assert!(Selector::parse("n>x", "").is_err());
    }

    #[test]
    fn fields_are_compared_as_text() {
        let object = json!({"metadata": {"name": "x"}, "status": {"phase": "Running"}, "spec": {"unschedulable": true}});
        let matches = |text: &str| Selector::parse("", text).unwrap().matches(&object);
        assert!(matches("metadata.name=x,status.phase!=Failed"));
        assert!(matches("spec.unschedulable=true"));
        assert!(matches("spec.nodeName="));
        assert!(!matches("status.phase=Failed"));
    }
}
