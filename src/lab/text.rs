//! Text that exists in every language of the workshop.

use serde::{Deserialize, Serialize};

/// A language that learners read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lang {
    /// English.
    #[default]
    En,
    /// Japanese.
    Ja,
}

/// One text in both languages.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Text {
    /// English.
    pub en: String,
    /// Japanese.
    pub ja: String,
}

impl Text {
    /// A text from its two forms.
    pub fn new(en: impl Into<String>, ja: impl Into<String>) -> Self {
        Self {
            en: en.into(),
            ja: ja.into(),
        }
    }

    /// A text that is the same in every language: a name, a value, a server's own message.
    pub fn same(text: impl Into<String>) -> Self {
        let en = text.into();
        Self { ja: en.clone(), en }
    }

    /// Several texts, one a line.
    #[must_use]
    pub fn lines<'a>(texts: impl IntoIterator<Item = &'a Self>) -> Self {
        let each = |t: &'a Self| (t.en.as_str(), t.ja.as_str());
        let (en, ja): (Vec<&str>, Vec<&str>) = texts.into_iter().map(each).unzip();
        Self {
            en: en.join("\n"),
            ja: ja.join("\n"),
        }
    }

    /// The text in `lang`.
    #[must_use]
    pub fn get(&self, lang: Lang) -> &str {
        match lang {
            Lang::En => &self.en,
            Lang::Ja => &self.ja,
        }
    }

    /// Whether no language says anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.en.is_empty() && self.ja.is_empty()
    }
}
