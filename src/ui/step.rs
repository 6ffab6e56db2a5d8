//! What the learner reads before typing: labs, steps, hints.

use super::{
    layout::{pad, sides, width, wrap},
    markdown,
    style::{Style, Tone},
    words::{pick, say},
};
use crate::{
    check::verdict::Outcome,
    lab::{
        model::{Lab, Step, Subject},
        text::Text,
    },
};

/// One line of the list of labs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabLine {
    /// Its number.
    pub number: u32,
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: Text,
    /// Minutes that it takes.
    pub minutes: u32,
    /// Steps that are done; none where it was not started.
    pub done: Option<usize>,
    /// Steps that there are.
    pub total: usize,
    /// Whether every step that has to be done is.
    pub finished: bool,
}

/// `Lab 1 · Projects and Kubernetes resources`.
#[must_use]
pub fn lab_title(number: u32, title: &Text, style: &Style) -> String {
    let (dot, title) = (style.dot(), title.get(style.lang));
    let line = say!(
        style.lang,
        "Lab {number} {dot} {title}",
        "ラボ {number} {dot} {title}"
    );
    style.paint(Tone::Strong, &line)
}

/// The title line of a lab with `total` steps on this cluster: steps and minutes at the right.
#[must_use]
pub fn lab_head(lab: &Lab, total: usize, style: &Style) -> String {
    let minutes = lab.minutes;
    let right = say!(
        style.lang,
        "{total} steps, about {minutes} minutes",
        "{total} ステップ、約 {minutes} 分"
    );
    let title = lab_title(lab.number, &lab.title, style);
    text(&sides(&title, &right, "  ", style.width))
}

/// Step `number` of `total`: its title, its text, the commands for `client`, and how to go on.
#[must_use]
pub fn step_text(number: usize, total: usize, step: &Step, client: &str, style: &Style) -> String {
    let lang = style.lang;
    let mut out = title_line(number, total, step, style);
    out.push('\n');
    out.push_str(&markdown::render(step.text.get(lang), style, 2));
    out.push('\n');
    let commands = if client == "oc" {
        &step.run.openshift
    } else {
        &step.run.kubernetes
    };
    if !commands.is_empty() {
        out.push('\n');
        for line in commands.iter().flat_map(|c| c.lines()) {
            let line = format!("      {}", style.paint(Tone::Code, line));
            out.push_str(line.trim_end());
            out.push('\n');
        }
    }
    for check in &step.checks {
        if let Subject::Question { ask, choices, .. } = &check.subject {
            out.push('\n');
            out.push_str(&markdown::render(ask.get(lang), style, 2));
            out.push('\n');
            for choice in choices {
                out.push_str(&text(&wrap(choice, "    - ", "      ", style.width)));
            }
            let command = format!("ccnr lab answer {} VALUE", step.id);
            out.push_str("\n      ");
            out.push_str(&style.paint(Tone::Code, &command));
            out.push('\n');
        }
    }
    let close = pick(
        lang,
        "Then `ccnr lab verify`.",
        "終わったら `ccnr lab verify`。",
    );
    out.push('\n');
    out.push_str(&markdown::render(close, style, 2));
    out.push('\n');
    out
}

/// That an optional step may be done before the one that comes next.
#[must_use]
pub fn optional(number: usize, step: &Step, style: &Style) -> String {
    let title = step.title.get(style.lang);
    let line = say!(
        style.lang,
        "Step {number}, {title}, is optional: `ccnr lab show --step {number}` shows it. Or go on:",
        "ステップ {number}「{title}」は任意です。`ccnr lab show --step {number}` で表示できます。飛ばす場合は、次へ進んでください。"
    );
    format!("{}\n\n", markdown::render(&line, style, 2))
}

fn title_line(number: usize, total: usize, step: &Step, style: &Style) -> String {
    let (dot, title) = (style.dot(), step.title.get(style.lang));
    let mut line = say!(
        style.lang,
        "Step {number} of {total} {dot} {title}",
        "ステップ {number}/{total} {dot} {title}"
    );
    if step.optional {
        line.push_str(pick(style.lang, " (optional)", "（任意）"));
    }
    let mut out = text(&wrap(
        &style.paint(Tone::Strong, &line),
        "",
        "  ",
        style.width,
    ));
    out.push('\n');
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}

/// Hint `shown` of the step (from 1), and how to get the next one. None where there is no such hint.
#[must_use]
pub fn hint(step: &Step, shown: usize, style: &Style) -> Option<String> {
    let text = step.hints.get(shown.checked_sub(1)?)?;
    let total = step.hints.len();
    let (dot, title) = (style.dot(), step.title.get(style.lang));
    let head = say!(
        style.lang,
        "Hint {shown} of {total} {dot} {title}",
        "ヒント {shown}/{total} {dot} {title}"
    );
    let head = self::text(&wrap(
        &style.paint(Tone::Strong, &head),
        "",
        "  ",
        style.width,
    ));
    let next = if shown < total {
        pick(
            style.lang,
            "`ccnr lab hint` again says more.",
            "もう一度 `ccnr lab hint` で、さらに詳しいヒントが出ます。",
        )
    } else {
        pick(
            style.lang,
            "That was the last hint. `ccnr lab solve` does the step for you.",
            "ヒントは以上です。`ccnr lab solve` でこのステップを解いた状態にできます。",
        )
    };
    let body = markdown::render(text.get(style.lang), style, 2);
    let next = markdown::render(next, style, 0);
    Some(format!("{head}\n{body}\n\n{next}\n"))
}

/// What is said when step `number` passes: the tick, and the debrief if there is one.
#[must_use]
pub fn debrief(number: usize, step: &Step, style: &Style) -> String {
    let line = format!(
        "{} {number} {}",
        style.symbol(Outcome::Pass),
        step.title.get(style.lang)
    );
    let mut out = text(&wrap(&line, "  ", "      ", style.width));
    if let Some(debrief) = &step.debrief {
        out.push_str(&markdown::render(debrief.get(style.lang), style, 6));
        out.push('\n');
    }
    out
}

/// The labs as a table, and how to start one.
#[must_use]
pub fn lab_list(labs: &[LabLine], style: &Style) -> String {
    let lang = style.lang;
    let widest = |f: &dyn Fn(&LabLine) -> String, least: usize| {
        let widths = labs.iter().map(|l| width(&f(l)));
        widths.max().unwrap_or(0).max(least)
    };
    let number = widest(&|l| l.number.to_string(), 1);
    let id = widest(&|l| l.id.clone(), 2);
    let mut out = String::new();
    for lab in labs {
        let left = format!(
            "  {:>number$}  {}  {}",
            lab.number,
            pad(&lab.id, id),
            lab.title.get(lang)
        );
        let minutes = lab.minutes;
        let minutes = say!(lang, "{minutes:>3} min", "{minutes:>3} 分");
        let total = lab.total;
        let done = match lab.done {
            Some(done) if lab.finished => {
                format!("{} {done}/{total}", style.symbol(Outcome::Pass))
            }
            Some(done) => format!("{done}/{total}"),
            None => format!("{}/{total}", style.range()),
        };
        let gap = 7_usize.saturating_sub(width(&done));
        let right = format!("{minutes}  {}{done}", " ".repeat(gap));
        let rest = " ".repeat(number + id + 6);
        out.push_str(&text(&sides(&left, &right, &rest, style.width)));
    }
    let next = labs.iter().find(|l| !l.finished);
    let close = match next {
        Some(LabLine { number, done, .. }) if done.is_none_or(|d| d == 0) => {
            say!(
                lang,
                "`ccnr lab start {number}` starts it.",
                "`ccnr lab start {number}` で始めます。"
            )
        }
        Some(_) => pick(
            lang,
            "`ccnr lab show` says where you are.",
            "続きは `ccnr lab show` で確認できます。",
        )
        .to_owned(),
        None => pick(lang, "All labs are done.", "すべてのラボが完了しました。").to_owned(),
    };
    out.push('\n');
    out.push_str(&markdown::render(&close, style, 0));
    out.push('\n');
    out
}

/// An overview of one lab: what it is about, its steps with their outcome where it is known, and how to go on with it or begin.
#[must_use]
pub fn lab_show(lab: &Lab, started: bool, outcomes: &[Option<Outcome>], style: &Style) -> String {
    let mut out = lab_head(lab, lab.steps.len(), style);
    out.push('\n');
    out.push_str(&markdown::render(lab.summary.get(style.lang), style, 2));
    out.push_str("\n\n");
    let digits = lab.steps.len().to_string().len();
    for (i, step) in lab.steps.iter().enumerate() {
        let symbol = match outcomes.get(i).copied().flatten() {
            Some(outcome) => style.symbol(outcome),
            None => " ".to_owned(),
        };
        let optional = if step.optional {
            pick(style.lang, " (optional)", "（任意）")
        } else {
            ""
        };
        let title = step.title.get(style.lang);
        let first = format!("  {symbol} {:>digits$} ", i + 1);
        let rest = " ".repeat(digits + 5);
        let line = format!("{title}{optional}");
        out.push_str(&text(&wrap(&line, &first, &rest, style.width)));
    }
    let number = lab.number;
    let close = if started {
        pick(
            style.lang,
            "`ccnr lab verify` checks where you are.",
            "`ccnr lab verify` で進み具合を確認できます。",
        )
        .to_owned()
    } else {
        say!(
            style.lang,
            "`ccnr lab start {number}` starts it.",
            "`ccnr lab start {number}` で始めます。"
        )
    };
    out.push('\n');
    out.push_str(&markdown::render(&close, style, 0));
    out.push('\n');
    out
}

/// Lines as text.
fn text(lines: &[String]) -> String {
    let mut out = lines.join("\n");
    out.push('\n');
    out
}
