//! The board of a class for programs: JSON, CSV, `JUnit`.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::machine::xml;
use crate::{
    check::verdict::Outcome,
    class::board::{Board, Cell, Head, LabBoard, Row},
    lab::text::Lang,
};

/// The board as one object with a version.
#[must_use]
pub fn json(board: &Board, lang: Lang) -> Value {
    json!({
        "apiVersion": "ccnr.dev/v1",
        "kind": "Board",
        "class": board.class,
        "at": board.at.to_string(),
        "labs": board.labs.iter().map(|l| lab(l, lang)).collect::<Vec<_>>(),
        "exitCode": board.exit_code(),
    })
}

fn lab(lab: &LabBoard, lang: Lang) -> Value {
    let steps = lab.steps.iter().map(|s| {
        json!({
            "id": s.id, "number": s.number, "title": s.title.get(lang), "optional": s.optional,
            "done": s.done, "here": s.here, "medianSeconds": s.median,
        })
    });
    json!({
        "lab": {"id": lab.id, "number": lab.number, "title": lab.title.get(lang)},
        "steps": steps.collect::<Vec<_>>(),
        "students": lab.rows.iter().map(|r| row(lab, r, lang)).collect::<Vec<_>>(),
        "summary": {
            "students": lab.totals.students, "begun": lab.totals.begun, "done": lab.totals.done, "medianStep": lab.totals.median_step,
        },
    })
}

fn row(lab: &LabBoard, row: &Row, lang: Lang) -> Value {
    let cells = lab
        .steps
        .iter()
        .zip(&row.cells)
        .map(|(s, c)| cell(s, c, lang));
    json!({
        "student": row.student,
        "name": row.name,
        "startedAt": row.started.map(|t| t.to_string()),
        "current": row.current.and_then(|c| lab.steps.get(c)).map(|s| &s.id),
        "since": row.since.map(|t| t.to_string()),
        "done": row.is_done(),
        "steps": cells.collect::<Vec<_>>(),
    })
}

fn cell(step: &Head, cell: &Cell, lang: Lang) -> Value {
    let why = cell.why.as_ref().map(|w| {
        json!({"check": w.check, "title": w.title.get(lang), "text": w.text.get(lang), "reason": w.code})
    });
    json!({
        "id": step.id,
        "verdict": cell.outcome,
        "why": why,
        "recordedAt": cell.recorded.map(|t| t.to_string()),
        "askedAt": cell.asked.map(|t| t.to_string()),
        "regressed": cell.regressed.map(|t| t.to_string()),
    })
}

/// One line for each student and lab: where they are, and an outcome for each step.
#[must_use]
pub fn csv(board: &Board, lang: Lang) -> String {
    let mut writer = csv::WriterBuilder::new()
        .flexible(true)
        .from_writer(Vec::new());
    let steps = board.labs.iter().map(|l| l.steps.len()).max().unwrap_or(0);
    let fixed = [
        "student", "name", "lab", "started", "done", "step", "since", "reason", "why",
    ];
    let numbers = (1..=steps).map(|n| format!("step {n}"));
    let head = fixed.iter().map(|s| (*s).to_owned()).chain(numbers);
    // Writing into memory can't fail.
    let _ = writer.write_record(head);
    for lab in &board.labs {
        for row in &lab.rows {
            let _ = writer.write_record(record(lab, row, lang));
        }
    }
    let bytes = writer.into_inner().unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn record(lab: &LabBoard, row: &Row, lang: Lang) -> Vec<String> {
    let open = row.open().and_then(|c| c.why.as_ref());
    let time = |t: Option<jiff::Timestamp>| t.map_or_else(String::new, |t| t.to_string());
    let done = row.cells.iter().filter(|c| c.is_done()).count();
    let step = row.current.and_then(|c| lab.steps.get(c));
    let mut fields = vec![
        row.student.clone(),
        row.name.clone().unwrap_or_default(),
        lab.number.to_string(),
        time(row.started),
        done.to_string(),
        step.map_or_else(String::new, |s| s.number.to_string()),
        time(row.since),
        open.and_then(|w| w.code.clone()).unwrap_or_default(),
        open.map_or_else(String::new, |w| w.text.get(lang).to_owned()),
    ];
    fields.extend(row.cells.iter().map(|c| word(c.outcome).to_owned()));
    fields.iter().map(|f| harmless(f)).collect()
}

/// A field that no spreadsheet takes for a formula.
fn harmless(field: &str) -> String {
    let formula = field.starts_with(['=', '+', '-', '@', '\t', '\r']);
    if formula {
        format!("'{field}")
    } else {
        field.to_owned()
    }
}

/// The name of an outcome.
fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => "pass",
        Outcome::Fail => "fail",
        Outcome::Waiting => "waiting",
        Outcome::Blocked => "blocked",
        Outcome::Error => "error",
        Outcome::Skipped => "skipped",
    }
}

/// A suite for each student and lab, a case for each step.
#[must_use]
pub fn junit(board: &Board, lang: Lang) -> String {
    let mut body = String::new();
    for lab in &board.labs {
        for row in &lab.rows {
            let cases: String = lab
                .steps
                .iter()
                .zip(&row.cells)
                .map(|(s, c)| case(lab, s, c, lang))
                .collect();
            let (number, name) = (lab.number, xml(&row.student));
            let counts = counts(lab, row);
            let at = board.at.strftime("%Y-%m-%dT%H:%M:%S");
            let _ = writeln!(
                body,
                "  <testsuite name=\"{name} lab {number}\" {counts} timestamp=\"{at}\">\n{cases}  </testsuite>"
            );
        }
    }
    let name = xml(&board.class);
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"{name}\">\n{body}</testsuites>\n"
    )
}

/// What a case is to `JUnit`: none where it passed.
fn element(step: &Head, cell: &Cell) -> Option<(&'static str, &'static str)> {
    match cell.outcome {
        Outcome::Pass => None,
        _ if step.optional => Some(("skipped", "Optional")),
        Outcome::Fail => Some(("failure", "Failed")),
        Outcome::Waiting => Some(("error", "Waiting")),
        Outcome::Error => Some(("error", "NotChecked")),
        Outcome::Blocked | Outcome::Skipped => Some(("skipped", "")),
    }
}

fn counts(lab: &LabBoard, row: &Row) -> String {
    let elements = || {
        lab.steps
            .iter()
            .zip(&row.cells)
            .filter_map(|(s, c)| element(s, c))
    };
    let count = |name: &str| elements().filter(|(e, _)| *e == name).count();
    format!(
        "tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\"",
        row.cells.len(),
        count("failure"),
        count("error"),
        count("skipped")
    )
}

fn case(lab: &LabBoard, step: &Head, cell: &Cell, lang: Lang) -> String {
    let class = xml(&format!("{}.{}", lab.id, step.id));
    let name = xml(&format!("{} {}", step.number, step.title.get(lang)));
    let open = format!("    <testcase classname=\"{class}\" name=\"{name}\"");
    let Some((element, usual)) = element(step, cell) else {
        return format!("{open}/>\n");
    };
    let why = cell.why.as_ref();
    let kind = why.and_then(|w| w.code.as_deref()).unwrap_or(usual);
    let kind = if element == "skipped" {
        String::new()
    } else {
        format!(" type=\"{}\"", xml(kind))
    };
    let message = why.map_or_else(String::new, |w| {
        format!("{}: {}", w.title.get(lang), w.text.get(lang))
    });
    format!(
        "{open}>\n      <{element}{kind} message=\"{}\"></{element}>\n    </testcase>\n",
        xml(&message)
    )
}
