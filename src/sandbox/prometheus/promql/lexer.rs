//! PromQL's words.

use super::Fault;
use crate::sandbox::prometheus::number;

/// What a word is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Identifier,
    /// An identifier with colons, as recording rules have.
    MetricIdentifier,
    Number(f64),
    /// In milliseconds.
    Duration(i64),
    /// Unquoted.
    Text(String),
    /// `and`, `by`, `sum`: in lower case.
    Keyword,
    Aggregator,
    /// `+`, `==`, `and`.
    Operator,
    /// `(`, `{`, `,`, `=~` in braces.
    Sign,
    End,
    /// What can't be read; nothing follows.
    Error(String),
}

/// A word, and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    /// As it is written; keywords and operators in lower case.
    pub(super) text: String,
    /// From which byte on.
    pub(super) at: usize,
}

impl Token {
    pub(super) fn is(&self, text: &str) -> bool {
        !matches!(self.kind, Kind::Text(_)) && self.text == text
    }

    /// As errors name it.
    pub(super) fn named(&self) -> String {
        let short = |text: &str| {
            if text.chars().count() > 10 {
                let start: String = text.chars().take(10).collect();
                format!("{start:?}...")
            } else {
                format!("{text:?}")
            }
        };
        match &self.kind {
            Kind::Identifier => format!("identifier {:?}", self.text),
            Kind::MetricIdentifier => format!("metric identifier {:?}", self.text),
            Kind::Number(_) => format!("number {}", short(&self.text)),
            Kind::Duration(_) => format!("duration {}", short(&self.text)),
            Kind::Text(_) => format!("string {}", short(&self.text)),
            Kind::Keyword => format!("<{}>", self.text),
            Kind::Aggregator => format!("<aggr:{}>", self.text),
            Kind::Operator => format!("<op:{}>", self.text),
            Kind::Sign => short(&self.text),
            Kind::End => "end of input".to_owned(),
            Kind::Error(message) => message.clone(),
        }
    }
}

const KEYWORDS: [&str; 9] = [
    "offset",
    "by",
    "without",
    "on",
    "ignoring",
    "group_left",
    "group_right",
    "bool",
    "@",
];

const AGGREGATORS: [&str; 12] = [
    "sum",
    "avg",
    "count",
    "min",
    "max",
    "group",
    "stddev",
    "stdvar",
    "topk",
    "bottomk",
    "count_values",
    "quantile",
];

/// The words of a text; the last one is its end or an error.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let mut lexer = Lexer {
        text,
        at: 0,
        braces: false,
        brackets: false,
        parentheses: 0,
    };
    let mut all = Vec::new();
    loop {
        lexer.skip();
        let at = lexer.at;
        let (kind, text) = match lexer.next() {
            Ok(next) => next,
            Err(fault) => {
                all.push(Token {
                    kind: Kind::Error(fault.message),
                    text: String::new(),
                    at: fault.at.unwrap_or(at),
                });
                return all;
            }
        };
        let last = kind == Kind::End;
        all.push(Token { kind, text, at });
        if last {
            return all;
        }
    }
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    braces: bool,
    brackets: bool,
    parentheses: usize,
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    /// Passes over white space and comments.
    fn skip(&mut self) {
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start_matches([' ', '\t', '\n', '\r']);
            let spaces = rest.len() - trimmed.len();
            let comment = if trimmed.starts_with('#') {
                trimmed.find(['\n', '\r']).unwrap_or(trimmed.len())
            } else {
                0
            };
            if spaces + comment == 0 {
                return;
            }
            self.at += spaces + comment;
        }
    }

    fn fault<T>(&self, message: String) -> Result<T, Fault> {
        Err(Fault::at(self.at, message))
    }

    fn take(&mut self, kind: Kind, length: usize) -> (Kind, String) {
        let text = self.rest()[..length].to_owned();
        self.at += length;
        (kind, text)
    }

    fn next(&mut self) -> Result<(Kind, String), Fault> {
        let Some(first) = self.rest().chars().next() else {
            return self.end();
        };
        if self.braces {
            return self.inside_braces(first);
        }
        let two: String = self.rest().chars().take(2).collect();
        match two.as_str() {
            "==" | "!=" | "<=" | ">=" | "=~" | "!~" => return Ok(self.take(Kind::Operator, 2)),
            _ => {}
        }
        match first {
            '+' | '-' | '*' | '/' | '%' | '^' | '<' | '>' | '=' => Ok(self.take(Kind::Operator, 1)),
            '!' => {
                let next = two.chars().nth(1).unwrap_or(char::REPLACEMENT_CHARACTER);
                self.fault(format!("unexpected character after '!': '{next}'"))
            }
            ',' => Ok(self.take(Kind::Sign, 1)),
            '@' => Ok(self.take(Kind::Keyword, 1)),
            '{' => {
                self.braces = true;
                Ok(self.take(Kind::Sign, 1))
            }
            '(' => {
                self.parentheses += 1;
                Ok(self.take(Kind::Sign, 1))
            }
            ')' => {
                if self.parentheses == 0 {
                    self.at += 1;
                    return self.fault("unexpected right parenthesis ')'".to_owned());
                }
                self.parentheses -= 1;
                Ok(self.take(Kind::Sign, 1))
            }
            '[' => {
                if self.brackets {
                    return self.fault("unexpected left bracket '['".to_owned());
                }
                self.brackets = true;
                Ok(self.take(Kind::Sign, 1))
            }
            ']' => {
                if !self.brackets {
                    return self.fault("unexpected right bracket ']'".to_owned());
                }
                self.brackets = false;
                Ok(self.take(Kind::Sign, 1))
            }
            ':' if self.brackets => Ok(self.take(Kind::Sign, 1)),
            '"' | '\'' | '`' => self.string(first),
            '.' | '0'..='9' => self.number(),
            c if c.is_ascii_alphabetic() || c == '_' || c == ':' => Ok(self.word()),
            c => self.fault(format!("unexpected character: '{c}'")),
        }
    }

    fn end(&self) -> Result<(Kind, String), Fault> {
        let why = if self.braces {
            "unexpected end of input inside braces"
        } else if self.parentheses > 0 {
            "unclosed left parenthesis"
        } else if self.brackets {
            "unclosed left bracket"
        } else {
            return Ok((Kind::End, String::new()));
        };
        self.fault(why.to_owned())
    }

    fn inside_braces(&mut self, first: char) -> Result<(Kind, String), Fault> {
        let second = self.rest().chars().nth(1);
        match (first, second) {
            ('}', _) => {
                self.braces = false;
                Ok(self.take(Kind::Sign, 1))
            }
            ('=', Some('~')) | ('!', Some('=' | '~')) => Ok(self.take(Kind::Sign, 2)),
            (',' | '=', _) => Ok(self.take(Kind::Sign, 1)),
            ('!', next) => {
                let next = next.unwrap_or(char::REPLACEMENT_CHARACTER);
                self.fault(format!(
                    "unexpected character after '!' inside braces: '{next}'"
                ))
            }
            ('{', _) => self.fault("unexpected left brace '{'".to_owned()),
            ('"' | '\'' | '`', _) => self.string(first),
            (c, _) if c.is_ascii_alphabetic() || c == '_' => {
                let rest = self.rest();
                let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
                let end = end.unwrap_or(rest.len());
                Ok(self.take(Kind::Identifier, end))
            }
            (c, _) => self.fault(format!("unexpected character inside braces: '{c}'")),
        }
    }

    fn word(&mut self) -> (Kind, String) {
        let rest = self.rest();
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':'));
        let word = &rest[..end.unwrap_or(rest.len())];
        let (length, lower) = (word.len(), word.to_ascii_lowercase());
        let known = match lower.as_str() {
            "and" | "or" | "unless" | "atan2" => Kind::Operator,
            "inf" | "nan" => Kind::Number(number::read(&lower).unwrap_or_default()),
            w if KEYWORDS.contains(&w) => Kind::Keyword,
            w if AGGREGATORS.contains(&w) => Kind::Aggregator,
            _ if word.contains(':') => return self.take(Kind::MetricIdentifier, length),
            _ => return self.take(Kind::Identifier, length),
        };
        self.at += length;
        (known, lower)
    }

    /// A number or a duration: `1.5e3`, `0x1f`, `1h30m`.
    fn number(&mut self) -> Result<(Kind, String), Fault> {
        let rest = self.rest();
        let wordy = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
        let mut end = rest.find(|c: char| !wordy(c)).unwrap_or(rest.len());
        let hex = rest.starts_with("0x") || rest.starts_with("0X");
        // An exponent may have a sign.
        if !hex
            && rest[..end].ends_with(['e', 'E'])
            && rest[end..].starts_with(['+', '-'])
            && rest[..end - 1]
                .chars()
                .all(|c| c.is_ascii_digit() || c == '.')
        {
            let more = rest[end + 1..].find(|c: char| !c.is_ascii_digit());
            end += 1 + more.unwrap_or(rest.len() - end - 1);
        }
        let word = &rest[..end];
        if let Some(millis) = number::duration(word).filter(|_| word != "0") {
            return Ok(self.take(Kind::Duration(millis), end));
        }
        if let Some(value) = number::read(word) {
            return Ok(self.take(Kind::Number(value), end));
        }
        if hex && word.len() == 2 {
            let why = format!("strconv.ParseFloat: parsing {word:?}: invalid syntax");
            return self.fault(format!("error parsing number: {why}"));
        }
        let good = word.find(|c: char| !(c.is_ascii_digit() || c == '.'));
        let mut shown = &word[..good.unwrap_or(word.len())];
        let mut points = shown.match_indices('.').map(|(at, _)| at);
        if let (Some(_), Some(second)) = (points.next(), points.next()) {
            shown = &shown[..=second];
        }
        let message = format!("bad number or duration syntax: {shown:?}");
        self.fault(message)
    }

    fn string(&mut self, quote: char) -> Result<(Kind, String), Fault> {
        let start = self.at;
        let mut out = String::new();
        let mut chars = self.text[start + 1..].char_indices();
        while let Some((offset, c)) = chars.next() {
            match c {
                c if c == quote => {
                    let length = offset + 2;
                    let (_, text) = self.take(Kind::End, length);
                    return Ok((Kind::Text(out), text));
                }
                '\n' if quote != '`' => break,
                '\\' if quote != '`' => {
                    let Some(c) = escape(&mut chars, quote) else {
                        return self.fault("unknown escape sequence".to_owned());
                    };
                    out.push(c);
                }
                c => out.push(c),
            }
        }
        let what = if quote == '`' {
            "unterminated raw string"
        } else {
            "unterminated quoted string"
        };
        self.fault(what.to_owned())
    }
}

/// What follows a backslash.
fn escape(chars: &mut std::str::CharIndices<'_>, quote: char) -> Option<char> {
    let (_, c) = chars.next()?;
    let digits = |chars: &mut std::str::CharIndices<'_>, first: &str, count: usize, radix: u32| {
        let rest: String = chars.by_ref().take(count).map(|(_, c)| c).collect();
        let code = u32::from_str_radix(&format!("{first}{rest}"), radix).ok()?;
        char::from_u32(code)
    };
    Some(match c {
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        'a' => '\u{7}',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'v' => '\u{b}',
        '\\' => '\\',
        'x' => digits(chars, "", 2, 16)?,
        'u' => digits(chars, "", 4, 16)?,
        'U' => digits(chars, "", 8, 16)?,
        '0'..='7' => digits(chars, &c.to_string(), 2, 8)?,
        c if c == quote => c,
        _ => return None,
    })
}
