//! Progress of long work, on standard error: a bar on a terminal, plain lines elsewhere.

use std::{
    io::Write as _,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};

use super::style::Style;

/// Progress of one piece of work.
#[derive(Debug)]
pub struct Progress {
    form: Form,
}

/// How it is shown.
#[derive(Debug)]
enum Form {
    Bar(ProgressBar),
    /// The last line said, which is not said twice in a row.
    Lines(Mutex<String>),
    Quiet,
}

impl Form {
    fn say(&self, text: &str) {
        match self {
            Self::Bar(bar) => bar.println(text),
            Self::Lines(last) => {
                let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
                if *last != text {
                    say(text);
                    text.clone_into(&mut last);
                }
            }
            Self::Quiet => {}
        }
    }
}

impl Progress {
    /// Work of unknown length.
    #[must_use]
    pub fn spinner(what: &str, style: &Style, quiet: bool) -> Self {
        Self::start(what, None, style, quiet)
    }

    /// Work of `total` pieces.
    #[must_use]
    pub fn bar(what: &str, total: u64, style: &Style, quiet: bool) -> Self {
        Self::start(what, Some(total), style, quiet)
    }

    fn start(what: &str, total: Option<u64>, style: &Style, quiet: bool) -> Self {
        if quiet {
            return Self { form: Form::Quiet };
        }
        if !console::Term::stderr().is_term() {
            let form = Form::Lines(Mutex::default());
            form.say(what);
            return Self { form };
        }
        let bar = total.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
        let template = if total.is_some() {
            "  {bar:32} {human_pos}/{human_len}  {per_sec:.0}  {msg}"
        } else {
            "  {spinner} {msg}"
        };
        if let Ok(look) = ProgressStyle::with_template(template) {
            let look = if style.ascii {
                look.progress_chars("#>-").tick_chars("-\\|/ ")
            } else {
                look.progress_chars("━╸━").tick_chars("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏ ")
            };
            bar.set_style(look);
        }
        bar.set_message(what.to_owned());
        bar.enable_steady_tick(Duration::from_millis(100));
        Self {
            form: Form::Bar(bar),
        }
    }

    /// `count` more pieces are done.
    pub fn advance(&self, count: u64) {
        if let Form::Bar(bar) = &self.form {
            bar.inc(count);
        }
    }

    /// What is done now. On a terminal it replaces what stood there.
    pub fn message(&self, text: &str) {
        match &self.form {
            Form::Bar(bar) => bar.set_message(text.to_owned()),
            form => form.say(text),
        }
    }

    /// A line that stays.
    pub fn line(&self, text: &str) {
        self.form.say(text);
    }

    /// The end: a bar disappears, and `text` stays, if there is one.
    pub fn finish(self, text: Option<&str>) {
        if let Form::Bar(bar) = &self.form {
            bar.finish_and_clear();
        }
        match (&self.form, text) {
            (Form::Bar(_), Some(text)) => say(text),
            (form, Some(text)) => form.say(text),
            (_, None) => {}
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Form::Bar(bar) = &self.form {
            bar.finish_and_clear();
        }
    }
}

/// A line on standard error; nobody is left to tell if that fails.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
