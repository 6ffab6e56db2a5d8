//! What programs say that ask others over HTTP: curl, and the wget of busybox.
//! <https://curl.se/docs/manpage.html>, <https://busybox.net/downloads/BusyBox.html#wget>

use std::time::Duration;

/// A request of a program.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// `GET`, `POST`.
    pub method: &'a str,
    /// The host of the URL, without its port.
    pub host: &'a str,
    /// The port.
    pub port: u16,
    /// The path, from the root on, with the query.
    pub path: &'a str,
    /// Whether it is to go over TLS.
    pub secure: bool,
}

/// What comes of a request; where there is an address, it was found for the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Came {
    /// An answer.
    Page {
        /// The address that answered.
        ip: String,
        /// The status.
        status: u16,
        /// The type of the body.
        kind: String,
        /// The body.
        body: String,
    },
    /// There is no such host.
    NoHost,
    /// Nobody listens there.
    Refused(String),
    /// Nothing comes back.
    Silent(String),
    /// It speaks no TLS there.
    NoTls(String),
    /// Its certificate is of no known authority.
    Untrusted(String),
}

/// What a program in a Pod can reach.
pub trait Network {
    /// Asks.
    fn ask(&self, asked: &Asked<'_>) -> Came;
}

/// What a request leaves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Said {
    /// How long it takes.
    pub(super) took: Duration,
    /// What is said on the standard output.
    pub(super) out: String,
    /// What is said on the standard error.
    pub(super) err: Vec<String>,
    /// The file that is written.
    pub(super) file: Option<String>,
    /// The exit code.
    pub(super) code: i64,
}

/// How long an answer takes.
const ANSWER: Duration = Duration::from_millis(10);
/// How long a connection is tried that nobody answers: Linux gives up after six more tries.
const PATIENCE: Duration = Duration::from_secs(135);

/// Runs `curl` or `wget` with these words, the first of which is its name.
pub(super) fn run(words: &[String], network: &dyn Network) -> Said {
    let name = words
        .first()
        .map_or("", |w| w.rsplit('/').next().unwrap_or_default());
    let options = Options::of(words, if name == "wget" { &WGET } else { &CURL });
    let Some(url) = options.urls.first().and_then(|url| Url::parse(url)) else {
        return without_url(name);
    };
    let asked = Asked {
        method: options.method(name),
        host: &url.host,
        port: url.port,
        path: &url.path,
        secure: url.secure,
    };
    let came = network.ask(&asked);
    if name == "wget" {
        wget(&options, &url, &came)
    } else {
        curl(&options, &url, &came)
    }
}

fn without_url(name: &str) -> Said {
    let (code, lines): (i64, &[&str]) = if name == "wget" {
        (
            1,
            &[
                "BusyBox v1.37.0 multi-call binary.",
                "",
                "Usage: wget [-cqS] [--spider] [-O FILE] [-T SEC] URL...",
            ],
        )
    } else {
        (
            2,
            &[
                "curl: (2) no URL specified",
                "curl: try 'curl --help' or 'curl --manual' for more information",
            ],
        )
    };
    Said {
        err: lines.iter().map(ToString::to_string).collect(),
        code,
        ..Said::default()
    }
}

/// The options of a program that take a value.
struct Knows {
    short: &'static str,
    long: &'static [&'static str],
}

const CURL: Knows = Knows {
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
const WGET: Knows = Knows {
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
struct Options {
    /// Each with its value, empty where it takes none; long ones by their whole name, short ones by their letter.
    given: Vec<(String, String)>,
    urls: Vec<String>,
}

impl Options {
    fn of(words: &[String], knows: &Knows) -> Self {
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

    fn value(&self, names: &[&str]) -> Option<&str> {
        let found = self.given.iter().rev();
        let mut found = found.filter(|(name, _)| names.contains(&name.as_str()));
        found.next().map(|(_, value)| value.as_str())
    }

    fn has(&self, names: &[&str]) -> bool {
        self.value(names).is_some()
    }

    fn seconds(&self, names: &[&str]) -> Option<Duration> {
        let seconds: f64 = self.value(names)?.parse().ok()?;
        Duration::try_from_secs_f64(seconds)
            .ok()
            .filter(|d| !d.is_zero())
    }

    fn method(&self, name: &str) -> &str {
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

struct Url {
    whole: String,
    secure: bool,
    host: String,
    port: u16,
    path: String,
}

impl Url {
    fn parse(text: &str) -> Option<Self> {
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
}

fn curl(options: &Options, url: &Url, came: &Came) -> Said {
    let quiet = options.has(&["s", "silent"]);
    let tells = !quiet || options.has(&["S", "show-error"]);
    let (host, port) = (&url.host, url.port);
    let failed = |code: i64, took: Duration, why: String| {
        let told = tells.then(|| format!("curl: ({code}) {why}"));
        let lines = if quiet { Vec::new() } else { meter(0) };
        Said {
            took,
            err: lines.into_iter().chain(told).collect(),
            out: options
                .value(&["w", "write-out"])
                .map_or_else(String::new, |form| written_out(form, 0, 0)),
            file: None,
            code,
        }
    };
    let (status, kind, body) = match came {
        Came::NoHost => return failed(6, ANSWER, format!("Could not resolve host: {host}")),
        Came::Refused(_) => {
            let why = format!(
                "Failed to connect to {host} port {port} after 1 ms: Could not connect to server"
            );
            return failed(7, ANSWER, why);
        }
        Came::Silent(_) => return silent(options, url, failed),
        Came::NoTls(_) => {
            let why = "TLS connect error: error:0A0000C6:SSL routines::packet length too long";
            return failed(35, ANSWER, why.to_owned());
        }
        Came::Untrusted(_) => {
            let why = "SSL certificate problem: unable to get local issuer certificate";
            return failed(60, ANSWER, why.to_owned());
        }
        Came::Page {
            status, kind, body, ..
        } => (*status, kind, body),
    };
    if options.has(&["f", "fail"]) && status >= 400 {
        return failed(
            22,
            ANSWER,
            format!("The requested URL returned error: {status}"),
        );
    }
    let head_only = options.has(&["I", "head"]);
    let mut out = String::new();
    if head_only || options.has(&["i", "include"]) {
        let reason = reason(status);
        out.push_str(&format!(
            "HTTP/1.1 {status} {reason}\nContent-Type: {kind}\nContent-Length: {}\n\n",
            body.len()
        ));
    }
    if !head_only {
        out.push_str(body);
    }
    let file = options.value(&["o", "output"]).filter(|f| *f != "-");
    let shown = file.is_none();
    let form = options.value(&["w", "write-out"]);
    let written = form.map_or_else(String::new, |form| written_out(form, status, body.len()));
    Said {
        took: ANSWER,
        out: format!("{}{written}", if shown { out.as_str() } else { "" }),
        err: if quiet { Vec::new() } else { meter(body.len()) },
        file: file.map(str::to_owned),
        code: 0,
    }
}

/// Nothing came back: curl has less patience where it is told so.
fn silent(options: &Options, url: &Url, failed: impl Fn(i64, Duration, String) -> Said) -> Said {
    let limits = ["m", "max-time", "connect-timeout"];
    let least = limits.iter().filter_map(|l| options.seconds(&[l])).min();
    match least {
        Some(limit) => {
            let why = format!(
                "Connection timed out after {} milliseconds",
                limit.as_millis() + 1
            );
            failed(28, limit, why)
        }
        None => {
            let (host, port, time) = (&url.host, url.port, PATIENCE.as_millis());
            let why = format!(
                "Failed to connect to {host} port {port} after {time} ms: Could not connect to server"
            );
            failed(28, PATIENCE, why)
        }
    }
}

/// The meter that curl shows where its output goes elsewhere than to a terminal.
fn meter(bytes: usize) -> Vec<String> {
    let head = [
        "  % Total    % Received % Xferd  Average Speed   Time    Time     Time  Current",
        "                                 Dload  Upload   Total   Spent    Left  Speed",
    ];
    let share = if bytes == 0 { 0 } else { 100 };
    let last = format!(
        "{share:>3} {bytes:>5} {share:>3} {bytes:>5}   0     0      0      0 --:--:-- --:--:-- --:--:--     0"
    );
    head.into_iter().map(str::to_owned).chain([last]).collect()
}

fn written_out(form: &str, status: u16, size: usize) -> String {
    let code = format!("{status:03}");
    form.replace("\\n", "\n")
        .replace("\\t", "\t")
        .replace("%{http_code}", &code)
        .replace("%{response_code}", &code)
        .replace("%{size_download}", &size.to_string())
        .replace("%{time_total}", "0.010000")
}

fn wget(options: &Options, url: &Url, came: &Came) -> Said {
    let quiet = options.has(&["q", "quiet"]);
    let host = &url.host;
    let address = |ip: &str| {
        format!(
            "Connecting to {host}{} ({ip}:{})",
            shown_port(url),
            url.port
        )
    };
    let failed = |ip: Option<&str>, took: Duration, why: String| Said {
        took,
        err: ip
            .filter(|_| !quiet)
            .map(address)
            .into_iter()
            .chain([why])
            .collect(),
        code: 1,
        ..Said::default()
    };
    let (ip, status, body) = match came {
        Came::NoHost => {
            return failed(
                None,
                ANSWER,
                format!("wget: bad address '{host}{}'", shown_port(url)),
            );
        }
        Came::Refused(ip) => {
            let why = format!("wget: can't connect to remote host ({ip}): Connection refused");
            return failed(Some(ip), ANSWER, why);
        }
        Came::Silent(ip) => {
            return match options.seconds(&["T", "timeout"]) {
                Some(limit) => failed(Some(ip), limit, "wget: download timed out".to_owned()),
                None => {
                    let why =
                        format!("wget: can't connect to remote host ({ip}): Connection timed out");
                    failed(Some(ip), PATIENCE, why)
                }
            };
        }
        Came::NoTls(ip) | Came::Untrusted(ip) => {
            let why = "wget: TLS error from peer (alert code 80): internal error".to_owned();
            return failed(Some(ip), ANSWER, why);
        }
        Came::Page {
            ip, status, body, ..
        } => (ip, *status, body),
    };
    if status >= 400 {
        let why = format!(
            "wget: server returned error: HTTP/1.1 {status} {}",
            reason(status)
        );
        return failed(Some(ip), ANSWER, why);
    }
    if options.has(&["spider"]) {
        let told = [address(ip), "remote file exists".to_owned()];
        return Said {
            took: ANSWER,
            err: if quiet { Vec::new() } else { told.into() },
            ..Said::default()
        };
    }
    let named = options.value(&["O", "output-document"]);
    let own = url
        .path
        .split('?')
        .next()
        .and_then(|p| p.rsplit('/').next());
    let own = own.filter(|name| !name.is_empty()).unwrap_or("index.html");
    let file = named.unwrap_or(own);
    let to_output = file == "-";
    let size = body.len();
    let bar = format!("{file:<20} 100% |********************************| {size:>5}  0:00:00 ETA");
    let err = match (quiet, to_output) {
        (true, _) => Vec::new(),
        (_, true) => vec![
            address(ip),
            "writing to stdout".to_owned(),
            bar,
            "written to stdout".to_owned(),
        ],
        (_, false) => vec![
            address(ip),
            format!("saving to '{file}'"),
            bar,
            format!("'{file}' saved"),
        ],
    };
    Said {
        took: ANSWER,
        out: if to_output {
            body.clone()
        } else {
            String::new()
        },
        err,
        file: Some(file.to_owned()).filter(|_| !to_output),
        code: 0,
    }
}

/// The port, where the URL names one.
fn shown_port(url: &Url) -> String {
    let named = url.whole.contains(&format!("{}:{}", url.host, url.port));
    if named {
        format!(":{}", url.port)
    } else {
        String::new()
    }
}

fn reason(status: u16) -> &'static str {
    let status = http::StatusCode::from_u16(status).ok();
    status
        .and_then(|s| s.canonical_reason())
        .unwrap_or("Unknown")
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Web;

    impl Network for Web {
        fn ask(&self, asked: &Asked<'_>) -> Came {
            let ip = "10.96.0.7".to_owned();
            match (asked.host, asked.path) {
                ("web", "/") => Came::Page {
                    ip,
                    status: 200,
                    kind: "text/plain".to_owned(),
                    body: "hello\n".to_owned(),
                },
                ("web", _) => Came::Page {
                    ip,
                    status: 404,
                    kind: "text/plain".to_owned(),
                    body: "no\n".to_owned(),
                },
                ("shut", _) => Came::Refused(ip),
                ("behind-a-policy", _) => Came::Silent(ip),
                _ => Came::NoHost,
            }
        }
    }

    fn said(command: &str) -> Said {
        let words: Vec<String> = command.split(' ').map(str::to_owned).collect();
        run(&words, &Web)
    }

    #[test]
    fn curl_says_what_it_got_or_why_not() {
        assert_eq!(said("curl -s web").out, "hello\n");
        assert_eq!(said("curl -sS http://web:80/").out, "hello\n");
        let code = said("curl -so /dev/null -w %{http_code}\\n http://web/nope");
        assert_eq!((code.out.as_str(), code.code), ("404\n", 0));
        assert_eq!(said("curl -sSf http://web/nope").code, 22);
        let unknown = said("curl -sS http://wbe");
        assert_eq!(unknown.err, ["curl: (6) Could not resolve host: wbe"]);
        assert_eq!(unknown.code, 6);
        assert_eq!(said("curl -s http://shut").err, Vec::<String>::new());
        assert_eq!(said("curl -s http://shut").code, 7);
        let late = said("curl -sS --max-time 3 http://behind-a-policy");
        assert_eq!((late.code, late.took), (28, Duration::from_secs(3)));
        assert_eq!(said("curl").code, 2);
    }

    #[test]
    fn wget_says_it_as_busybox_does() {
        assert_eq!(said("wget -qO- http://web").out, "hello\n");
        let loud = said("wget -O - http://web");
        assert_eq!(loud.err[0], "Connecting to web (10.96.0.7:80)");
        assert_eq!(
            said("wget -q http://web").file.as_deref(),
            Some("index.html")
        );
        assert_eq!(
            said("wget -qO- http://wbe").err,
            ["wget: bad address 'wbe'"]
        );
        let refused = "wget: can't connect to remote host (10.96.0.7): Connection refused";
        assert_eq!(said("wget -qO- http://shut").err, [refused]);
        let missing = "wget: server returned error: HTTP/1.1 404 Not Found";
        assert_eq!(said("wget -qO- http://web/nope").err, [missing]);
        let late = said("wget -q -T 2 -O- http://behind-a-policy");
        assert_eq!(late.err, ["wget: download timed out"]);
        assert_eq!(late.took, Duration::from_secs(2));
    }
}
