//! Questions before something is done that can't be undone.

use std::io::IsTerminal as _;

use dialoguer::Confirm;

use super::words::pick;
use crate::lab::text::Lang;

/// Whether somebody can be asked.
#[must_use]
pub fn possible() -> bool {
    std::io::stdin().is_terminal() && console::Term::stderr().is_term()
}

/// Whether to go on: yes with `assume_yes`, else what the person at the terminal says (the default
/// is no). Where there is no terminal, an error says to pass `--yes`.
pub fn confirm(question: &str, assume_yes: bool, lang: Lang) -> anyhow::Result<bool> {
    if assume_yes {
        return Ok(true);
    }
    if !possible() {
        anyhow::bail!(
            "{}",
            pick(
                lang,
                "there is no terminal to confirm this on; pass --yes to go on without asking",
                "確認のための端末がありません。確認なしで続けるには --yes を付けてください",
            )
        );
    }
    let asked = Confirm::new()
        .with_prompt(question)
        .default(false)
        .interact_opt();
    match asked {
        Ok(said) => Ok(said.unwrap_or(false)),
        Err(dialoguer::Error::IO(error)) => {
            // The question hides the cursor, and Ctrl-C leaves it so.
            let _ = console::Term::stderr().show_cursor();
            if error.kind() == std::io::ErrorKind::Interrupted {
                return Err(Interrupted.into());
            }
            Err(error.into())
        }
    }
}

/// Somebody answered a question with Ctrl-C.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("interrupted")]
pub struct Interrupted;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yes_asks_nobody() {
        assert!(confirm("Delete?", true, Lang::En).unwrap());
    }
}
