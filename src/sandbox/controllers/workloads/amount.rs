//! Numbers in objects: a field that is not there is zero, zero is not written, and some are parts of a whole.

use serde_json::{Map, Value};

/// A number; zero where there is none.
#[must_use]
pub fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or_default()
}

/// Sets a number, or takes the field away where it is zero.
pub fn put(map: &mut Map<String, Value>, field: &str, value: i64) {
    if value == 0 {
        map.remove(field);
    } else {
        map.insert(field.to_owned(), Value::from(value));
    }
}

/// A number, or a percentage of a whole, which is rounded up or down.
/// <https://github.com/kubernetes/apimachinery/blob/master/pkg/util/intstr/intstr.go> (`GetScaledValueFromIntOrPercent`)
#[must_use]
pub fn of_whole(value: &Value, whole: i64, up: bool) -> i64 {
    let percent = value.as_str().and_then(|t| t.strip_suffix('%'));
    match percent.and_then(|p| p.parse::<i64>().ok()) {
        Some(percent) => {
            let hundredfold = percent.saturating_mul(whole);
            let rest = i64::from(up && hundredfold.rem_euclid(100) > 0);
            hundredfold.div_euclid(100) + rest
        }
        None => number(value),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_part_is_rounded_as_it_is_meant() {
        for (value, whole, up, part) in [
            (json!("25%"), 3, true, 1),
            (json!("25%"), 3, false, 0),
            (json!("50%"), 4, true, 2),
            (json!(2), 10, true, 2),
            (json!(null), 10, true, 0),
            (json!("x"), 10, true, 0),
        ] {
            assert_eq!(of_whole(&value, whole, up), part, "{value} of {whole}");
        }
    }
}
