//! What is wrong with a text that is no JSON, in the words of Go's reader.
//! <https://github.com/golang/go/blob/master/src/encoding/json/scanner.go>

/// The deepest that values lie in each other, as Go's reader has it.
const DEEPEST: usize = 10_000;

/// What is wrong; nothing if it is JSON.
#[must_use]
pub fn problem(text: &[u8]) -> Option<String> {
    let mut reader = Scanner { text, at: 0 };
    let scanned = reader.value(0).and_then(|()| match reader.after_spaces() {
        None => Ok(()),
        Some(c) => Err(Some(unexpected(c, "after top-level value"))),
    });
    let end = || "unexpected end of JSON input".to_owned();
    scanned.err().map(|told| told.unwrap_or_else(end))
}

/// What is wrong; without words where the text ends too early.
type Fault = Option<String>;

struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
}

impl Scanner<'_> {
    fn next(&mut self) -> Result<u8, Fault> {
        let c = self.text.get(self.at).copied().ok_or(None)?;
        self.at += 1;
        Ok(c)
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    /// The next character that is no space, which stays.
    fn after_spaces(&mut self) -> Option<u8> {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
        self.peek()
    }

    fn value(&mut self, depth: usize) -> Result<(), Fault> {
        if depth > DEEPEST {
            return Err(Some("exceeded max depth".to_owned()));
        }
        self.after_spaces();
        match self.next()? {
            b'{' => self.object(depth),
            b'[' => self.list(depth),
            b'"' => self.string(),
            b't' => self.literal("true"),
            b'f' => self.literal("false"),
            b'n' => self.literal("null"),
            c @ (b'-' | b'0'..=b'9') => self.number(c),
            c => Err(Some(unexpected(c, "looking for beginning of value"))),
        }
    }

    fn object(&mut self, depth: usize) -> Result<(), Fault> {
        const KEY: &str = "looking for beginning of object key string";
        if self.after_spaces() == Some(b'}') {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.after_spaces();
            match self.next()? {
                b'"' => self.string()?,
                c => return Err(Some(unexpected(c, KEY))),
            }
            self.after_spaces();
            match self.next()? {
                b':' => {}
                c => return Err(Some(unexpected(c, "after object key"))),
            }
            self.value(depth + 1)?;
            self.after_spaces();
            match self.next()? {
                b',' => {}
                b'}' => return Ok(()),
                c => return Err(Some(unexpected(c, "after object key:value pair"))),
            }
        }
    }

    fn list(&mut self, depth: usize) -> Result<(), Fault> {
        if self.after_spaces() == Some(b']') {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.value(depth + 1)?;
            self.after_spaces();
            match self.next()? {
                b',' => {}
                b']' => return Ok(()),
                c => return Err(Some(unexpected(c, "after array element"))),
            }
        }
    }

    fn string(&mut self) -> Result<(), Fault> {
        loop {
            match self.next()? {
                b'"' => return Ok(()),
                b'\\' => match self.next()? {
                    b'b' | b'f' | b'n' | b'r' | b't' | b'\\' | b'/' | b'"' => {}
                    b'u' => {
                        for _ in 0..4 {
                            let c = self.next()?;
                            if !c.is_ascii_hexdigit() {
                                let place = "in \\u hexadecimal character escape";
                                return Err(Some(unexpected(c, place)));
                            }
                        }
                    }
                    c => return Err(Some(unexpected(c, "in string escape code"))),
                },
                c if c < 0x20 => return Err(Some(unexpected(c, "in string literal"))),
                _ => {}
            }
        }
    }

    fn literal(&mut self, word: &str) -> Result<(), Fault> {
        for expected in word.bytes().skip(1) {
            let c = self.next()?;
            if c != expected {
                let place = format!("in literal {word} (expecting '{}')", char::from(expected));
                return Err(Some(unexpected(c, &place)));
            }
        }
        Ok(())
    }

    fn number(&mut self, first: u8) -> Result<(), Fault> {
        let first = if first == b'-' {
            self.digit("in numeric literal")?
        } else {
            first
        };
        if first != b'0' {
            self.digits();
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digit("after decimal point in numeric literal")?;
            self.digits();
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digit("in exponent of numeric literal")?;
            self.digits();
        }
        Ok(())
    }

    fn digit(&mut self, place: &str) -> Result<u8, Fault> {
        match self.next()? {
            c @ b'0'..=b'9' => Ok(c),
            c => Err(Some(unexpected(c, place))),
        }
    }

    fn digits(&mut self) {
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
    }
}

fn unexpected(c: u8, place: &str) -> String {
    let shown = match c {
        b'\'' => "'\\''".to_owned(),
        b'"' => "'\"'".to_owned(),
        b'\\' => "'\\\\'".to_owned(),
        b'\n' => "'\\n'".to_owned(),
        b'\r' => "'\\r'".to_owned(),
        b'\t' => "'\\t'".to_owned(),
        0..=0x1f | 0x7f => format!("'\\x{c:02x}'"),
        c => format!("'{}'", char::from(c)),
    };
    format!("invalid character {shown} {place}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_worded_as_go_words_them() {
        for (text, why) in [
            ("{", "unexpected end of JSON input"),
            (
                "nonsense",
                "invalid character 'o' in literal null (expecting 'u')",
            ),
            (
                "{'a'",
                "invalid character '\\'' looking for beginning of object key string",
            ),
            ("{} x", "invalid character 'x' after top-level value"),
            ("[1 2]", "invalid character '2' after array element"),
            ("{\"a\" 1}", "invalid character '1' after object key"),
            ("-x", "invalid character 'x' in numeric literal"),
        ] {
            assert_eq!(problem(text.as_bytes()).as_deref(), Some(why), "{text}");
        }
        assert_eq!(problem(br#" {"a": [1.5e3, "\u00e9", true, null]} "#), None);
    }
}
