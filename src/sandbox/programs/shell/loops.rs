//! Loops: the endless ones, whose round is told again and again, and those over a list.

use std::time::Duration;

use super::{MOST_STEPS, Run};

/// The most rounds of a loop over a list.
const MOST_ROUNDS: usize = 1000;

/// `for NAME in LIST; do BODY; done`, with what stands around it.
pub(super) struct Listed<'a> {
    before: &'a str,
    name: &'a str,
    list: &'a str,
    body: &'a str,
    after: &'a str,
}

impl Listed<'_> {
    /// Where it begins in its script.
    pub(super) fn begins(&self) -> usize {
        self.before.len()
    }
}

/// The first loop over a list.
pub(super) fn listed(script: &str) -> Option<Listed<'_>> {
    let begins = |at: &usize| {
        let before = script[..*at].trim_end_matches([' ', '\t']);
        before.is_empty() || before.ends_with([';', '\n', '&', '|'])
    };
    let at = script
        .match_indices("for ")
        .map(|(at, _)| at)
        .find(begins)?;
    let head = &script[at + "for ".len()..];
    let (name, rest) = head.split_once(" in ")?;
    let (list, rest) = rest.split_once([';', '\n'])?;
    let inside = rest.trim_start().strip_prefix("do")?;
    let end = end_of(inside)?;
    let name = name.trim();
    let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    is_name.then_some(Listed {
        before: &script[..at],
        name,
        list,
        body: &inside[..end],
        after: &inside[end + "done".len()..],
    })
}

/// Where the `done` of a body stands, with loops inside it passed over.
fn end_of(body: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut at = 0;
    for word in body.split_inclusive([' ', '\n', ';', '\t']) {
        match word.trim_end_matches([' ', '\n', ';', '\t']) {
            "do" => depth += 1,
            "done" if depth == 0 => return Some(at),
            "done" => depth -= 1,
            _ => {}
        }
        at += word.len();
    }
    None
}

impl Run<'_> {
    /// `while true; do …; done`: what one round says, again and again.
    pub(super) fn endless(&mut self, body: &str) {
        let (start, said) = (self.now, self.out.lines.len());
        self.all(body);
        if self.stop {
            return;
        }
        let lines = self.out.lines.split_off(said);
        self.out.busy = self.now == start;
        let pause = self.now.saturating_sub(start).max(Duration::from_secs(1));
        self.out.repeats = Some((pause, lines.into_iter().map(|(_, text)| text).collect()));
        self.now = start;
        self.stop = true;
    }

    /// `for i in 1 2 3; do …; done`
    pub(super) fn rounds(&mut self, wanted: &Listed<'_>) {
        self.all(wanted.before);
        for item in self.items(wanted.list) {
            if self.stop || self.steps > MOST_STEPS {
                return;
            }
            self.steps += 1;
            self.variables.insert(wanted.name.to_owned(), item);
            self.all(wanted.body);
        }
        if !self.stop {
            self.all(wanted.after);
        }
    }

    /// The words of a list; `$(seq 3)` and `{1..3}` are numbers.
    fn items(&self, list: &str) -> Vec<String> {
        let list = list.trim();
        let numbers = |from: &str, to: &str| -> Option<Vec<String>> {
            let range = from.trim().parse::<i64>().ok()?..=to.trim().parse::<i64>().ok()?;
            Some(range.take(MOST_ROUNDS).map(|n| n.to_string()).collect())
        };
        let between = |start: &str, end: char| list.strip_prefix(start)?.strip_suffix(end);
        let counted = between("$(seq ", ')').or_else(|| between("`seq ", '`'));
        let found = match (counted, between("{", '}')) {
            (Some(counted), _) => match counted.trim().split_once(' ') {
                Some((from, to)) => numbers(from, to),
                None => numbers("1", counted),
            },
            (None, Some(range)) => range.split_once("..").and_then(|(a, b)| numbers(a, b)),
            (None, None) => None,
        };
        let words = || self.words(list).into_iter().take(MOST_ROUNDS).collect();
        found.unwrap_or_else(words)
    }
}
