//! Quantities to reckon with.

use std::{cmp::Ordering, fmt};

use serde_json::Value;

use super::quantity;

/// An amount, exact to a nano; it remembers in which form it was written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Amount {
    nanos: i128,
    binary: bool,
}

impl Amount {
    /// So many.
    #[must_use]
    pub fn of(count: usize) -> Self {
        let nanos = i128::try_from(count).unwrap_or(i128::MAX);
        Self {
            nanos: nanos.saturating_mul(quantity::NANOS),
            binary: false,
        }
    }

    /// The amount of a quantity; none for what is no quantity.
    #[must_use]
    pub fn read(value: &Value) -> Option<Self> {
        let text = match value {
            Value::String(text) => quantity::canonical(text)?,
            Value::Number(number) => quantity::canonical(&number.to_string())?,
            _ => return None,
        };
        Some(Self {
            nanos: quantity::amount(&text)?,
            binary: text.ends_with('i'),
        })
    }

    /// Together; in the form of the first, unless that is nothing.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            nanos: self.nanos.saturating_add(other.nanos),
            binary: if self.nanos == 0 {
                other.binary
            } else {
                self.binary
            },
        }
    }

    /// What is left; nothing where the other is more.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        Self {
            nanos: self.nanos.saturating_sub(other.nanos).max(0),
            ..self
        }
    }

    /// Whether it is nothing.
    #[must_use]
    pub fn is_zero(self) -> bool {
        self.nanos == 0
    }

    /// How many times the other.
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // As precise as Kubernetes reckons it.
    pub fn ratio(self, other: Self) -> f64 {
        self.nanos as f64 / other.nanos as f64
    }
}

impl PartialOrd for Amount {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Amount {
    fn cmp(&self, other: &Self) -> Ordering {
        self.nanos.cmp(&other.nanos)
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = if self.binary {
            quantity::binary(self.nanos)
        } else {
            quantity::decimal(self.nanos)
        };
        f.write_str(&text)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn amount(text: &str) -> Amount {
        Amount::read(&json!(text)).unwrap()
    }

    #[test]
    fn amounts_are_reckoned_in_the_form_of_the_first() {
        for (a, b, sum) in [
            ("500m", "1", "1500m"),
            ("0", "64Mi", "64Mi"),
            ("960Mi", "64Mi", "1Gi"),
            ("1", "1e3", "1001"),
            ("1Ki", "-1", "1023"),
        ] {
            assert_eq!(amount(a).plus(amount(b)).to_string(), sum, "{a} {b}");
        }
        assert!(amount("1Gi") > amount("1G") && amount("0.1") < amount("200m"));
        assert!(amount("1").minus(amount("2")).is_zero());
        assert_eq!(Amount::read(&json!(2)), Some(Amount::of(2)));
        assert_eq!(Amount::read(&json!("lots")), None);
    }
}
