//! Operators between two answers.
//! <https://prometheus.io/docs/prometheus/latest/querying/operators/#binary-operators>

use std::collections::{HashMap, HashSet};

use super::{
    ast::{Matching, Side, compares},
    evaluate::{Answer, Sample},
};
use crate::sandbox::prometheus::labels::{Labels, NAME};

/// What an operator gives.
pub(super) fn of(
    operator: &str,
    sides: (Answer, Answer),
    bool: bool,
    matching: &Matching,
    time: i64,
) -> Result<Answer, String> {
    let rule = Rule {
        operator,
        bool,
        matching,
        time,
    };
    Ok(match sides {
        (Answer::Scalar(a), Answer::Scalar(b)) => {
            let value = match compared(operator, a, b) {
                Some(holds) => f64::from(u8::from(holds)),
                None => calculated(operator, a, b),
            };
            Answer::Scalar(value)
        }
        (Answer::Vector(left), Answer::Scalar(b)) => {
            Answer::Vector(rule.with_scalar(left, |a| (a, b)))
        }
        (Answer::Scalar(a), Answer::Vector(right)) => {
            Answer::Vector(rule.with_scalar(right, |b| (a, b)))
        }
        (Answer::Vector(left), Answer::Vector(right)) => Answer::Vector(match operator {
            "and" => rule.in_both(left, &right, true),
            "unless" => rule.in_both(left, &right, false),
            "or" => rule.either(left, right),
            _ => rule.matched(left, right)?,
        }),
        _ => Answer::Vector(Vec::new()),
    })
}

struct Rule<'a> {
    operator: &'a str,
    bool: bool,
    matching: &'a Matching,
    time: i64,
}

impl Rule<'_> {
    /// The value of two, or none where a comparison leaves them out; `kept` is what it leaves in.
    fn value(&self, a: f64, b: f64, kept: f64) -> Option<f64> {
        match compared(self.operator, a, b) {
            Some(holds) if self.bool => Some(f64::from(u8::from(holds))),
            Some(holds) => holds.then_some(kept),
            None => Some(calculated(self.operator, a, b)),
        }
    }

    fn keeps_name(&self) -> bool {
        compares(self.operator) && !self.bool
    }

    fn with_scalar(&self, samples: Vec<Sample>, pair: impl Fn(f64) -> (f64, f64)) -> Vec<Sample> {
        let one = |sample: Sample| {
            let (a, b) = pair(sample.value);
            let value = self.value(a, b, sample.value)?;
            let labels = if self.keeps_name() {
                sample.labels
            } else {
                sample.labels.without(NAME)
            };
            Some(Sample {
                labels,
                value,
                time: self.time,
            })
        };
        samples.into_iter().filter_map(one).collect()
    }

    /// The labels by which series find each other.
    fn key(&self, labels: &Labels) -> Labels {
        let mut labels = labels.clone();
        let named = |name: &str| self.matching.labels.iter().any(|l| l == name);
        if self.matching.on {
            labels.retain(named);
        } else {
            labels.retain(|name| !named(name) && name != NAME);
        }
        labels
    }

    fn in_both(&self, left: Vec<Sample>, right: &[Sample], wanted: bool) -> Vec<Sample> {
        let keys: HashSet<Labels> = right.iter().map(|s| self.key(&s.labels)).collect();
        let fits = |s: &Sample| keys.contains(&self.key(&s.labels)) == wanted;
        left.into_iter().filter(fits).collect()
    }

    fn either(&self, left: Vec<Sample>, right: Vec<Sample>) -> Vec<Sample> {
        let keys: HashSet<Labels> = left.iter().map(|s| self.key(&s.labels)).collect();
        let more = right
            .into_iter()
            .filter(|s| !keys.contains(&self.key(&s.labels)));
        left.into_iter().chain(more).collect()
    }

    fn matched(&self, left: Vec<Sample>, right: Vec<Sample>) -> Result<Vec<Sample>, String> {
        let swapped = self.matching.many == Some(Side::Right);
        let (many, ones) = if swapped {
            (right, left)
        } else {
            (left, right)
        };
        let side = if swapped { "left" } else { "right" };
        if many.is_empty() || ones.is_empty() {
            return Ok(Vec::new());
        }
        let mut by_key: HashMap<Labels, &Sample> = HashMap::new();
        for one in &ones {
            let key = self.key(&one.labels);
            if let Some(before) = by_key.insert(key.clone(), one) {
                return Err(format!(
                    "found duplicate series for the match group {} on the {side} hand-side of the operation: [{}, {}];many-to-many matching not allowed: matching labels must be unique on one side",
                    key.shown(),
                    one.labels.shown(),
                    before.labels.shown()
                ));
            }
        }
        let mut seen: HashSet<Labels> = HashSet::new();
        let mut found = Vec::new();
        for sample in many {
            let key = self.key(&sample.labels);
            let Some(one) = by_key.get(&key) else {
                continue;
            };
            let (a, b) = if swapped {
                (one.value, sample.value)
            } else {
                (sample.value, one.value)
            };
            let value = self.value(a, b, a);
            let labels = self.labels(&sample.labels, &one.labels);
            if self.matching.many.is_none() {
                if value.is_some() && !seen.insert(key) {
                    return Err("multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)".to_owned());
                }
            } else if value.is_some() && !seen.insert(labels.clone()) {
                return Err(
                    "multiple matches for labels: grouping labels must ensure unique matches"
                        .to_owned(),
                );
            }
            if let Some(value) = value {
                found.push(Sample {
                    labels,
                    value,
                    time: self.time,
                });
            }
        }
        Ok(found)
    }

    fn labels(&self, many: &Labels, one: &Labels) -> Labels {
        let mut labels = many.clone();
        if !self.keeps_name() {
            labels = labels.without(NAME);
        }
        if self.matching.many.is_none() {
            let named = |name: &str| self.matching.labels.iter().any(|l| l == name);
            labels.retain(|name| named(name) == self.matching.on);
        }
        for name in &self.matching.include {
            labels.set(name, one.get(name));
        }
        labels
    }
}

/// Whether a comparison holds; none for other operators.
#[expect(clippy::float_cmp, reason = "that is what is asked")]
fn compared(operator: &str, a: f64, b: f64) -> Option<bool> {
    Some(match operator {
        "==" => a == b,
        "!=" => a != b,
        "<" => a < b,
        ">" => a > b,
        "<=" => a <= b,
        ">=" => a >= b,
        _ => return None,
    })
}

fn calculated(operator: &str, a: f64, b: f64) -> f64 {
    match operator {
        "+" => a + b,
        "-" => a - b,
        "*" => a * b,
        "/" => a / b,
        "%" => a % b,
        "^" => a.powf(b),
        "atan2" => a.atan2(b),
        _ => f64::NAN,
    }
}
