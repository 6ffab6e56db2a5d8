//! Many series made one, or few.
//! <https://prometheus.io/docs/prometheus/latest/querying/operators/#aggregation-operators>

use std::{cmp::Ordering, collections::HashMap};

use super::{
    evaluate::{Answer, Sample},
    over_time::{greatest, least, quantile, sum, variance},
};
use crate::sandbox::prometheus::{
    labels::{Labels, NAME},
    number::{self, count},
};

/// Which series belong together.
pub(super) struct Grouping<'a> {
    pub(super) labels: &'a [String],
    pub(super) without: bool,
}

impl Grouping<'_> {
    fn of(&self, labels: &Labels) -> Labels {
        let mut labels = labels.clone();
        let named = |name: &str| self.labels.iter().any(|l| l == name);
        if self.without {
            labels.retain(|name| !named(name) && name != NAME);
        } else {
            labels.retain(named);
        }
        labels
    }
}

/// An aggregation; the groups come in the order of their first series.
pub(super) fn of(
    operator: &str,
    samples: Vec<Sample>,
    parameter: Option<&Answer>,
    grouping: &Grouping<'_>,
    time: i64,
) -> Result<Vec<Sample>, String> {
    let number = match parameter {
        Some(Answer::Scalar(value)) => *value,
        _ => f64::NAN,
    };
    let mut groups: Vec<(Labels, Vec<Sample>)> = Vec::new();
    let mut places: HashMap<Labels, usize> = HashMap::new();
    for sample in samples {
        let mut key = grouping.of(&sample.labels);
        if let Some(Answer::Text(label)) = parameter {
            key.set(label, number::written(sample.value));
        }
        let place = *places.entry(key.clone()).or_insert(groups.len());
        if place == groups.len() {
            groups.push((key, Vec::new()));
        }
        groups[place].1.push(sample);
    }
    if matches!(operator, "topk" | "bottomk") {
        if number.is_nan() {
            return Err("Parameter value is NaN".to_owned());
        }
        let top = operator == "topk";
        let best = |(_, group)| first(group, number, top);
        return Ok(groups.into_iter().flat_map(best).collect());
    }
    let one = |(labels, group): (Labels, Vec<Sample>)| {
        let values = || group.iter().map(|s| s.value);
        let n = count(group.len());
        let value = match operator {
            "sum" => sum(values()),
            "avg" => sum(values()) / n,
            "min" => least(values())?,
            "max" => greatest(values())?,
            "count" | "count_values" => n,
            "group" => 1.0,
            "stdvar" => variance(values())?,
            "stddev" => variance(values())?.sqrt(),
            "quantile" => quantile(number, values().collect()),
            _ => return None,
        };
        Some(Sample {
            labels,
            value,
            time,
        })
    };
    Ok(groups.into_iter().filter_map(one).collect())
}

/// The so many greatest or least of a group, the best one first.
fn first(mut group: Vec<Sample>, number: f64, top: bool) -> Vec<Sample> {
    let k = number::index(number, group.len());
    group.sort_by(|a, b| {
        let nan = a.value.is_nan().cmp(&b.value.is_nan());
        let order = a.value.partial_cmp(&b.value).unwrap_or(Ordering::Equal);
        nan.then(if top { order.reverse() } else { order })
    });
    group.truncate(k);
    group
}
