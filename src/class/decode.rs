//! From `class.yaml` to a class: every mistake of the file is found in one reading.

use std::{collections::BTreeMap, path::Path};

use jiff::{SignedDuration, civil::Date};

use super::{
    Error,
    budget::{self, Budget},
    model::{Class, Credentials, Student, name_problem},
    roster,
};
use crate::lab::{
    fields::{Fields, Problems, string},
    names,
    problem::Problem,
    yaml::{Node, Tree},
};

/// The most students of a class.
const MOST: usize = 5000;
/// How long credentials are good for where the file says nothing.
const LIFETIME: SignedDuration = SignedDuration::from_hours(12);
/// The shortest life that an API server gives a token or a certificate.
/// <https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-request-v1/>
const SHORTEST: SignedDuration = SignedDuration::from_mins(10);

impl Class {
    /// Reads a class file, and the roster that it names, beside it.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let unreadable = |path: &Path, e: &std::io::Error| Error::File {
            path: path.display().to_string(),
            reason: format!("can't be read: {e}"),
        };
        let text = std::fs::read_to_string(path).map_err(|e| match e.kind() {
            std::io::ErrorKind::NotFound => Error::File {
                path: path.display().to_string(),
                reason: "there is no such file; `ccnr class init` writes one to begin with"
                    .to_owned(),
            },
            _ => unreadable(path, &e),
        })?;
        let invalid = |problems: Vec<Problem>| Error::Invalid {
            path: path.display().to_string(),
            text: text.clone(),
            problems,
        };
        let tree = Node::parse(&text).map_err(|p| invalid(vec![p]))?;
        let (mut class, students) = class(&tree).map_err(invalid)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        class.students = match students {
            Students::Counted(students) => students,
            Students::Roster(file) => {
                let file = folder.join(file);
                let text = std::fs::read_to_string(&file).map_err(|e| unreadable(&file, &e))?;
                let invalid = |problems| Error::Invalid {
                    path: file.display().to_string(),
                    text: text.clone(),
                    problems,
                };
                roster::students(&file, &text).map_err(invalid)?
            }
        };
        class.credentials.dir = folder.join(&class.credentials.dir);
        class.pull_secret = class.pull_secret.map(|file| folder.join(file));
        Ok(class)
    }
}

/// Where the students come from.
enum Students {
    Counted(Vec<Student>),
    Roster(String),
}

/// The class, without its students.
fn class(tree: &Node) -> Result<(Class, Students), Vec<Problem>> {
    let p = Problems::default();
    let top = Fields::of(tree, &["apiVersion", "kind", "metadata", "spec"], &p);
    for (key, wanted) in [("apiVersion", "ccnr.dev/v1"), ("kind", "Class")] {
        if top.string(key) != wanted {
            let place = top.get(key).map_or(top.place(), |n| n.place);
            p.say(place, format!("expected {key}: {wanted}"));
        }
    }
    let nothing = Node {
        place: top.place(),
        value: Tree::Map(Vec::new()),
    };
    let meta = Fields::of(top.need("metadata").unwrap_or(&nothing), &["name"], &p);
    let name = meta.string("name");
    if let (Some(node), Some(problem)) = (meta.get("name"), name_problem(&name)) {
        p.say(node.place, problem);
    }
    let keys = [
        "students",
        "labs",
        "budget",
        "isolation",
        "credentials",
        "expires",
        "pullSecret",
        "instructors",
    ];
    let spec = Fields::of(top.need("spec").unwrap_or(&nothing), &keys, &p);
    let students = students(spec.need("students").unwrap_or(&nothing), &p);
    let labs = spec.strings("labs");
    if labs.is_empty() {
        let place = spec.get("labs").map_or(spec.place(), |n| n.place);
        p.say(place, "\"labs\" names no lab, such as [1, 2]");
    }
    let found = Class {
        credentials: credentials(spec.get("credentials").unwrap_or(&nothing), &name, &p),
        name,
        students: Vec::new(),
        labs,
        budget: spec
            .get("budget")
            .map_or_else(|| Budget::of_size("medium"), |n| budget(n, &p)),
        isolation: spec.flag("isolation", true),
        expires: spec.get("expires").and_then(|n| date(n, &p)),
        pull_secret: spec.maybe("pullSecret").map(Into::into),
        instructors: spec.strings("instructors"),
    };
    let problems = p.into_sorted();
    if problems.is_empty() {
        Ok((found, students))
    } else {
        Err(problems)
    }
}

fn students(node: &Node, p: &Problems) -> Students {
    let fields = Fields::of(node, &["count", "prefix", "roster"], p);
    if let Some(roster) = fields.maybe("roster") {
        if fields.get("count").is_some() {
            p.say(node.place, "\"roster\" and \"count\" exclude each other");
        }
        return Students::Roster(roster);
    }
    let prefix = fields
        .maybe("prefix")
        .unwrap_or_else(|| "student".to_owned());
    let count: usize = fields.number("count").unwrap_or_default();
    let place = fields.get("count").map_or(node.place, |n| n.place);
    if !(1..=MOST).contains(&count) {
        p.say(
            place,
            format!("\"count\" is 1 to {MOST}, or \"roster\" names a file"),
        );
        return Students::Counted(Vec::new());
    }
    let width = count.to_string().len().max(2);
    let student = |number: usize| Student {
        id: format!("{prefix}-{number:0width$}"),
        name: None,
        email: None,
        lang: None,
    };
    if let Some(problem) = names::label_problem(&student(count).id) {
        p.say(node.place, problem);
    }
    Students::Counted((1..=count).map(student).collect())
}

/// A size, or hard limits by resource; `none` for no limits.
fn budget(node: &Node, p: &Problems) -> Option<Budget> {
    if let Tree::Map(limits) = &node.value {
        let mut hard = BTreeMap::new();
        for (spot, value) in limits {
            let text = string(value, p).unwrap_or_default();
            if budget::amount(&text).is_none() {
                p.say(
                    value.place,
                    format!("\"{text}\" is no quantity, such as 500m, 2 or 4Gi"),
                );
            }
            hard.insert(spot.key.clone(), text);
        }
        return Some(Budget::explicit(hard));
    }
    let size = string(node, p)?;
    if size == "none" {
        return None;
    }
    let found = Budget::of_size(&size);
    if found.is_none() {
        let known = [&Budget::sizes()[..], &["none"]].concat();
        p.add(Problem::unknown(node.place, "budget", &size, &known));
    }
    found
}

fn credentials(node: &Node, class: &str, p: &Problems) -> Credentials {
    let fields = Fields::of(node, &["kind", "expires", "dir"], p);
    if let (Some(kind), Some(node)) = (fields.maybe("kind"), fields.get("kind"))
        && kind != "token"
    {
        p.add(Problem::unknown(
            node.place,
            "kind of credentials",
            &kind,
            &["token"],
        ));
    }
    let lifetime = match fields.maybe("expires") {
        None => LIFETIME,
        Some(text) => {
            let place = fields.get("expires").map_or(node.place, |n| n.place);
            let parsed = text.parse::<SignedDuration>().ok();
            if parsed.is_none_or(|d| d < SHORTEST) {
                p.say(place, "expected a time of at least 10m, such as 12h or 72h");
            }
            parsed.unwrap_or(LIFETIME)
        }
    };
    Credentials {
        lifetime,
        dir: fields
            .maybe("dir")
            .unwrap_or_else(|| class.to_owned())
            .into(),
    }
}

fn date(node: &Node, p: &Problems) -> Option<Date> {
    let found = string(node, p)?.parse().ok();
    if found.is_none() {
        p.say(node.place, "expected a date such as 2026-12-01");
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "\
apiVersion: ccnr.dev/v1
kind: Class
metadata: {name: osaka-2026}
spec:
  students: {count: 3, prefix: s}
  labs: [1, project]
  budget: {requests.cpu: 1500m}
  credentials: {expires: 24h}
  expires: 2026-12-01
";

    fn told(text: &str) -> Vec<(usize, String)> {
        let tree = Node::parse(text).unwrap();
        let Err(problems) = class(&tree) else {
            panic!("no mistake is found")
        };
        let line = |p: Problem| {
            (
                p.place.line,
                format!("{} {}", p.message, p.suggestion.unwrap_or_default()),
            )
        };
        problems.into_iter().map(line).collect()
    }

    #[test]
    fn a_class_is_read() {
        let (class, Students::Counted(students)) = class(&Node::parse(GOOD).unwrap()).unwrap()
        else {
            panic!("students are counted")
        };
        assert_eq!(students[2].id, "s-03");
        assert_eq!(class.labs, ["1", "project"]);
        assert_eq!(class.credentials.lifetime, SignedDuration::from_hours(24));
        assert_eq!(class.credentials.dir, Path::new("osaka-2026"));
        assert_eq!(class.budget.unwrap().hard["requests.cpu"], "1500m");
        assert!(class.isolation);
    }

    #[test]
    fn mistakes_have_their_lines_and_what_was_meant() {
        let text = GOOD
            .replace("count: 3", "count: 0")
            .replace("labs: [1, project]", "labs: []")
            .replace("{requests.cpu: 1500m}", "meduim")
            .replace("24h", "1s")
            .replace(
                "expires: 2026-12-01",
                "expires: tomorrow\n  isolatoin: true",
            );
        let told = told(&text);
        let lines: Vec<usize> = told.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [5, 6, 7, 8, 9, 10], "{told:?}");
        assert!(told[2].1.contains("did you mean \"medium\"?"), "{told:?}");
        assert!(
            told[5].1.contains("did you mean \"isolation\"?"),
            "{told:?}"
        );
    }

    #[test]
    fn a_name_leaves_room_for_the_class_namespace() {
        let told = told(&GOOD.replace("osaka-2026", &"a".repeat(60)));
        assert_eq!(told[0].0, 3);
    }
}
