//! Rules in CEL.
//! <https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation-rules>

use kube_cel::{CompiledSchema, ErrorKind, ValidationError, cel::ExecutionError};
use serde_json::{Value, json};

use super::field;
use crate::sandbox::status::Cause;

/// The rules that an object breaks.
pub(super) fn check(
    rules: &CompiledSchema,
    schema: &Value,
    live: Option<&Value>,
    object: &Value,
) -> Vec<Cause> {
    let outcome = kube_cel::validate_compiled(rules, object, live);
    let mut errors = outcome
        .err()
        .map_or_else(Vec::new, kube_cel::ValidationErrors::into_vec);
    errors.sort_by(|a, b| a.field_path.cmp(&b.field_path));
    errors
        .iter()
        .map(|error| cause(error, type_at(schema, &error.field_path)))
        .collect()
}

fn cause(error: &ValidationError, kind: &str) -> Cause {
    let told = told(error);
    let field = if error.field_path.is_empty() {
        "<nil>".to_owned()
    } else {
        error.field_path.clone()
    };
    match error.reason.as_deref() {
        Some("FieldValueRequired") => Cause::required(field, &told),
        Some("FieldValueForbidden") => Cause::forbidden(field, &told),
        Some("FieldValueDuplicate") => Cause::duplicate(field, &json!(kind)),
        _ => Cause::invalid(field, &json!(kind), &told),
    }
}

fn told(error: &ValidationError) -> String {
    if error.kind != ErrorKind::EvaluationError {
        return error.message.trim().to_owned();
    }
    let source = std::error::Error::source(error);
    let why = match source.and_then(|s| s.downcast_ref::<ExecutionError>()) {
        Some(ExecutionError::NoSuchKey(key)) => format!("no such key: {key}"),
        Some(other) => other.to_string(),
        None => error.message.clone(),
    };
    format!("{why} evaluating rule: {}", error.rule)
}

/// The type that a schema gives the value at a path, in whose place it is shown.
fn type_at<'a>(schema: &'a Value, path: &str) -> &'a str {
    let mut here = schema;
    for step in path.split('.').filter(|s| !s.is_empty()) {
        let (name, index) = step
            .split_once('[')
            .map_or((step, 0), |(name, rest)| (name, rest.matches(']').count()));
        here = field(here, name).unwrap_or(&Value::Null);
        for _ in 0..index {
            here = &here["items"];
        }
    }
    here["type"].as_str().unwrap_or("object")
}
