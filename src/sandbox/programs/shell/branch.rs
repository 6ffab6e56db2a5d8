//! `if … then … elif … else … fi`.

/// An `if` whose `fi` is to come.
pub(super) struct Branch {
    /// Whether it is reached at all.
    reached: bool,
    /// Whether one of its branches was taken.
    taken: bool,
    at: At,
}

/// Where in an `if` a statement stands.
enum At {
    Condition,
    Taken,
    Left,
}

impl Branch {
    /// Whether a statement in it is done.
    pub(super) fn is_done(&self) -> bool {
        match self.at {
            At::Condition => self.reached && !self.taken,
            At::Taken => true,
            At::Left => false,
        }
    }

    fn take(&mut self, holds: bool) {
        let taken = self.reached && !self.taken && holds;
        self.at = if taken { At::Taken } else { At::Left };
        self.taken |= taken;
    }
}

/// What is left of a statement after its keywords, and which branches they open; `code` is how the last command ended.
pub(super) fn branch<'a>(mut text: &'a str, code: i64, open: &mut Vec<Branch>) -> &'a str {
    loop {
        let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let reached = open.last().is_none_or(Branch::is_done);
        match (word, open.last_mut()) {
            ("if", _) => open.push(Branch {
                reached,
                taken: false,
                at: At::Condition,
            }),
            ("elif", Some(branch)) => branch.at = At::Condition,
            ("then", Some(branch)) => branch.take(code == 0),
            ("else", Some(branch)) => branch.take(true),
            ("fi", Some(_)) => {
                open.pop();
            }
            _ => return text,
        }
        text = rest.trim_start();
    }
}
