//! Progress of long work, on standard error: a line that moves on a terminal, plain lines elsewhere.

use std::{
    io::Write as _,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressState, ProgressStyle};

use super::style::Style;

/// From how many pieces on work is long enough to be told of elsewhere than on a terminal.
const LONG: u64 = 500;

/// Progress of one piece of work.
#[derive(Debug)]
pub struct Progress {
    form: Form,
}

/// How it is shown.
#[derive(Debug)]
enum Form {
    Spinner(ProgressBar),
    /// The last line said, which is not said twice in a row.
    Lines(Mutex<String>),
    /// Of what, how much is done, of how much.
    Tenths(String, Mutex<(u64, u64)>),
    Quiet,
}

impl Form {
    fn say(&self, text: &str) {
        match self {
            Self::Spinner(bar) => bar.println(text),
            Self::Lines(last) => {
                let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
                if *last != text {
                    say(text);
                    text.clone_into(&mut last);
                }
            }
            Self::Tenths(..) => say(text),
            Self::Quiet => {}
        }
    }
}

impl Progress {
    /// Work of unknown length.
    #[must_use]
    pub fn spinner(what: &str, style: &Style, quiet: bool) -> Self {
        if quiet {
            return Self { form: Form::Quiet };
        }
        if !console::Term::stderr().is_term() {
            let form = Form::Lines(Mutex::default());
            form.say(what);
            return Self { form };
        }
        let bar = ProgressBar::new_spinner();
        if let Ok(look) = ProgressStyle::with_template("  {spinner} {msg}") {
            let ticks = if style.ascii {
                "-\\|/ "
            } else {
                "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏ "
            };
            bar.set_style(look.tick_chars(ticks));
        }
        bar.set_message(what.to_owned());
        bar.enable_steady_tick(Duration::from_millis(100));
        Self {
            form: Form::Spinner(bar),
        }
    }

    /// Work of known length: how much is done, how many a second, and how long it still takes. Elsewhere than on a terminal
    /// a line for each tenth of what is worth it.
    #[must_use]
    pub fn bar(what: &str, whole: u64, style: &Style, quiet: bool) -> Self {
        if quiet || whole == 0 {
            return Self { form: Form::Quiet };
        }
        if !console::Term::stderr().is_term() {
            if whole < LONG {
                return Self {
                    form: Form::Lines(Mutex::default()),
                };
            }
            let form = Form::Tenths(what.to_owned(), Mutex::new((0, whole)));
            return Self { form };
        }
        let bar = ProgressBar::new(whole);
        let template = "  {msg} {bar:24} {human_pos}/{human_len}  {per_sec}  {eta} left";
        if let Ok(look) = ProgressStyle::with_template(template) {
            let look = look.with_key(
                "per_sec",
                |state: &ProgressState, out: &mut dyn std::fmt::Write| {
                    let _ = write!(out, "{:.0}/s", state.per_sec());
                },
            );
            bar.set_style(look.progress_chars(if style.ascii { "#>-" } else { "━╸─" }));
        }
        Self {
            form: Form::Spinner(bar),
        }
    }

    /// One more of a known number is done.
    pub fn advance(&self) {
        match &self.form {
            Form::Spinner(bar) => bar.inc(1),
            Form::Tenths(what, done) => {
                let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
                let before = done.0 * 10 / done.1;
                done.0 += 1;
                if done.0 * 10 / done.1 > before && done.0 <= done.1 {
                    say(&format!("  {what} {}/{}", done.0, done.1));
                }
            }
            Form::Lines(_) | Form::Quiet => {}
        }
    }

    /// Does something that needs the terminal for itself, such as a question.
    pub fn suspend<T>(&self, work: impl FnOnce() -> T) -> T {
        match &self.form {
            Form::Spinner(bar) => bar.suspend(work),
            _ => work(),
        }
    }

    /// What is done now. On a terminal it replaces what stood there.
    pub fn message(&self, text: &str) {
        match &self.form {
            Form::Spinner(bar) => bar.set_message(text.to_owned()),
            form => form.say(text),
        }
    }

    /// A line that stays.
    pub fn line(&self, text: &str) {
        self.form.say(text);
    }

    /// The end: what moves disappears, and `text` stays, if there is one.
    pub fn finish(self, text: Option<&str>) {
        if let Form::Spinner(bar) = &self.form {
            bar.finish_and_clear();
        }
        match (&self.form, text) {
            (Form::Spinner(_), Some(text)) => say(text),
            (form, Some(text)) => form.say(text),
            (_, None) => {}
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Form::Spinner(bar) = &self.form {
            bar.finish_and_clear();
        }
    }
}

/// A line on standard error; nobody is left to tell if that fails.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
