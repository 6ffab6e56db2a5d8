//! Formats of texts that are checked.
//! <https://github.com/kubernetes/kube-openapi/blob/master/pkg/validation/strfmt/default.go>

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};

/// Whether a text has a format; formats that are not known have any.
pub(super) fn fits(text: &str, format: &str) -> bool {
    match format {
        "date-time" => text.parse::<jiff::Timestamp>().is_ok(),
        "date" => text.parse::<jiff::civil::Date>().is_ok(),
        "ipv4" => text.parse::<std::net::Ipv4Addr>().is_ok(),
        "ipv6" => text.parse::<std::net::Ipv6Addr>().is_ok(),
        "cidr" => is_cidr(text),
        "byte" => BASE64.decode(text).is_ok(),
        "uri" => text
            .parse::<http::Uri>()
            .is_ok_and(|_| text.contains(':') || text.starts_with('/')),
        "uuid" => is_uuid(text),
        "duration" => is_duration(text),
        _ => true,
    }
}

fn is_cidr(text: &str) -> bool {
    let Some((address, bits)) = text.split_once('/') else {
        return false;
    };
    let most = match address.parse::<std::net::IpAddr>() {
        Ok(std::net::IpAddr::V4(_)) => 32,
        Ok(std::net::IpAddr::V6(_)) => 128,
        Err(_) => return false,
    };
    bits.parse::<u8>().is_ok_and(|b| b <= most)
}

fn is_uuid(text: &str) -> bool {
    let hex: String = text.chars().filter(|c| *c != '-').collect();
    hex.len() == 32 && hex.chars().all(|c| c.is_ascii_hexdigit())
}

/// As Go writes durations: `1h30m`, `500ms`.
fn is_duration(text: &str) -> bool {
    let mut rest = text.strip_prefix(['-', '+']).unwrap_or(text);
    if rest == "0" {
        return true;
    }
    let mut parts = 0;
    while !rest.is_empty() {
        let end = rest
            .find(|c: char| !(c.is_ascii_digit() || c == '.'))
            .unwrap_or(rest.len());
        let (number, after) = rest.split_at(end);
        let unit = ["ns", "us", "µs", "ms", "s", "m", "h"]
            .into_iter()
            .filter(|u| after.starts_with(u))
            .max_by_key(|u| u.len());
        let (Ok(_), Some(unit)) = (number.parse::<f64>(), unit) else {
            return false;
        };
        rest = after.get(unit.len()..).unwrap_or_default();
        parts += 1;
    }
    parts > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_told_from_other_texts() {
        for (format, right, wrong) in [
            ("date-time", "2026-01-02T03:04:05Z", "yesterday"),
            ("date", "2026-01-02", "2026-13-02"),
            ("ipv4", "10.0.0.1", "10.0.0"),
            ("ipv6", "::1", "10.0.0.1"),
            ("cidr", "10.0.0.0/8", "10.0.0.0/33"),
            ("byte", "YQ==", "a"),
            ("uuid", "f815edd9-95b7-4cca-88b4-dc5f99ac51d9", "f815"),
            ("duration", "1h30m", "1 hour"),
        ] {
            assert!(fits(right, format), "{format}: {right}");
            assert!(!fits(wrong, format), "{format}: {wrong}");
        }
        assert!(fits("anything", "of-my-own"));
    }
}
