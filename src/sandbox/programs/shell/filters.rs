//! What commands behind a pipe leave of a text.

/// The text that a line of piped commands leaves, and the exit code of the last; what is not known lets everything through.
pub(super) fn through(text: &str, commands: &[Vec<String>]) -> (String, i64) {
    let mut left = (text.to_owned(), 0);
    for words in commands {
        left = one(&left.0, words);
    }
    left
}

fn one(text: &str, words: &[String]) -> (String, i64) {
    let name = words.first().map_or("", String::as_str);
    match name {
        "grep" => grep(text, &words[1..]),
        "head" | "tail" => {
            let count = words[1..]
                .iter()
                .find_map(|w| w.trim_start_matches(['-', 'n']).parse().ok());
            let (count, all) = (count.unwrap_or(10), text.lines().count());
            let skip = if name == "tail" {
                all.saturating_sub(count)
            } else {
                0
            };
            (joined(text.lines().skip(skip).take(count)), 0)
        }
        "wc" if words.iter().any(|w| w == "-l") => (format!("{}\n", text.lines().count()), 0),
        "wc" if words.iter().any(|w| w == "-c") => (format!("{}\n", text.len()), 0),
        _ => (text.to_owned(), 0),
    }
}

/// Lines with a text in them; patterns that mean more are taken as they stand.
fn grep(text: &str, words: &[String]) -> (String, i64) {
    let flags: String = words.iter().filter_map(|w| w.strip_prefix('-')).collect();
    let mut patterns = words.iter().filter(|w| !w.starts_with('-'));
    let pattern = patterns.next().map_or("", String::as_str);
    let has = |flag| flags.contains(flag);
    let fold = |text: &str| {
        if has('i') {
            text.to_lowercase()
        } else {
            text.to_owned()
        }
    };
    let wanted = fold(pattern);
    let found: Vec<&str> = text
        .lines()
        .filter(|line| fold(line).contains(&wanted) != has('v'))
        .collect();
    let code = i64::from(found.is_empty());
    if has('q') {
        return (String::new(), code);
    }
    if has('c') {
        return (format!("{}\n", found.len()), code);
    }
    (joined(found.into_iter()), code)
}

fn joined<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    lines.fold(String::new(), |out, line| out + line + "\n")
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_pipe_leaves_what_its_commands_let_through() {
        let through = |commands: &[&str]| {
            let words = |c: &&str| c.split(' ').map(str::to_owned).collect();
            let commands: Vec<Vec<String>> = commands.iter().map(words).collect();
            super::through("Hello\nyou\nthere\n", &commands)
        };
        assert_eq!(through(&["grep -i hello"]), ("Hello\n".to_owned(), 0));
        assert_eq!(through(&["grep -q nobody"]), (String::new(), 1));
        assert_eq!(through(&["head -n 2", "tail -1"]), ("you\n".to_owned(), 0));
        assert_eq!(through(&["wc -l"]), ("3\n".to_owned(), 0));
        assert_eq!(through(&["jq ."]).0, "Hello\nyou\nthere\n");
    }
}
