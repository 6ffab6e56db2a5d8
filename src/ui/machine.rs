//! Answers for programs: JSON; and reports as `JUnit` and TAP too.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::{doctor::Line, place::Status, step::LabLine, words::say};
use crate::{
    check::{
        report::{CheckReport, Report, StepReport},
        verdict::{Finding, Outcome, Verdict},
    },
    lab::text::{Lang, Text},
};

/// The report as one object with a version, its texts in `lang`.
#[must_use]
pub fn json(report: &Report, lang: Lang) -> Value {
    let (done, total) = report.progress();
    let count = |o: Outcome| report.steps.iter().filter(|s| s.outcome == o).count();
    json!({
        "apiVersion": "ccnr.dev/v1",
        "kind": "Report",
        "lab": {"id": report.lab, "number": report.number, "title": report.title.get(lang)},
        "student": report.student,
        "cluster": report.cluster,
        "client": report.client,
        "at": report.at.to_string(),
        "steps": report.steps.iter().map(|s| step(s, lang)).collect::<Vec<_>>(),
        "summary": {
            "done": done,
            "total": total,
            "complete": report.exit_code() == 0,
            "exitCode": report.exit_code(),
            "pass": count(Outcome::Pass),
            "fail": count(Outcome::Fail),
            "waiting": count(Outcome::Waiting),
            "blocked": count(Outcome::Blocked),
            "error": count(Outcome::Error),
            "skipped": count(Outcome::Skipped),
        },
    })
}

/// The list of labs.
#[must_use]
pub fn labs(labs: &[LabLine], lang: Lang) -> Value {
    let lab = |l: &LabLine| {
        json!({
            "number": l.number, "id": l.id, "title": l.title.get(lang), "minutes": l.minutes,
            "started": l.done.is_some(), "done": l.done.unwrap_or_default(), "total": l.total,
        })
    };
    json!({
        "apiVersion": "ccnr.dev/v1",
        "kind": "LabList",
        "items": labs.iter().map(lab).collect::<Vec<_>>(),
    })
}

/// Where the learner is, by the record.
#[must_use]
pub fn status(status: &Status, lang: Lang) -> Value {
    let current = status
        .current
        .as_ref()
        .map(|(number, title)| json!({"number": number, "title": title.get(lang)}));
    json!({
        "apiVersion": "ccnr.dev/v1",
        "kind": "Status",
        "lab": {"number": status.number, "title": status.title.get(lang)},
        "cluster": status.place.server,
        "projects": status.place.projects,
        "startedAt": status.started.map(|t| t.to_string()),
        "current": current,
        "total": status.total,
        "hints": status.hints,
        "solved": status.solved,
    })
}

/// The findings of the doctor.
#[must_use]
pub fn doctor(lines: &[Line], lang: Lang) -> Value {
    let line = |l: &Line| {
        let found: Vec<&str> = l.found.iter().map(|t| t.get(lang)).collect();
        json!({"about": l.about.get(lang), "outcome": l.outcome, "found": found})
    };
    json!({
        "apiVersion": "ccnr.dev/v1",
        "kind": "Diagnosis",
        "items": lines.iter().map(line).collect::<Vec<_>>(),
    })
}

fn step(step: &StepReport, lang: Lang) -> Value {
    let mut out = Map::new();
    out.insert("id".into(), json!(step.id));
    out.insert("number".into(), json!(step.number));
    out.insert("title".into(), json!(step.title.get(lang)));
    out.insert("verdict".into(), json!(step.outcome));
    out.insert("optional".into(), json!(step.optional));
    put(&mut out, "blockedBy", step.blocked_by);
    put(
        &mut out,
        "skipped",
        step.skipped.as_ref().map(|t| t.get(lang)),
    );
    put(&mut out, "regressed", step.regressed.map(|t| t.to_string()));
    put(&mut out, "kept", step.kept.map(|t| t.to_string()));
    let checks: Vec<Value> = step.checks.iter().map(|c| check(c, lang)).collect();
    out.insert("checks".into(), json!(checks));
    Value::Object(out)
}

fn check(check: &CheckReport, lang: Lang) -> Value {
    let mut out = Map::new();
    out.insert("id".into(), json!(check.id));
    out.insert("title".into(), json!(check.title.get(lang)));
    out.insert("verdict".into(), json!(check.verdict.outcome()));
    out.insert("optional".into(), json!(check.optional));
    put(&mut out, "withinSeconds", check.within);
    match &check.verdict {
        Verdict::Pass => {}
        Verdict::Fail(f) => {
            put(
                &mut out,
                "message",
                check.fail.as_ref().map(|t| t.get(lang)),
            );
            finding(&mut out, f, lang);
        }
        Verdict::Waiting(f, so_long) => {
            out.insert("waitedSeconds".into(), json!(so_long.as_secs()));
            finding(&mut out, f, lang);
        }
        Verdict::Blocked(n) => put(&mut out, "blockedBy", Some(n)),
        Verdict::Error(o) => {
            out.insert("reason".into(), json!(o.kind));
            out.insert("message".into(), json!(o.message.get(lang)));
            put(
                &mut out,
                "next",
                Some(o.next.get(lang)).filter(|n| !n.is_empty()),
            );
            put(&mut out, "status", o.status);
        }
        Verdict::Skipped(why) => put(&mut out, "skipped", Some(why.get(lang))),
    }
    Value::Object(out)
}

fn finding(out: &mut Map<String, Value>, finding: &Finding, lang: Lang) {
    let text = |t: &Text| Some(t.get(lang).to_owned()).filter(|t| !t.is_empty());
    put(out, "reason", finding.cause.as_ref().map(|c| c.code));
    put(out, "expected", text(&finding.expected));
    put(out, "observed", text(&finding.observed));
    put(
        out,
        "cause",
        finding.cause.as_ref().and_then(|c| text(&c.text)),
    );
    put(out, "see", finding.see.as_ref());
    put(out, "next", finding.next.as_ref().and_then(text));
    out.insert("objects".into(), json!(finding.objects));
}

fn put<T: serde::Serialize>(out: &mut Map<String, Value>, key: &str, value: Option<T>) {
    if let Some(value) = value {
        out.insert(key.into(), json!(value));
    }
}

/// One line of `JUnit` and TAP: a check, or a step without checks.
struct Case {
    id: String,
    title: String,
    outcome: Outcome,
    optional: bool,
    /// One sentence.
    message: String,
    /// Keys and values in order.
    detail: Vec<(&'static str, String)>,
}

/// The cases of a step; a step that is not open is one case.
fn cases(step: &StepReport, lang: Lang) -> Vec<Case> {
    let alone = matches!(step.outcome, Outcome::Blocked | Outcome::Skipped);
    if alone || step.checks.is_empty() {
        let message = match (step.blocked_by, &step.skipped) {
            (_, Some(why)) => why.get(lang).to_owned(),
            (Some(n), _) => after(n, lang),
            _ => String::new(),
        };
        return vec![Case {
            id: step.id.clone(),
            title: step.title.get(lang).to_owned(),
            outcome: step.outcome,
            optional: step.optional,
            message,
            detail: Vec::new(),
        }];
    }
    step.checks
        .iter()
        .map(|c| case(step.optional, c, lang))
        .collect()
}

fn after(step: usize, lang: Lang) -> String {
    say!(lang, "comes after step {step}", "ステップ {step} のあと")
}

fn case(optional: bool, check: &CheckReport, lang: Lang) -> Case {
    let mut detail = Vec::new();
    let message = match &check.verdict {
        Verdict::Pass => String::new(),
        Verdict::Fail(f) | Verdict::Waiting(f, _) => {
            let mut add = |key, value: Option<&str>| {
                if let Some(value) = value.filter(|v| !v.is_empty()) {
                    detail.push((key, value.to_owned()));
                }
            };
            add("reason", f.cause.as_ref().map(|c| c.code));
            add("expected", Some(f.expected.get(lang)));
            add("observed", Some(f.observed.get(lang)));
            add("cause", f.cause.as_ref().map(|c| c.text.get(lang)));
            add("see", f.see.as_deref());
            add("next", f.next.as_ref().map(|t| t.get(lang)));
            let own = check.fail.as_ref().map(|t| t.get(lang));
            own.unwrap_or(f.observed.get(lang)).to_owned()
        }
        Verdict::Error(o) => {
            let message = o.message.get(lang).to_owned();
            detail.push(("message", message.clone()));
            if !o.next.is_empty() {
                detail.push(("next", o.next.get(lang).to_owned()));
            }
            message
        }
        Verdict::Blocked(n) => after(*n, lang),
        Verdict::Skipped(why) => why.get(lang).to_owned(),
    };
    Case {
        id: check.id.clone(),
        title: check.title.get(lang).to_owned(),
        outcome: check.verdict.outcome(),
        optional: optional || check.optional,
        message,
        detail,
    }
}

/// The report as `JUnit` XML, one test suite per step. What waits is an error of type `Waiting`; what
/// is optional and does not pass is skipped.
#[must_use]
pub fn junit(report: &Report, lang: Lang) -> String {
    let mut body = String::new();
    let mut sum = [0_usize; 4];
    for step in &report.steps {
        let cases = cases(step, lang);
        let mut counts = [cases.len(), 0, 0, 0];
        let mut inner = String::new();
        for case in &cases {
            let class = format!("{}.{}", report.lab, step.id);
            let _ = write!(
                inner,
                "    <testcase classname=\"{}\" name=\"{}\"",
                xml(&class),
                xml(&format!("{}: {}", case.id, case.title))
            );
            let message = xml(&case.message);
            let (slot, open, close) = match case.outcome {
                Outcome::Pass => {
                    inner.push_str("/>\n");
                    continue;
                }
                _ if case.optional => (3, "skipped".to_owned(), "skipped"),
                Outcome::Fail => {
                    let reason = case.detail.iter().find(|(k, _)| *k == "reason");
                    let kind = reason.map_or("Failed", |(_, v)| v);
                    (1, format!("failure type=\"{}\"", xml(kind)), "failure")
                }
                Outcome::Waiting => (2, "error type=\"Waiting\"".to_owned(), "error"),
                Outcome::Error => (2, "error type=\"NotChecked\"".to_owned(), "error"),
                Outcome::Blocked | Outcome::Skipped => (3, "skipped".to_owned(), "skipped"),
            };
            counts[slot] += 1;
            let lines: Vec<String> = case
                .detail
                .iter()
                .map(|(k, v)| xml(&format!("{k}: {v}")))
                .collect();
            let lines = lines.join("\n");
            let _ = writeln!(
                inner,
                ">\n      <{open} message=\"{message}\">{lines}</{close}>\n    </testcase>"
            );
        }
        let name = xml(&format!("{} {}", step.number, step.title.get(lang)));
        let attributes = attributes(counts);
        let _ = writeln!(
            body,
            "  <testsuite name=\"{name}\" {attributes} timestamp=\"{}\">\n{inner}  </testsuite>",
            report.at.strftime("%Y-%m-%dT%H:%M:%S")
        );
        for (total, n) in sum.iter_mut().zip(counts) {
            *total += n;
        }
    }
    let name = xml(&format!("lab {} {}", report.number, report.title.get(lang)));
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"{name}\" {}>\n{body}</testsuites>\n",
        attributes(sum)
    )
}

fn attributes([tests, failures, errors, skipped]: [usize; 4]) -> String {
    format!("tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"{skipped}\"")
}

/// Text for XML, in attributes and elements; what XML can't carry becomes a replacement character.
pub(super) fn xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            '\t' => out.push_str("&#9;"),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// The report as TAP 14, with YAML diagnostics. What is optional and does not pass is a TODO.
#[must_use]
pub fn tap(report: &Report, lang: Lang) -> String {
    let mut body = String::new();
    let mut number = 0;
    for step in &report.steps {
        for case in cases(step, lang) {
            number += 1;
            let ok = matches!(
                case.outcome,
                Outcome::Pass | Outcome::Skipped | Outcome::Blocked
            );
            let word = if ok { "ok" } else { "not ok" };
            let title = tap_text(&format!("{}/{} {}", step.id, case.id, case.title));
            let _ = write!(body, "{word} {number} - {title}");
            if matches!(case.outcome, Outcome::Skipped | Outcome::Blocked) {
                let _ = write!(body, " # SKIP {}", tap_text(&case.message));
            } else if !ok && case.optional {
                body.push_str(" # TODO optional");
            }
            body.push('\n');
            if !ok {
                body.push_str("  ---\n");
                let _ = writeln!(body, "  verdict: {}", json!(case.outcome));
                for (key, value) in &case.detail {
                    // A JSON string is a YAML string.
                    let _ = writeln!(body, "  {key}: {}", json!(value));
                }
                body.push_str("  ...\n");
            }
        }
    }
    format!("TAP version 14\n1..{number}\n{body}")
}

/// A description on one line, in which `#` starts nothing.
fn tap_text(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('#', "\\#")
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}
