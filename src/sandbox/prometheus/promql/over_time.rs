//! Functions of samples over a time.

use super::evaluate::{SAME_LABELS, Sample, Window};
use crate::sandbox::prometheus::{
    labels::NAME,
    number::{count, index, seconds},
    storage::Point,
};

/// What a function makes of each series; series that have too few samples give nothing.
pub(super) fn of(
    name: &str,
    window: &Window,
    scalar: f64,
    time: i64,
) -> Result<Vec<Sample>, String> {
    let mut found: Vec<Sample> = Vec::new();
    for series in &window.series {
        let Some(value) = one(name, &series.points, window, scalar, time) else {
            continue;
        };
        let labels = if name == "last_over_time" {
            series.labels.clone()
        } else {
            series.labels.clone().without(NAME)
        };
        if found.iter().any(|s| s.labels == labels) {
            return Err(SAME_LABELS.to_owned());
        }
        found.push(Sample {
            labels,
            value,
            time,
        });
    }
    Ok(found)
}

fn one(name: &str, points: &[Point], window: &Window, scalar: f64, time: i64) -> Option<f64> {
    let values = || points.iter().map(|(_, v)| *v);
    let n = count(points.len());
    let pairs = || points.windows(2).map(|p| (p[0].1, p[1].1));
    let unlike = |a: f64, b: f64| a.to_bits() != b.to_bits() && !(a.is_nan() && b.is_nan());
    Some(match name {
        "rate" => extrapolated(points, window, true)? / seconds(window.end - window.start),
        "increase" => extrapolated(points, window, true)?,
        "delta" => extrapolated(points, window, false)?,
        "irate" => {
            let ((t0, v0), (t1, v1)) = last_two(points)?;
            let rise = if v1 < v0 { v1 } else { v1 - v0 };
            rise / seconds(t1 - t0)
        }
        "idelta" => {
            let ((_, v0), (_, v1)) = last_two(points)?;
            v1 - v0
        }
        "deriv" => regression(points, points.first()?.0)?.0,
        "predict_linear" => {
            let (slope, intercept) = regression(points, time)?;
            slope * scalar + intercept
        }
        "sum_over_time" => sum(values()),
        "avg_over_time" => sum(values()) / n,
        "min_over_time" => least(values())?,
        "max_over_time" => greatest(values())?,
        "count_over_time" => n,
        "last_over_time" => points.last()?.1,
        "present_over_time" => 1.0,
        "stdvar_over_time" => variance(values())?,
        "stddev_over_time" => variance(values())?.sqrt(),
        "quantile_over_time" => quantile(scalar, values().collect()),
        "changes" => count(pairs().filter(|(a, b)| unlike(*a, *b)).count()),
        "resets" => count(pairs().filter(|(a, b)| b < a).count()),
        _ => return None,
    })
}

fn last_two(points: &[Point]) -> Option<(Point, Point)> {
    match points {
        [.., a, b] => Some((*a, *b)),
        _ => None,
    }
}

/// By how much a series grew in a window, though it was not measured at its ends.
fn extrapolated(points: &[Point], window: &Window, counter: bool) -> Option<f64> {
    let ((first_time, first), (last_time, last)) = match points {
        [first, .., last] => (*first, *last),
        _ => return None,
    };
    let mut growth = last - first;
    if counter {
        let resets = points.windows(2).filter(|p| p[1].1 < p[0].1);
        growth += resets.map(|p| p[0].1).sum::<f64>();
    }
    let measured = seconds(last_time - first_time);
    let between = measured / count(points.len() - 1);
    let near = between * 1.1;
    let mut before = seconds(first_time - window.start);
    if before >= near {
        before = between / 2.0;
    }
    if counter && growth > 0.0 && first >= 0.0 {
        // A counter was never below zero.
        before = before.min(measured * (first / growth));
    }
    let mut after = seconds(window.end - last_time);
    if after >= near {
        after = between / 2.0;
    }
    Some(growth * ((measured + before + after) / measured))
}

/// Slope and the value at a time of the line through samples.
fn regression(points: &[Point], at: i64) -> Option<(f64, f64)> {
    if points.len() < 2 {
        return None;
    }
    let n = count(points.len());
    let first = points[0].1;
    if first.is_finite() && points.iter().all(|(_, v)| v.to_bits() == first.to_bits()) {
        return Some((0.0, first));
    }
    let x = |time: i64| seconds(time - at);
    let xs = || points.iter().map(|(t, _)| x(*t));
    let ys = || points.iter().map(|(_, v)| *v);
    let (all_x, all_y) = (sum(xs()), sum(ys()));
    let covariance = sum(xs().zip(ys()).map(|(x, y)| x * y)) - all_x * all_y / n;
    let variance = sum(xs().map(|x| x * x)) - all_x * all_x / n;
    let slope = covariance / variance;
    Some((slope, all_y / n - slope * all_x / n))
}

/// A sum that loses nothing to rounding.
/// <https://en.wikipedia.org/wiki/Kahan_summation_algorithm#Further_enhancements>
pub(super) fn sum(values: impl Iterator<Item = f64>) -> f64 {
    let (mut sum, mut lost) = (0.0_f64, 0.0);
    for value in values {
        let next = sum + value;
        if next.is_infinite() {
            lost = 0.0;
        } else if sum.abs() >= value.abs() {
            lost += (sum - next) + value;
        } else {
            lost += (value - next) + sum;
        }
        sum = next;
    }
    sum + lost
}

pub(super) fn greatest(values: impl Iterator<Item = f64>) -> Option<f64> {
    values.reduce(|a, b| if b > a || a.is_nan() { b } else { a })
}

pub(super) fn least(values: impl Iterator<Item = f64>) -> Option<f64> {
    values.reduce(|a, b| if b < a || a.is_nan() { b } else { a })
}

/// How far values lie from their mean, squared.
pub(super) fn variance(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (mut n, mut mean, mut squares) = (0_usize, 0.0, 0.0);
    for value in values {
        n += 1;
        let delta = value - mean;
        mean += delta / count(n);
        squares += delta * (value - mean);
    }
    (n > 0).then(|| squares / count(n))
}

/// The value below which a part of the values lies.
pub(super) fn quantile(part: f64, mut values: Vec<f64>) -> f64 {
    if values.is_empty() || part.is_nan() {
        return f64::NAN;
    }
    if part < 0.0 {
        return f64::NEG_INFINITY;
    }
    if part > 1.0 {
        return f64::INFINITY;
    }
    // What is no number is the least.
    values.sort_by(|a, b| {
        let nan = b.is_nan().cmp(&a.is_nan());
        nan.then(a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal))
    });
    let last = values.len() - 1;
    let rank = part * count(last);
    let lower = index(rank.floor(), last);
    let weight = rank - rank.floor();
    values[lower] * (1.0 - weight) + values[(lower + 1).min(last)] * weight
}
