//! The fixed words of the interface, in every language.

use super::{markdown, style::Style};
use crate::lab::text::{Lang, Text};

/// The label of one line of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Label {
    Expected,
    Observed,
    Cause,
    See,
    Next,
    Check,
}

impl Label {
    /// The label in `lang`.
    pub(crate) fn text(self, lang: Lang) -> &'static str {
        let (en, ja) = match self {
            Self::Expected => ("expected", "期待"),
            Self::Observed => ("observed", "実際"),
            Self::Cause => ("cause", "原因"),
            Self::See | Self::Check => (if self == Self::See { "see" } else { "check" }, "確認"),
            Self::Next => ("next", "次に"),
        };
        pick(lang, en, ja)
    }
}

/// One of two.
pub(crate) fn pick<'a>(lang: Lang, en: &'a str, ja: &'a str) -> &'a str {
    match lang {
        Lang::En => en,
        Lang::Ja => ja,
    }
}

/// `say!(lang, "english {}", "日本語 {}")`: a format string per language, with inline arguments.
macro_rules! say {
    ($lang:expr, $en:literal, $ja:literal) => {
        match $lang {
            $crate::lab::text::Lang::En => format!($en),
            $crate::lab::text::Lang::Ja => format!($ja),
        }
    };
}
pub(crate) use say;

/// A duration as `--wait` reads it: whole minutes, or seconds under one.
pub(crate) fn wait_for(seconds: u64) -> String {
    if seconds < 60 {
        format!("{}s", seconds.max(10))
    } else {
        format!("{}m", seconds.div_ceil(60))
    }
}

/// After Ctrl-C.
#[must_use]
pub fn interrupted() -> Text {
    Text::new(
        "interrupted; the same command goes on from here",
        "中断しました。同じコマンドで続きから再開できます",
    )
}

/// When no step of a lab is left.
#[must_use]
pub fn all_done(number: u32, style: &Style) -> String {
    let text = say!(
        style.lang,
        "Lab {number} is done. `ccnr lab list` shows what comes next; `ccnr lab reset {number}` removes what it made.",
        "ラボ {number} は完了です。`ccnr lab list` で次のラボを確認できます。`ccnr lab reset {number}` で、作ったものを削除できます。"
    );
    markdown::render(&text, style, 0) + "\n"
}
