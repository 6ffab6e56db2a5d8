//! Questions before something is done that can't be undone.

use std::io::IsTerminal as _;

use dialoguer::Input;

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
    loop {
        let asked = Input::<String>::new()
            .with_prompt(format!("{question} [y/N]"))
            .allow_empty(true)
            .interact_text();
        match asked {
            Ok(said) => {
                if let Some(said) = understood(&said) {
                    return Ok(said);
                }
            }
            Err(dialoguer::Error::IO(error)) => {
                let term = console::Term::stderr();
                // What was typed stays on its line, and the cursor is seen again. Nobody is left to tell if that fails.
                let _ = term.write_line("").and_then(|()| term.show_cursor());
                if error.kind() == std::io::ErrorKind::Interrupted {
                    return Err(Interrupted.into());
                }
                return Err(error.into());
            }
        }
    }
}

/// A line of text, the usual one if nothing is said.
pub fn line(question: &str, usual: &str) -> anyhow::Result<String> {
    let asked = Input::<String>::new()
        .with_prompt(question)
        .default(usual.to_owned())
        .interact_text();
    asked.map_err(|dialoguer::Error::IO(error)| {
        if error.kind() == std::io::ErrorKind::Interrupted {
            Interrupted.into()
        } else {
            error.into()
        }
    })
}

/// What an answer means; nothing for one that is neither yes nor no. None at all is no.
fn understood(said: &str) -> Option<bool> {
    match said.trim().to_lowercase().as_str() {
        "y" | "yes" | "はい" => Some(true),
        "" | "n" | "no" | "いいえ" => Some(false),
        _ => None,
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
    fn only_a_yes_is_yes() {
        assert_eq!(understood(" Yes "), Some(true));
        assert_eq!(understood(""), Some(false));
        assert_eq!(understood("no"), Some(false));
        assert_eq!(understood("maybe"), None);
    }

    #[test]
    fn yes_asks_nobody() {
        assert!(confirm("Delete?", true, Lang::En).unwrap());
    }
}
