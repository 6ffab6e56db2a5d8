//! The fixed words of the interface, in every language.

use crate::lab::text::Lang;

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
