//! The grammar of label selectors, with its faults as an API server words them.
//! <https://github.com/kubernetes/apimachinery/blob/master/pkg/labels/selector.go> (`Parser`)

use serde_json::json;

use super::{Requirement, Test};
use crate::sandbox::{names, status::Cause};

/// The operators between a key and its values, as faults list them.
const OPERATORS: &str = "in, notin, =, ==, !=, gt, lt";
/// What is said of a limit that is no number.
const NO_NUMBER: &str = "for 'Gt', 'Lt' operators, the value must be an integer";

/// Reads `a=b,c!=d,e in (f,g),h notin (i),j,!k,l>1`.
pub(super) fn parse(text: &str) -> Result<Vec<Requirement>, String> {
    let mut parser = Parser {
        rest: tokens(text).into_iter().peekable(),
    };
    let mut all = Vec::new();
    loop {
        match parser.peek() {
            "" => return Ok(all),
            token if token == "!" || is_word(token) => {}
            token => {
                return Err(format!(
                    "found '{token}', expected: !, identifier, or 'end of string'"
                ));
            }
        }
        let requirement = parser.requirement();
        all.push(requirement.map_err(|e| format!("unable to parse requirement: {e}"))?);
        match parser.next() {
            "" => return Ok(all),
            "," => {
                let after = parser.peek();
                if after != "!" && !is_word(after) {
                    return Err(format!("found '{after}', expected: identifier after ','"));
                }
            }
            token => {
                return Err(format!("found '{token}', expected: ',' or 'end of string'"));
            }
        }
    }
}

struct Parser<'a> {
    rest: std::iter::Peekable<std::vec::IntoIter<&'a str>>,
}

impl<'a> Parser<'a> {
    /// The next token; empty at the end.
    fn peek(&mut self) -> &'a str {
        self.rest.peek().copied().unwrap_or_default()
    }

    fn next(&mut self) -> &'a str {
        self.rest.next().unwrap_or_default()
    }

    fn requirement(&mut self) -> Result<Requirement, String> {
        let absent = self.peek() == "!";
        if absent {
            self.next();
        }
        let key = self.next();
        if !is_word(key) {
            return Err(format!("found '{key}', expected: identifier"));
        }
        let problems = names::qualified_problems(key);
        let problems = problems.iter().map(|p| told("<nil>", key, p));
        refused(&problems.collect::<Vec<_>>())?;
        let test = if absent {
            Test::Absent
        } else if matches!(self.peek(), "" | ",") {
            Test::Exists
        } else {
            self.test(key)?
        };
        Ok(Requirement {
            key: key.to_owned(),
            test,
        })
    }

    /// An operator, and what it compares with.
    fn test(&mut self, key: &str) -> Result<Test, String> {
        let operator = self.next();
        let values = match operator {
            "in" | "notin" => self.values()?,
            "=" | "==" | "!=" | ">" | "<" => vec![self.value()?],
            other => return Err(format!("found '{other}', expected: {OPERATORS}")),
        };
        let limit = || {
            let value = values.first().map_or("", String::as_str);
            let number = value.parse::<i64>();
            number.map_err(|_| told("values[0]", value, NO_NUMBER))
        };
        let test = match operator {
            ">" => Test::Above(limit()?),
            "<" => Test::Below(limit()?),
            "in" | "=" | "==" => Test::In(values.clone()),
            _ => Test::NotIn(values.clone()),
        };
        let problems = values.iter().enumerate().filter_map(|(i, value)| {
            let problem = names::label_value_problem(value)?;
            Some(told(&format!("values[{i}][{key}]"), value, problem))
        });
        refused(&problems.collect::<Vec<_>>())?;
        Ok(test)
    }

    fn value(&mut self) -> Result<String, String> {
        if matches!(self.peek(), "" | ",") {
            return Ok(String::new());
        }
        match self.next() {
            value if is_word(value) => Ok(value.to_owned()),
            other => Err(format!("found '{other}', expected: identifier")),
        }
    }

    /// `(a, b)`: an empty place is an empty value.
    fn values(&mut self) -> Result<Vec<String>, String> {
        let open = self.next();
        if open != "(" {
            return Err(format!("found '{open}' expected: '('"));
        }
        let mut all = Vec::new();
        let mut expects_value = true;
        loop {
            match self.next() {
                ")" => {
                    if expects_value {
                        all.push(String::new());
                    }
                    all.sort_unstable();
                    all.dedup();
                    return Ok(all);
                }
                "," => {
                    if expects_value {
                        all.push(String::new());
                    }
                    expects_value = true;
                }
                value if is_word(value) && expects_value => {
                    all.push(value.to_owned());
                    expects_value = false;
                }
                other if expects_value => {
                    return Err(format!("found '{other}', expected: ',', or identifier"));
                }
                other => return Err(format!("found '{other}', expected: ',' or ')'")),
            }
        }
    }
}

fn told(field: &str, value: &str, problem: &str) -> String {
    let cause = Cause::invalid(field, &json!(value), problem);
    format!("{}: {}", cause.field, cause.message)
}

fn refused(problems: &[String]) -> Result<(), String> {
    match problems {
        [] => Ok(()),
        [one] => Err(one.clone()),
        all => Err(format!("[{}]", all.join(", "))),
    }
}

fn is_special(c: char) -> bool {
    matches!(c, '=' | '!' | '(' | ')' | ',' | '>' | '<')
}

fn is_word(token: &str) -> bool {
    !token.is_empty() && !token.contains(is_special)
}

/// Words, and signs of one character or of two.
fn tokens(text: &str) -> Vec<&str> {
    let mut all = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = if matches!(rest.get(..2), Some("==" | "!=")) {
            2
        } else if is_special(first) {
            1
        } else {
            let ends = |c: char| is_special(c) || c.is_whitespace();
            rest.find(ends).unwrap_or(rest.len())
        };
        let (token, after) = rest.split_at(length);
        all.push(token);
        rest = after.trim_start();
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_told_where_they_are() {
        for (text, why) in [
            (
                "=b",
                "found '=', expected: !, identifier, or 'end of string'",
            ),
            ("a=b,", "found '', expected: identifier after ','"),
            ("!a=b", "found '=', expected: ',' or 'end of string'"),
            (
                "a in b",
                "unable to parse requirement: found 'b' expected: '('",
            ),
            (
                "a in (b",
                "unable to parse requirement: found '', expected: ',' or ')'",
            ),
            (
                "a b",
                "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt",
            ),
        ] {
            assert_eq!(parse(text).unwrap_err(), why, "{text}");
        }
        assert_eq!(parse("a notin (b,),c").unwrap().len(), 2);
    }
}
