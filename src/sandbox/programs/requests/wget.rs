//! The wget of busybox.

use std::time::Duration;

use super::{
    ANSWER, Came, PATIENCE, Said,
    options::{Options, Url},
    reason,
};

/// What the wget of busybox says.
pub(super) fn wget(options: &Options, url: &Url, came: &Came) -> Said {
    let quiet = options.has(&["q", "quiet"]);
    let host = &url.host;
    let address = |ip: &str| {
        format!(
            "Connecting to {host}{} ({ip}:{})",
            url.shown_port(),
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
                format!("wget: bad address '{host}{}'", url.shown_port()),
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
    let told = (!quiet).then(|| address(ip));
    fetched(options, url, body, told)
}

/// What is said of a page that came, where something is: `told` is the first line.
fn fetched(options: &Options, url: &Url, body: &str, told: Option<String>) -> Said {
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
    let (before, after) = if to_output {
        (
            "writing to stdout".to_owned(),
            "written to stdout".to_owned(),
        )
    } else {
        (format!("saving to '{file}'"), format!("'{file}' saved"))
    };
    let err = told.map_or_else(Vec::new, |told| vec![told, before, bar, after]);
    Said {
        took: ANSWER,
        out: if to_output {
            body.to_owned()
        } else {
            String::new()
        },
        err,
        file: Some(file.to_owned()).filter(|_| !to_output),
        code: 0,
    }
}
