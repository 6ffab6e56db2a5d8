//! Times, in the form in which the API server keeps them: in UTC, to the second or to the microsecond.
//! <https://github.com/kubernetes/apimachinery/blob/master/pkg/apis/meta/v1/time.go>

use jiff::Timestamp;
use serde_json::Value;

/// The parts of a time, as Go names them.
const PARTS: [(&str, usize); 12] = [
    ("2006", 4),
    ("-", 1),
    ("01", 2),
    ("-", 1),
    ("02", 2),
    ("T", 1),
    ("15", 2),
    (":", 1),
    ("04", 2),
    (":", 1),
    ("05", 2),
    ("Z07:00", 0),
];

/// Gives a time its form; otherwise what Go says of a text that is none.
pub(super) fn normalize(value: &mut Value, micros: bool) -> Result<(), String> {
    let Some(text) = value.as_str() else {
        return Ok(());
    };
    let time: Timestamp = text.parse().map_err(|_| problem(text, micros))?;
    *value = Value::from(if micros {
        format!("{time:.6}")
    } else {
        time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    });
    Ok(())
}

fn problem(text: &str, micros: bool) -> String {
    let layout = if micros {
        "2006-01-02T15:04:05.000000Z07:00"
    } else {
        "2006-01-02T15:04:05Z07:00"
    };
    let mut rest = text;
    let mut missing = "Z07:00";
    for (part, length) in PARTS {
        let right = rest.get(..length).is_some_and(|found| match part {
            "-" | "T" | ":" => found == part,
            _ => found.bytes().all(|b| b.is_ascii_digit()),
        });
        if !right {
            missing = part;
            break;
        }
        rest = &rest[length..];
    }
    format!("parsing time \"{text}\" as \"{layout}\": cannot parse \"{rest}\" as \"{missing}\"")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn times_are_kept_in_utc() {
        let kept = |text: &str, micros| {
            let mut value = json!(text);
            normalize(&mut value, micros).map(|()| value)
        };
        let kept_as = |text: &str| Ok(json!(text));
        assert_eq!(
            kept("2026-01-02T03:04:05.6+09:00", false),
            kept_as("2026-01-01T18:04:05Z")
        );
        assert_eq!(
            kept("2026-01-02T03:04:05Z", true),
            kept_as("2026-01-02T03:04:05.000000Z")
        );
        assert_eq!(
            kept("yesterday", false).unwrap_err(),
            r#"parsing time "yesterday" as "2006-01-02T15:04:05Z07:00": cannot parse "yesterday" as "2006""#
        );
        assert!(kept("2026-13-02T03:04:05Z", false).is_err());
    }
}
