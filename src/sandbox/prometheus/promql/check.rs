//! What fits together in a query.

use super::{
    Fault,
    ast::{Kind, Matching, compares, of_sets},
    functions::Function,
    lexer::Token,
    parser::Node,
};
use crate::sandbox::prometheus::labels::{Matcher, NAME};

fn expect(node: &Node, wanted: Kind, context: &str) -> Result<(), Fault> {
    let got = node.expr.kind();
    if got == wanted {
        return Ok(());
    }
    let message = format!(
        "expected type {} in {context}, got {}",
        wanted.described(),
        got.described()
    );
    Err(Fault::at(node.at, message))
}

/// The two sides of an operator.
pub(super) fn binary(
    operator: &Token,
    bool: bool,
    matching: &Matching,
    (left, right): (&Node, &Node),
) -> Result<(), Fault> {
    let (kinds, name) = (
        (left.expr.kind(), right.expr.kind()),
        operator.text.as_str(),
    );
    let fault = |at: usize, message: String| Err(Fault::at(at, message));
    let scalars = kinds == (Kind::Scalar, Kind::Scalar);
    if bool && !compares(name) {
        let message = "bool modifier can only be used on comparison operators";
        return fault(operator.at, message.to_owned());
    }
    if scalars && compares(name) && !bool {
        let message = "comparisons between scalars must use BOOL modifier";
        return fault(operator.at, message.to_owned());
    }
    if matching.on
        && let Some(twice) = matching
            .labels
            .iter()
            .find(|l| matching.include.contains(l))
    {
        let message = format!("label {twice:?} must not occur in ON and GROUP clause at once");
        return fault(operator.at, message);
    }
    for node in [left, right] {
        if !matches!(node.expr.kind(), Kind::Scalar | Kind::Vector) {
            let message = "binary expression must contain only scalar and instant vector types";
            return fault(node.at, message.to_owned());
        }
    }
    let vectors = kinds == (Kind::Vector, Kind::Vector);
    let matched = matching.on || !matching.labels.is_empty() || matching.many.is_some();
    if matched && !vectors {
        let message = "vector matching only allowed between instant vectors";
        return fault(left.at, message.to_owned());
    }
    if of_sets(name) {
        if !vectors {
            let message = format!("set operator {name:?} not allowed in binary scalar expression");
            return fault(left.at, message);
        }
        if matching.many.is_some() {
            let message = format!("no grouping allowed for {name:?} operation");
            return fault(left.at, message);
        }
    }
    Ok(())
}

/// What stands behind a sign.
pub(super) fn unary(of: &Node, at: usize) -> Result<(), Fault> {
    let kind = of.expr.kind();
    if matches!(kind, Kind::Scalar | Kind::Vector) {
        return Ok(());
    }
    let kind = kind.described();
    let message = format!(
        "unary expression only allowed on expressions of type scalar or instant vector, got {kind:?}"
    );
    Err(Fault::at(at, message))
}

/// The arguments of an aggregation.
pub(super) fn aggregate(operator: &str, args: &[Node], at: usize) -> Result<(), Fault> {
    if args.is_empty() {
        let message = "no arguments for aggregate expression provided";
        return Err(Fault::at(at, message));
    }
    let parameter = match operator {
        "topk" | "bottomk" | "quantile" => Some(Kind::Scalar),
        "count_values" => Some(Kind::Text),
        _ => None,
    };
    let wanted = 1 + usize::from(parameter.is_some());
    if args.len() != wanted {
        let message = format!(
            "wrong number of arguments for aggregate expression provided, expected {wanted}, got {}",
            args.len()
        );
        return Err(Fault::at(at, message));
    }
    if let Some(of) = args.last() {
        expect(of, Kind::Vector, "aggregation expression")?;
    }
    match parameter {
        Some(kind) => expect(&args[0], kind, "aggregation parameter"),
        None => Ok(()),
    }
}

/// The arguments of a function.
pub(super) fn call(function: &Function, args: &[Node], at: usize) -> Result<(), Fault> {
    let (name, got) = (function.name, args.len());
    let (least, most) = (function.least(), function.takes.len());
    let wrong = |how: &str, number: usize| {
        let message = format!("expected {how}{number} argument(s) in call to {name:?}, got {got}");
        Err(Fault::at(at, message))
    };
    if !function.endless {
        if least == most && got != most {
            return wrong("", most);
        }
        if got > most {
            return wrong("at most ", most);
        }
    }
    if got < least {
        return wrong("at least ", least);
    }
    for (index, arg) in args.iter().enumerate() {
        let kind = function.takes.get(index).or(function.takes.last());
        if let Some(kind) = kind {
            expect(arg, *kind, &format!("call to function {name:?}"))?;
        }
    }
    Ok(())
}

/// What is asked of a subquery.
pub(super) fn subquery(of: &Node) -> Result<(), Fault> {
    let kind = of.expr.kind();
    if kind == Kind::Vector {
        return Ok(());
    }
    let kind = match kind {
        Kind::Scalar => "scalar",
        Kind::Matrix => "matrix",
        Kind::Vector => "vector",
        Kind::Text => "string",
    };
    let message = format!("subquery is only allowed on instant vector, got {kind} instead");
    Err(Fault::at(of.at, message))
}

/// What is asked of a selector.
pub(super) fn selector(name: &str, matchers: &[Matcher], at: usize) -> Result<(), Fault> {
    if name.is_empty() {
        if matchers.iter().all(|m| m.accepts("")) {
            let message = "vector selector must contain at least one non-empty matcher";
            return Err(Fault::at(at, message));
        }
        return Ok(());
    }
    match matchers.iter().find(|m| m.name == NAME) {
        Some(twice) => {
            let message = format!(
                "metric name must not be set twice: {name:?} or {:?}",
                twice.value
            );
            Err(Fault::at(at, message))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use crate::sandbox::prometheus::promql::parse;

    #[test]
    fn what_does_not_fit_is_told_as_by_prometheus() {
        let answers = include_str!("../../../../tests/prometheus/refused.txt");
        let mut seen = 0;
        for line in answers.lines() {
            let (query, wanted) = line.split_once('\t').unwrap();
            let got = parse(query).unwrap_err().told(query);
            assert_eq!(got, wanted, "{query}");
            seen += 1;
        }
        assert!(seen > 50, "{seen}");
    }
}
