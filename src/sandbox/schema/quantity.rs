//! Quantities such as `100m` and `1Gi`, in the form in which the API server keeps them.
//! <https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/>

/// Suffixes of powers of ten, by thousands, from 10⁻⁹.
const DECIMAL: [&str; 10] = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];
/// Suffixes of powers of 1024, from the first.
const BINARY: [&str; 6] = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
/// Where no suffix stands among [`DECIMAL`].
const ONES: usize = 3;
/// The longest number that is read.
const LONGEST: usize = 40;
/// Nanos of one.
pub(super) const NANOS: i128 = 1_000_000_000;

/// The canonical form; none for what is no quantity.
#[must_use]
pub fn canonical(text: &str) -> Option<String> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let end = digits
        .find(|c: char| !(c.is_ascii_digit() || c == '.'))
        .unwrap_or(digits.len());
    let (number, suffix) = digits.split_at(end);
    if let Some(exponent) = suffix.strip_prefix(['e', 'E'])
        && exponent.parse::<i32>().is_ok()
    {
        // The form with an exponent is kept as it was written.
        return nanos(number).map(|_| text.to_owned());
    }
    if let Some(power) = BINARY.iter().position(|s| *s == suffix) {
        let factor = 1024_i128.checked_pow(u32::try_from(power).ok()? + 1)?;
        let value = nanos(number)?.checked_mul(factor)?;
        return Some(binary(sign * value));
    }
    let power = DECIMAL.iter().position(|s| *s == suffix)?;
    let nanos = nanos(number)?;
    let value = if power < ONES {
        let divisor = 1000_i128.pow(u32::try_from(ONES - power).ok()?);
        // What is smaller than a nano counts as one.
        nanos.checked_add(divisor - 1)? / divisor
    } else {
        nanos.checked_mul(1000_i128.pow(u32::try_from(power - ONES).ok()?))?
    };
    Some(decimal(sign * value))
}

/// The canonical form of a resource's amount: of what is finer than a thousandth, the next one away from zero.
/// <https://github.com/kubernetes/kubernetes/blob/master/pkg/apis/core/v1/defaults.go> (`SetDefaults_ResourceList`)
#[must_use]
pub fn of_resource(text: &str) -> Option<String> {
    const MILLI: i128 = NANOS / 1000;
    let canonical = canonical(text)?;
    match amount(&canonical) {
        Some(nanos) if nanos % MILLI != 0 => {
            Some(decimal((nanos / MILLI + nanos.signum()) * MILLI))
        }
        _ => Some(canonical),
    }
}

/// An amount in nanos; none for what is no quantity.
#[must_use]
pub fn amount(text: &str) -> Option<i128> {
    let end = text
        .find(|c: char| c.is_ascii_alphabetic())
        .unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let (sign, digits) = match number.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, number.strip_prefix('+').unwrap_or(number)),
    };
    if !digits.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return None;
    }
    if let Some(exponent) = suffix.strip_prefix(['e', 'E'])
        && let Ok(exponent) = exponent.parse::<u32>()
    {
        return nanos(digits)?.checked_mul(10_i128.checked_pow(exponent)?.checked_mul(sign)?);
    }
    if let Some(power) = BINARY.iter().position(|s| *s == suffix) {
        let factor = 1024_i128.checked_pow(u32::try_from(power).ok()? + 1)?;
        return nanos(digits)?.checked_mul(factor.checked_mul(sign)?);
    }
    let power = DECIMAL.iter().position(|s| *s == suffix)?;
    let value = nanos(digits)?;
    let thousands = |n: usize| 1000_i128.checked_pow(u32::try_from(n).ok()?);
    let value = if power < ONES {
        value / thousands(ONES - power)?
    } else {
        value.checked_mul(thousands(power - ONES)?)?
    };
    Some(sign * value)
}

/// A number without sign, in nanos; what is smaller counts as one.
fn nanos(number: &str) -> Option<i128> {
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && part.is_empty()) || part.contains('.') || number.len() > LONGEST {
        return None;
    }
    let whole: i128 = if whole.is_empty() {
        0
    } else {
        whole.parse().ok()?
    };
    let mut fraction: i128 = 0;
    for i in 0..9 {
        let digit = part.as_bytes().get(i).map_or(0, |b| i128::from(b - b'0'));
        fraction = fraction * 10 + digit;
    }
    let rest = part.get(9..).is_some_and(|r| r.bytes().any(|b| b != b'0'));
    whole
        .checked_mul(NANOS)?
        .checked_add(fraction + i128::from(rest))
}

/// So many nanos, with the largest power of a thousand that leaves no fraction.
#[must_use]
pub fn decimal(nanos: i128) -> String {
    if nanos == 0 {
        return "0".to_owned();
    }
    let (mut mantissa, mut power) = (nanos, 0);
    while mantissa % 1000 == 0 && power + 1 < DECIMAL.len() {
        mantissa /= 1000;
        power += 1;
    }
    format!("{mantissa}{}", DECIMAL[power])
}

/// So many nanos, with the largest power of 1024 that leaves no fraction; small numbers, and those with a fraction of their own,
/// are decimal.
#[must_use]
pub fn binary(nanos: i128) -> String {
    if nanos.abs() < 1024 * NANOS || nanos % NANOS != 0 {
        return decimal(nanos);
    }
    let (mut mantissa, mut power) = (nanos / NANOS, 0);
    while mantissa % 1024 == 0 && power < BINARY.len() {
        mantissa /= 1024;
        power += 1;
    }
    match power.checked_sub(1) {
        Some(i) => format!("{mantissa}{}", BINARY[i]),
        None => mantissa.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_amount_has_one_form() {
        for (given, kept) in [
            ("211.9131Ki", "216999014400u"),
            ("0.5", "500m"),
            ("1000m", "1"),
            ("1500m", "1500m"),
            ("100m", "100m"),
            ("64Mi", "64Mi"),
            ("1024Mi", "1Gi"),
            ("1.5Gi", "1536Mi"),
            ("0.5Gi", "512Mi"),
            ("1000k", "1M"),
            ("0", "0"),
            ("-2", "-2"),
            ("+3", "3"),
            ("1e3", "1e3"),
            ("128974848", "128974848"),
        ] {
            assert_eq!(canonical(given).as_deref(), Some(kept), "{given}");
        }
        for wrong in ["", "lots", "1 Gi", "1GB", "1.2.3", ".", "Gi"] {
            assert_eq!(canonical(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn amounts_are_compared_in_nanos() {
        for (text, milli) in [
            ("1", 1000),
            ("250m", 250),
            ("1Ki", 1_024_000),
            ("0.5", 500),
            ("1e3", 1_000_000),
            ("-2", -2000),
            ("2k", 2_000_000),
        ] {
            assert_eq!(amount(text), Some(milli * NANOS / 1000), "{text}");
        }
        assert_eq!(amount("lots"), None);
    }

    #[test]
    fn resources_are_kept_to_the_thousandth() {
        for (given, kept) in [
            ("100u", "1m"),
            ("1500u", "2m"),
            ("1.0005", "1001m"),
            ("211.9131Ki", "216999015m"),
            ("64Mi", "64Mi"),
            ("-1500u", "-2m"),
        ] {
            assert_eq!(of_resource(given).as_deref(), Some(kept), "{given}");
        }
    }

    proptest! {
        #[test]
        fn a_canonical_form_stays(text in "[+-]?[0-9]{0,9}(\\.[0-9]{0,12})?(n|u|m|k|M|G|Ki|Mi|Gi|)") {
            if let Some(once) = canonical(&text) {
                let again = canonical(&once);
                // The real server's does not either where a binary amount comes out without its suffix: 312.5Ki, 320000, 320k.
                let loses = text.ends_with('i') && once.bytes().all(|b| b.is_ascii_digit() || b == b'-');
                prop_assert!(loses || again.as_ref() == Some(&once), "{once} {again:?}");
                prop_assert_eq!(again.as_deref().and_then(amount), amount(&once));
            }
        }

        #[test]
        fn no_text_is_too_much(text in ".{0,40}") {
            let _ = (canonical(&text), amount(&text));
        }
    }
}
