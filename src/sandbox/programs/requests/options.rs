//! What is written behind the name of curl or wget.

use std::time::Duration;

/// The options of a program that take a value.
pub(super) struct Knows {
    short: &'static str,
    long: &'static [&'static str],
}

pub(super) const CURL: Knows = Knows {
    short: "oHXdmwuAeTbF",
    long: &[
        "output",
        "header",
        "request",
        "data",
        "data-raw",
        "json",
        "max-time",
        "connect-timeout",
        "write-out",
        "user",
        "user-agent",
        "retry",
        "retry-delay",
        "resolve",
        "connect-to",
        "cacert",
    ],
};
pub(super) const WGET: Knows = Knows {
    short: "OTtUPY",
    long: &[
        "header",
        "post-data",
        "output-document",
        "timeout",
        "tries",
        "user-agent",
    ],
};

/// What was written behind a program's name.
#[derive(Debug, Default)]
pub(super) struct Options {
    /// Each with its value, empty where it takes none; long ones by their whole name, short ones by their letter.
    given: Vec<(String, String)>,
    /// What is no option.
    pub(super) urls: Vec<String>,
}

impl Options {
    /// Words after the first.
    pub(super) fn of(words: &[String], knows: &Knows) -> Self {
        let mut options = Self::default();
        let mut rest = words.iter().skip(1);
        while let Some(word) = rest.next() {
            if let Some(long) = word.strip_prefix("--") {
                let (name, value) = long.split_once('=').unwrap_or((long, ""));
                let takes = value.is_empty() && knows.long.contains(&name);
                let next = if takes { rest.next().cloned() } else { None };
                let value = next.unwrap_or_else(|| value.to_owned());
                options.given.push((name.to_owned(), value));
            } else if let Some(letters) = word.strip_prefix('-').filter(|l| !l.is_empty()) {
                options.letters(letters, knows, &mut rest);
            } else {
                options.urls.push(word.clone());
            }
        }
        options
    }

    /// `-sSo FILE`, `-qO-`: the first that takes a value takes what follows.
    fn letters<'a>(
        &mut self,
        letters: &str,
        knows: &Knows,
        rest: &mut impl Iterator<Item = &'a String>,
    ) {
        for (at, letter) in letters.char_indices() {
            if !knows.short.contains(letter) {
                self.given.push((letter.to_string(), String::new()));
                continue;
            }
            let after = &letters[at + letter.len_utf8()..];
            let value = if after.is_empty() {
                rest.next().cloned().unwrap_or_default()
            } else {
                after.to_owned()
            };
            self.given.push((letter.to_string(), value));
            return;
        }
    }

    /// The value of the last of these options; empty where it takes none.
    pub(super) fn value(&self, names: &[&str]) -> Option<&str> {
        let found = self.given.iter().rev();
        let mut found = found.filter(|(name, _)| names.contains(&name.as_str()));
        found.next().map(|(_, value)| value.as_str())
    }

    pub(super) fn has(&self, names: &[&str]) -> bool {
        self.value(names).is_some()
    }

    pub(super) fn seconds(&self, names: &[&str]) -> Option<Duration> {
        let seconds: f64 = self.value(names)?.parse().ok()?;
        Duration::try_from_secs_f64(seconds)
            .ok()
            .filter(|d| !d.is_zero())
    }

    pub(super) fn method(&self, name: &str) -> &str {
        let posts = self.has(&["d", "data", "data-raw", "json", "post-data", "F"]);
        let head = name == "curl" && self.has(&["I", "head"]);
        match self.value(&["X", "request"]) {
            Some(method) if name == "curl" => method,
            _ if head => "HEAD",
            _ if posts => "POST",
            _ => "GET",
        }
    }
}

/// What is asked for.
pub(super) struct Url {
    whole: String,
    pub(super) secure: bool,
    pub(super) host: String,
    pub(super) port: u16,
    /// From the root on, with the query.
    pub(super) path: String,
}

impl Url {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
        let secure = scheme.eq_ignore_ascii_case("https");
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let usual = if secure { 443 } else { 80 };
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) => (host, port.parse().ok()?),
            None => (authority, usual),
        };
        let slash = if path.starts_with('/') { "" } else { "/" };
        let path = format!("{slash}{path}");
        (!host.is_empty()).then(|| Self {
            whole: text.to_owned(),
            secure,
            host: host.to_owned(),
            port,
            path: path.split('#').next().unwrap_or_default().to_owned(),
        })
    }

    /// The port, where it is written.
    pub(super) fn shown_port(&self) -> String {
        let written = self.whole.contains(&format!("{}:{}", self.host, self.port));
        if written {
            format!(":{}", self.port)
        } else {
            String::new()
        }
    }
}
