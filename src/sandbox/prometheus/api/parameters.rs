//! What a request asks for: names and values of a query or a form.

use crate::sandbox::prometheus::number;

/// Names and values, in their order.
#[derive(Debug, Clone, Default)]
pub struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// From a query and the body of a form.
    #[must_use]
    pub fn parse(query: &str, form: &str) -> Self {
        let parts = form.split('&').chain(query.split('&'));
        let pairs = parts.filter(|part| !part.is_empty()).map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            (decoded(name), decoded(value))
        });
        Self(pairs.collect())
    }

    /// The first value of a name; empty where there is none.
    #[must_use]
    pub fn get(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(own, _)| own == name);
        found.map_or("", |(_, value)| value.as_str())
    }

    /// All values of a name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let is = move |pair: &&(String, String)| pair.0 == name;
        self.0.iter().filter(is).map(|(_, value)| value.as_str())
    }

    /// A time in milliseconds, or `otherwise`.
    pub fn time(&self, name: &str, otherwise: i64) -> Result<i64, String> {
        let text = self.get(name);
        if text.is_empty() {
            return Ok(otherwise);
        }
        time(text).ok_or_else(|| {
            format!(
                "invalid parameter \"{name}\": invalid time value for '{name}': cannot parse \"{text}\" to a valid timestamp"
            )
        })
    }

    /// A time in milliseconds that has to be there.
    pub fn needed_time(&self, name: &str) -> Result<i64, String> {
        let text = self.get(name);
        time(text).ok_or_else(|| {
            format!("invalid parameter \"{name}\": cannot parse \"{text}\" to a valid timestamp")
        })
    }

    /// A duration in milliseconds.
    pub fn duration(&self, name: &str) -> Result<i64, String> {
        let text = self.get(name);
        let seconds = text.parse::<f64>().ok().filter(|s| s.is_finite());
        let found = match seconds {
            Some(seconds) => number::millis(seconds),
            None => number::duration(text),
        };
        found.ok_or_else(|| {
            format!("invalid parameter \"{name}\": cannot parse \"{text}\" to a valid duration")
        })
    }
}

/// Seconds since 1970, or RFC 3339.
fn time(text: &str) -> Option<i64> {
    match text.parse::<f64>() {
        Ok(seconds) => number::millis(seconds),
        Err(_) => text
            .parse::<jiff::Timestamp>()
            .ok()
            .map(jiff::Timestamp::as_millisecond),
    }
}

fn decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                let rest = bytes.clone();
                let code: Vec<u8> = rest.take(2).collect();
                let hex = std::str::from_utf8(&code)
                    .ok()
                    .filter(|h| h.len() == 2 && h.bytes().all(|b| b.is_ascii_hexdigit()));
                match hex.and_then(|h| u8::from_str_radix(h, 16).ok()) {
                    Some(value) => {
                        out.push(value);
                        bytes.nth(1);
                    }
                    None => out.push(byte),
                }
            }
            byte => out.push(byte),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read_from_query_and_form() {
        let parameters = Parameters::parse("a=1+2&m%5B%5D=x", "m[]=y%7B&time=1.5&bad=%zz");
        assert_eq!(parameters.get("a"), "1 2");
        assert_eq!(parameters.all("m[]").collect::<Vec<_>>(), ["y{", "x"]);
        assert_eq!(parameters.time("time", 0), Ok(1500));
        assert_eq!(parameters.time("none", 7), Ok(7));
        assert_eq!(parameters.get("bad"), "%zz");
        assert!(parameters.time("a", 0).is_err());
        assert_eq!(
            Parameters::parse("step=1m", "").duration("step"),
            Ok(60_000)
        );
    }
}
