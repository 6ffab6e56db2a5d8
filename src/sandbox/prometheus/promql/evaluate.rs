//! The answer to a query.
//! <https://github.com/prometheus/prometheus/blob/main/promql/engine.go>

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, HashMap, VecDeque},
    rc::Rc,
};

use super::{
    aggregate,
    ast::{At, Expr, Kind, Selector, When},
    binary,
    functions::Function,
    over_time, per_sample, relabelled,
};
use crate::sandbox::prometheus::{
    labels::{Comparison, Labels, NAME},
    number::seconds,
    storage::{Point, Storage, between, is_stale},
};

/// How many samples a query may look at.
const MOST_SAMPLES: usize = 5_000_000;

/// A series at one time.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Its labels.
    pub labels: Labels,
    /// Its value.
    pub value: f64,
    /// When that was measured.
    pub time: i64,
}

/// A series over a time.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Its labels.
    pub labels: Labels,
    /// Its samples.
    pub points: Vec<Point>,
}

/// What a query gives.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// A number.
    Scalar(f64),
    /// Series at one time.
    Vector(Vec<Sample>),
    /// Series over a time.
    Matrix(Vec<Series>),
    /// Text.
    Text(String),
}

/// Samples over a time, which is known.
pub(super) struct Window {
    pub(super) series: Vec<Series>,
    pub(super) start: i64,
    pub(super) end: i64,
}

/// What a query is asked of.
#[derive(Debug)]
pub struct Engine<'a> {
    storage: &'a Storage,
    /// How old the newest sample of a series may be.
    lookback: i64,
    /// How often subqueries ask that don't say it.
    interval: i64,
    /// The time of the query.
    range: (i64, i64),
    looked_at: Cell<usize>,
    /// The series of each selector: they are the same at each step. A selector is known by its place in the query.
    chosen: RefCell<HashMap<*const Selector, Rc<[Chosen<'a>]>>>,
}

/// A series that a selector chooses.
type Chosen<'a> = (&'a Labels, &'a VecDeque<Point>);

/// The error of two series with the same labels.
pub(super) const SAME_LABELS: &str = "vector cannot contain metrics with the same labelset";

impl<'a> Engine<'a> {
    /// An engine over samples.
    #[must_use]
    pub fn new(storage: &'a Storage, lookback: i64, interval: i64) -> Self {
        Self {
            storage,
            lookback,
            interval: interval.max(1),
            range: (0, 0),
            looked_at: Cell::new(0),
            chosen: RefCell::default(),
        }
    }

    /// The answer at a time.
    pub fn instant(mut self, expr: &Expr, time: i64) -> Result<Answer, String> {
        self.range = (time, time);
        self.answer(expr, time)
    }

    /// The answers from a time to another, sorted by labels.
    pub fn range(
        mut self,
        expr: &Expr,
        start: i64,
        end: i64,
        step: i64,
    ) -> Result<Vec<Series>, String> {
        self.range = (start, end);
        self.steps(expr, start, end, step.max(1))
    }

    fn steps(&self, expr: &Expr, start: i64, end: i64, step: i64) -> Result<Vec<Series>, String> {
        let mut found: BTreeMap<Labels, Vec<Point>> = BTreeMap::new();
        let mut time = start;
        while time <= end {
            self.look(1)?;
            match self.answer(expr, time)? {
                Answer::Scalar(value) => {
                    found
                        .entry(Labels::default())
                        .or_default()
                        .push((time, value));
                }
                Answer::Vector(samples) => {
                    self.look(samples.len())?;
                    for sample in samples {
                        let points = found.entry(sample.labels).or_default();
                        points.push((time, sample.value));
                    }
                }
                Answer::Matrix(_) | Answer::Text(_) => {}
            }
            match time.checked_add(step) {
                Some(next) => time = next,
                None => break,
            }
        }
        let series = |(labels, points)| Series { labels, points };
        Ok(found.into_iter().map(series).collect())
    }

    /// Counts what is looked at, so that no query takes for ever.
    fn look(&self, samples: usize) -> Result<(), String> {
        let all = self.looked_at.get() + samples;
        self.looked_at.set(all);
        if all > MOST_SAMPLES {
            return Err(
                "query processing would load too many samples into memory in query execution"
                    .to_owned(),
            );
        }
        Ok(())
    }

    fn answer(&self, expr: &Expr, time: i64) -> Result<Answer, String> {
        Ok(match expr {
            Expr::Number(value) => Answer::Scalar(*value),
            Expr::Text(text) => Answer::Text(text.clone()),
            Expr::Paren(of) => self.answer(of, time)?,
            Expr::Minus(of) => match self.answer(of, time)? {
                Answer::Scalar(value) => Answer::Scalar(-value),
                other => Answer::Vector(per_sample::each(vector(other), |v| -v)?),
            },
            Expr::Vector(selector) => Answer::Vector(self.select(selector, time)?),
            Expr::Matrix(..) | Expr::Subquery { .. } => {
                Answer::Matrix(self.window(expr, time)?.series)
            }
            Expr::Call(function, args) => return self.call(function, args, time),
            Expr::Aggregate {
                operator,
                of,
                parameter,
                labels,
                without,
            } => {
                let of = vector(self.answer(of, time)?);
                let parameter = match parameter {
                    Some(parameter) => Some(self.answer(parameter, time)?),
                    None => None,
                };
                let group = aggregate::Grouping {
                    labels,
                    without: *without,
                };
                Answer::Vector(aggregate::of(
                    operator,
                    of,
                    parameter.as_ref(),
                    &group,
                    time,
                )?)
            }
            Expr::Binary {
                operator,
                left,
                right,
                bool,
                matching,
            } => {
                let (left, right) = (self.answer(left, time)?, self.answer(right, time)?);
                binary::of(operator, (left, right), *bool, matching, time)?
            }
        })
    }

    fn when(&self, when: When, time: i64) -> i64 {
        let at = match when.at {
            Some(At::Time(at)) => at,
            Some(At::Start) => self.range.0,
            Some(At::End) => self.range.1,
            None => time,
        };
        at.saturating_sub(when.offset)
    }

    fn chosen(&self, selector: &Selector) -> Rc<[Chosen<'a>]> {
        let mut all = self.chosen.borrow_mut();
        let chosen = all
            .entry(std::ptr::from_ref(selector))
            .or_insert_with(|| self.storage.select(&selector.matchers).collect());
        Rc::clone(chosen)
    }

    fn select(&self, selector: &Selector, time: i64) -> Result<Vec<Sample>, String> {
        let until = self.when(selector.when, time);
        let after = until.saturating_sub(self.lookback);
        let mut found = Vec::new();
        for (labels, points) in self.chosen(selector).iter().copied() {
            self.look(1)?;
            let Some((time, value)) = between(points, after, until).last() else {
                continue;
            };
            if !is_stale(value) {
                found.push(Sample {
                    labels: labels.clone(),
                    value,
                    time,
                });
            }
        }
        Ok(found)
    }

    /// The samples of an expression that gives them over a time.
    fn window(&self, expr: &Expr, time: i64) -> Result<Window, String> {
        match expr.bare() {
            Expr::Matrix(selector, range) => {
                let end = self.when(selector.when, time);
                let start = end.saturating_sub(*range);
                let mut series = Vec::new();
                for (labels, points) in self.chosen(selector).iter().copied() {
                    let points: Vec<Point> = between(points, start, end)
                        .filter(|(_, value)| !is_stale(*value))
                        .collect();
                    self.look(points.len() + 1)?;
                    if !points.is_empty() {
                        let labels = labels.clone();
                        series.push(Series { labels, points });
                    }
                }
                Ok(Window { series, start, end })
            }
            Expr::Subquery {
                of,
                range,
                step,
                when,
            } => {
                let end = self.when(*when, time);
                let start = end.saturating_sub(*range);
                let step = step.unwrap_or(self.interval).max(1);
                let mut first = start.div_euclid(step).saturating_mul(step);
                if first <= start {
                    first = first.saturating_add(step);
                }
                let series = self.steps(of, first, end, step)?;
                Ok(Window { series, start, end })
            }
            _ => Err("expected a range vector".to_owned()),
        }
    }

    fn scalar(&self, expr: Option<&Expr>, time: i64) -> Result<Option<f64>, String> {
        match expr {
            Some(expr) => match self.answer(expr, time)? {
                Answer::Scalar(value) => Ok(Some(value)),
                _ => Ok(None),
            },
            None => Ok(None),
        }
    }

    fn call(&self, function: &Function, args: &[Expr], time: i64) -> Result<Answer, String> {
        let name = function.name;
        let matrix = args.iter().find(|a| a.kind() == Kind::Matrix);
        if let Some(matrix) = matrix {
            let window = self.window(matrix, time)?;
            if name == "absent_over_time" {
                return Ok(absent(window.series.is_empty(), matrix, time));
            }
            let scalar = args.iter().find(|a| a.kind() == Kind::Scalar);
            let scalar = self.scalar(scalar, time)?.unwrap_or_default();
            let found = over_time::of(name, &window, scalar, time)?;
            return Ok(Answer::Vector(found));
        }
        match name {
            "time" => return Ok(Answer::Scalar(seconds(time))),
            "pi" => return Ok(Answer::Scalar(std::f64::consts::PI)),
            "vector" => {
                let value = self.scalar(args.first(), time)?.unwrap_or(f64::NAN);
                let labels = Labels::default();
                return Ok(Answer::Vector(vec![Sample {
                    labels,
                    value,
                    time,
                }]));
            }
            _ => {}
        }
        let mut rest = args.iter().filter(|a| a.kind() != Kind::Vector);
        let (samples, texts_or_numbers) = match args.iter().find(|a| a.kind() == Kind::Vector) {
            Some(of) => (vector(self.answer(of, time)?), &mut rest),
            None => {
                let (labels, value) = (Labels::default(), seconds(time));
                let now = Sample {
                    labels,
                    value,
                    time,
                };
                (vec![now], &mut rest)
            }
        };
        match name {
            "absent" => Ok(absent(samples.is_empty(), &args[0], time)),
            "scalar" => Ok(Answer::Scalar(match samples.as_slice() {
                [one] => one.value,
                _ => f64::NAN,
            })),
            "label_replace" | "label_join" => {
                let texts: Vec<String> = texts_or_numbers
                    .map(|e| match e.bare() {
                        Expr::Text(text) => text.clone(),
                        _ => String::new(),
                    })
                    .collect();
                relabelled::of(name, samples, &texts).map(Answer::Vector)
            }
            _ => {
                let mut numbers = Vec::new();
                for expr in texts_or_numbers {
                    numbers.push(self.scalar(Some(expr), time)?.unwrap_or_default());
                }
                let whole = args
                    .first()
                    .is_some_and(|a| matches!(a.bare(), Expr::Vector(_)));
                per_sample::of(name, samples, &numbers, whole, time).map(Answer::Vector)
            }
        }
    }
}

/// The samples of an answer.
pub(super) fn vector(answer: Answer) -> Vec<Sample> {
    match answer {
        Answer::Vector(samples) => samples,
        _ => Vec::new(),
    }
}

/// One, with the labels that were asked for exactly, if there is nothing.
fn absent(nothing: bool, expr: &Expr, time: i64) -> Answer {
    if !nothing {
        return Answer::Vector(Vec::new());
    }
    let mut labels = Labels::default();
    if let Expr::Vector(selector) | Expr::Matrix(selector, _) = expr.bare() {
        for (index, matcher) in selector.matchers.iter().enumerate() {
            let again = |m: &super::super::labels::Matcher| m.name == matcher.name;
            let others = selector.matchers.iter().enumerate();
            let twice = others.filter(|(i, m)| *i != index && again(m)).count() > 0;
            if matcher.comparison == Comparison::Equal && matcher.name != NAME && !twice {
                labels.set(&matcher.name, matcher.value.as_str());
            }
        }
    }
    Answer::Vector(vec![Sample {
        labels,
        value: 1.0,
        time,
    }])
}
