//! `test` and `[`: what is asked of files, texts and numbers.
//! <https://pubs.opengroup.org/onlinepubs/9799919799/utilities/test.html>

/// Whether an expression holds; `is_there` tells of files. What is not understood holds.
pub(super) fn holds(words: &[&str], is_there: &dyn Fn(&str) -> bool) -> bool {
    let number = |text: &str| text.parse::<i64>().ok();
    match words {
        ["!", rest @ ..] => !holds(rest, is_there),
        [] | ["-n", ""] => false,
        ["-z", text] => text.is_empty(),
        ["-e" | "-f" | "-d" | "-r" | "-s" | "-w" | "-x", file] => is_there(file),
        [a, "=" | "==", b] => a == b,
        [a, "!=", b] => a != b,
        [a, compare, b] if number(a).is_some() && number(b).is_some() => {
            let order = number(a).cmp(&number(b));
            match *compare {
                "-eq" => order.is_eq(),
                "-ne" => order.is_ne(),
                "-lt" => order.is_lt(),
                "-le" => order.is_le(),
                "-gt" => order.is_gt(),
                "-ge" => order.is_ge(),
                _ => true,
            }
        }
        [text] => !text.is_empty(),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_hold_or_not() {
        for (text, expected) in [
            ("-f /tmp/a", true),
            ("! -f /tmp/a", false),
            ("-e /tmp/b", false),
            ("a = a", true),
            ("a != a", false),
            ("2 -gt 10", false),
            ("x", true),
        ] {
            let words: Vec<&str> = text.split(' ').collect();
            assert_eq!(holds(&words, &|f| f == "/tmp/a"), expected, "{text}");
        }
        assert!(!holds(&["-n", ""], &|_| false) && holds(&["-z", ""], &|_| false));
    }
}
