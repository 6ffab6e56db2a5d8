//! One check in a report: its line, and below it what was expected, observed, why, and what to do.

use crate::cluster::snapshot::Obstacle;
use std::time::Duration;

use super::{
    layout::{sides, width, wrap, wrap_line},
    report::{Page, named, reason},
    style::Tone,
    words::{Label, pick, say},
};
use crate::check::{
    report::CheckReport,
    verdict::{Finding, Verdict},
};

/// Columns before a label of a finding, and before what it says.
const LABEL: usize = 8;
/// Columns before what a labelled line says.
const VALUE: usize = LABEL + 10;

impl Page<'_> {
    /// The check, with what was found.
    pub(super) fn check(&mut self, check: &CheckReport, indent: &str) {
        let lang = self.lang();
        let symbol = self.style.symbol(check.verdict.outcome());
        let left = format!(
            "{indent}{symbol} {}",
            named(&check.title, check.optional, lang)
        );
        let rest = format!("{indent}  ");
        let columns = self.style.width;
        match &check.verdict {
            Verdict::Pass => self.lines.extend(wrap_line(&left, &rest, columns)),
            Verdict::Fail(finding) => {
                self.lines.extend(wrap_line(&left, &rest, columns));
                if self.said.contains(finding) {
                    self.as_above();
                    return;
                }
                if let Some(fail) = &check.fail {
                    self.prose(fail.get(lang));
                }
                // The title says it already.
                self.finding(finding, finding.expected != check.title);
                self.said.push((**finding).clone());
            }
            Verdict::Waiting(finding, so_long) => {
                let time = self.waited(*so_long, check.within, finding.cause.is_some());
                let observed = finding.observed.get(lang);
                let both = if time.is_empty() {
                    observed.to_owned()
                } else {
                    format!("{observed} {} {time}", self.style.dot())
                };
                let short = !observed.is_empty()
                    && !observed.contains('\n')
                    && width(&left) + 3 + width(&both) <= columns;
                let right = if short { &both } else { &time };
                self.lines.extend(sides(&left, right, &rest, columns));
                if !short || self.style.verbose {
                    self.finding(finding, self.style.verbose);
                } else if let Some(cause) = &finding.cause {
                    self.cause(cause.text.get(lang), cause.code);
                }
            }
            Verdict::Error(obstacle) => {
                let dash = self.style.dash();
                let line = say!(
                    lang,
                    "{left} {dash} could not be checked",
                    "{left} {dash} 確認できませんでした"
                );
                self.lines.extend(wrap_line(&line, &rest, columns));
                if self.troubles.contains(obstacle) {
                    self.as_above();
                    return;
                }
                self.obstacle(obstacle);
                self.troubles.push(obstacle.clone());
            }
            Verdict::Blocked(step) => {
                let line = say!(
                    lang,
                    "{left}: after step {step}",
                    "{left}: ステップ {step} のあと"
                );
                self.lines.extend(wrap_line(&line, &rest, columns));
            }
            Verdict::Skipped(why) => {
                let line = reason(&left, why.get(lang));
                self.lines.extend(wrap_line(&line, &rest, columns));
            }
        }
    }

    /// What was told already is not told again.
    fn as_above(&mut self) {
        let above = pick(self.lang(), "as above", "上に同じ");
        self.indented(&self.style.paint(Tone::Dim, above));
    }

    /// How long it has waited. What has a known cause is not told to be normal, nor a time of nothing.
    fn waited(&self, so_long: Duration, within: Option<u64>, has_cause: bool) -> String {
        let seconds = so_long.as_secs();
        match within.filter(|_| !has_cause) {
            Some(limit) if seconds == 0 => say!(
                self.lang(),
                "up to {limit} s is normal",
                "{limit} 秒までは正常です"
            ),
            Some(limit) => say!(
                self.lang(),
                "{seconds} s so far, up to {limit} s is normal",
                "{seconds} 秒経過、{limit} 秒までは正常です"
            ),
            None if seconds == 0 => String::new(),
            None => say!(self.lang(), "{seconds} s so far", "{seconds} 秒経過"),
        }
    }

    fn finding(&mut self, finding: &Finding, whole: bool) {
        let lang = self.lang();
        if whole {
            self.labelled(Label::Expected, finding.expected.get(lang));
        }
        self.labelled(Label::Observed, finding.observed.get(lang));
        if let Some(cause) = &finding.cause {
            self.cause(cause.text.get(lang), cause.code);
        }
        if let Some(see) = &finding.see {
            self.command(Label::See, see);
        }
        if let Some(next) = &finding.next {
            self.labelled(Label::Next, next.get(lang));
        }
    }

    fn obstacle(&mut self, obstacle: &Obstacle) {
        let lang = self.style.lang;
        self.indented(obstacle.message.get(lang));
        let next = obstacle.next.get(lang);
        if is_command(next) {
            self.command(Label::Check, next);
        } else {
            self.labelled(Label::Next, next);
        }
    }

    /// The author's words.
    fn prose(&mut self, text: &str) {
        let rendered = super::markdown::render(text, self.style, LABEL);
        self.lines.extend(rendered.lines().map(str::to_owned));
    }

    fn indented(&mut self, text: &str) {
        if !text.trim().is_empty() {
            let indent = " ".repeat(LABEL);
            self.lines
                .extend(wrap(text, &indent, &indent, self.style.width));
        }
    }

    /// The label, padded to where the value starts.
    fn label(&self, label: Label) -> String {
        let word = self.style.paint(Tone::Dim, label.text(self.lang()));
        super::layout::pad(&format!("{}{word}", " ".repeat(LABEL)), VALUE)
    }

    fn labelled(&mut self, label: Label, text: &str) {
        if !text.trim().is_empty() {
            let (first, rest) = (self.label(label), " ".repeat(VALUE));
            self.lines
                .extend(wrap(text, &first, &rest, self.style.width));
        }
    }

    /// A command is never wrapped, so that it can be copied.
    fn command(&mut self, label: Label, command: &str) {
        let first = self.label(label);
        for (i, line) in command.lines().enumerate() {
            let start = if i == 0 { &first } else { &" ".repeat(VALUE) };
            self.lines
                .push(format!("{start}{}", self.style.paint(Tone::Code, line)));
        }
    }

    /// The cause, with its code at the right edge of the first line, or below where it is narrow.
    fn cause(&mut self, text: &str, code: &str) {
        let code = format!("[{code}]");
        let (first, rest) = (self.label(Label::Cause), " ".repeat(VALUE));
        let columns = self.style.width;
        let code_width = width(&code);
        let painted = self.style.paint(Tone::Dim, &code);
        if VALUE + 30 + 2 + code_width > columns {
            self.lines.extend(wrap(text, &first, &rest, columns));
            self.lines.push(format!("{rest}{painted}"));
            return;
        }
        // Room for the code is kept on the first line, as if it stood in the indent.
        let room = " ".repeat(code_width + 2);
        let mut lines = wrap(text, &format!("{room}{first}"), &rest, columns).into_iter();
        if let Some(line) = lines.next() {
            let line = line.strip_prefix(&room).unwrap_or(&line);
            self.lines.extend(sides(line, &painted, &rest, columns));
        }
        self.lines.extend(lines);
    }
}

/// Whether it is something to type.
fn is_command(text: &str) -> bool {
    ["oc ", "kubectl ", "ccnr "]
        .iter()
        .any(|c| text.starts_with(c))
}
