//! A report as the learner reads it.

use jiff::{Timestamp, tz::TimeZone};

use super::{
    layout::{sides, two_columns, wrap},
    style::{Style, Tone},
    words::{pick, say, wait_for},
};
use crate::{
    check::{
        report::{Report, StepReport},
        verdict::{Finding, Outcome, Verdict},
    },
    cluster::snapshot::Obstacle,
    lab::text::{Lang, Text},
};

/// The report as text, its last line saying what to do next.
#[must_use]
pub fn render(report: &Report, style: &Style) -> String {
    let mut page = Page::new(style, report.at);
    page.head(report);
    page.passed(report);
    // Where the learner is: not at a step that passed once, and at an optional one only if nothing else is left.
    let at = |wanted: &dyn Fn(&StepReport) -> bool| {
        let open = |s: &StepReport| is_open(s) && wanted(s);
        report.steps.iter().position(open)
    };
    let current = at(&|s| !s.optional && s.regressed.is_none())
        .or_else(|| at(&|s| !s.optional))
        .or_else(|| at(&|_| true));
    for (i, step) in report.steps.iter().enumerate() {
        if is_open(step) {
            page.step(step, current == Some(i) || style.verbose);
        }
    }
    page.later(report);
    page.last(report, current.map(|i| &report.steps[i]));
    let mut text = page.lines.join("\n");
    text.push('\n');
    text
}

/// How far the learner is, and what is open but for the step of this id, which was not begun yet.
#[must_use]
pub fn render_progress(report: &Report, new: &str, style: &Style) -> String {
    let mut page = Page::new(style, report.at);
    page.head(report);
    page.passed(report);
    for step in report.steps.iter().filter(|s| is_open(s) && s.id != new) {
        page.step(step, true);
    }
    page.lines.join("\n") + "\n"
}

/// One step alone, with all of its checks.
#[must_use]
pub fn render_step(step: &StepReport, at: Timestamp, style: &Style) -> String {
    let mut page = Page::new(style, at);
    page.step(step, true);
    let mut text = page.lines.join("\n").trim_start().to_owned();
    text.insert_str(0, "  ");
    text.push('\n');
    text
}

/// Whether there is something to say about the step's checks.
fn is_open(step: &StepReport) -> bool {
    matches!(
        step.outcome,
        Outcome::Fail | Outcome::Waiting | Outcome::Error
    )
}

/// Lines under way.
pub(super) struct Page<'a> {
    pub(super) style: &'a Style,
    at: Timestamp,
    pub(super) lines: Vec<String>,
    /// What was told already.
    pub(super) said: Vec<Finding>,
    /// The trouble that was told already.
    pub(super) troubles: Vec<Obstacle>,
}

impl<'a> Page<'a> {
    fn new(style: &'a Style, at: Timestamp) -> Self {
        Self {
            style,
            at,
            lines: Vec::new(),
            said: Vec::new(),
            troubles: Vec::new(),
        }
    }

    pub(super) fn lang(&self) -> Lang {
        self.style.lang
    }

    fn gap(&mut self) {
        if self.lines.last().is_some_and(|l| !l.is_empty()) {
            self.lines.push(String::new());
        }
    }

    fn head(&mut self, report: &Report) {
        let (done, total) = report.progress();
        let title = super::step::lab_title(report.number, &report.title, self.style);
        let right = say!(
            self.lang(),
            "{done} of {total} steps done",
            "{total} ステップ中 {done} 完了"
        );
        self.lines
            .extend(sides(&title, &right, "  ", self.style.width));
    }

    fn passed(&mut self, report: &Report) {
        let passed: Vec<&StepReport> = report
            .steps
            .iter()
            .filter(|s| s.outcome == Outcome::Pass)
            .collect();
        if passed.is_empty() {
            return;
        }
        self.gap();
        let symbol = self.style.symbol(Outcome::Pass);
        let digits = passed.iter().map(|s| s.number).max().unwrap_or(1);
        let digits = digits.to_string().len();
        let lang = self.lang();
        let cell = |s: &StepReport| {
            let title = named(&s.title, s.optional, lang);
            format!("{symbol} {:>digits$} {title}", s.number)
        };
        if self.style.verbose {
            for step in passed {
                let lines = wrap(&cell(step), "  ", "      ", self.style.width);
                self.lines.extend(lines);
                for check in &step.checks {
                    self.check(check, "    ");
                }
            }
            return;
        }
        let cells: Vec<String> = passed.into_iter().map(cell).collect();
        self.lines
            .extend(two_columns(&cells, "  ", self.style.width));
    }

    fn title(&self, step: &StepReport) -> String {
        named(&step.title, step.optional, self.lang())
    }

    /// A line that belongs to a step as a whole.
    fn note(&mut self, text: &str) {
        self.lines
            .extend(wrap(text, "    ", "    ", self.style.width));
    }

    fn step(&mut self, step: &StepReport, whole: bool) {
        self.gap();
        let total = step
            .checks
            .iter()
            .filter(|c| c.verdict.outcome() != Outcome::Skipped)
            .count();
        let passed = step
            .checks
            .iter()
            .filter(|c| c.verdict.outcome() == Outcome::Pass)
            .count();
        let right = match (total, self.lang()) {
            (0, _) => String::new(),
            (1, Lang::En) => format!("{passed} of 1 check"),
            (_, Lang::En) => format!("{passed} of {total} checks"),
            (_, Lang::Ja) => format!("{total} 項目中 {passed} 項目 OK"),
        };
        let title = format!("{} {}", step.number, self.title(step));
        let left = format!("  {}", self.style.paint(Tone::Strong, &title));
        self.lines
            .extend(sides(&left, &right, "    ", self.style.width));
        if let Some(when) = step.kept {
            let when = self.clock(when);
            let text = say!(
                self.lang(),
                "passed at {when}; not checked again, because later steps change what it is about",
                "{when} に合格しました。後のステップで状態が変わるため、再確認はしません"
            );
            self.note(&text);
        }
        if let Some(when) = step.regressed {
            let when = self.clock(when);
            let text = say!(
                self.lang(),
                "passed at {when}, no longer",
                "{when} に合格しましたが、今は満たしていません"
            );
            let text = self.style.paint(Tone::Warn, &text);
            self.note(&text);
        }
        for check in &step.checks {
            let shown = match check.verdict {
                Verdict::Pass => whole,
                Verdict::Skipped(_) => self.style.verbose,
                _ => true,
            };
            if shown {
                self.check(check, "    ");
            }
        }
    }

    /// The time of day; the date too where it is another.
    fn clock(&self, when: Timestamp) -> String {
        let zone = TimeZone::system();
        let (then, now) = (when.to_zoned(zone.clone()), self.at.to_zoned(zone));
        let form = if then.date() == now.date() {
            "%H:%M"
        } else {
            "%Y-%m-%d %H:%M"
        };
        then.strftime(form).to_string()
    }

    /// What is not here, and what comes later.
    fn later(&mut self, report: &Report) {
        let lang = self.lang();
        self.gap();
        let columns = self.style.width;
        for step in &report.steps {
            // What is for other clusters is no news to a learner on this one.
            if step.outcome == Outcome::Skipped && self.style.verbose {
                let symbol = self.style.symbol(Outcome::Skipped);
                let left = format!("{symbol} {}", self.title(step));
                let why = step.skipped.as_ref().map_or("", |t| t.get(lang));
                self.lines
                    .extend(wrap(&reason(&left, why), "  ", "      ", columns));
            }
        }
        let symbol = self.style.symbol(Outcome::Blocked);
        for (root, numbers) in blocked(report) {
            let one = numbers.len() == 1;
            let numbers = ranges(&numbers, self.style.range());
            let line = match (root, one) {
                (Some(n), true) => say!(
                    lang,
                    "{numbers} comes after step {n}",
                    "{numbers} はステップ {n} のあと"
                ),
                (Some(n), false) => say!(
                    lang,
                    "{numbers} come after step {n}",
                    "{numbers} はステップ {n} のあと"
                ),
                (None, true) => say!(lang, "{numbers} comes later", "{numbers} はこのあと"),
                (None, false) => say!(lang, "{numbers} come later", "{numbers} はこのあと"),
            };
            let line = format!("{symbol} {line}");
            self.lines.extend(wrap(&line, "  ", "    ", columns));
        }
    }

    fn last(&mut self, report: &Report, current: Option<&StepReport>) {
        let lang = self.lang();
        self.gap();
        let lab = report.number;
        let text = match current {
            _ if report.exit_code() == 0 => say!(
                lang,
                "Lab {lab} is done. `ccnr lab list` shows what comes next.",
                "ラボ {lab} は完了です。次のラボは `ccnr lab list` で確認できます。"
            ),
            None => pick(
                lang,
                "`ccnr lab show` shows what to do.",
                "手順は `ccnr lab show` で確認できます。",
            )
            .to_owned(),
            Some(step) if step.outcome == Outcome::Waiting && report.exit_code() == 1 => {
                let undone = |s: &&StepReport| s.outcome == Outcome::Fail && s.regressed.is_some();
                let first = report.steps.iter().find(undone);
                let number = first.map_or(step.number, |s| s.number);
                say!(
                    lang,
                    "Step {number} no longer passes: mend it first; then `ccnr lab verify` again.",
                    "ステップ {number} が合格しなくなっています。先に直してから、もう一度 `ccnr lab verify`。"
                )
            }
            Some(step) if step.outcome == Outcome::Waiting => {
                let limit = step
                    .checks
                    .iter()
                    .filter(|c| matches!(c.verdict, Verdict::Waiting(..)))
                    .filter_map(|c| c.within)
                    .max();
                let wait = wait_for(limit.unwrap_or(120));
                say!(
                    lang,
                    "`ccnr lab verify --wait {wait}` waits for it.",
                    "`ccnr lab verify --wait {wait}` で完了まで待てます。"
                )
            }
            Some(step) if step.outcome == Outcome::Error => pick(
                lang,
                "That doesn't count against you. `ccnr doctor` looks at the connection and your rights.",
                "あなたの間違いではありません。`ccnr doctor` で接続と権限を確認できます。",
            )
            .to_owned(),
            Some(_) => pick(
                lang,
                "`ccnr lab hint` helps without giving it away; then `ccnr lab verify` again.",
                "ヒントは `ccnr lab hint`、直したらもう一度 `ccnr lab verify`。",
            )
            .to_owned(),
        };
        self.lines.extend(wrap(&text, "", "", self.style.width));
    }
}

/// A title, with a word for what is optional.
pub(super) fn named(title: &Text, optional: bool, lang: Lang) -> String {
    let title = title.get(lang);
    if optional {
        say!(lang, "{title} (optional)", "{title}（任意）")
    } else {
        title.to_owned()
    }
}

/// `left: why`, or `left` alone.
pub(super) fn reason(left: &str, why: &str) -> String {
    if why.trim().is_empty() {
        left.to_owned()
    } else {
        format!("{left}: {}", why.trim())
    }
}

/// The blocked steps by the step that all of them wait for in the end.
fn blocked(report: &Report) -> Vec<(Option<usize>, Vec<usize>)> {
    let mut groups: Vec<(Option<usize>, Vec<usize>)> = Vec::new();
    for step in &report.steps {
        if step.outcome != Outcome::Blocked {
            continue;
        }
        let mut root = step.blocked_by;
        for _ in 0..report.steps.len() {
            let waits = |s: &&StepReport| Some(s.number) == root && s.outcome == Outcome::Blocked;
            match report.steps.iter().find(waits).and_then(|s| s.blocked_by) {
                Some(earlier) => root = Some(earlier),
                None => break,
            }
        }
        match groups.iter_mut().find(|(r, _)| *r == root) {
            Some((_, numbers)) => numbers.push(step.number),
            None => groups.push((root, vec![step.number])),
        }
    }
    groups
}

/// `6–8, 10`.
fn ranges(numbers: &[usize], dash: &str) -> String {
    let mut parts: Vec<(usize, usize)> = Vec::new();
    for &n in numbers {
        match parts.last_mut() {
            Some((_, end)) if *end + 1 == n => *end = n,
            _ => parts.push((n, n)),
        }
    }
    let parts = parts.into_iter().map(|(a, b)| match b - a {
        0 => a.to_string(),
        1 => format!("{a}, {b}"),
        _ => format!("{a}{dash}{b}"),
    });
    parts.collect::<Vec<_>>().join(", ")
}
