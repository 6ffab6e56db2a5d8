//! How text is shown here: colour, symbols, width, language.

use std::env;

use crate::{check::verdict::Outcome, lab::text::Lang};

/// When to use colour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ColorChoice {
    /// On a terminal that shows it, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// How text is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Whether colour is used.
    pub color: bool,
    /// Whether symbols are limited to ASCII.
    pub ascii: bool,
    /// Columns, 40 to 100.
    pub width: usize,
    /// The reader's language.
    pub lang: Lang,
    /// Whether detail is shown.
    pub verbose: bool,
}

impl Default for Style {
    fn default() -> Self {
        Self {
            color: false,
            ascii: false,
            width: 80,
            lang: Lang::En,
            verbose: false,
        }
    }
}

/// What a piece of text is, which decides its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// It went well.
    Good,
    /// It did not.
    Bad,
    /// Not yet, or could not be told.
    Warn,
    /// Of little weight.
    Dim,
    /// Of weight.
    Strong,
    /// A command, or code.
    Code,
}

impl Style {
    /// The style for standard output: `color` and `lang` as the flags say, the rest from the
    /// terminal and the environment.
    #[must_use]
    pub fn detect(color: ColorChoice, lang: Option<Lang>) -> Self {
        let term = console::Term::stdout();
        let width = term.size_checked().map(|(_, columns)| usize::from(columns));
        Self::from_env(color, lang, term.is_term(), width, |name| {
            env::var(name).ok()
        })
    }

    /// As [`Style::detect`], from given values: whether it is a terminal, how wide, its environment.
    pub fn from_env(
        color: ColorChoice,
        lang: Option<Lang>,
        is_term: bool,
        width: Option<usize>,
        var: impl Fn(&str) -> Option<String>,
    ) -> Self {
        let var = |name: &str| var(name).filter(|v| !v.is_empty());
        let dumb = var("TERM").is_some_and(|t| t == "dumb");
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|n| var(n));
        // Windows and macOS terminals read UTF-8 without a locale that says so.
        let utf8 = locale.as_ref().map_or(cfg!(not(target_os = "linux")), |l| {
            let l = l.to_ascii_lowercase();
            l.contains("utf-8") || l.contains("utf8")
        });
        let messages = ["LC_ALL", "LC_MESSAGES", "LANG"]
            .iter()
            .find_map(|n| var(n));
        let ascii = !utf8 || (dumb && is_term);
        let spoken = messages.filter(|_| utf8).and_then(|l| language(&l));
        Self {
            color: match color {
                ColorChoice::Always => true,
                ColorChoice::Never => false,
                ColorChoice::Auto => is_term && !dumb && var("NO_COLOR").is_none(),
            },
            ascii,
            width: width.unwrap_or(80).clamp(40, 100),
            lang: lang
                .or_else(|| var("CCNR_LANG").and_then(|l| language(&l)))
                .or(spoken)
                .unwrap_or_default(),
            verbose: false,
        }
    }

    /// The same style with this width, clamped.
    #[must_use]
    pub fn with_width(self, width: usize) -> Self {
        Self {
            width: width.clamp(40, 100),
            ..self
        }
    }

    /// `text` in the colour of `tone`, where there is colour.
    #[must_use]
    pub fn paint(&self, tone: Tone, text: &str) -> String {
        if !self.color || text.is_empty() {
            return text.to_owned();
        }
        let style = console::Style::new().force_styling(true);
        let style = match tone {
            Tone::Good => style.green(),
            Tone::Bad => style.red(),
            Tone::Warn => style.yellow(),
            Tone::Dim => style.dim(),
            Tone::Strong => style.bold(),
            Tone::Code => style.cyan(),
        };
        style.apply_to(text).to_string()
    }

    /// The symbol of an outcome, in its colour.
    #[must_use]
    pub fn symbol(&self, outcome: Outcome) -> String {
        let (symbol, ascii, tone) = match outcome {
            Outcome::Pass => ("✔", "+", Tone::Good),
            Outcome::Fail => ("✘", "x", Tone::Bad),
            Outcome::Waiting => ("…", "~", Tone::Warn),
            Outcome::Blocked => ("○", "o", Tone::Dim),
            Outcome::Error => ("!", "!", Tone::Warn),
            Outcome::Skipped => ("–", "-", Tone::Dim),
        };
        self.paint(tone, if self.ascii { ascii } else { symbol })
    }

    /// The dot between a number and a title.
    #[must_use]
    pub fn dot(&self) -> &'static str {
        if self.ascii { "-" } else { "·" }
    }

    /// The dash of a range: `6–10`.
    #[must_use]
    pub fn range(&self) -> &'static str {
        if self.ascii { "-" } else { "–" }
    }

    /// The dash between two thoughts.
    #[must_use]
    pub fn dash(&self) -> &'static str {
        if self.ascii { "-" } else { "—" }
    }
}

/// The language of a locale name such as `ja_JP.UTF-8`, if it is one of ours.
fn language(locale: &str) -> Option<Lang> {
    let name = locale.split(['_', '.', '-', '@']).next()?;
    match name.to_ascii_lowercase().as_str() {
        "ja" => Some(Lang::Ja),
        "en" | "c" | "posix" => Some(Lang::En),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(vars: &[(&str, &str)], color: ColorChoice, lang: Option<Lang>, term: bool) -> Style {
        Style::from_env(color, lang, term, Some(300), |n| {
            vars.iter()
                .find(|(k, _)| *k == n)
                .map(|(_, v)| (*v).to_owned())
        })
    }

    #[test]
    fn environment_decides() {
        let s = with(
            &[("LANG", "ja_JP.UTF-8"), ("TERM", "xterm")],
            ColorChoice::Auto,
            None,
            true,
        );
        assert!(s.color && !s.ascii);
        assert_eq!((s.lang, s.width), (Lang::Ja, 100));
        let vars = [
            ("LANG", "ja_JP.UTF-8"),
            ("CCNR_LANG", "en"),
            ("NO_COLOR", "1"),
        ];
        let s = with(&vars, ColorChoice::Auto, None, true);
        assert!(!s.color);
        assert_eq!(s.lang, Lang::En);
        assert_eq!(
            with(&vars, ColorChoice::Auto, Some(Lang::Ja), true).lang,
            Lang::Ja
        );
        assert!(with(&vars, ColorChoice::Always, None, false).color);
        let s = with(
            &[("LC_ALL", "C"), ("LANG", "ja_JP.UTF-8")],
            ColorChoice::Auto,
            None,
            false,
        );
        assert!(s.ascii && !s.color);
        assert_eq!(s.lang, Lang::En);
        let s = with(
            &[("TERM", "dumb"), ("LANG", "C.UTF-8")],
            ColorChoice::Auto,
            None,
            true,
        );
        assert!(s.ascii && !s.color);
    }
}
