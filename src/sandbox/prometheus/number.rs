//! Numbers, times and durations as Prometheus reads and writes them.

use std::fmt::Write as _;

use jiff::Timestamp;
use serde::{Serialize, Serializer};

/// Milliseconds as seconds.
#[must_use]
#[expect(
    clippy::cast_precision_loss,
    reason = "milliseconds since 1970 fit exactly for 280,000 years"
)]
pub fn seconds(millis: i64) -> f64 {
    millis as f64 / 1000.0
}

/// A number that JSON shows as Go writes it: without a fraction where it has none.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Number(pub f64);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Beyond this, Go writes an exponent.
        if self.0.fract() == 0.0 && self.0.abs() < 1e15 {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "it is whole, and small enough"
            )]
            return serializer.serialize_i64(self.0 as i64);
        }
        serializer.serialize_f64(self.0)
    }
}

/// Seconds as milliseconds; none beyond what can be counted.
#[must_use]
pub fn millis(seconds: f64) -> Option<i64> {
    let rounded = (seconds * 1000.0).round();
    #[expect(
        clippy::cast_possible_truncation,
        reason = "checked to lie within, and rounded"
    )]
    (rounded.abs() < 9.0e18).then_some(rounded as i64)
}

/// A count as a value.
#[must_use]
#[expect(
    clippy::cast_precision_loss,
    reason = "what is counted here is far below 2^53"
)]
pub fn count(number: usize) -> f64 {
    number as f64
}

/// A value as an index, at least zero and at most `limit`.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "clamped to lie within"
)]
pub fn index(value: f64, limit: usize) -> usize {
    // A value that is no number becomes zero.
    value.clamp(0.0, limit as f64) as usize
}

/// A value as the API and rules write it.
#[must_use]
pub fn written(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned()
    } else {
        format!("{value}")
    }
}

/// A value as an exposition or a PromQL literal has it.
#[must_use]
pub fn read(text: &str) -> Option<f64> {
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest.starts_with(['+', '-']) {
        return None;
    }
    match rest.to_ascii_lowercase().as_str() {
        "inf" | "infinity" => Some(sign * f64::INFINITY),
        "nan" => Some(f64::NAN),
        lower => {
            if let Some(hex) = lower.strip_prefix("0x") {
                let value = u64::from_str_radix(hex, 16).ok()?;
                #[expect(clippy::cast_precision_loss, reason = "values are floats")]
                return Some(sign * value as f64);
            }
            lower.parse::<f64>().ok().map(|v| sign * v)
        }
    }
}

/// Units of a duration, the largest first, in milliseconds.
const UNITS: [(&str, i64); 7] = [
    ("y", 365 * 24 * 3_600_000),
    ("w", 7 * 24 * 3_600_000),
    ("d", 24 * 3_600_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1000),
    ("ms", 1),
];

/// A duration, such as `1h30m`, in milliseconds.
#[must_use]
pub fn duration(text: &str) -> Option<i64> {
    if text == "0" {
        return Some(0);
    }
    let (mut rest, mut total, mut next) = (text, 0_i64, 0);
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: i64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let end = rest
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(rest.len());
        let unit = &rest[..end];
        // Each unit once, and from large to small.
        let at = UNITS.iter().position(|(name, _)| *name == unit)?;
        if at < next {
            return None;
        }
        next = at + 1;
        total = total.checked_add(number.checked_mul(UNITS[at].1)?)?;
        rest = &rest[end..];
    }
    Some(total)
}

/// A duration as configurations have it: `1h30m`.
#[must_use]
pub fn written_duration(mut millis: i64) -> String {
    if millis == 0 {
        return "0s".to_owned();
    }
    let mut out = String::new();
    for (unit, size) in UNITS {
        // Years and weeks are written only where nothing else remains.
        let whole = matches!(unit, "y" | "w");
        let count = millis / size;
        if count > 0 && (!whole || millis % size == 0) {
            let _ = write!(out, "{count}{unit}");
            millis %= size;
        }
    }
    out
}

/// A time as Go writes it, to the millisecond.
#[must_use]
pub fn stamp(millis: i64) -> String {
    let time = Timestamp::from_millisecond(millis).unwrap_or(Timestamp::UNIX_EPOCH);
    time.to_string()
}

/// No time, as Go writes it.
const NEVER: &str = "0001-01-01T00:00:00Z";

/// The same; of nothing, the time that Go writes for none.
#[must_use]
pub fn stamp_of(millis: Option<i64>) -> String {
    millis.map_or_else(|| NEVER.to_owned(), stamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_read_as_in_go() {
        for (value, text) in [
            (1.0, "1"),
            (0.1, "0.1"),
            (1e21, "1000000000000000000000"),
            (f64::NEG_INFINITY, "-Inf"),
        ] {
            assert_eq!(written(value), text);
        }
        assert_eq!(written(f64::NAN), "NaN");
        assert_eq!(read("1.5663104E7"), Some(15_663_104.0));
        assert_eq!(read("0x1F"), Some(31.0));
        assert_eq!(read("-Inf"), Some(f64::NEG_INFINITY));
        assert_eq!((read("--1"), read("x"), read("")), (None, None, None));
    }

    #[test]
    fn durations_go_from_large_to_small() {
        assert_eq!(duration("1h30m"), Some(5_400_000));
        assert_eq!(duration("100ms"), Some(100));
        for bad in ["", "5", "5x", "1m1h", "1s1s", "m", "99999999999999999999y"] {
            assert_eq!(duration(bad), None, "{bad}");
        }
        for text in ["1h30m", "15s", "2w", "0s", "1d", "1m30s500ms"] {
            assert_eq!(written_duration(duration(text).unwrap()), text);
        }
    }
}
