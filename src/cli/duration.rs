//! Durations on the command line.

use std::time::Duration;

/// `90s`, `2m`, `1m30s`, or seconds alone.
pub(super) fn parse(text: &str) -> Result<Duration, String> {
    if let Ok(seconds) = text.parse() {
        return Ok(Duration::from_secs(seconds));
    }
    let wrong = |_| format!("\"{text}\" is no duration; write 90s or 2m");
    let span: jiff::SignedDuration = text.parse().map_err(wrong)?;
    Duration::try_from(span).map_err(|_| format!("\"{text}\" is negative"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        for (text, seconds) in [("90s", 90), ("2m", 120), ("1m30s", 90), ("45", 45)] {
            assert_eq!(parse(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        assert!(parse("soon").is_err());
        assert!(parse("-5s").is_err());
    }
}
