//! From text to expressions, by the grammar and in the words of Prometheus.
//! <https://github.com/prometheus/prometheus/blob/main/promql/parser/generated_parser.y>

use super::{
    Fault,
    ast::{At, Expr, Matching, Selector, Side, When, compares, of_sets},
    check,
    functions::Function,
    lexer::{Kind, Token, tokens},
};
use crate::sandbox::prometheus::{
    labels::{Comparison, Matcher, NAME},
    number,
};

/// The longest query, in bytes.
const LONGEST: usize = 64 << 10;
/// How deep expressions may lie in each other. The real limit is that of memory.
const DEEPEST: usize = 100;

/// An expression, and from which byte on it stands.
pub(super) struct Node {
    pub(super) expr: Expr,
    pub(super) at: usize,
    depth: usize,
}

/// Reads a query.
pub fn parse(text: &str) -> Result<Expr, Fault> {
    if text.len() > LONGEST {
        return Err(Fault::nowhere("query is too long"));
    }
    let mut parser = Parser {
        tokens: tokens(text),
        next: 0,
        depth: 0,
    };
    if parser.peek().kind == Kind::End {
        return Err(Fault::nowhere("no expression found in input"));
    }
    let node = parser.binary(0)?;
    if parser.peek().kind != Kind::End {
        return parser.unexpected("", "");
    }
    Ok(node.expr)
}

/// Reads a selector alone, as `match[]` has it.
pub fn parse_selector(text: &str) -> Result<Vec<Matcher>, Fault> {
    let parser = Parser {
        tokens: tokens(text),
        next: 0,
        depth: 0,
    };
    let first = parser.peek();
    let starts = matches!(first.kind, Kind::Identifier | Kind::MetricIdentifier) || first.is("{");
    if !starts {
        return parser.unexpected("", "");
    }
    match parse(text)? {
        Expr::Vector(selector) if selector.when == When::default() => Ok(selector.matchers),
        _ => Err(Fault::at(0, "unexpected expression, expected selector")),
    }
}

impl Node {
    fn new(expr: Expr, at: usize, inner: usize) -> Result<Self, Fault> {
        if inner >= DEEPEST {
            return Err(Fault::at(at, "expression is nested too deeply"));
        }
        Ok(Self {
            expr,
            at,
            depth: inner + 1,
        })
    }
}

pub(super) struct Parser {
    tokens: Vec<Token>,
    next: usize,
    depth: usize,
}

impl Parser {
    fn peek(&self) -> &Token {
        // The last one is the end, which is never passed.
        &self.tokens[self.next]
    }

    fn take(&mut self) -> Token {
        let token = self.peek().clone();
        if self.next + 1 < self.tokens.len() {
            self.next += 1;
        }
        token
    }

    fn takes(&mut self, text: &str) -> bool {
        let found = self.peek().is(text);
        if found {
            self.take();
        }
        found
    }

    /// The fault of a word that does not belong here.
    fn unexpected<T>(&self, context: &str, expected: &str) -> Result<T, Fault> {
        let token = self.peek();
        if let Kind::Error(message) = &token.kind {
            return Err(Fault::at(token.at, message.clone()));
        }
        let mut message = format!("unexpected {}", token.named());
        if !context.is_empty() {
            message.push_str(" in ");
            message.push_str(context);
        }
        if !expected.is_empty() {
            message.push_str(", expected ");
            message.push_str(expected);
        }
        Err(Fault::at(token.at, message))
    }

    /// Operators of at least a strength.
    fn binary(&mut self, least: u8) -> Result<Node, Fault> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(Fault::at(self.peek().at, "expression is nested too deeply"));
        }
        let mut left = self.unary()?;
        loop {
            let token = self.peek().clone();
            let strength = match token.kind {
                Kind::Operator => strength(&token.text),
                _ => 0,
            };
            if strength == 0 || strength < least {
                break;
            }
            self.take();
            let (bool, matching) = self.modifiers()?;
            // Only powers are read from the right.
            let right = self.binary(strength + u8::from(token.text != "^"))?;
            check::binary(&token, bool, &matching, (&left, &right))?;
            let (at, depth) = (left.at, left.depth.max(right.depth));
            let expr = Expr::Binary {
                operator: token.text,
                left: Box::new(left.expr),
                right: Box::new(right.expr),
                bool,
                matching,
            };
            left = Node::new(expr, at, depth)?;
        }
        self.depth -= 1;
        Ok(left)
    }

    fn modifiers(&mut self) -> Result<(bool, Matching), Fault> {
        let bool = self.takes("bool");
        let mut matching = Matching::default();
        let on = self.peek().is("on");
        if !on && !self.peek().is("ignoring") {
            return Ok((bool, matching));
        }
        self.take();
        matching.on = on;
        matching.labels = self.grouping()?;
        for (word, side) in [("group_left", Side::Left), ("group_right", Side::Right)] {
            if matching.many.is_none() && self.takes(word) {
                matching.many = Some(side);
                if self.peek().is("(") {
                    matching.include = self.grouping()?;
                }
            }
        }
        Ok((bool, matching))
    }

    /// `(a, b)`.
    fn grouping(&mut self) -> Result<Vec<String>, Fault> {
        if !self.takes("(") {
            return self.unexpected("grouping opts", "\"(\"");
        }
        let mut labels = Vec::new();
        loop {
            if self.takes(")") {
                return Ok(labels);
            }
            let token = self.peek().clone();
            match token.kind {
                Kind::Identifier | Kind::Keyword | Kind::Aggregator => labels.push(token.text),
                Kind::Operator if token.text.chars().all(char::is_alphabetic) => {
                    labels.push(token.text);
                }
                Kind::Text(text) => labels.push(text),
                Kind::MetricIdentifier => {
                    let message = format!("invalid label name for grouping: {:?}", token.text);
                    return Err(Fault::at(token.at, message));
                }
                _ => return self.unexpected("grouping opts", "label"),
            }
            self.take();
            if !self.takes(",") && !self.peek().is(")") {
                return self.unexpected("grouping opts", "\",\" or \")\"");
            }
        }
    }

    fn unary(&mut self) -> Result<Node, Fault> {
        let token = self.peek().clone();
        if token.kind == Kind::Operator && matches!(token.text.as_str(), "+" | "-") {
            self.take();
            // A sign binds more than a product and less than a power.
            let of = self.binary(strength("^"))?;
            check::unary(&of, token.at)?;
            let (depth, minus) = (of.depth, token.text == "-");
            let expr = match of.expr {
                Expr::Number(value) if minus => Expr::Number(-value),
                other if minus => Expr::Minus(Box::new(other)),
                other => other,
            };
            return Node::new(expr, token.at, depth);
        }
        let mut node = self.primary()?;
        loop {
            let token = self.peek().clone();
            node = match (&token.kind, token.text.as_str()) {
                (Kind::Sign, "[") => self.range(node)?,
                (Kind::Keyword, "offset") => {
                    self.take();
                    let by = self.signed_duration("offset")?;
                    when(
                        node,
                        |when| {
                            if when.offset != 0 {
                                return Err("offset may not be set multiple times");
                            }
                            when.offset = by;
                            Ok(())
                        },
                        "offset",
                    )?
                }
                (Kind::Keyword, "@") => {
                    self.take();
                    let time = self.moment()?;
                    when(
                        node,
                        |when| {
                            if when.at.is_some() {
                                return Err("@ <timestamp> may not be set multiple times");
                            }
                            when.at = Some(time);
                            Ok(())
                        },
                        "@",
                    )?
                }
                _ => return Ok(node),
            };
        }
    }

    fn primary(&mut self) -> Result<Node, Fault> {
        let token = self.peek().clone();
        let at = token.at;
        match token.kind {
            Kind::Number(value) => {
                self.take();
                Node::new(Expr::Number(value), at, 0)
            }
            Kind::Duration(millis) => {
                self.take();
                Node::new(Expr::Number(number::seconds(millis)), at, 0)
            }
            Kind::Text(text) => {
                self.take();
                Node::new(Expr::Text(text), at, 0)
            }
            Kind::Sign if token.text == "(" => {
                self.take();
                let inner = self.binary(0)?;
                if !self.takes(")") {
                    return self.unexpected("", "");
                }
                let depth = inner.depth;
                Node::new(Expr::Paren(Box::new(inner.expr)), at, depth)
            }
            Kind::Sign if token.text == "{" => self.selector(String::new(), at),
            Kind::Aggregator => {
                self.take();
                self.aggregate(token.text, at)
            }
            Kind::Identifier | Kind::MetricIdentifier => {
                self.take();
                if self.peek().is("(") && token.kind == Kind::Identifier {
                    self.call(&token.text, at)
                } else {
                    self.selector(token.text, at)
                }
            }
            _ => self.unexpected("", ""),
        }
    }

    fn aggregate(&mut self, operator: String, at: usize) -> Result<Node, Fault> {
        let mut grouping = self.by_or_without()?;
        if !self.peek().is("(") {
            return self.unexpected("aggregation", "");
        }
        let args = self.arguments()?;
        if grouping.is_none() {
            grouping = self.by_or_without()?;
        }
        check::aggregate(&operator, &args, at)?;
        let depth = args.iter().map(|a| a.depth).max().unwrap_or_default();
        let mut args = args.into_iter().map(|a| Box::new(a.expr));
        let (first, second) = (args.next(), args.next());
        let (parameter, of) = match (first, second) {
            (Some(of), None) => (None, of),
            (parameter, Some(of)) => (parameter, of),
            (None, None) => return self.unexpected("aggregation", ""),
        };
        let (without, labels) = grouping.unwrap_or_default();
        let expr = Expr::Aggregate {
            operator,
            of,
            parameter,
            labels,
            without,
        };
        Node::new(expr, at, depth)
    }

    fn by_or_without(&mut self) -> Result<Option<(bool, Vec<String>)>, Fault> {
        let without = self.peek().is("without");
        if !without && !self.peek().is("by") {
            return Ok(None);
        }
        self.take();
        Ok(Some((without, self.grouping()?)))
    }

    fn arguments(&mut self) -> Result<Vec<Node>, Fault> {
        self.take();
        let mut args = Vec::new();
        if self.takes(")") {
            return Ok(args);
        }
        loop {
            args.push(self.binary(0)?);
            let comma = self.peek().at;
            if self.takes(")") {
                return Ok(args);
            }
            if !self.takes(",") {
                return self.unexpected("", "");
            }
            if self.peek().is(")") {
                let message = "trailing commas not allowed in function call args";
                return Err(Fault::at(comma, message));
            }
        }
    }

    fn call(&mut self, name: &str, at: usize) -> Result<Node, Fault> {
        let args = self.arguments()?;
        let Some(function) = Function::named(name) else {
            return Err(Fault::at(
                at,
                format!("unknown function with name {name:?}"),
            ));
        };
        check::call(function, &args, at)?;
        let depth = args.iter().map(|a| a.depth).max().unwrap_or_default();
        let args = args.into_iter().map(|a| a.expr).collect();
        Node::new(Expr::Call(function, args), at, depth)
    }

    fn selector(&mut self, name: String, at: usize) -> Result<Node, Fault> {
        let mut matchers = Vec::new();
        if self.takes("{") {
            self.matchers(&mut matchers)?;
        }
        check::selector(&name, &matchers, at)?;
        if !name.is_empty() {
            let own = Matcher::new(NAME, Comparison::Equal, &name);
            matchers.push(own.map_err(|e| Fault::at(at, e))?);
        }
        let selector = Selector {
            name,
            matchers,
            when: When::default(),
        };
        Node::new(Expr::Vector(selector), at, 0)
    }

    fn matchers(&mut self, matchers: &mut Vec<Matcher>) -> Result<(), Fault> {
        const CONTEXT: &str = "label matching";
        while !self.takes("}") {
            let label = self.peek().clone();
            let name = match &label.kind {
                Kind::Identifier => label.text.clone(),
                Kind::Text(text) => text.clone(),
                _ => return self.unexpected(CONTEXT, "identifier or \"}\""),
            };
            self.take();
            let comparison = match self.peek().text.as_str() {
                "=" => Comparison::Equal,
                "!=" => Comparison::NotEqual,
                "=~" => Comparison::Matches,
                "!~" => Comparison::MatchesNot,
                // A name in quotes.
                _ if label.text_quoted() && (self.peek().is(",") || self.peek().is("}")) => {
                    let named = Matcher::new(NAME, Comparison::Equal, &name);
                    matchers.push(named.map_err(|e| Fault::at(label.at, e))?);
                    self.takes(",");
                    continue;
                }
                _ => return self.unexpected(CONTEXT, "label matching operator"),
            };
            self.take();
            let Kind::Text(value) = self.peek().kind.clone() else {
                return self.unexpected(CONTEXT, "string");
            };
            let matcher = Matcher::new(&name, comparison, &value);
            self.take();
            matchers.push(matcher.map_err(|e| Fault::at(label.at, e))?);
            if !self.takes(",") && !self.peek().is("}") {
                return self.unexpected(CONTEXT, "\",\" or \"}\"");
            }
        }
        Ok(())
    }

    /// `[5m]`, or `[1h:5m]`.
    fn range(&mut self, node: Node) -> Result<Node, Fault> {
        self.take();
        let at = self.peek().at;
        let range = self.signed_duration("subquery or range selector")?;
        if range <= 0 {
            return Err(Fault::at(at, "duration must be greater than 0"));
        }
        let (start, depth) = (node.at, node.depth);
        if self.takes(":") {
            let step = if self.peek().is("]") {
                None
            } else {
                let at = self.peek().at;
                let step = self.signed_duration("subquery selector")?;
                if step <= 0 {
                    return Err(Fault::at(at, "duration must be greater than 0"));
                }
                Some(step)
            };
            if !self.takes("]") {
                return self.unexpected("subquery selector", "\"]\"");
            }
            check::subquery(&node)?;
            let expr = Expr::Subquery {
                of: Box::new(node.expr),
                range,
                step,
                when: When::default(),
            };
            return Node::new(expr, start, depth);
        }
        let end = self.peek().at;
        if !self.takes("]") {
            return self.unexpected("subquery or range", "\":\" or \"]\"");
        }
        match node.expr {
            Expr::Vector(selector) if selector.when == When::default() => {
                Node::new(Expr::Matrix(selector, range), start, depth)
            }
            Expr::Vector(selector) => {
                let what = if selector.when.at.is_some() {
                    "no @ modifiers allowed before range"
                } else {
                    "no offset modifiers allowed before range"
                };
                Err(Fault::at(end, what))
            }
            _ => {
                let message = "ranges only allowed for vector selectors";
                // The place is that of the bracket.
                let bracket = self.tokens[..self.next]
                    .iter()
                    .rev()
                    .find(|t| t.is("["))
                    .map_or(start, |t| t.at);
                Err(Fault::at(bracket, message))
            }
        }
    }

    /// A duration, or a number of seconds, in milliseconds.
    fn signed_duration(&mut self, context: &str) -> Result<i64, Fault> {
        let minus = self.peek().is("-");
        if minus || self.peek().is("+") {
            self.take();
        }
        let token = self.peek().clone();
        let millis = match token.kind {
            Kind::Duration(millis) => millis,
            Kind::Number(seconds) => number::millis(seconds)
                .ok_or_else(|| Fault::at(token.at, "duration out of range"))?,
            _ => return self.unexpected(context, "number, duration, step(), or range()"),
        };
        self.take();
        Ok(if minus { -millis } else { millis })
    }

    /// What follows `@`.
    fn moment(&mut self) -> Result<At, Fault> {
        for (word, at) in [("start", At::Start), ("end", At::End)] {
            if self.peek().is(word) {
                self.take();
                if !(self.takes("(") && self.takes(")")) {
                    return self.unexpected("@", "timestamp");
                }
                return Ok(at);
            }
        }
        let minus = self.peek().is("-");
        if minus || self.peek().is("+") {
            self.take();
        }
        let token = self.peek().clone();
        let Kind::Number(seconds) = token.kind else {
            return self.unexpected("@", "timestamp");
        };
        self.take();
        let seconds = if minus { -seconds } else { seconds };
        let millis = number::millis(seconds).ok_or_else(|| {
            let message = format!("timestamp out of bounds for @ modifier: {seconds:.6}");
            Fault::at(token.at, message)
        })?;
        Ok(At::Time(millis))
    }
}

impl Token {
    /// Whether it is a text in quotes.
    fn text_quoted(&self) -> bool {
        self.text.starts_with(['"', '\'', '`'])
    }
}

/// Moves an expression to another time.
fn when(
    mut node: Node,
    set: impl FnOnce(&mut When) -> Result<(), &'static str>,
    word: &str,
) -> Result<Node, Fault> {
    let at = node.at;
    let set = match &mut node.expr {
        Expr::Vector(selector) | Expr::Matrix(selector, _) => set(&mut selector.when),
        Expr::Subquery { when, .. } => set(when),
        _ => {
            let message = format!(
                "{word} modifier must be preceded by an instant vector selector or range vector selector or a subquery"
            );
            return Err(Fault::at(at, message));
        }
    };
    set.map_err(|message| Fault::at(at, message))?;
    Ok(node)
}

/// How strongly an operator binds.
fn strength(operator: &str) -> u8 {
    match operator {
        "or" => 1,
        "and" | "unless" => 2,
        o if compares(o) => 3,
        "+" | "-" => 4,
        "*" | "/" | "%" | "atan2" => 5,
        "^" => 6,
        o if of_sets(o) => 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sandbox::prometheus::{promql::evaluate::Engine, storage::Storage};

    #[test]
    fn depth_is_bounded_whatever_makes_it() {
        for text in [
            format!("{}1{}", "(".repeat(5000), ")".repeat(5000)),
            format!("{}1", "-".repeat(5000)),
            format!("1{}", "+1".repeat(5000)),
            format!("1{}", "^1".repeat(5000)),
            format!("{}up{}", "sum(".repeat(5000), ")".repeat(5000)),
        ] {
            let fault = parse(&text).unwrap_err();
            assert_eq!(fault.message, "expression is nested too deeply");
        }
        assert!(parse(&format!("1{}", "+1".repeat(80))).is_ok());
    }

    /// Pieces of queries, in any order.
    fn pieces() -> impl Strategy<Value = String> {
        let piece = prop::sample::select(vec![
            "up",
            "sum",
            "(",
            ")",
            "{",
            "}",
            "[",
            "]",
            "5m",
            "1",
            "by",
            "without",
            "on",
            "ignoring",
            "group_left",
            "bool",
            "offset",
            "@",
            "start()",
            "rate",
            "topk",
            ",",
            "=",
            "=~",
            "!=",
            "\"a(\"",
            "'b'",
            "+",
            "-",
            "^",
            "and",
            "or",
            "unless",
            "==",
            ">",
            ":",
            "time",
            "absent",
            "histogram_quantile",
            "label_replace",
            "1e",
            "0x",
            "\\",
            "é",
            "#",
            "\n",
            "count_values",
        ]);
        prop::collection::vec(piece, 0..25).prop_map(|all| all.join(" "))
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".{0,60}") {
            let _ = parse(&text).map_err(|fault| fault.told(&text));
        }

        #[test]
        fn no_query_makes_it_panic(text in pieces()) {
            if let Ok(expr) = parse(&text) {
                let storage = Storage::default();
                let _ = Engine::new(&storage, 300_000, 60_000).instant(&expr, 1_000_000);
            }
        }
    }
}
