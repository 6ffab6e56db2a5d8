//! Whether an object is as its schema says, in the words of a real API server.
//! <https://github.com/kubernetes/kube-openapi/tree/master/pkg/validation/validate>

use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Value, json};

use super::{DEEPEST, OWN, below, format};
use crate::sandbox::status::Cause;

/// What is wrong with an object.
pub(super) fn object(schema: &Value, live: Option<&Value>, object: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    value(schema, live, object, &At::root(), &mut causes);
    causes
}

/// Where in an object.
struct At {
    path: String,
    left: usize,
}

impl At {
    fn root() -> Self {
        Self {
            path: String::new(),
            left: DEEPEST,
        }
    }

    fn field(&self, name: &str) -> Self {
        Self {
            path: below(&self.path, name),
            left: self.left.saturating_sub(1),
        }
    }

    fn item(&self, i: usize) -> Self {
        Self {
            path: format!("{}[{i}]", self.path),
            left: self.left.saturating_sub(1),
        }
    }

    fn invalid(&self, value: &Value, why: &str) -> Cause {
        Cause::invalid(self.shown(), value, &format!("{} in body {why}", self.path))
    }

    fn shown(&self) -> String {
        if self.path.is_empty() {
            "<nil>".to_owned()
        } else {
            self.path.clone()
        }
    }

    /// What is about the whole, and said of it in words.
    fn composed(&self, why: &str) -> Cause {
        Cause::invalid("<nil>", &json!(""), &format!("\"{}\" {why}", self.path))
    }
}

fn value(schema: &Value, live: Option<&Value>, found: &Value, at: &At, causes: &mut Vec<Cause>) {
    if at.left == 0 || live == Some(found) {
        return;
    }
    if let Some(cause) = wrong_type(schema, found, at) {
        causes.push(cause);
    }
    composition(schema, found, at, causes);
    match found {
        Value::String(text) => string(schema, text, found, at, causes),
        Value::Number(_) => number(schema, found, at, causes),
        Value::Array(items) => array(schema, live, items, at, causes),
        _ => {}
    }
    if let Some(known) = schema["enum"].as_array()
        && !found.is_null()
        && !known.contains(found)
    {
        causes.push(not_among(found, known, at));
    }
    if let Value::Object(map) = found {
        fields(schema, live, map, at, causes);
    }
}

fn not_among(found: &Value, known: &[Value], at: &At) -> Cause {
    let texts: Vec<String> = known
        .iter()
        .map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned))
        .collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    Cause::not_supported(at.shown(), found, &texts)
}

fn wrong_type(schema: &Value, found: &Value, at: &At) -> Option<Cause> {
    let either = schema["x-kubernetes-int-or-string"] == true;
    let wanted = match schema["type"].as_str() {
        _ if either => "integer,string",
        Some(wanted) => wanted,
        None => return None,
    };
    let is = match found {
        Value::Null if schema["nullable"] == true => return None,
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(n) if n.is_i64() || n.is_u64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let whole = found.as_f64().is_some_and(|n| n.fract() == 0.0);
    let fits = wanted.split(',').any(|w| w == is)
        || (wanted == "number" && is == "integer")
        || (wanted.contains("integer") && is == "number" && whole);
    (!fits).then(|| Cause {
        reason: "FieldValueTypeInvalid",
        message: format!(
            "Invalid value: \"{is}\": {} in body must be of type {wanted}: \"{is}\"",
            at.path
        ),
        field: at.shown(),
    })
}

fn composition(schema: &Value, found: &Value, at: &At, causes: &mut Vec<Cause>) {
    let fits = |branch: &Value| {
        let mut below = Vec::new();
        let deeper = At {
            path: at.path.clone(),
            left: at.left.saturating_sub(1),
        };
        value(branch, None, found, &deeper, &mut below);
        below
    };
    let branches = |key: &str| schema[key].as_array().filter(|b| !b.is_empty());
    if let Some(any) = branches("anyOf") {
        let all: Vec<Vec<Cause>> = any.iter().map(fits).collect();
        if all.iter().all(|c| !c.is_empty()) {
            causes.push(at.composed("must validate at least one schema (anyOf)"));
            causes.extend(best(all));
        }
    }
    if let Some(one) = branches("oneOf") {
        let all: Vec<Vec<Cause>> = one.iter().map(fits).collect();
        let right = all.iter().filter(|c| c.is_empty()).count();
        if right != 1 {
            let told = match right {
                0 => "Found none valid".to_owned(),
                n => format!("Found {n} valid alternatives"),
            };
            let why = format!("must validate one and only one schema (oneOf). {told}");
            causes.push(at.composed(&why));
            if right == 0 {
                causes.extend(best(all));
            }
        }
    }
    if let Some(every) = branches("allOf") {
        let wrong: Vec<Cause> = every.iter().flat_map(fits).collect();
        if !wrong.is_empty() {
            causes.push(at.composed("must validate all the schemas (allOf)"));
            causes.extend(wrong);
        }
    }
    if schema["not"].is_object() && fits(&schema["not"]).is_empty() {
        causes.push(at.composed("must not validate the schema (not)"));
    }
}

/// What is wrong by the alternative that comes closest.
fn best(all: Vec<Vec<Cause>>) -> Vec<Cause> {
    all.into_iter().min_by_key(Vec::len).unwrap_or_default()
}

fn string(schema: &Value, text: &str, found: &Value, at: &At, causes: &mut Vec<Cause>) {
    let length = u64::try_from(text.chars().count()).unwrap_or(u64::MAX);
    if let Some(most) = schema["maxLength"].as_u64().filter(|m| length > *m) {
        causes.push(Cause {
            reason: "FieldValueTooLong",
            message: format!("Too long: may not be more than {most} bytes"),
            field: at.shown(),
        });
        return;
    }
    if let Some(least) = schema["minLength"].as_u64().filter(|m| length < *m) {
        let why = format!("should be at least {least} chars long");
        causes.push(at.invalid(found, &why));
        return;
    }
    if let Some(pattern) = schema["pattern"].as_str().filter(|p| !matches(text, p)) {
        causes.push(at.invalid(found, &format!("should match '{pattern}'")));
        return;
    }
    if let Some(format) = schema["format"].as_str()
        && !format::fits(text, format)
    {
        let why = format!("must be of type {format}: {found}");
        causes.push(Cause {
            reason: "FieldValueTypeInvalid",
            ..at.invalid(found, &why)
        });
    }
}

/// Whether a text matches a pattern; one that can't be read matches nothing, as it does on a real server.
fn matches(text: &str, pattern: &str) -> bool {
    use std::{collections::HashMap, sync::Mutex, sync::PoisonError};
    /// Patterns that were read before; forgotten when there are many.
    static READ: LazyLock<Mutex<HashMap<String, Option<Regex>>>> = LazyLock::new(Mutex::default);
    const MOST: usize = 2000;
    let mut read = READ.lock().unwrap_or_else(PoisonError::into_inner);
    if read.len() > MOST {
        read.clear();
    }
    let regex = read
        .entry(pattern.to_owned())
        .or_insert_with(|| Regex::new(pattern).ok());
    regex.as_ref().is_some_and(|r| r.is_match(text))
}

fn number(schema: &Value, found: &Value, at: &At, causes: &mut Vec<Cause>) {
    let Some(n) = found.as_f64() else { return };
    let limit = |key: &str| schema[key].as_f64();
    if let Some(step) = limit("multipleOf").filter(|s| *s > 0.0)
        && (n / step).fract() != 0.0
    {
        causes.push(at.invalid(found, &format!("should be a multiple of {step}")));
    }
    if let Some(most) = limit("maximum") {
        let exclusive = schema["exclusiveMaximum"] == true;
        if n > most || (exclusive && n >= most) {
            let equal = if exclusive { "" } else { " or equal to" };
            causes.push(at.invalid(found, &format!("should be less than{equal} {most}")));
        }
    }
    if let Some(least) = limit("minimum") {
        let exclusive = schema["exclusiveMinimum"] == true;
        if n < least || (exclusive && n <= least) {
            let equal = if exclusive { "" } else { " or equal to" };
            causes.push(at.invalid(found, &format!("should be greater than{equal} {least}")));
        }
    }
}

fn array(schema: &Value, live: Option<&Value>, items: &[Value], at: &At, causes: &mut Vec<Cause>) {
    let of = &schema["items"];
    for (i, item) in items.iter().enumerate() {
        let before = live.and_then(|l| counterpart(l, schema, item));
        value(of, before, item, &at.item(i), causes);
    }
    let count = items.len() as u64;
    if let Some(least) = schema["minItems"].as_u64().filter(|m| count < *m) {
        causes.push(at.invalid(
            &json!(count),
            &format!("should have at least {least} items"),
        ));
    }
    if let Some(most) = schema["maxItems"].as_u64().filter(|m| count > *m) {
        causes.push(too_many(count, most, at));
    }
}

fn too_many(count: u64, most: u64, at: &At) -> Cause {
    Cause {
        reason: "FieldValueTooMany",
        message: format!("Too many: {count}: must have at most {most} items"),
        field: at.shown(),
    }
}

/// The item as it was, in a list whose items are told apart by keys.
fn counterpart<'a>(live: &'a Value, schema: &Value, item: &Value) -> Option<&'a Value> {
    if schema["x-kubernetes-list-type"] != "map" {
        return None;
    }
    let keys = schema["x-kubernetes-list-map-keys"].as_array()?;
    let same = |other: &&Value| {
        let equal = |key: &Value| key.as_str().is_some_and(|k| other.get(k) == item.get(k));
        keys.iter().all(equal)
    };
    live.as_array()?.iter().find(same)
}

fn fields(
    schema: &Value,
    live: Option<&Value>,
    map: &serde_json::Map<String, Value>,
    at: &At,
    causes: &mut Vec<Cause>,
) {
    let count = map.len() as u64;
    if let Some(least) = schema["minProperties"].as_u64().filter(|m| count < *m) {
        let why = format!("should have at least {least} properties");
        causes.push(at.invalid(&json!(count), &why));
    }
    if let Some(most) = schema["maxProperties"].as_u64().filter(|m| count > *m) {
        causes.push(too_many(count, most, at));
    }
    let root = at.path.is_empty();
    for (name, child) in map {
        if root && OWN.contains(&name.as_str()) {
            continue;
        }
        if let Some(of) = super::field(schema, name) {
            let before = live.and_then(|l| l.get(name));
            value(of, before, child, &at.field(name), causes);
        }
    }
    let required = schema["required"].as_array().into_iter().flatten();
    for name in required.filter_map(Value::as_str) {
        if !map.contains_key(name) {
            causes.push(Cause::required(below(&at.path, name), ""));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(schema: &Value, found: &Value) -> Vec<String> {
        let schema = json!({"type": "object", "properties": {"f": schema}});
        let causes = object(&schema, None, &json!({"f": found}));
        let all = causes.iter();
        all.map(|c| format!("{}: {}", c.field, c.message)).collect()
    }

    #[test]
    fn each_limit_is_told_as_a_real_server_tells_it() {
        for (schema, found, expected) in [
            (
                json!({"type": "integer"}),
                json!("x"),
                "f: Invalid value: \"string\": f in body must be of type integer: \"string\"",
            ),
            (
                json!({"type": "integer", "maximum": 5}),
                json!(9),
                "f: Invalid value: 9: f in body should be less than or equal to 5",
            ),
            (
                json!({"type": "integer", "minimum": 1}),
                json!(0),
                "f: Invalid value: 0: f in body should be greater than or equal to 1",
            ),
            (
                json!({"type": "string", "maxLength": 4}),
                json!("ABCDEF"),
                "f: Too long: may not be more than 4 bytes",
            ),
            (
                json!({"type": "string", "minLength": 1}),
                json!(""),
                "f: Invalid value: \"\": f in body should be at least 1 chars long",
            ),
            (
                json!({"type": "string", "pattern": "^[a-z]+$"}),
                json!("A"),
                "f: Invalid value: \"A\": f in body should match '^[a-z]+$'",
            ),
            (
                json!({"type": "string", "enum": ["a", "b"]}),
                json!("c"),
                "f: Unsupported value: \"c\": supported values: \"a\", \"b\"",
            ),
            (
                json!({"type": "array", "maxItems": 1}),
                json!([1, 2]),
                "f: Too many: 2: must have at most 1 items",
            ),
            (
                json!({"type": "object", "required": ["n"]}),
                json!({}),
                "f.n: Required value",
            ),
            (
                json!({"x-kubernetes-int-or-string": true}),
                json!(true),
                "f: Invalid value: \"boolean\": f in body must be of type integer,string: \"boolean\"",
            ),
            (
                json!({"type": "string", "format": "date-time"}),
                json!("x"),
                "f: Invalid value: \"x\": f in body must be of type date-time: \"x\"",
            ),
            (
                json!({"oneOf": [{"required": ["a"]}, {"required": ["b"]}]}),
                json!({"a": 1, "b": 2}),
                "<nil>: Invalid value: \"\": \"f\" must validate one and only one schema (oneOf). Found 2 valid alternatives",
            ),
        ] {
            assert_eq!(told(&schema, &found), [expected]);
        }
        for (schema, found) in [
            (json!({"type": "number"}), json!(1)),
            (json!({"type": "integer"}), json!(2.0)),
            (
                json!({"type": "string", "nullable": true, "enum": ["a"]}),
                json!(null),
            ),
            (json!({"x-kubernetes-int-or-string": true}), json!("http")),
        ] {
            assert_eq!(told(&schema, &found), Vec::<String>::new());
        }
    }

    #[test]
    fn what_did_not_change_is_not_looked_at_again() {
        let schema = json!({"properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}});
        let live = json!({"a": "old", "b": 1});
        let causes = object(&schema, Some(&live), &json!({"a": "old", "b": "new"}));
        assert_eq!(causes.len(), 1);
        assert_eq!(causes[0].field, "b");
    }
}
