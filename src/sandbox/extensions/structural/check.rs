//! Whether a schema is structural: every field has a type, and what it says makes sense.
//! <https://github.com/kubernetes/apiextensions-apiserver/blob/master/pkg/apiserver/schema/validation.go>

use serde_json::{Value, json};

use super::DEEPEST;
use crate::sandbox::status::Cause;

/// The types that there are.
const TYPES: [&str; 6] = ["array", "boolean", "integer", "number", "object", "string"];

/// What is wrong with a schema.
pub fn schema(schema: &Value, at: &str, causes: &mut Vec<Cause>) {
    let mut forms = Vec::new();
    form(schema, at, DEEPEST, causes);
    typed(schema, at, "root", DEEPEST, &mut forms);
    causes.append(&mut forms);
}

/// What no schema may say.
fn form(schema: &Value, at: &str, left: usize, causes: &mut Vec<Cause>) {
    let Some(left) = left.checked_sub(1) else {
        return;
    };
    if schema["uniqueItems"] == true {
        let why =
            "uniqueItems cannot be set to true since the runtime complexity becomes quadratic";
        causes.push(Cause::forbidden(format!("{at}.uniqueItems"), why));
    }
    if schema["additionalProperties"] == false {
        let why = "additionalProperties cannot be set to false";
        causes.push(Cause::forbidden(format!("{at}.additionalProperties"), why));
    }
    if schema["properties"].is_object() && schema["additionalProperties"].is_object() {
        let why = "additionalProperties and properties are mutual exclusive";
        causes.push(Cause::forbidden(format!("{at}.additionalProperties"), why));
    }
    if let Some(wrong) = schema["type"]
        .as_str()
        .filter(|t| !TYPES.contains(t) && !t.is_empty())
    {
        causes.push(Cause::not_supported(
            format!("{at}.type"),
            &json!(wrong),
            &TYPES,
        ));
    }
    if let Some(pattern) = schema["pattern"].as_str()
        && let Err(error) = regex::Regex::new(pattern)
    {
        let why = format!("must be a valid regular expression, but isn't: {error}");
        causes.push(Cause::invalid(
            format!("{at}.pattern"),
            &json!(pattern),
            &why,
        ));
    }
    if schema["x-kubernetes-list-type"] == "map"
        && schema["x-kubernetes-list-map-keys"]
            .as_array()
            .is_none_or(Vec::is_empty)
    {
        let why = "must not be empty if x-kubernetes-list-type is map";
        causes.push(Cause::required(
            format!("{at}.x-kubernetes-list-map-keys"),
            why,
        ));
    }
    if schema["x-kubernetes-list-type"].is_string() && schema["type"] != "array" {
        let why = "must be array if x-kubernetes-list-type is specified";
        causes.push(Cause::invalid(format!("{at}.type"), &schema["type"], why));
    }
    rules(schema, at, causes);
    for (name, child) in schema["properties"].as_object().into_iter().flatten() {
        form(child, &format!("{at}.properties[{name}]"), left, causes);
    }
    for part in ["items", "additionalProperties"] {
        if schema[part].is_object() {
            form(&schema[part], &format!("{at}.{part}"), left, causes);
        }
    }
}

/// Rules have to be CEL.
fn rules(schema: &Value, at: &str, causes: &mut Vec<Cause>) {
    let all = schema["x-kubernetes-validations"]
        .as_array()
        .into_iter()
        .flatten();
    for (i, rule) in all.enumerate() {
        let at = format!("{at}.x-kubernetes-validations[{i}].rule");
        let text = rule["rule"].as_str().unwrap_or_default();
        if text.trim().is_empty() {
            causes.push(Cause::required(at, "rule is not specified"));
        } else if let Err(error) = kube_cel::cel::Program::compile(text) {
            let why = format!("compilation failed: {error}");
            causes.push(Cause::invalid(at, rule, &why));
        }
    }
}

/// Every field has a type, but for those that may be anything.
fn typed(schema: &Value, at: &str, place: &str, left: usize, causes: &mut Vec<Cause>) {
    let Some(left) = left.checked_sub(1) else {
        return;
    };
    let free = schema["x-kubernetes-int-or-string"] == true
        || (schema["x-kubernetes-preserve-unknown-fields"] == true && place != "root");
    // What is inside is told before what holds it.
    for (name, child) in schema["properties"].as_object().into_iter().flatten() {
        let at = format!("{at}.properties[{name}]");
        typed(child, &at, "specified object fields", left, causes);
    }
    if schema["additionalProperties"].is_object() {
        let at = format!("{at}.additionalProperties");
        typed(
            &schema["additionalProperties"],
            &at,
            "specified object fields",
            left,
            causes,
        );
    }
    if schema["items"].is_object() {
        let at = format!("{at}.items");
        typed(&schema["items"], &at, "specified array items", left, causes);
    } else if schema["type"] == "array" {
        causes.push(Cause::required(format!("{at}.items"), "must be specified"));
    }
    let kind = schema["type"].as_str().unwrap_or_default();
    let at = format!("{at}.type");
    match (kind, place) {
        ("", "root") => causes.push(Cause::required(at, "must not be empty at the root")),
        ("", _) if !free => {
            let why = format!("must not be empty for {place}");
            causes.push(Cause::required(at, &why));
        }
        (kind, "root") if kind != "object" => {
            let why = "must be object at the root";
            causes.push(Cause::invalid(at, &schema["type"], why));
        }
        _ => {}
    }
}
