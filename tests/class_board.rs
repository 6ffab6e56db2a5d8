//! The board of a class says of every student what their own `lab verify` says; it is served read-only to who has its token.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Tests.

mod support;

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use ccnr::{
    check::verdict::Outcome,
    class::{
        board::{Board, Scope, World, board},
        desired::Blueprint,
        model::Class,
        rooms::Labs,
    },
    lab::catalogue::Catalogue,
    session::served::Served,
};
use serde_json::{Value, json};
use support::machine::Machine;

const CLASS: &str = "apiVersion: ccnr.dev/v1
kind: Class
metadata: {name: tiny}
spec:
  students: {count: 3, prefix: pupil}
  labs: [1]
  isolation: true
  credentials: {kind: token, expires: 2h, dir: creds}
";

/// A class of three in the practice cluster: the first at step 5, the second at step 2, the third not begun.
struct Taught(Machine);

impl Taught {
    fn new() -> Self {
        let machine = Machine::new();
        machine.good(&[
            "sandbox",
            "start",
            "--flavour",
            "kubernetes",
            "--speed",
            "200",
        ]);
        let taught = Self(machine);
        fs::write(taught.home().join("class.yaml"), CLASS).unwrap();
        taught.0.good(&["class", "apply", "--yes"]);
        for (student, last) in [("pupil-01", "4"), ("pupil-02", "1")] {
            taught.good_as(student, &["lab", "start", "1"]);
            taught.good_as(student, &["lab", "solve", "--to", last, "--yes"]);
        }
        taught
    }

    fn home(&self) -> PathBuf {
        self.0.folder().ancestors().nth(4).unwrap().to_owned()
    }

    fn all_as<'a>(student: &str, args: &[&'a str]) -> Vec<std::borrow::Cow<'a, str>> {
        let mut all = vec![
            "--kubeconfig".into(),
            format!("creds/{student}.kubeconfig").into(),
        ];
        all.extend(args.iter().map(|a| (*a).into()));
        all
    }

    fn good_as(&self, student: &str, args: &[&str]) -> String {
        let all = Self::all_as(student, args);
        let all: Vec<&str> = all.iter().map(AsRef::as_ref).collect();
        self.0.good(&all)
    }

    /// What a student's own verification says of each step.
    fn own(&self, student: &str) -> Vec<Value> {
        let all = Self::all_as(student, &["lab", "verify", "1", "-o", "json"]);
        let all: Vec<&str> = all.iter().map(AsRef::as_ref).collect();
        let report: Value = serde_json::from_slice(&self.0.ccnr(&all).stdout).unwrap();
        verdicts(&report["steps"])
    }

    fn board(&self, args: &[&str]) -> Value {
        let mut all = vec!["class", "board", "-o", "json"];
        all.extend(args);
        serde_json::from_str(&self.0.good(&all)).unwrap()
    }
}

fn verdicts(steps: &Value) -> Vec<Value> {
    let steps = steps.as_array().unwrap().iter();
    steps.map(|s| s["verdict"].clone()).collect()
}

fn row<'a>(board: &'a Value, student: &str) -> &'a Value {
    let rows = board["labs"][0]["students"].as_array().unwrap();
    rows.iter().find(|r| r["student"] == student).unwrap()
}

#[test]
fn each_row_says_what_the_students_own_verification_says() {
    let taught = Taught::new();
    for _ in 0..2 {
        let board = taught.board(&[]);
        for student in ["pupil-01", "pupil-02"] {
            assert_eq!(
                verdicts(&row(&board, student)["steps"]),
                taught.own(student),
                "{student}"
            );
        }
        let new = row(&board, "pupil-03");
        assert_eq!(
            (&new["startedAt"], &new["current"]),
            (&Value::Null, &Value::Null)
        );
        // The next look is at other steps.
        taught.good_as("pupil-02", &["lab", "solve", "--to", "5", "--yes"]);
    }
    let verified = taught.0.ccnr(&["class", "verify", "-o", "junit"]);
    let junit = String::from_utf8(verified.stdout).unwrap();
    assert_eq!(verified.status.code(), Some(1), "somebody has not begun");
    assert_eq!(junit.matches("<testsuite ").count(), 3, "{junit}");
    let csv = taught.0.good(&["class", "board", "--csv", "-"]);
    assert_eq!(csv.lines().count(), 4, "{csv}");
    assert!(
        csv.starts_with("student,name,lab,started,done,step,since,reason,why,step 1"),
        "{csv}"
    );
}

#[test]
fn requests_depend_on_kinds_and_not_on_students() {
    let taught = Taught::new();
    let lists = |more: &[&str]| -> Vec<String> {
        let mut all = vec!["-vv", "class", "board", "--once"];
        all.extend(more);
        let output = taught.0.ccnr(&all);
        let told = String::from_utf8(output.stderr).unwrap();
        let lists = told
            .lines()
            .filter(|l| l.contains("GET") && l.contains("?limit="));
        lists
            .map(|l| {
                l.split_whitespace()
                    .find(|w| w.contains("?limit="))
                    .unwrap()
                    .to_owned()
            })
            .collect()
    };
    let (mut of_one, mut of_all) = (lists(&["--student", "pupil-01"]), lists(&[]));
    of_one.sort();
    of_all.sort();
    assert!(of_one.len() > 5, "{of_one:?}");
    assert_eq!(of_one, of_all);
    assert!(
        of_all
            .iter()
            .all(|path| !path.contains("/namespaces/pupil-")),
        "{of_all:?}"
    );
}

#[test]
fn a_board_for_all_to_see_names_nobody() {
    let taught = Taught::new();
    let shown = taught
        .0
        .good(&["class", "board", "--once", "--all", "--anonymous"]);
    assert!(
        !shown.contains("pupil-01") && shown.contains("#2"),
        "{shown}"
    );
    let json = taught.board(&["--anonymous"]).to_string();
    assert!(!json.contains("pupil-"), "{json}");
    let stuck = taught.board(&["--filter", "new"]);
    assert_eq!(stuck["labs"][0]["students"][0]["student"], "pupil-03");
    assert_eq!(stuck["labs"][0]["students"].as_array().unwrap().len(), 1);
}

/// A board that is served until this is dropped.
struct Site {
    child: Child,
    /// Host and port.
    address: String,
    token: String,
}

impl Site {
    fn of(taught: &Taught) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ccnr"));
        command
            .args(["class", "board", "--serve"])
            .env_clear()
            .env("HOME", taught.home());
        command
            .current_dir(taught.home())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let rest = line.trim().strip_prefix("http://").unwrap();
        let (address, token) = rest.split_once('/').unwrap();
        Self {
            child,
            address: address.to_owned(),
            token: token.trim_end_matches('/').to_owned(),
        }
    }

    fn open(&self, method: &str, path: &str) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: board\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        stream
    }

    fn ask(&self, method: &str, path: &str) -> String {
        let mut text = String::new();
        self.open(method, path).read_to_string(&mut text).unwrap();
        text
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_page_needs_its_token_and_tells_of_changes() {
    let taught = Taught::new();
    let served = Site::of(&taught);
    let token = &served.token;
    for path in [
        "/".to_owned(),
        "/board.json".to_owned(),
        format!("/{}/", "0".repeat(token.len())),
    ] {
        assert!(
            served.ask("GET", &path).starts_with("HTTP/1.1 404"),
            "{path}"
        );
    }
    let refused = served.ask("POST", &format!("/{token}/"));
    assert!(refused.starts_with("HTTP/1.1 405"), "{refused}");
    let page = served.ask("GET", &format!("/{token}/"));
    assert!(
        page.contains("content-security-policy: default-src 'none'; script-src 'self'"),
        "{page}"
    );
    assert!(page.contains("<th scope=\"row\">pupil-01</th>"), "{page}");
    assert!(
        !page.contains("<script>") && !page.contains(" style=") && !page.contains("://"),
        "{page}"
    );
    let events = BufReader::new(served.open("GET", &format!("/{token}/events?from=1")));
    taught.good_as("pupil-02", &["lab", "solve", "--yes"]);
    let changed = events
        .lines()
        .map_while(Result::ok)
        .find(|l| l.starts_with("data:") && l.contains("\"pupil-02\":"));
    let news: Value = serde_json::from_str(&changed.expect("an event")["data:".len()..]).unwrap();
    let rows = news["tables"][0]["rows"].as_object().unwrap();
    assert_eq!(
        rows.keys().collect::<Vec<_>>(),
        ["pupil-02"],
        "who did nothing is not sent"
    );
}

#[test]
fn the_page_as_a_file_needs_nothing_else() {
    let taught = Taught::new();
    taught.0.good(&["class", "board", "--export", "board.html"]);
    let page = fs::read_to_string(taught.home().join("board.html")).unwrap();
    assert!(
        page.contains("Content-Security-Policy") && page.contains("pupil-03"),
        "{page}"
    );
    assert!(
        !page.contains("<script") && !page.contains("<link") && !page.contains("://"),
        "{page}"
    );
}

/// A board of what is in a world, without a cluster.
struct Fixture {
    scope: Scope,
    world: World,
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("class.yaml");
        fs::write(&file, CLASS).unwrap();
        let class = Class::read(&file).unwrap();
        let served = Served(vec!["apps/v1".to_owned(), "networking.k8s.io".to_owned()]);
        let labs = Labs::of(&Catalogue::embedded(), &class, served).unwrap();
        let blueprint = Blueprint {
            class: class.clone(),
            labs,
            api_servers: Vec::new(),
            pull_secret: None,
            cluster_reads: Vec::new(),
        };
        let students: Vec<_> = class.students.iter().collect();
        let scope = Scope::of(&blueprint, &students, None);
        let mut world = World::new(scope.owners.keys().cloned(), &scope.lists);
        for list in 0..scope.lists.len() {
            world.fill(list, Ok(Vec::new()));
        }
        Self { scope, world }
    }

    fn put(&mut self, object: Value) {
        let is = |wide: &ccnr::cluster::pages::Wide| {
            let named = wide
                .fields
                .as_deref()
                .is_none_or(|f| f.ends_with("ccnr-progress"));
            wide.kind == object["kind"].as_str().unwrap() && named
        };
        let list = self.scope.lists.iter().position(is).unwrap();
        self.world
            .change(list, ccnr::cluster::watch::Change::Set(object));
    }

    /// A record of a student with these steps passed, a minute each.
    fn record(&mut self, student: &str, passed: &[&str]) {
        let at = |minute: usize| format!("2026-11-28T10:{minute:02}:00Z");
        let steps: BTreeMap<&str, Value> = (1..)
            .zip(passed)
            .map(|(i, id)| (*id, json!({"passedAt": at(i)})))
            .collect();
        let progress = json!({"startedAt": at(0), "steps": steps}).to_string();
        self.put(json!({"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "ccnr-progress", "namespace": format!("{student}-web")}, "data": {"project.json": progress}}));
    }

    fn board(&self) -> Board {
        board(
            &self.scope,
            &self.world,
            "2026-11-28T10:30:00Z".parse().unwrap(),
        )
    }
}

#[test]
fn a_board_comes_from_objects_and_records_alone() {
    let mut fixture = Fixture::new();
    fixture.put(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "pupil-01-web"}, "status": {"phase": "Active"}}));
    fixture.record("pupil-01", &["project"]);
    let found = fixture.board();
    let lab = &found.labs[0];
    let row = &lab.rows[0];
    assert_eq!(row.cells[0].outcome, Outcome::Pass);
    assert_eq!(
        row.cells[0].recorded.map(|t| t.to_string()).as_deref(),
        Some("2026-11-28T10:01:00Z"),
        "what only the student can ask is told from the record"
    );
    assert_eq!(row.cells[1].outcome, Outcome::Fail);
    assert!(
        row.cells[1]
            .why
            .as_ref()
            .unwrap()
            .text
            .en
            .contains("no Deployment"),
        "{:?}",
        row.cells[1]
    );
    assert_eq!(row.current, Some(1));
    assert_eq!(
        row.since.map(|t| t.to_string()).as_deref(),
        Some("2026-11-28T10:01:00Z")
    );
    assert_eq!(row.spent[0], Some(60));
    assert_eq!(
        (lab.totals.begun, lab.totals.done, lab.steps[1].here),
        (1, 0, 1)
    );
    assert!(
        lab.rows[2].started.is_none()
            && lab.rows[2]
                .cells
                .iter()
                .all(|c| c.outcome == Outcome::Blocked)
    );
    assert_eq!(found.exit_code(), 1);
}
