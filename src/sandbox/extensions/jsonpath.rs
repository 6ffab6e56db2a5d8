//! `JSONPath` as the columns of CRDs use it: fields, indices, wildcards, filters.
//! <https://kubernetes.io/docs/reference/kubectl/jsonpath/>

use serde_json::Value;

/// The first value that a path leads to.
#[must_use]
pub fn first<'a>(object: &'a Value, path: &str) -> Option<&'a Value> {
    let steps = parse(path)?;
    find(vec![object], &steps).into_iter().next()
}

#[derive(Debug, Clone, PartialEq)]
enum Step {
    Field(String),
    Index(i64),
    All,
    /// Items of which a field is equal to a text, or is not.
    Where {
        path: Vec<Step>,
        equal: bool,
        to: Option<Value>,
    },
}

/// A path as steps; none for what is not understood.
fn parse(path: &str) -> Option<Vec<Step>> {
    let mut rest = path.trim().trim_start_matches('{').trim_end_matches('}');
    rest = rest.strip_prefix('$').unwrap_or(rest);
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('.') {
            let (name, left) = field(after);
            match name.as_str() {
                "" => {}
                "*" => steps.push(Step::All),
                _ => steps.push(Step::Field(name)),
            }
            rest = left;
        } else if let Some(after) = rest.strip_prefix('[') {
            let end = closing(after)?;
            steps.push(bracket(after.get(..end)?)?);
            rest = after.get(end + 1..)?;
        } else {
            let (name, left) = field(rest);
            if name.is_empty() {
                return None;
            }
            steps.push(Step::Field(name));
            rest = left;
        }
    }
    Some(steps)
}

/// A name, in which a backslash lets a dot be one of its letters.
fn field(text: &str) -> (String, &str) {
    let mut name = String::new();
    let mut chars = text.char_indices();
    while let Some((i, c)) = chars.next() {
        match c {
            '\\' => name.extend(chars.next().map(|(_, c)| c)),
            '.' | '[' => return (name, text.get(i..).unwrap_or_default()),
            _ => name.push(c),
        }
    }
    (name, "")
}

/// Where a bracket ends, outside of quotes.
fn closing(text: &str) -> Option<usize> {
    let (mut quote, mut depth) = (None, 0_u32);
    for (i, c) in text.char_indices() {
        match (quote, c) {
            (Some(q), c) if c == q => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None, '[') => depth += 1,
            (None, ']') if depth == 0 => return Some(i),
            (None, ']') => depth -= 1,
            _ => {}
        }
    }
    None
}

fn bracket(inner: &str) -> Option<Step> {
    let inner = inner.trim();
    if inner == "*" {
        return Some(Step::All);
    }
    if let Ok(index) = inner.parse() {
        return Some(Step::Index(index));
    }
    if let Some(name) = unquoted(inner) {
        return Some(Step::Field(name.to_owned()));
    }
    let filter = inner.strip_prefix("?(")?.strip_suffix(')')?.trim();
    let (operator, at) = ["==", "!="]
        .into_iter()
        .find_map(|o| filter.find(o).map(|at| (Some(o), at)))
        .unwrap_or((None, filter.len()));
    let path = filter.get(..at)?.trim().strip_prefix('@')?;
    let to = match operator {
        Some(_) => {
            let text = filter.get(at + 2..)?.trim();
            Some(match unquoted(text) {
                Some(text) => Value::from(text),
                None => serde_json::from_str(text).ok()?,
            })
        }
        None => None,
    };
    Some(Step::Where {
        path: parse(path)?,
        equal: operator != Some("!="),
        to,
    })
}

fn unquoted(text: &str) -> Option<&str> {
    ['"', '\'']
        .into_iter()
        .find_map(|q| text.strip_prefix(q)?.strip_suffix(q))
}

fn find<'a>(values: Vec<&'a Value>, steps: &[Step]) -> Vec<&'a Value> {
    steps.iter().fold(values, |values, step| {
        values.into_iter().flat_map(|v| take(v, step)).collect()
    })
}

fn take<'a>(value: &'a Value, step: &Step) -> Vec<&'a Value> {
    match (step, value) {
        (Step::Field(name), Value::Object(map)) => map.get(name).into_iter().collect(),
        (Step::Index(i), Value::Array(items)) => {
            let count = i64::try_from(items.len()).unwrap_or(i64::MAX);
            let at = if *i < 0 { count + i } else { *i };
            let item = usize::try_from(at).ok().and_then(|at| items.get(at));
            item.into_iter().collect()
        }
        (Step::All, Value::Array(items)) => items.iter().collect(),
        (Step::All, Value::Object(map)) => map.values().collect(),
        (Step::Where { path, equal, to }, Value::Array(items)) => {
            let holds = |item: &&Value| {
                let found = find(vec![*item], path).into_iter().next();
                match to {
                    Some(to) => found.is_some_and(|f| (f == to) == *equal),
                    None => found.is_some(),
                }
            };
            items.iter().filter(holds).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn columns_find_their_values() {
        let object = json!({
            "metadata": {"annotations": {"a.b/c": "x"}},
            "status": {"n": [1, 2, 3], "conditions": [{"type": "A", "status": "True"}, {"type": "B", "status": "False"}]},
        });
        for (path, value) in [
            (".status.n[1]", json!(2)),
            (".status.n[-1]", json!(3)),
            (".status.n[*]", json!(1)),
            (
                ".status.conditions[?(@.type == 'B')].status",
                json!("False"),
            ),
            (".status.conditions[?(@.type==\"A\")].status", json!("True")),
            (".status.conditions[?(@.type!='A')].type", json!("B")),
            (".metadata.annotations.a\\.b/c", json!("x")),
            (".metadata.annotations['a.b/c']", json!("x")),
            ("{.status.n[0]}", json!(1)),
        ] {
            assert_eq!(first(&object, path), Some(&value), "{path}");
        }
        for path in [
            ".spec.x",
            ".status.n[7]",
            ".status[?(@.x==)]",
            ".status[",
            "[?(",
        ] {
            assert_eq!(first(&object, path), None, "{path}");
        }
    }

    proptest! {
        #[test]
        fn no_path_is_too_much(path in "[.a\\[\\]?(@)'\"=!*0-9\\\\ é-]{0,30}") {
            let _ = first(&json!({"a": [{"a": 1}, "é"]}), &path);
        }
    }
}
