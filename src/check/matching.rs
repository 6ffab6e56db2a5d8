//! Partial objects: which written values are not there.

use serde_json::Value;

/// One value that differs.
#[derive(Debug, Clone, PartialEq)]
pub struct Mismatch {
    /// Where, as `spec.template.spec.containers[0].image`.
    pub path: String,
    /// What was written.
    pub expected: Value,
    /// What is there; `None` if nothing is.
    pub actual: Option<Value>,
}

/// Every value of the partial object `expected` that `actual` does not have.
///
/// Mappings are compared key by key; each element of a list must be matched by some element of the actual list.
#[must_use]
pub fn mismatches(expected: &Value, actual: &Value) -> Vec<Mismatch> {
    let mut found = Vec::new();
    compare(expected, Some(actual), "", &mut found);
    found
}

fn compare(expected: &Value, actual: Option<&Value>, path: &str, found: &mut Vec<Mismatch>) {
    match (expected, actual) {
        (Value::Object(want), Some(Value::Object(have))) => {
            for (key, value) in want {
                compare(value, have.get(key), &join(path, key), found);
            }
        }
        (Value::Array(want), Some(Value::Array(have))) => {
            for element in want {
                compare_element(element, have, path, found);
            }
        }
        (want, Some(have)) if same(want, have) => {}
        _ => found.push(Mismatch {
            path: path.to_owned(),
            expected: expected.clone(),
            actual: actual.cloned(),
        }),
    }
}

/// Reports the differences to the element that the learner most likely meant: the closest. Where every one is something
/// else, the element is missing.
fn compare_element(want: &Value, have: &[Value], path: &str, found: &mut Vec<Mismatch>) {
    let candidates = have.iter().enumerate().map(|(i, candidate)| {
        let mut differences = Vec::new();
        let at = format!("{path}[{i}]");
        compare(want, Some(candidate), &at, &mut differences);
        (others(want, candidate), differences)
    });
    match candidates.min_by_key(|(others, differences)| (*others, differences.len())) {
        Some((false, differences)) => found.extend(differences),
        _ => found.push(Mismatch {
            path: format!("{path}[]"),
            expected: want.clone(),
            actual: None,
        }),
    }
}

/// Whether these are two different things: conditions of Kubernetes are told apart by their `type`.
fn others(want: &Value, have: &Value) -> bool {
    !want["type"].is_null() && want["type"] != have["type"]
}

/// `1` and `1.0` are the same number.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(x), Value::Number(y)) => x == y || x.as_f64() == y.as_f64(),
        _ => a == b,
    }
}

fn join(path: &str, key: &str) -> String {
    let plain = !key.is_empty()
        && key
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    match (path.is_empty(), plain) {
        (true, true) => key.to_owned(),
        (false, true) => format!("{path}.{key}"),
        (_, false) => format!("{path}['{key}']"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_difference_is_named_with_its_path_and_both_values() {
        let found = mismatches(
            &json!({"spec": {"replicas": 4}}),
            &json!({"spec": {"replicas": 3, "x": 1}}),
        );
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].path, "spec.replicas");
        assert_eq!(
            (&found[0].expected, found[0].actual.as_ref()),
            (&json!(4), Some(&json!(3)))
        );
    }

    #[test]
    fn a_list_matches_by_some_element_and_reports_the_closest() {
        let actual =
            json!({"ports": [{"name": "http", "port": 8080}, {"name": "metrics", "port": 9404}]});
        assert!(mismatches(&json!({"ports": [{"name": "metrics"}]}), &actual).is_empty());
        let found = mismatches(&json!({"ports": [{"name": "web", "port": 9404}]}), &actual);
        assert_eq!(found[0].path, "ports[1].name");
    }

    #[test]
    fn a_condition_is_told_by_its_type() {
        let actual = json!([{"type": "AbleToScale", "status": "True"}, {"type": "ScalingActive", "status": "False"}]);
        let found = mismatches(
            &json!([{"type": "ScalingActive", "status": "True"}]),
            &actual,
        );
        assert_eq!(found[0].path, "[1].status");
        let found = mismatches(&json!([{"type": "Ready", "status": "True"}]), &actual);
        assert_eq!((found[0].path.as_str(), &found[0].actual), ("[]", &None));
    }

    #[test]
    fn an_empty_list_has_no_element() {
        assert_eq!(mismatches(&json!([1]), &json!([]))[0].path, "[]");
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            "[a-z]{0,4}".prop_map(Value::from)
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a-z]{1,3}", inner, 0..4)
                    .prop_map(|m| Value::Object(m.into_iter().collect()))
            ]
        })
    }

    proptest! {
        #[test]
        fn every_value_matches_itself(v in any_json()) {
            prop_assert!(mismatches(&v, &v).is_empty());
        }

        #[test]
        fn more_fields_never_break_a_match(v in any_json(), extra in any_json()) {
            let mut wider = json!({"a": v});
            wider["zzzz"] = extra;
            let found = mismatches(&json!({"a": v}), &wider);
            prop_assert!(found.is_empty(), "{:?}", found);
        }
    }
}
