//! curl.

use std::time::Duration;

use super::{
    ANSWER, Came, PATIENCE, Said,
    options::{Options, Url},
    reason,
};

/// What curl says.
pub(super) fn curl(options: &Options, url: &Url, came: &Came) -> Said {
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
        let (reason, length) = (reason(status), body.len());
        out = format!(
            "HTTP/1.1 {status} {reason}\nContent-Type: {kind}\nContent-Length: {length}\n\n"
        );
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
