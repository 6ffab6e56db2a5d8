//! CEL, Kubernetes' expression language, over JSON values.

use std::{collections::HashMap, sync::Arc};

use kube_cel::{
    KubeCelExt,
    cel::{
        Context, ExecutionError, Program,
        objects::{Key, Map},
    },
};
use serde_json::Value;

use crate::lab::expression;

type Cel = kube_cel::cel::Value;

/// What an expression comes to.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// A value.
    Value(Value),
    /// A field that the expression uses is not there (yet).
    Absent(String),
}

/// Why an expression could not be evaluated: a mistake of the lab's author.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("CEL: {message} in `{expression}`")]
pub struct Error {
    /// The expression.
    pub expression: String,
    /// What is wrong, with line and column where the parser knows them.
    pub message: String,
}

/// Evaluates `expression` with the `names` bound.
pub fn eval(expression: &str, names: &[(&str, &Value)]) -> Result<Outcome, Error> {
    let error = |message: String| Error {
        expression: expression.to_owned(),
        message,
    };
    let program = Program::compile(expression).map_err(|e| error(expression::told(&e)))?;
    let mut context = Context::default().with_all();
    for (name, value) in names {
        context.add_variable_from_value(*name, bind(value));
    }
    match program.execute(&context) {
        Ok(value) => unbind(&value)
            .map(Outcome::Value)
            .ok_or_else(|| error("the result is not a value".to_owned())),
        Err(ExecutionError::NoSuchKey(key)) => Ok(Outcome::Absent(key.to_string())),
        Err(ExecutionError::IndexOutOfBounds(_)) => Ok(Outcome::Absent("[…]".to_owned())),
        Err(other) => Err(error(other.to_string())),
    }
}

/// JSON numbers without a fraction become CEL's `int`, as the API server's own conversion does.
fn bind(value: &Value) -> Cel {
    match value {
        Value::Null => Cel::Null,
        Value::Bool(b) => Cel::Bool(*b),
        Value::Number(n) => n
            .as_i64()
            .map_or_else(|| Cel::Float(n.as_f64().unwrap_or_default()), Cel::Int),
        Value::String(s) => Cel::String(Arc::new(s.clone())),
        Value::Array(items) => Cel::List(Arc::new(items.iter().map(bind).collect())),
        Value::Object(fields) => {
            let map: HashMap<Key, Cel> = fields
                .iter()
                .map(|(k, v)| (Key::String(Arc::new(k.clone())), bind(v)))
                .collect();
            Cel::Map(Map { map: Arc::new(map) })
        }
    }
}

/// The JSON of a result; `None` for what JSON can't say (functions, bytes, types).
fn unbind(value: &Cel) -> Option<Value> {
    Some(match value {
        Cel::Null => Value::Null,
        Cel::Bool(b) => Value::from(*b),
        Cel::Int(i) => Value::from(*i),
        Cel::UInt(u) => Value::from(*u),
        Cel::Float(f) => Value::from(*f),
        Cel::String(s) => Value::from(s.as_str()),
        Cel::List(items) => Value::Array(items.iter().map(unbind).collect::<Option<_>>()?),
        Cel::Map(map) => Value::Object(
            map.map
                .iter()
                .map(|(k, v)| Some((k.to_string(), unbind(v)?)))
                .collect::<Option<_>>()?,
        ),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn value(expression: &str, name: &str, bound: &Value) -> Outcome {
        eval(expression, &[(name, bound)]).unwrap()
    }

    #[test]
    fn numbers_compare_with_literals() {
        let d = json!({"spec": {"replicas": 3}});
        assert_eq!(
            value("self.spec.replicas >= 3", "self", &d),
            Outcome::Value(json!(true))
        );
        assert_eq!(
            value("self.spec.replicas + 1", "self", &d),
            Outcome::Value(json!(4))
        );
    }

    #[test]
    fn a_missing_field_is_not_yet() {
        assert_eq!(
            value("self.status.x == 1", "self", &json!({})),
            Outcome::Absent("status".into())
        );
    }

    #[test]
    fn a_syntax_error_has_a_position() {
        let e = eval("self.spec ==", &[]).unwrap_err();
        assert!(e.message.contains(" at 1:"), "{e}");
    }

    #[test]
    fn a_wrong_type_is_an_error_not_a_no() {
        assert!(eval("self + 'x'", &[("self", &json!(1))]).is_err());
        assert!(eval("nobody.spec", &[]).is_err());
    }

    #[test]
    fn quantities_compare() {
        assert_eq!(
            eval("quantity('500m').compareTo(quantity('1')) < 0", &[]).unwrap(),
            Outcome::Value(json!(true))
        );
    }
}
