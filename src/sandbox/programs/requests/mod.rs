//! What programs say that ask others over HTTP: curl, and the wget of busybox.
//! <https://curl.se/docs/manpage.html>, <https://busybox.net/downloads/BusyBox.html#wget>

mod curl;
mod options;
mod wget;

use std::time::Duration;

use self::{
    curl::curl,
    options::{CURL, Options, Url, WGET},
    wget::wget,
};

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

/// What a status is called.
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
