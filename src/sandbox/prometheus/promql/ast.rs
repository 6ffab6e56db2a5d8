//! A query, taken apart.

use crate::sandbox::prometheus::labels::Matcher;

use super::functions::Function;

/// What an expression gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A number.
    Scalar,
    /// Series, each with one value.
    Vector,
    /// Series, each with values over a time.
    Matrix,
    /// Text.
    Text,
}

impl Kind {
    /// As errors name it.
    #[must_use]
    pub fn described(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Vector => "instant vector",
            Self::Matrix => "range vector",
            Self::Text => "string",
        }
    }
}

/// A time other than that of the evaluation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct When {
    /// So many milliseconds earlier.
    pub offset: i64,
    /// At a time of its own.
    pub at: Option<At>,
}

/// A time that a query names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// Milliseconds since 1970.
    Time(i64),
    /// Where the range of the query starts.
    Start,
    /// Where it ends.
    End,
}

/// Which series.
#[derive(Debug, Clone, PartialEq)]
pub struct Selector {
    /// The name, where it stands before the braces.
    pub name: String,
    /// What is asked of labels, the name among them.
    pub matchers: Vec<Matcher>,
    /// When.
    pub when: When,
}

/// How two vectors find each other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Matching {
    /// Whether by the labels that are named, or by all others.
    pub on: bool,
    /// The labels.
    pub labels: Vec<String>,
    /// The side with many series to one of the other.
    pub many: Option<Side>,
    /// The labels that come from the other side.
    pub include: Vec<String>,
}

/// A side of an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Left.
    Left,
    /// Right.
    Right,
}

/// An expression.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// A number.
    Number(f64),
    /// A text.
    Text(String),
    /// Series, as they are.
    Vector(Selector),
    /// Series over a time, in milliseconds.
    Matrix(Selector, i64),
    /// An expression over a time.
    Subquery {
        /// The expression.
        of: Box<Expr>,
        /// How long, in milliseconds.
        range: i64,
        /// How often; none for as often as rules are evaluated.
        step: Option<i64>,
        /// When.
        when: When,
    },
    /// A function.
    Call(&'static Function, Vec<Expr>),
    /// An aggregation.
    Aggregate {
        /// `sum`.
        operator: String,
        /// Of what.
        of: Box<Expr>,
        /// The number or name that some need.
        parameter: Option<Box<Expr>>,
        /// The labels.
        labels: Vec<String>,
        /// Whether by all other labels.
        without: bool,
    },
    /// What is below zero.
    Minus(Box<Expr>),
    /// Two expressions.
    Binary {
        /// `+`.
        operator: String,
        /// On the left.
        left: Box<Expr>,
        /// On the right.
        right: Box<Expr>,
        /// Whether a comparison gives 0 or 1.
        bool: bool,
        /// How vectors find each other.
        matching: Matching,
    },
    /// In parentheses.
    Paren(Box<Expr>),
}

impl Expr {
    /// What it gives.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Number(_) => Kind::Scalar,
            Self::Text(_) => Kind::Text,
            Self::Vector(_) | Self::Aggregate { .. } => Kind::Vector,
            Self::Matrix(..) | Self::Subquery { .. } => Kind::Matrix,
            Self::Call(function, _) => function.gives,
            Self::Minus(of) | Self::Paren(of) => of.kind(),
            Self::Binary { left, right, .. } => {
                if left.kind() == Kind::Scalar && right.kind() == Kind::Scalar {
                    Kind::Scalar
                } else {
                    Kind::Vector
                }
            }
        }
    }

    /// Without the parentheses around it.
    #[must_use]
    pub fn bare(&self) -> &Self {
        match self {
            Self::Paren(of) => of.bare(),
            other => other,
        }
    }
}

/// Whether an operator compares.
#[must_use]
pub fn compares(operator: &str) -> bool {
    matches!(operator, "==" | "!=" | "<" | ">" | "<=" | ">=")
}

/// Whether an operator is one of sets.
#[must_use]
pub fn of_sets(operator: &str) -> bool {
    matches!(operator, "and" | "or" | "unless")
}
