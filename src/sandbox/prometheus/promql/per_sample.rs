//! Functions of samples at one time.

use jiff::{Timestamp, tz::TimeZone};

use super::evaluate::{SAME_LABELS, Sample};
use crate::sandbox::prometheus::{
    labels::{Labels, NAME},
    number::{self, seconds},
};

/// A function of vectors; `whole` says that they are samples as they were measured.
pub(super) fn of(
    name: &str,
    samples: Vec<Sample>,
    numbers: &[f64],
    whole: bool,
    time: i64,
) -> Result<Vec<Sample>, String> {
    let number = |index: usize| numbers.get(index).copied();
    match name {
        "sort" => return Ok(sorted(samples, false)),
        "sort_desc" => return Ok(sorted(samples, true)),
        "histogram_quantile" => {
            return Ok(histogram_quantile(
                number(0).unwrap_or(f64::NAN),
                samples,
                time,
            ));
        }
        "timestamp" => {
            let mut samples = samples;
            for sample in &mut samples {
                sample.value = seconds(if whole { sample.time } else { time });
            }
            return each(samples, |v| v);
        }
        "clamp" => {
            let (low, high) = (number(0).unwrap_or_default(), number(1).unwrap_or_default());
            if low > high {
                return Ok(Vec::new());
            }
            return each(samples, |v| lesser(high, greater(low, v)));
        }
        "clamp_min" => {
            let low = number(0).unwrap_or_default();
            return each(samples, |v| greater(low, v));
        }
        "clamp_max" => {
            let high = number(0).unwrap_or_default();
            return each(samples, |v| lesser(high, v));
        }
        "round" => {
            // By the inverse, so that 0.1 gives what people expect.
            let inverse = 1.0 / number(0).unwrap_or(1.0);
            return each(samples, |v| (v * inverse + 0.5).floor() / inverse);
        }
        _ => {}
    }
    let work: fn(f64) -> f64 = match name {
        "abs" => f64::abs,
        "ceil" => f64::ceil,
        "floor" => f64::floor,
        "exp" => f64::exp,
        "ln" => f64::ln,
        "log2" => f64::log2,
        "log10" => f64::log10,
        "sqrt" => f64::sqrt,
        "sgn" => sign,
        "sin" => f64::sin,
        "cos" => f64::cos,
        "tan" => f64::tan,
        "asin" => f64::asin,
        "acos" => f64::acos,
        "atan" => f64::atan,
        "tanh" => f64::tanh,
        "deg" => f64::to_degrees,
        "rad" => f64::to_radians,
        _ => {
            let part =
                calendar(name).ok_or_else(|| format!("function {name:?} is not simulated"))?;
            return each(samples, |v| date(v).map_or(f64::NAN, part));
        }
    };
    each(samples, work)
}

/// Another value for each sample, whose name it no longer deserves.
pub(super) fn each(samples: Vec<Sample>, work: impl Fn(f64) -> f64) -> Result<Vec<Sample>, String> {
    let mut found: Vec<Sample> = Vec::with_capacity(samples.len());
    let mut seen = std::collections::HashSet::new();
    for sample in samples {
        let labels = sample.labels.without(NAME);
        if !seen.insert(labels.clone()) {
            return Err(SAME_LABELS.to_owned());
        }
        found.push(Sample {
            labels,
            value: work(sample.value),
            time: sample.time,
        });
    }
    Ok(found)
}

fn sign(value: f64) -> f64 {
    if value > 0.0 {
        1.0
    } else if value < 0.0 {
        -1.0
    } else {
        value
    }
}

/// The greater one; what is no number wins, unlike in Rust.
fn greater(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() {
        f64::NAN
    } else {
        a.max(b)
    }
}

fn lesser(a: f64, b: f64) -> f64 {
    if a.is_nan() || b.is_nan() {
        f64::NAN
    } else {
        a.min(b)
    }
}

fn sorted(mut samples: Vec<Sample>, descending: bool) -> Vec<Sample> {
    samples.sort_by(|a, b| {
        let nan = a.value.is_nan().cmp(&b.value.is_nan());
        let order = a
            .value
            .partial_cmp(&b.value)
            .unwrap_or(std::cmp::Ordering::Equal);
        nan.then(if descending { order.reverse() } else { order })
    });
    samples
}

type Part = fn(jiff::Zoned) -> f64;

fn calendar(name: &str) -> Option<Part> {
    Some(match name {
        "year" => |d| f64::from(d.year()),
        "month" => |d| f64::from(d.month()),
        "day_of_month" => |d| f64::from(d.day()),
        "day_of_week" => |d| f64::from(d.weekday().to_sunday_zero_offset()),
        "day_of_year" => |d| f64::from(d.day_of_year()),
        "days_in_month" => |d| f64::from(d.days_in_month()),
        "hour" => |d| f64::from(d.hour()),
        "minute" => |d| f64::from(d.minute()),
        _ => return None,
    })
}

fn date(value: f64) -> Option<jiff::Zoned> {
    let time = Timestamp::from_millisecond(number::millis(value)?).ok()?;
    Some(time.to_zoned(TimeZone::UTC))
}

/// <https://github.com/prometheus/prometheus/blob/main/promql/quantile.go> (`BucketQuantile`)
fn histogram_quantile(part: f64, samples: Vec<Sample>, time: i64) -> Vec<Sample> {
    let mut groups: Vec<(Labels, Vec<(f64, f64)>)> = Vec::new();
    for sample in samples {
        let Some(upper) = number::read(sample.labels.get("le")) else {
            continue;
        };
        let labels = sample.labels.without(NAME).without("le");
        match groups.iter_mut().find(|(l, _)| *l == labels) {
            Some((_, buckets)) => buckets.push((upper, sample.value)),
            None => groups.push((labels, vec![(upper, sample.value)])),
        }
    }
    let quantile = |(labels, buckets)| Sample {
        labels,
        value: of_buckets(part, buckets),
        time,
    };
    groups.into_iter().map(quantile).collect()
}

fn of_buckets(part: f64, mut buckets: Vec<(f64, f64)>) -> f64 {
    if part.is_nan() {
        return f64::NAN;
    }
    if !(0.0..=1.0).contains(&part) {
        return part.signum() * f64::INFINITY;
    }
    buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
    if buckets.len() < 2
        || buckets
            .last()
            .is_none_or(|(upper, _)| *upper != f64::INFINITY)
    {
        return f64::NAN;
    }
    // Buckets that were read at different times may shrink.
    let mut most = f64::NEG_INFINITY;
    for (_, count) in &mut buckets {
        most = most.max(*count);
        *count = most;
    }
    let last = buckets.len() - 1;
    let all = buckets[last].1;
    if all == 0.0 {
        return f64::NAN;
    }
    let mut rank = part * all;
    let found = buckets[..last].iter().position(|(_, count)| *count >= rank);
    let Some(found) = found else {
        return buckets[last - 1].0;
    };
    let (end, mut inside) = buckets[found];
    if found == 0 && end <= 0.0 {
        return end;
    }
    let mut start = 0.0;
    if found > 0 {
        let (before, below) = buckets[found - 1];
        start = before;
        inside -= below;
        rank -= below;
    }
    start + (end - start) * (rank / inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_lies_within_its_bucket() {
        let buckets = vec![(1.0, 10.0), (2.0, 20.0), (f64::INFINITY, 20.0)];
        let of = |part| of_buckets(part, buckets.clone());
        assert!((of(0.5) - 1.0).abs() < 1e-9);
        assert!((of(0.75) - 1.5).abs() < 1e-9);
        assert!(of(1.5) > f64::MAX);
        assert!(of_buckets(0.5, vec![(1.0, 1.0)]).is_nan());
    }
}
