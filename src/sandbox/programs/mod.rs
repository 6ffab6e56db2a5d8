//! What runs in simulated containers: images, and what their programs say, serve and do.

pub mod reference;
pub mod requests;
pub mod runs;
pub mod said;
mod shell;
pub mod table;
mod variables;

use std::{collections::BTreeMap, time::Duration};

use serde_json::Value;

use self::{
    reference::Reference,
    requests::Network,
    table::{Counts, Ends, Image, Listener, Uses},
};
use crate::sandbox::pointer::text_in;

/// What runs in a container.
#[derive(Debug, Clone, Default)]
pub struct Program {
    /// Why it can't start, in the runtime's words.
    pub refused: Option<String>,
    /// What it says, and when after its start.
    pub lines: Vec<(Duration, String)>,
    /// What it says again and again, one line per so long.
    pub repeats: Option<(Duration, Vec<String>)>,
    /// When it ends by itself, with which exit code.
    pub ends: Option<(Duration, i64)>,
    /// Whether it ends because it took all memory.
    pub oom: bool,
    /// Its exit code when it is asked to stop; one that has none has to be killed.
    pub stops: Option<i64>,
    /// When it listens.
    pub ready: Duration,
    /// Whether it asked others, so that what it says does not follow from its Pod alone.
    pub asked: bool,
    /// What it uses by itself.
    pub uses: Uses,
    /// Whether it takes all the processor time that it gets.
    pub busy: bool,
    /// The files that it made and removed, with when.
    files: Vec<(Duration, String, bool)>,
    listens: Vec<Listener>,
    access: String,
    image: Option<&'static Image>,
    pod: String,
    version: String,
    variables: BTreeMap<String, String>,
}

/// An answer over HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The type of the body.
    pub content_type: &'static str,
    /// The body; empty where an exporter writes it.
    pub body: String,
    /// The exporter that writes the body: `java-demo`, `prometheus`.
    pub exporter: Option<String>,
    /// What of the request the program remembers.
    pub counts: Option<Counts>,
    /// The processor time that it takes.
    pub takes: Duration,
    /// The folder whose files are shown, where a volume may be mounted over it.
    pub files: String,
}

/// What a command in a running container gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ran {
    /// It ended with a code, and said something.
    Ended(i64, String),
    /// There is no such command.
    Missing(String),
}

/// What runs in a container of a Pod; what it asks others is left out.
#[must_use]
pub fn of(pod: &Value, container: &Value) -> Program {
    with(pod, container, &[], None)
}

/// What runs in a container of a Pod that starts now: it finds files from before, and others answer it.
#[must_use]
pub fn started(pod: &Value, container: &Value, left: &[String], network: &dyn Network) -> Program {
    with(pod, container, left, Some(network))
}

fn with(pod: &Value, container: &Value, left: &[String], network: Option<&dyn Network>) -> Program {
    let name = Reference::parse(text_in(container, "image")).ok();
    let image = name.as_ref().and_then(table::find);
    let mut program = Program {
        image,
        pod: text_in(&pod["metadata"], "name").to_owned(),
        version: name.map(|n| n.tag).unwrap_or_default(),
        variables: variables::of(pod, container),
        files: left
            .iter()
            .map(|f| (Duration::ZERO, f.clone(), true))
            .collect(),
        ..Program::default()
    };
    let Some(image) = image else {
        return program;
    };
    let command = words(&container["command"]);
    let arguments = words(&container["args"]);
    let shell_image = ["sh", "bash"].contains(&image.program.as_str());
    let mut called = command;
    if called.is_empty()
        && (shell_image || image.program == "container-entrypoint" || image.program == "python3")
    {
        called.extend(arguments);
    } else if called.is_empty() && image.program == "curl" {
        // Its entrypoint takes what is no command for curl's arguments.
        if arguments.first().is_none_or(|a| !has(image, a)) {
            called.push(image.program.clone());
        }
        called.extend(arguments);
    } else if called.is_empty() {
        called.push(image.program.clone());
        called.extend(arguments);
        program.start_own(image, &called, (pod, container));
        return program;
    } else {
        called.extend(arguments);
    }
    program.call(image, &called, (pod, container), network);
    program
}

impl Program {
    /// Runs what a Pod names.
    fn call(
        &mut self,
        image: &'static Image,
        called: &[String],
        of: (&Value, &Value),
        network: Option<&dyn Network>,
    ) {
        let Some(first) = called.first() else {
            self.start_own(image, called, of);
            return;
        };
        let name = first.rsplit('/').next().unwrap_or_default();
        if is_program(image, first) && !matches!(name, "sh" | "bash" | "curl") {
            self.start_own(image, called, of);
            return;
        }
        if !has(image, first) {
            self.refused = Some(missing(first));
            return;
        }
        let script = match name {
            "sh" | "bash" | "ash" | "dash" if called.len() > 2 && called[1].ends_with('c') => {
                called[2].clone()
            }
            "sh" | "bash" | "ash" | "dash" if called.len() == 1 => String::new(),
            _ => quoted(called),
        };
        let knows = |c: &str| has(image, c) || is_program(image, c);
        let before = std::mem::take(&mut self.files);
        let out = shell::follow(&script, &self.variables, before, &knows, network);
        self.asked = out.asked;
        self.lines = out.lines;
        self.files = out.files;
        self.repeats = out.repeats;
        self.oom = out.oom;
        self.busy = out.busy;
        self.ends = out.ends.map(|after| (after, out.code));
        if let Some(words) = out.becomes {
            self.become_program(image, &words, of);
        }
    }

    /// A command that is none of the shell's own: the image's program, a server, or one that does its work and goes.
    fn become_program(&mut self, image: &'static Image, words: &[String], of: (&Value, &Value)) {
        let name = words[0].rsplit('/').next().unwrap_or_default();
        let begun = self.lines.last().map_or(Duration::ZERO, |l| l.0);
        if is_program(image, &words[0]) {
            let before = std::mem::take(&mut self.lines);
            self.start_own(image, words, of);
            self.lines.splice(0..0, before);
            return;
        }
        let port = served_port(name, words);
        if let Some(port) = port {
            let page = table::Page {
                status: 200,
                ..table::Page::default()
            };
            self.listens = vec![Listener {
                port,
                answers: [("*".to_owned(), page)].into(),
                ..Listener::default()
            }];
            self.stops = None;
            return;
        }
        self.ends = Some((begun + Duration::from_millis(200), 0));
    }

    /// Runs the image's own program.
    fn start_own(
        &mut self,
        image: &'static Image,
        called: &[String],
        (pod, container): (&Value, &Value),
    ) {
        let fails = image
            .fails
            .iter()
            .find(|f| is_so(&f.when, image, pod, container));
        let missing = image.without.as_ref().filter(|_| {
            !image
                .environment
                .iter()
                .any(|v| variables::has(container, v))
        });
        if let Some(failure) = missing.or(fails) {
            self.lines = failure
                .lines
                .iter()
                .map(|l| (Duration::ZERO, l.clone()))
                .collect();
            self.ends = Some((Duration::from_millis(200), failure.code));
            return;
        }
        self.lines = image
            .starts
            .iter()
            .map(|l| (Duration::ZERO, l.clone()))
            .collect();
        self.listens.clone_from(&image.listens);
        self.uses = image.uses;
        self.access.clone_from(&image.access);
        self.stops = image.stops;
        self.ready = seconds(image.ready);
        let once = !image.once.is_empty() && called.contains(&image.once);
        let ends = image.ends.or(once.then_some(Ends {
            after: 0.3,
            code: 0,
        }));
        self.ends = ends.map(|e| (seconds(e.after), e.code));
        self.oom = ends.is_some_and(|e| e.code == 137);
    }

    /// What it answers to a request for a path: nothing where it does not listen, or speaks no HTTP.
    #[must_use]
    pub fn http(&self, port: u16, path: &str) -> Option<Answer> {
        let listener = self.listens.iter().find(|l| l.port == port)?;
        let path = path.split('?').next().unwrap_or_default();
        let path = if path.is_empty() { "/" } else { path };
        let page = listener
            .answers
            .get(path)
            .or_else(|| listener.answers.get("*"))?;
        let body = page
            .body
            .replace("{pod}", &self.pod)
            .replace("{version}", &self.version);
        let html = body.starts_with('<');
        Some(Answer {
            status: page.status,
            content_type: if html {
                "text/html"
            } else {
                "text/plain; charset=utf-8"
            },
            exporter: Some(page.exporter.clone()).filter(|e| !e.is_empty()),
            body,
            counts: page.counts,
            takes: table::milliseconds(page.takes.unwrap_or(self.uses.request)),
            files: listener.files.clone(),
        })
    }

    /// Whether it listens on a port.
    #[must_use]
    pub fn listens(&self, port: u16) -> bool {
        self.listens.iter().any(|l| l.port == port)
    }

    /// The line that a request leaves in the log; the caller fills in the braces.
    #[must_use]
    pub fn access(&self) -> &str {
        &self.access
    }

    /// What a command gives that is run in it so long after its start.
    #[must_use]
    pub fn exec(&self, command: &[String], since: Duration) -> Ran {
        let (Some(image), Some(first)) = (self.image, command.first()) else {
            return Ran::Ended(0, String::new());
        };
        if !has(image, first) && !is_program(image, first) {
            return Ran::Missing(missing(first));
        }
        let there = self.left(since).into_iter();
        let there = there.map(|f| (Duration::ZERO, f, true)).collect();
        let mut script = String::new();
        let name = first.rsplit('/').next().unwrap_or_default();
        if matches!(name, "sh" | "bash") && command.len() > 2 {
            script.push_str(&command[2]);
        } else {
            script.push_str(&quoted(command));
        }
        let knows = |c: &str| has(image, c) || is_program(image, c);
        let out = shell::follow(&script, &self.variables, there, &knows, None);
        let said: Vec<String> = out.lines.into_iter().map(|(_, line)| line).collect();
        Ran::Ended(out.code, said.join("\n"))
    }

    /// The files that it made and that are there so long after its start.
    #[must_use]
    pub fn left(&self, since: Duration) -> Vec<String> {
        let mut there: Vec<String> = Vec::new();
        for (_, file, made) in self.files.iter().filter(|(at, ..)| *at <= since) {
            there.retain(|f| f != file);
            if *made {
                there.push(file.clone());
            }
        }
        there
    }

    /// Why it ended, in the kubelet's word.
    #[must_use]
    pub fn reason(&self, code: i64) -> &'static str {
        match code {
            0 => "Completed",
            137 if self.oom => "OOMKilled",
            _ => "Error",
        }
    }
}

/// Whether a container runs as root: by its own word, its Pod's, or its image's.
#[must_use]
pub fn runs_as(pod: &Value, container: &Value, image: &Image) -> Option<i64> {
    let own = container["securityContext"]["runAsUser"].as_i64();
    let own = own.or_else(|| pod["spec"]["securityContext"]["runAsUser"].as_i64());
    own.or_else(|| match image.user.as_str() {
        "" | "root" => Some(0),
        user => user.split(':').next().unwrap_or_default().parse().ok(),
    })
}

fn is_so(when: &str, image: &Image, pod: &Value, container: &Value) -> bool {
    match when {
        "as-user" => runs_as(pod, container, image) != Some(0),
        "without-capabilities" => {
            let of = &container["securityContext"]["capabilities"];
            let has = |list: &str, what: &str| {
                let all = of[list].as_array().into_iter().flatten();
                all.filter_map(Value::as_str)
                    .any(|c| c.eq_ignore_ascii_case(what))
            };
            (has("drop", "ALL") || has("drop", "CHOWN")) && !has("add", "CHOWN")
        }
        _ => false,
    }
}

/// Whether a command is the image's own program.
fn is_program(image: &Image, command: &str) -> bool {
    let name = |c: &str| c.rsplit('/').next().unwrap_or_default().to_owned();
    !image.program.is_empty() && name(&image.program) == name(command)
}

/// Whether an image has a command.
fn has(image: &Image, command: &str) -> bool {
    let name = command.rsplit('/').next().unwrap_or_default();
    let usual = [
        "sh", "bash", "ash", "dash", "echo", "printf", "sleep", "cat", "ls", "touch", "rm", "true",
        "false", "tail",
    ];
    let path = !command.contains('/')
        || ["/bin/", "/usr/", "/sbin/", "/opt/"]
            .iter()
            .any(|d| command.starts_with(d));
    let usual = image.shell && path && (usual.contains(&name) || shell::is_usual(name));
    usual || image.commands.iter().any(|c| c == name) || is_program(image, command)
}

fn missing(command: &str) -> String {
    let why = if command.contains('/') {
        format!("exec: \"{command}\": stat {command}: no such file or directory")
    } else {
        format!("exec: \"{command}\": executable file not found in $PATH")
    };
    format!("unable to start container process: {why}")
}

/// The port on which a small server of a shell's listens.
fn served_port(name: &str, words: &[String]) -> Option<u16> {
    let after = |flag: &str| {
        let at = words.iter().position(|w| w == flag)?;
        words.get(at + 1)?.parse().ok()
    };
    match name {
        "nc" if words.iter().any(|w| w.starts_with("-l")) => {
            after("-p").or_else(|| words.iter().rev().find_map(|w| w.parse().ok()))
        }
        "httpd" => after("-p").or(Some(80)),
        "python" | "python3" if words.iter().any(|w| w == "http.server") => {
            after("http.server").or(Some(8000))
        }
        _ => None,
    }
}

/// Words as a script's.
fn quoted(words: &[String]) -> String {
    let quote = |word: &String| format!("'{}'", word.replace('\'', ""));
    words.iter().map(quote).collect::<Vec<_>>().join(" ")
}

fn words(value: &Value) -> Vec<String> {
    let all = value.as_array().into_iter().flatten();
    all.filter_map(|v| v.as_str().map(str::to_owned)).collect()
}

fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn program(container: &Value) -> Program {
        of(&json!({"metadata": {"name": "p"}}), container)
    }

    #[test]
    fn a_server_answers_by_its_paths() {
        let web = program(&json!({"image": "quay.io/ccnr/web:2.0"}));
        assert_eq!(web.http(8080, "/").unwrap().body, "web 2.0 on p\n");
        assert_eq!(web.http(8080, "/nope").unwrap().status, 404);
        assert_eq!(web.http(81, "/"), None);
        let java = program(&json!({"image": "quay.io/ccnr/java-demo:1.0"}));
        let metrics = java.http(9404, "/metrics").unwrap();
        assert_eq!(metrics.exporter.as_deref(), Some("java-demo"));
    }

    #[test]
    fn nginx_needs_root_and_its_capabilities() {
        let code = |container: Value| program(&container).ends.map(|e| e.1);
        assert_eq!(code(json!({"image": "nginx"})), None);
        let as_user = json!({"image": "nginx", "securityContext": {"runAsUser": 1000}});
        assert_eq!(code(as_user), Some(1));
        let bare =
            json!({"image": "nginx", "securityContext": {"capabilities": {"drop": ["ALL"]}}});
        assert_eq!(code(bare), Some(1));
        let free = json!({"image": "quay.io/nginx/nginx-unprivileged:1.27", "securityContext": {"capabilities": {"drop": ["ALL"]}}});
        assert_eq!(code(free), None);
    }

    #[test]
    fn commands_run_or_are_missing() {
        let ends = |command: Value| program(&json!({"image": "busybox", "command": command})).ends;
        assert_eq!(
            ends(json!(["sleep", "5"])),
            Some((Duration::from_secs(5), 0))
        );
        assert_eq!(ends(json!(["sh", "-c", "exit 3"])).unwrap().1, 3);
        assert_eq!(ends(json!(["false"])).unwrap().1, 1);
        assert_eq!(ends(json!(["sleep", "infinity"])), None);
        let refused = |image: &str, command: &str| {
            program(&json!({"image": image, "command": [command]})).refused
        };
        assert!(
            refused("busybox", "nosuch")
                .unwrap()
                .contains("executable file not found in $PATH")
        );
        assert!(refused("quay.io/ccnr/web:1.0", "sh").is_some());
        let postgres = program(&json!({"image": "postgres:16"}));
        assert_eq!(postgres.ends.unwrap().1, 1);
    }

    #[test]
    fn curl_takes_its_arguments_as_its_image_does() {
        struct Nobody;
        impl Network for Nobody {
            fn ask(&self, _: &requests::Asked<'_>) -> requests::Came {
                requests::Came::NoHost
            }
        }
        let run = |container: Value| {
            let container = container.as_object().cloned().unwrap();
            started(
                &json!({"metadata": {"name": "p"}}),
                &Value::Object(container),
                &[],
                &Nobody,
            )
        };
        for args in [
            json!(["-sS", "http://web"]),
            json!(["curl", "-sS", "http://web"]),
        ] {
            let program = run(json!({"image": "curlimages/curl", "args": args}));
            assert_eq!(program.lines[0].1, "curl: (6) Could not resolve host: web");
            assert_eq!(program.ends.unwrap().1, 6);
            assert!(program.asked);
        }
        let script = "wget -qO- http://web || echo no; curl -s web | grep -q x";
        let program = run(json!({"image": "busybox", "command": ["sh", "-c", script]}));
        let lines: Vec<&str> = program
            .lines
            .iter()
            .map(|(_, line)| line.as_str())
            .collect();
        assert_eq!(
            lines,
            ["wget: bad address 'web'", "no", "sh: curl: not found"]
        );
        assert!(
            !of(
                &json!({}),
                &json!({"image": "busybox", "command": ["wget", "x"]})
            )
            .asked
        );
    }

    #[test]
    fn a_command_sees_the_programs_files() {
        let script = "touch /tmp/healthy; sleep 30; rm -f /tmp/healthy; sleep 600";
        let program = program(&json!({"image": "busybox", "args": ["/bin/sh", "-c", script]}));
        let look = ["cat", "/tmp/healthy"].map(str::to_owned);
        assert_eq!(
            program.exec(&look, Duration::from_secs(5)),
            Ran::Ended(0, String::new())
        );
        let gone = "cat: /tmp/healthy: No such file or directory".to_owned();
        assert_eq!(
            program.exec(&look, Duration::from_secs(31)),
            Ran::Ended(1, gone)
        );
    }
}
