//! Mistakes in a file: where, what, and what was probably meant.

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

/// A place in a file: line and column from 1 (0 where unknown), and the bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Place {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

impl From<serde_yaml::Location> for Place {
    fn from(location: serde_yaml::Location) -> Self {
        let number = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        Self {
            line: number(location.line()),
            column: number(location.column()),
        }
    }
}

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// What is wrong, in one sentence.
    pub message: String,
    /// What was probably meant.
    pub suggestion: Option<String>,
}

impl Problem {
    /// A mistake without a suggestion.
    pub(crate) fn at(place: Place, message: impl Into<String>) -> Self {
        Self {
            place,
            message: message.into(),
            suggestion: None,
        }
    }

    /// `unknown key "macth"`, with the nearest of the known ones.
    pub(crate) fn unknown(place: Place, what: &str, found: &str, known: &[&str]) -> Self {
        Self {
            place,
            message: format!("unknown {what} \"{found}\""),
            suggestion: nearest(found, known).map(|n| format!("did you mean \"{n}\"?")),
        }
    }
}

/// The known word that `found` was most likely meant to be.
pub(crate) fn nearest<'a>(found: &str, known: &[&'a str]) -> Option<&'a str> {
    let close = |word: &&str| strsim::jaro_winkler(found, word);
    let best = known
        .iter()
        .copied()
        .max_by(|a, b| close(a).total_cmp(&close(b)))?;
    (close(&best) > 0.75).then_some(best)
}

/// The mistakes of one file as a person reads them: place, line underlined, suggestion; at the end how many.
#[must_use]
pub fn render(path: &str, source: &str, problems: &[Problem], color: bool) -> String {
    let renderer = if color {
        Renderer::styled()
    } else {
        Renderer::plain()
    };
    let mut out = String::new();
    for problem in problems {
        let span = span(source, problem.place);
        let label = problem.suggestion.clone().unwrap_or_default();
        let report = [Level::ERROR
            .primary_title(problem.message.as_str())
            .element(
                Snippet::source(source)
                    .path(path)
                    .annotation(AnnotationKind::Primary.span(span).label(label.as_str())),
            )];
        out.push_str(&renderer.render(&report));
        out.push_str("\n\n");
    }
    let plural = if problems.len() == 1 { "" } else { "s" };
    out + &format!("{} problem{plural} in {path}", problems.len())
}

/// The word at a place, in bytes.
fn span(source: &str, place: Place) -> std::ops::Range<usize> {
    let start_of_line: usize = source
        .split_inclusive('\n')
        .take(place.line.saturating_sub(1))
        .map(str::len)
        .sum();
    let line = source[start_of_line..].lines().next().unwrap_or_default();
    let within: usize = line
        .chars()
        .take(place.column.saturating_sub(1))
        .map(char::len_utf8)
        .sum();
    let word = line[within..]
        .find([':', ',', '}', ']', ' '])
        .unwrap_or(line.len() - within);
    let start = start_of_line + within;
    start..start + word.max(usize::from(within < line.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_is_shown_with_its_line_and_what_was_meant() {
        let problem = Problem::unknown(
            Place { line: 2, column: 3 },
            "key",
            "macth",
            &["match", "ready"],
        );
        let shown = render("labs/x/lab.yaml", "a:\n  macth: {}\n", &[problem], false);
        assert!(shown.contains("error: unknown key \"macth\""), "{shown}");
        assert!(shown.contains("labs/x/lab.yaml:2:3"), "{shown}");
        assert!(shown.contains("^^^^^ did you mean \"match\"?"), "{shown}");
        assert!(shown.ends_with("1 problem in labs/x/lab.yaml"), "{shown}");
    }

    #[test]
    fn a_place_outside_the_file_is_no_panic() {
        let _ = render(
            "x",
            "",
            &[Problem::at(Place { line: 9, column: 9 }, "m")],
            false,
        );
        let _ = render(
            "x",
            "あ\n",
            &[Problem::at(Place { line: 1, column: 2 }, "m")],
            false,
        );
    }
}
