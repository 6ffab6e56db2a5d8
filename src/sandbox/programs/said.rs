//! What a container has said: nothing is kept, all of it follows from when it started and what runs in it.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::Program;
use crate::sandbox::clock::Clock;

/// The most lines of one run: the last ones.
const MOST_LINES: usize = 5000;
/// How long after its start a container is probed for the first time.
const FIRST_PROBE: Duration = Duration::from_millis(900);
/// Who asks, where a kubelet probes.
const AGENT: &str = "kube-probe/1.34";

/// A line, and when it was said.
pub type Line = (Timestamp, String);

/// What the program of a container that started at a time has said until another one.
#[must_use]
pub fn lines(
    program: &Program,
    (pod, container): (&Value, &Value),
    (started, until): (Timestamp, Timestamp),
    clock: &Clock,
) -> Vec<Line> {
    let ip = pod["status"]["podIP"].as_str().unwrap_or_default();
    let at = |after: Duration| {
        let real = SignedDuration::try_from(clock.on_machine(after)).unwrap_or_default();
        started.checked_add(real).unwrap_or(until)
    };
    let mut out: Vec<Line> = Vec::new();
    for (after, text) in &program.lines {
        let when = at(*after);
        out.push((when, filled(text, when, program, ip)));
    }
    if let Some((pause, texts)) = &program.repeats {
        let begun = program
            .lines
            .last()
            .map_or(Duration::ZERO, |(after, _)| *after);
        for round in rounds(begun, *pause, at, until, texts.len()) {
            out.extend(
                texts
                    .iter()
                    .map(|t| (at(round), filled(t, at(round), program, ip))),
            );
        }
    }
    for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
        out.extend(probed(container, &container[probe], program, at, until));
    }
    out.retain(|(when, _)| *when <= until);
    out.sort_by_key(|(when, _)| *when);
    let skip = out.len().saturating_sub(MOST_LINES);
    out.split_off(skip)
}

/// The lines that a probe's requests leave.
fn probed(
    container: &Value,
    probe: &Value,
    program: &Program,
    at: impl Fn(Duration) -> Timestamp + Copy,
    until: Timestamp,
) -> Vec<Line> {
    let get = &probe["httpGet"];
    let named = get["port"].as_str().and_then(|name| {
        let mut ports = container["ports"].as_array()?.iter();
        ports.find(|p| p["name"] == name)?["containerPort"].as_u64()
    });
    let port = named
        .or_else(|| get["port"].as_u64())
        .and_then(|p| u16::try_from(p).ok());
    let path = get["path"].as_str().unwrap_or("/");
    let Some(answer) = port
        .and_then(|p| program.http(p, path))
        .filter(|_| !program.access().is_empty())
    else {
        return Vec::new();
    };
    let seconds = |field: &str| probe[field].as_u64().map(Duration::from_secs);
    let first = FIRST_PROBE.max(seconds("initialDelaySeconds").unwrap_or_default());
    let period = seconds("periodSeconds")
        .unwrap_or(Duration::from_secs(10))
        .max(Duration::from_secs(1));
    let rounds = rounds(first, period, at, until, 1);
    rounds
        .into_iter()
        .map(|round| {
            (
                at(round),
                access(program, at(round), path, (answer.status, answer.body.len())),
            )
        })
        .collect()
}

/// The line that a request leaves.
fn access(program: &Program, when: Timestamp, path: &str, (status, size): (u16, usize)) -> String {
    let line = program.access();
    line.replace("{client}", "10.244.0.1")
        .replace(
            "{date}",
            &when.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string(),
        )
        .replace("{path}", path)
        .replace("{status}", &status.to_string())
        .replace("{size}", &size.to_string())
        .replace("{agent}", AGENT)
}

/// When something happens that happens again and again; the last times of it, where they are many.
fn rounds(
    first: Duration,
    pause: Duration,
    at: impl Fn(Duration) -> Timestamp,
    until: Timestamp,
    lines: usize,
) -> Vec<Duration> {
    let one = at(first + pause)
        .duration_since(at(first))
        .as_millis()
        .max(1);
    let passed = until.duration_since(at(first)).as_millis();
    if passed < 0 {
        return Vec::new();
    }
    let last = u32::try_from(passed / one).unwrap_or(u32::MAX);
    let from =
        last.saturating_sub(u32::try_from(MOST_LINES.div_ceil(lines.max(1))).unwrap_or(u32::MAX));
    (from..=last)
        .map(|n| first + pause.saturating_mul(n))
        .collect()
}

/// A line with its braces filled in.
fn filled(text: &str, when: Timestamp, program: &Program, ip: &str) -> String {
    if !text.contains('{') {
        return text.to_owned();
    }
    let time = |format: &str| when.strftime(format).to_string();
    text.replace("{log}", &time("%Y/%m/%d %H:%M:%S"))
        .replace("{iso}", &time("%Y-%m-%dT%H:%M:%S%.3fZ"))
        .replace("{date}", &time("%a %b %d %H:%M:%S%.6f %Y"))
        .replace("{redis}", &time("%d %b %Y %H:%M:%S%.3f"))
        .replace("{pod}", &program.pod)
        .replace("{version}", &program.version)
        .replace("{ip}", ip)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn said(container: &Value, seconds: i64) -> Vec<String> {
        let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let until = start + SignedDuration::from_secs(seconds);
        let pod = json!({"metadata": {"name": "p"}, "status": {"podIP": "10.244.0.5"}});
        let clock = Clock::standing(start);
        let program = super::super::of(&pod, container);
        let lines = lines(&program, (&pod, container), (start, until), &clock);
        lines.into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn a_server_says_that_it_listens_and_who_asked() {
        let web = json!({"image": "quay.io/ccnr/web:1.0"});
        assert_eq!(
            said(&web, 60),
            ["2026/01/01 00:00:00 web 1.0 listens on :8080"]
        );
        let nginx = json!({
            "image": "quay.io/nginx/nginx-unprivileged:1.27",
            "readinessProbe": {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 5},
        });
        let lines = said(&nginx, 12);
        assert!(lines[0].starts_with("/docker-entrypoint.sh"));
        let asked: Vec<&String> = lines
            .iter()
            .filter(|l| l.contains("kube-probe/1.34"))
            .collect();
        assert_eq!(asked.len(), 3);
        assert!(
            asked[0]
                .starts_with("10.244.0.1 - - [01/Jan/2026:00:00:00 +0000] \"GET / HTTP/1.1\" 200 ")
        );
    }

    #[test]
    fn loops_say_the_same_again_and_are_bounded() {
        let run = json!({"image": "busybox", "command": ["sh", "-c", "while true; do echo hi; sleep 5; done"]});
        assert_eq!(said(&run, 12), ["hi", "hi", "hi"]);
        assert_eq!(said(&run, 10_000_000).len(), MOST_LINES);
    }
}
