//! What a shell's script does, as far as a Pod shows it: lines, waits, files, and the end.

mod branch;
mod filters;
mod loops;
mod syntax;
mod test;

use std::{collections::BTreeMap, time::Duration};

use self::{
    branch::{Branch, branch},
    syntax::{endless_loop, redirected, statements},
};
use super::requests::{self, Network};

/// The most steps of a script.
const MOST_STEPS: usize = 1000;
/// Commands that come with a shell, and do nothing that shows.
const QUIET: &[&str] = &[
    "[", "[[", ":", "awk", "basename", "cd", "chmod", "chown", "cp", "cut", "date", "df",
    "dirname", "du", "env", "export", "expr", "find", "grep", "head", "hostname", "id", "kill",
    "ln", "ls", "mkdir", "mktemp", "mv", "nohup", "ps", "pwd", "readlink", "sed", "seq", "set",
    "sort", "stat", "sync", "tee", "test", "tr", "trap", "true", "umask", "uname", "uniq", "unset",
    "wc", "which", "whoami", "xargs",
];

/// Whether a command comes with a shell.
pub(super) fn is_usual(command: &str) -> bool {
    QUIET.contains(&command)
}

/// What came of a script.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    /// What it said when.
    pub(super) lines: Vec<(Duration, String)>,
    /// The files that it made and removed, with when.
    pub(super) files: Vec<(Duration, String, bool)>,
    /// How long it ran; none for ever.
    pub(super) ends: Option<Duration>,
    /// Its exit code.
    pub(super) code: i64,
    /// Lines that come again and again, one per so long.
    pub(super) repeats: Option<(Duration, Vec<String>)>,
    /// The program that it became: a command that is none of the shell's own.
    pub(super) becomes: Option<Vec<String>>,
    /// Whether it goes round and round without a pause.
    pub(super) busy: bool,
    /// Whether it took all memory.
    pub(super) oom: bool,
    /// Whether it asked others.
    pub(super) asked: bool,
}

/// A script as it is followed.
struct Run<'a> {
    now: Duration,
    out: Outcome,
    steps: usize,
    /// How many scripts and loops lie in each other here.
    depth: usize,
    knows: &'a dyn Fn(&str) -> bool,
    variables: BTreeMap<String, String>,
    network: Option<&'a dyn Network>,
    stop: bool,
}

/// Follows a script that finds some files. `knows` says which commands the image has beside the usual ones; without a network,
/// what asks others says nothing.
pub(super) fn follow(
    script: &str,
    variables: &BTreeMap<String, String>,
    files: Vec<(Duration, String, bool)>,
    knows: &dyn Fn(&str) -> bool,
    network: Option<&dyn Network>,
) -> Outcome {
    let mut run = Run {
        now: Duration::ZERO,
        out: Outcome {
            files,
            ..Outcome::default()
        },
        steps: 0,
        depth: 0,
        knows,
        variables: variables.clone(),
        network,
        stop: false,
    };
    run.all(script);
    if !run.stop {
        run.out.ends = Some(run.now);
    }
    run.out
}

/// How deep scripts and loops may lie in each other.
const DEEPEST: usize = 20;
/// The longest word that variables make, in bytes.
const LONGEST_WORD: usize = 1 << 16;

impl Run<'_> {
    /// Follows a script. One that lies too deep in others is followed no further.
    fn all(&mut self, script: &str) {
        if self.depth == DEEPEST {
            self.stop = true;
            return;
        }
        self.depth += 1;
        self.followed(script);
        self.depth -= 1;
    }

    fn followed(&mut self, script: &str) {
        let endless = endless_loop(script);
        let begins = endless.map_or(script.len(), |(before, _)| before.len());
        if let Some(wanted) = loops::listed(script).filter(|l| l.begins() < begins) {
            self.rounds(&wanted);
            return;
        }
        if let Some((before, body)) = endless {
            self.all(before);
            if !self.stop {
                self.endless(body);
            }
            return;
        }
        let mut code = 0;
        let mut mark = "";
        let mut open = Vec::new();
        for (text, next) in statements(script) {
            let text = branch(text.trim(), code, &mut open);
            let reached = open.last().is_none_or(Branch::is_done);
            let skipped = match mark {
                "&&" => code != 0,
                "||" => code == 0,
                _ => false,
            };
            if reached && !skipped && !text.is_empty() {
                code = self.one(text);
            }
            mark = next;
            self.steps += 1;
            if self.stop || self.steps > MOST_STEPS {
                return;
            }
        }
        self.out.code = code;
    }

    fn end(&mut self, code: i64) -> i64 {
        self.out.code = code;
        self.out.ends = Some(self.now);
        self.stop = true;
        code
    }

    fn one(&mut self, text: &str) -> i64 {
        let whole = text;
        let (text, to_file) = redirected(text);
        let mut words = self.words(text.split(" | ").next().unwrap_or(text));
        while words
            .first()
            .is_some_and(|w| w == "exec" || w.contains('=') && !w.starts_with('='))
        {
            words.remove(0);
        }
        if words.first().is_some_and(|w| w == "!") {
            let negated = text.trim_start().strip_prefix('!').unwrap_or_default();
            return i64::from(self.one(negated) == 0);
        }
        let Some(command) = words.first().cloned() else {
            return 0;
        };
        let name = command.rsplit('/').next().unwrap_or_default();
        let argument = words.get(1).map(String::as_str).unwrap_or_default();
        if let Some(file) = &to_file
            && file != "/dev/null"
            && !file.starts_with('&')
        {
            self.out.files.push((self.now, file.clone(), true));
        }
        match name {
            "echo" | "printf" => {
                self.say(&words, to_file.as_deref());
                0
            }
            "sleep" => match pause(argument) {
                Some(pause) => {
                    self.now += pause;
                    0
                }
                None => {
                    self.stop = true;
                    0
                }
            },
            "exit" => {
                let code = argument.parse().unwrap_or(self.out.code);
                self.end(code & 0xff)
            }
            "false" => 1,
            "touch" | "rm" => {
                for file in words.iter().skip(1).filter(|w| !w.starts_with('-')) {
                    self.out
                        .files
                        .push((self.now, file.clone(), name == "touch"));
                }
                0
            }
            "cat" | "head" | "ls" | "tail" if words.iter().any(|w| w == "/dev/zero") => {
                self.now += Duration::from_millis(500);
                self.out.oom = true;
                self.end(137)
            }
            "tail" if words.iter().any(|w| w.starts_with("-f") || w == "-F") => {
                self.stop = true;
                0
            }
            "test" | "[" | "[[" => self.test(&words),
            "cat" | "ls" | "stat" => self.look(name, &words),
            "sh" | "bash" | "ash" | "dash"
                if argument.starts_with('-') && argument.ends_with('c') =>
            {
                let script = words.get(2).cloned().unwrap_or_default();
                self.all(&script);
                self.out.code
            }
            "wait" => {
                self.stop = true;
                0
            }
            "stress" | "stress-ng" if (self.knows)(name) => {
                self.now += Duration::from_secs(1);
                self.out.oom = true;
                self.end(137)
            }
            _ if QUIET.contains(&name) => 0,
            "curl" | "wget" if (self.knows)(name) => self.request(whole, &words),
            _ if (self.knows)(name) => {
                self.out.becomes = Some(words);
                self.stop = true;
                0
            }
            _ => {
                self.out
                    .lines
                    .push((self.now, format!("sh: {command}: not found")));
                127
            }
        }
    }

    /// Asks others.
    fn request(&mut self, statement: &str, words: &[String]) -> i64 {
        let Some(network) = self.network else {
            self.now += Duration::from_millis(200);
            return 0;
        };
        let said = requests::run(words, network);
        self.out.asked = true;
        self.now += said.took;
        let (command, to_file) = redirected(statement);
        let of_errors = statement[command.len()..].trim_start().starts_with("2>");
        let mut piped = command
            .split(" | ")
            .skip(1)
            .map(|c| self.words(c))
            .peekable();
        let (out, code) = if piped.peek().is_some() {
            let filters: Vec<Vec<String>> = piped.collect();
            filters::through(&said.out, &filters)
        } else {
            (said.out, said.code)
        };
        let hides = |errors| {
            to_file
                .as_ref()
                .is_some_and(|f| f != "&1" && errors == of_errors)
        };
        let mut lines = if hides(true) { Vec::new() } else { said.err };
        if !hides(false) {
            lines.extend(out.lines().map(str::to_owned));
        }
        self.out
            .files
            .extend(said.file.map(|file| (self.now, file, true)));
        let now = self.now;
        self.out
            .lines
            .extend(lines.into_iter().map(|line| (now, line)));
        code
    }

    /// Whether a file is there, for commands that look at one.
    fn look(&mut self, name: &str, words: &[String]) -> i64 {
        let file = words.iter().rfind(|w| w.starts_with('/'));
        let Some(file) = file else {
            return 0;
        };
        if self.is_there(file) {
            return 0;
        }
        if matches!(name, "cat" | "ls") {
            let why = format!("{name}: {file}: No such file or directory");
            self.out.lines.push((self.now, why));
        }
        1
    }

    /// `echo`: lines, unless they go into a file.
    fn say(&mut self, words: &[String], to_file: Option<&str>) {
        let flag = words.get(1).is_some_and(|w| w == "-e" || w == "-n");
        let from = if flag { 2 } else { 1 };
        let said = words.get(from..).unwrap_or_default().join(" ");
        let shown = to_file.is_none_or(|f| {
            f.starts_with('&') || f.starts_with("/dev/std") || f.starts_with("/proc/")
        });
        if shown {
            for line in said.trim_end_matches("\\n").split('\n') {
                self.out.lines.push((self.now, line.to_owned()));
            }
        }
    }

    fn test(&self, words: &[String]) -> i64 {
        let words: Vec<&str> = words.iter().skip(1).map(String::as_str).collect();
        let end = words.iter().position(|w| *w == "]" || *w == "]]");
        let words = &words[..end.unwrap_or(words.len())];
        i64::from(!test::holds(words, &|file| self.is_there(file)))
    }

    fn is_there(&self, file: &str) -> bool {
        let made = self.out.files.iter().rev().find(|(_, f, _)| f == file);
        made.map_or(!is_own(file), |(_, _, there)| *there)
    }

    /// Words, with quotes and variables.
    fn words(&self, text: &str) -> Vec<String> {
        let mut words = Vec::new();
        let (mut word, mut any, mut quote) = (String::new(), false, None);
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            match (c, quote) {
                ('\'' | '"', None) => {
                    quote = Some(c);
                    any = true;
                }
                (c, Some(q)) if c == q => quote = None,
                ('\\', None | Some('"')) => word.extend(chars.next()),
                ('$', None | Some('"')) => {
                    let mut name = String::new();
                    let braced = chars.peek() == Some(&'{');
                    if braced {
                        chars.next();
                    }
                    if chars.peek() == Some(&'(') {
                        // What a command says is not known.
                        for c in chars.by_ref() {
                            if c == ')' {
                                break;
                            }
                        }
                        continue;
                    }
                    while let Some(c) = chars.next_if(|c| c.is_ascii_alphanumeric() || *c == '_') {
                        name.push(c);
                    }
                    if braced {
                        chars.find(|c| *c == '}');
                    }
                    let value = self.variables.get(&name).map_or("", String::as_str);
                    if word.len() + value.len() <= LONGEST_WORD {
                        word.push_str(value);
                    }
                    any = true;
                }
                (c, None) if c.is_whitespace() => {
                    if any || !word.is_empty() {
                        words.push(std::mem::take(&mut word));
                    }
                    any = false;
                }
                (c, _) => word.push(c),
            }
        }
        if any || !word.is_empty() {
            words.push(word);
        }
        words
    }
}

/// Whether a file is there only where somebody made it: below `/tmp` and the like, or named so that it can't be.
fn is_own(file: &str) -> bool {
    const THERE: [&str; 8] = [
        "/etc/",
        "/proc/",
        "/dev/",
        "/usr/",
        "/bin/",
        "/var/run/secrets/",
        "/sys/",
        "/run/secrets/",
    ];
    !THERE.iter().any(|start| file.starts_with(start))
}

/// `1`, `2m`; none for ever.
fn pause(text: &str) -> Option<Duration> {
    let (number, factor) = match text.chars().last() {
        Some('m') => (&text[..text.len() - 1], 60.0),
        Some('h') => (&text[..text.len() - 1], 3600.0),
        Some('d') => (&text[..text.len() - 1], 86_400.0),
        Some('s') => (&text[..text.len() - 1], 1.0),
        _ => (text, 1.0),
    };
    let seconds: f64 = number.parse().ok()?;
    Duration::try_from_secs_f64(seconds * factor)
        .ok()
        .filter(|d| *d < Duration::from_secs(u64::from(u32::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(script: &str) -> Outcome {
        follow(
            script,
            &BTreeMap::new(),
            Vec::new(),
            &|c| c == "nginx",
            None,
        )
    }

    #[test]
    fn scripts_end_as_they_say() {
        for (script, seconds, code) in [
            ("exit 3", 0, 3),
            ("echo hi; sleep 5; exit 1", 5, 1),
            ("sleep 2 && sleep 3", 5, 0),
            ("false || exit 7", 0, 7),
            ("true && false", 0, 1),
            ("nosuch", 0, 127),
            ("cat /tmp/none", 0, 1),
            ("touch /tmp/a; cat /tmp/a", 0, 0),
            ("if [ -f /tmp/a ]; then sleep 9; else exit 2; fi", 0, 2),
            (
                "if [ x = y ]; then exit 1; elif ! false; then exit 3; fi",
                0,
                3,
            ),
            (
                "if true; then if false; then exit 1; fi; sleep 2; fi; sleep 1",
                3,
                0,
            ),
            ("if false; then exit 1\nfi\nexit 4", 0, 4),
            ("for i in 1 2 3; do sleep $i; done; exit 4", 6, 4),
            (
                "for i in $(seq 2); do for j in {1..3}; do sleep 1; done; done",
                6,
                0,
            ),
            ("for i in a b; do exit 5; done", 0, 5),
        ] {
            let out = run(script);
            assert_eq!(
                (out.ends, out.code),
                (Some(Duration::from_secs(seconds)), code),
                "{script}"
            );
        }
    }

    #[test]
    fn what_goes_on_goes_on() {
        for script in [
            "sleep infinity",
            "tail -f /dev/null",
            "while true; do echo x; sleep 5; done",
        ] {
            assert_eq!(run(script).ends, None, "{script}");
        }
        let out = run("echo a; while true; do echo 'b c'; sleep 5; done");
        assert_eq!(
            out.repeats,
            Some((Duration::from_secs(5), vec!["b c".to_owned()]))
        );
        assert_eq!(out.lines, [(Duration::ZERO, "a".to_owned())]);
        assert_eq!(run("exec nginx -g x").becomes.unwrap()[0], "nginx");
    }

    #[test]
    fn a_loop_over_a_list_has_its_variable() {
        let out = run("while true; do echo a; for i in 1 2; do echo $i; done; sleep 5; done");
        let round = ["a", "1", "2"].map(str::to_owned).to_vec();
        assert_eq!(out.repeats, Some((Duration::from_secs(5), round)));
        let out = run("echo go; for f in a 'b c'; do echo \"$f!\"; done; echo end");
        let lines: Vec<&str> = out.lines.iter().map(|(_, line)| line.as_str()).collect();
        assert_eq!(lines, ["go", "a!", "b c!", "end"]);
    }

    #[test]
    fn files_come_and_go() {
        let out = run("touch /tmp/healthy; sleep 30; rm -f /tmp/healthy; sleep 600");
        let at = |s, there| (Duration::from_secs(s), "/tmp/healthy".to_owned(), there);
        assert_eq!(out.files, [at(0, true), at(30, false)]);
        assert!(run("tail /dev/zero").oom);
    }

    #[test]
    fn a_script_that_calls_itself_comes_to_an_end() {
        let itself = "sh -c \"$X\"".to_owned();
        let variables = BTreeMap::from([("X".to_owned(), itself.clone())]);
        let _ = follow(&itself, &variables, Vec::new(), &|_| false, None);
        let deep = "while true; do ".repeat(20_000);
        let _ = follow(&deep, &variables, Vec::new(), &|_| false, None);
        let wide = BTreeMap::from([("X".to_owned(), "x".repeat(1 << 20))]);
        let said = follow(
            &format!("echo {}", "$X".repeat(10_000)),
            &wide,
            Vec::new(),
            &|_| false,
            None,
        );
        assert!(said.lines.iter().all(|(_, line)| line.len() < 1 << 20));
    }

    proptest::proptest! {
        #[test]
        fn no_script_is_too_much(script in "[a-z;&|>'\"$(){} /\\\\é0-9-]{0,60}") {
            run(&script);
        }
    }
}
