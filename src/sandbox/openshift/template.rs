//! Templates: parameters get values, which take their places in the objects.
//! <https://github.com/openshift/openshift-apiserver/tree/main/pkg/template>

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{list, text};
use crate::sandbox::status::Cause;

/// The longest text that one expression generates.
const LONGEST: usize = 255;

/// Fills a Template in; what is wrong where it can't be.
pub fn process(template: &mut Value) -> Result<(), Vec<Cause>> {
    let mut values = BTreeMap::new();
    for (i, parameter) in template
        .pointer_mut("/parameters")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
        .enumerate()
    {
        let name = text(parameter, "/name").to_owned();
        let field = format!("template.parameters[{i}]");
        if text(parameter, "/value").is_empty() && text(parameter, "/generate") == "expression" {
            let Some(value) = generate(text(parameter, "/from")) else {
                let why = format!("malformed expression {}", parameter["from"]);
                return Err(vec![Cause::invalid(field, &json!(name), &why)]);
            };
            parameter["value"] = json!(value);
        }
        let value = text(parameter, "/value").to_owned();
        if value.is_empty() && parameter["required"] == true {
            let why = format!("{field}: parameter {name} is required and must be specified");
            return Err(vec![Cause::required(field, &why)]);
        }
        values.insert(name, value);
    }
    let labels = template["labels"].as_object().cloned().unwrap_or_default();
    for object in template
        .pointer_mut("/objects")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        // Objects go where they are made, unless the place is a parameter.
        let namespace = text(object, "/metadata/namespace");
        if !namespace.contains("${")
            && let Some(metadata) = object["metadata"].as_object_mut()
        {
            metadata.remove("namespace");
        }
        substitute(object, &values);
        for (key, value) in &labels {
            let mut value = value.clone();
            substitute(&mut value, &values);
            object["metadata"]["labels"][key] = value;
        }
    }
    if let Some(message) = template.get_mut("message") {
        substitute(message, &values);
    }
    Ok(())
}

/// Puts values where parameters stand: `${NAME}` within text, `${{NAME}}` for a whole value.
fn substitute(value: &mut Value, values: &BTreeMap<String, String>) {
    match value {
        Value::Object(map) => map.values_mut().for_each(|v| substitute(v, values)),
        Value::Array(items) => items.iter_mut().for_each(|v| substitute(v, values)),
        Value::String(found) => {
            let whole = found.strip_prefix("${{").and_then(|f| f.strip_suffix("}}"));
            if let Some(given) = whole.and_then(|name| values.get(name)) {
                *value = serde_json::from_str(given).unwrap_or_else(|_| json!(given));
            } else if found.contains("${") {
                *found = filled(found, values);
            }
        }
        _ => {}
    }
}

/// The largest text that parameters make, in bytes.
const LARGEST: usize = 1 << 20;

fn filled(found: &str, values: &BTreeMap<String, String>) -> String {
    let (mut out, mut rest) = (String::new(), found);
    while let Some((before, after)) = rest.split_once("${") {
        out.push_str(before);
        match after.split_once('}') {
            Some((name, behind)) if values.contains_key(name) => {
                // More than a request may hold is not filled in.
                if out.len() + values[name].len() <= LARGEST {
                    out.push_str(&values[name]);
                }
                rest = behind;
            }
            _ => {
                out.push_str("${");
                rest = after;
            }
        }
    }
    out + rest
}

/// Random text of an expression such as `[a-z0-9]{8}`; none for one that makes no sense.
fn generate(expression: &str) -> Option<String> {
    let (mut out, mut rest) = (String::new(), expression);
    while let Some((before, after)) = rest.split_once('[') {
        out.push_str(before);
        let (class, behind) = after.split_once(']')?;
        let letters = letters(class)?;
        let count = behind.strip_prefix('{').and_then(|b| b.split_once('}'));
        let (count, behind) = match count {
            Some((count, behind)) => (count.parse().ok()?, behind),
            None => (1, behind),
        };
        if count > LONGEST.saturating_sub(out.len()) {
            return None;
        }
        out.extend((0..count).map(|_| letters[fastrand::usize(..letters.len())]));
        rest = behind;
    }
    Some(out + rest)
}

/// The letters of a class such as `a-z0-9` or `\w`; none for an empty one.
fn letters(class: &str) -> Option<Vec<char>> {
    let mut out: Vec<char> = Vec::new();
    let named = class
        .replace("\\w", "a-zA-Z0-9_")
        .replace("\\d", "0-9")
        .replace("\\a", "a-zA-Z0-9")
        .replace("\\A", "!-/:-@[-`{-~");
    let given: Vec<char> = named.chars().collect();
    let mut i = 0;
    while i < given.len() {
        if given.get(i + 1) == Some(&'-') && i + 2 < given.len() {
            if given[i] > given[i + 2] || !given[i + 2].is_ascii() {
                return None;
            }
            out.extend(given[i]..=given[i + 2]);
            i += 3;
        } else {
            out.push(given[i]);
            i += 1;
        }
    }
    (!out.is_empty()).then_some(out)
}

/// How many parameters a Template has, as its row tells it: `3 (1 generated)`.
#[must_use]
pub fn parameters(template: &Value) -> String {
    let all = list(template, "/parameters");
    let unset = |p: &&Value| text(p, "/value").is_empty();
    let generated = all
        .iter()
        .filter(|p| !text(p, "/generate").is_empty())
        .count();
    let blank = all
        .iter()
        .filter(unset)
        .filter(|p| text(p, "/generate").is_empty())
        .count();
    match (blank, generated) {
        (0, 0) => format!("{} (all set)", all.len()),
        (0, generated) => format!("{} ({generated} generated)", all.len()),
        (blank, _) => format!("{} ({blank} blank)", all.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_take_their_places() {
        let mut template = json!({
            "labels": {"app": "${NAME}"},
            "parameters": [{"name": "NAME", "value": "x"}, {"name": "N", "value": "3"}],
            "objects": [{"metadata": {"name": "a-${NAME}-${OTHER}", "namespace": "old"}, "n": "${{N}}"}],
        });
        process(&mut template).unwrap();
        let expected =
            json!({"metadata": {"name": "a-x-${OTHER}", "labels": {"app": "x"}}, "n": 3});
        assert_eq!(template["objects"][0], expected);
    }

    #[test]
    fn expressions_generate() {
        assert_eq!(generate("user[0-9]{3}").unwrap().len(), 7);
        assert!(
            generate("[a-c]{40}")
                .unwrap()
                .chars()
                .all(|c| ('a'..='c').contains(&c))
        );
        for wrong in ["[", "[]", "[a-z]{9999}", "[a-z]{x}", "[z-a]"] {
            assert_eq!(generate(wrong), None, "{wrong}");
        }
    }
}
