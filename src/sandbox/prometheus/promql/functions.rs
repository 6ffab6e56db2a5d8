//! The functions that are there, and what they take.
//! <https://prometheus.io/docs/prometheus/latest/querying/functions/>

use super::ast::Kind::{self, Matrix, Scalar, Text, Vector};

/// A function.
#[derive(Debug, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub name: &'static str,
    /// What it takes.
    pub takes: &'static [Kind],
    /// How many of that may be left out at the end.
    pub optional: usize,
    /// Whether the last may be given many times.
    pub endless: bool,
    /// What it gives.
    pub gives: Kind,
}

impl Function {
    /// The function of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        FUNCTIONS.iter().find(|f| f.name == name)
    }

    /// The fewest arguments.
    #[must_use]
    pub fn least(&self) -> usize {
        self.takes.len() - self.optional
    }
}

const fn of(name: &'static str, takes: &'static [Kind]) -> Function {
    Function {
        name,
        takes,
        optional: 0,
        endless: false,
        gives: Vector,
    }
}

const fn optional(name: &'static str, takes: &'static [Kind], optional: usize) -> Function {
    Function {
        name,
        takes,
        optional,
        endless: false,
        gives: Vector,
    }
}

const fn scalar(name: &'static str, takes: &'static [Kind]) -> Function {
    Function {
        name,
        takes,
        optional: 0,
        endless: false,
        gives: Scalar,
    }
}

static FUNCTIONS: [Function; 61] = [
    of("abs", &[Vector]),
    of("absent", &[Vector]),
    of("absent_over_time", &[Matrix]),
    of("avg_over_time", &[Matrix]),
    of("ceil", &[Vector]),
    of("changes", &[Matrix]),
    of("clamp", &[Vector, Scalar, Scalar]),
    of("clamp_max", &[Vector, Scalar]),
    of("clamp_min", &[Vector, Scalar]),
    of("count_over_time", &[Matrix]),
    optional("day_of_month", &[Vector], 1),
    optional("day_of_week", &[Vector], 1),
    optional("day_of_year", &[Vector], 1),
    optional("days_in_month", &[Vector], 1),
    of("delta", &[Matrix]),
    of("deriv", &[Matrix]),
    of("exp", &[Vector]),
    of("floor", &[Vector]),
    of("histogram_quantile", &[Scalar, Vector]),
    optional("hour", &[Vector], 1),
    of("idelta", &[Matrix]),
    of("increase", &[Matrix]),
    of("irate", &[Matrix]),
    Function {
        name: "label_join",
        takes: &[Vector, Text, Text, Text],
        optional: 1,
        endless: true,
        gives: Vector,
    },
    of("label_replace", &[Vector, Text, Text, Text, Text]),
    of("last_over_time", &[Matrix]),
    of("ln", &[Vector]),
    of("log10", &[Vector]),
    of("log2", &[Vector]),
    of("max_over_time", &[Matrix]),
    of("min_over_time", &[Matrix]),
    optional("minute", &[Vector], 1),
    optional("month", &[Vector], 1),
    scalar("pi", &[]),
    of("predict_linear", &[Matrix, Scalar]),
    of("present_over_time", &[Matrix]),
    of("quantile_over_time", &[Scalar, Matrix]),
    of("rate", &[Matrix]),
    of("resets", &[Matrix]),
    optional("round", &[Vector, Scalar], 1),
    scalar("scalar", &[Vector]),
    of("sgn", &[Vector]),
    of("sort", &[Vector]),
    of("sort_desc", &[Vector]),
    of("sqrt", &[Vector]),
    of("stddev_over_time", &[Matrix]),
    of("stdvar_over_time", &[Matrix]),
    of("sum_over_time", &[Matrix]),
    scalar("time", &[]),
    of("timestamp", &[Vector]),
    of("vector", &[Scalar]),
    optional("year", &[Vector], 1),
    of("sin", &[Vector]),
    of("cos", &[Vector]),
    of("tan", &[Vector]),
    of("asin", &[Vector]),
    of("acos", &[Vector]),
    of("atan", &[Vector]),
    of("deg", &[Vector]),
    of("rad", &[Vector]),
    of("tanh", &[Vector]),
];
