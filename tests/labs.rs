//! The labs in the binary load for every platform, and mistakes in a lab are all found, with their places.

#![allow(clippy::unwrap_used, clippy::panic)] // Helpers of tests, which clippy does not know as such.

use std::{fs, path::Path};

use ccnr::lab::{
    catalogue::{Catalogue, Error},
    model::{Condition, Lab, Subject},
    template::Context,
};

/// The API groups of the platforms that the workshop is held on.
const PLATFORMS: [(&str, &[&str]); 4] = [
    (
        "OpenShift",
        &[
            "config.openshift.io",
            "project.openshift.io",
            "route.openshift.io",
            "build.openshift.io",
            "operators.coreos.com",
            "networking.k8s.io",
            "monitoring.coreos.com",
        ],
    ),
    (
        "Kubernetes with OLM",
        &["operators.coreos.com", "networking.k8s.io"],
    ),
    (
        "Kubernetes with the upstream bundle",
        &["monitoring.coreos.com", "networking.k8s.io"],
    ),
    ("Kubernetes", &["networking.k8s.io"]),
];

#[test]
fn every_lab_loads_on_every_platform() {
    let labs = Catalogue::embedded();
    let folders = labs.folders().unwrap();
    assert!(folders.len() >= 4, "{folders:?}");
    for (platform, groups) in PLATFORMS {
        let context = Context::new("sato", |group| groups.contains(&group));
        for folder in &folders {
            let loaded = labs
                .load(folder, &context)
                .unwrap_or_else(|e| panic!("{platform}: {e}"));
            assert!(!loaded.lab.steps.is_empty());
            for (path, text) in &loaded.files {
                assert!(!text.contains("{{"), "{path} is not rendered");
            }
        }
    }
}

/// Whoever has kubectl alone can type every command on OpenShift, and nobody reads there of a client that he does not have.
#[test]
fn every_step_can_be_typed_without_oc() {
    let labs = Catalogue::embedded();
    let (_, groups) = PLATFORMS[0];
    let mut context = Context::new("sato", |group| groups.contains(&group));
    context.has_oc = false;
    for folder in labs.folders().unwrap() {
        let loaded = labs.load(&folder, &context).unwrap();
        for step in &loaded.lab.steps {
            for command in &step.run.kubernetes {
                assert!(
                    !command.starts_with("oc "),
                    "{folder}, {}: {command}",
                    step.id
                );
                assert!(!command.is_empty());
            }
            let texts = step.hints.iter().chain([&step.text]);
            for text in texts.flat_map(|t| [&t.en, &t.ja]) {
                let shorter = text.replace("`oc start-build web --follow`", "");
                assert!(!shorter.contains("`oc "), "{folder}, {}: {text}", step.id);
            }
        }
        let asks = |file: &String| file.contains("kind: ProjectRequest");
        let project = format!("{folder}/project.yaml");
        assert!(loaded.files.get(&project).is_none_or(asks), "{folder}");
    }
}

/// The practice cluster forwards no ports, and no DNS knows its hosts: no step tells to use either there.
#[test]
fn steps_in_the_practice_cluster_tell_what_works_there() {
    let labs = Catalogue::embedded();
    for (platform, groups) in PLATFORMS {
        let mut context = Context::new("sato", |group| groups.contains(&group));
        context.router = Some("127.0.0.1:40001".to_owned());
        for folder in labs.folders().unwrap() {
            for step in labs.load(&folder, &context).unwrap().lab.steps {
                let texts = step.hints.iter().chain([&step.text]);
                for text in texts.flat_map(|t| [&t.en, &t.ja]) {
                    assert!(
                        !text.contains("localhost"),
                        "{platform}, {folder}, {}: {text}",
                        step.id
                    );
                }
            }
        }
    }
}

/// The CEL of a lab: of its checks, its questions and its baselines.
fn expressions(lab: &Lab) -> Vec<String> {
    let of = |c: &Condition| c.cel.clone();
    let mut found = Vec::new();
    for step in &lab.steps {
        found.extend(step.baseline.values().map(|b| b.keep.clone()));
        for check in &step.checks {
            match &check.subject {
                Subject::Object { condition, .. } => found.extend(of(condition)),
                Subject::Objects {
                    all,
                    any,
                    none,
                    count,
                    cel,
                    ..
                } => {
                    let each = [all, any, none].into_iter().flatten();
                    found.extend(each.filter_map(of));
                    found.extend(count.iter().filter_map(|c| of(&c.filter)));
                    found.extend(cel.clone());
                }
                Subject::Question { answer, .. } => found.push(answer.clone()),
                _ => {}
            }
        }
    }
    found
}

#[test]
fn every_expression_is_cel() {
    let labs = Catalogue::embedded();
    let mut count = 0;
    for (platform, groups) in PLATFORMS {
        let context = Context::new("sato", |group| groups.contains(&group));
        for folder in labs.folders().unwrap() {
            for expression in expressions(&labs.load(&folder, &context).unwrap().lab) {
                count += 1;
                let problem = ccnr::lab::expression::problem(&expression);
                assert_eq!(problem, None, "{platform}, {folder}: {expression}");
            }
        }
    }
    assert!(count > 100, "{count}");
}

#[test]
fn a_lab_is_found_by_number_id_and_folder() {
    let labs = Catalogue::embedded();
    for wanted in ["1", "project", "01-project"] {
        assert_eq!(labs.find(wanted).unwrap(), "01-project");
    }
    assert!(matches!(labs.find("nope"), Err(Error::Unknown { .. })));
}

fn broken(text: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("labs/01-x")).unwrap();
    fs::create_dir_all(folder.path().join("manifests/01-x")).unwrap();
    fs::write(folder.path().join("labs/01-x/lab.yaml"), text).unwrap();
    fs::write(folder.path().join("manifests/01-x/out.yaml"), OUTSIDE).unwrap();
    let context = Context::new("sato", |_| false);
    Catalogue::from_dir(Path::new(folder.path()))
        .load("01-x", &context)
        .unwrap_err()
        .to_string()
}

const OUTSIDE: &str =
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, namespace: kube-system}\n";

const GOOD: &str = r#"apiVersion: ccnr.dev/v1
kind: Lab
metadata: {id: x, number: 1, minutes: 5, title: {en: a, ja: b}, summary: {en: a, ja: b}}
spec:
  params: {project: "{{ student }}-x"}
  projects: ["{{ project }}"]
  steps:
    - id: one
      title: {en: a, ja: b}
      text: {en: a, ja: b}
      checks:
        - id: c
          title: {en: a, ja: b}
          object: {apiVersion: v1, kind: ConfigMap, name: x, in: "{{ project }}"}
          match: {data: {a: b}}
      hints: [{en: a, ja: b}, {en: c, ja: d}]
      solve: []
"#;

#[test]
fn all_mistakes_of_a_file_are_reported_in_one_run_in_their_order() {
    let text = GOOD
        .replace("match: {data", "macth: {data")
        .replace("number: 1, ", "")
        .replace(
            "hints: [{en: a, ja: b}, {en: c, ja: d}]",
            "hints: [{en: a}]",
        );
    insta::assert_snapshot!(broken(&text));
}

#[test]
fn a_newer_format_is_refused_with_a_sentence() {
    let shown = broken(&GOOD.replace("ccnr.dev/v1", "ccnr.dev/v2"));
    assert!(
        shown.contains("this lab is written for ccnr.dev/v2"),
        "{shown}"
    );
}

#[test]
fn what_is_wrong_is_named() {
    for (from, to, expected) in [
        ("{{ student }}-x", "{{ nobody }}-x", "undefined value"),
        ("{{ student }}-x", "kube-system", "belongs to the cluster"),
        ("{{ student }}-x", "Student_X", "is no name for Kubernetes"),
        (
            "match: {data: {a: b}}",
            "all: {ready: true}",
            "\"all\" does not go with \"object\"",
        ),
        (
            "match: {data: {a: b}}",
            "within: soon",
            "expected a duration",
        ),
        (
            "object: {apiVersion: v1, kind: ConfigMap, name: x, in: \"{{ project }}\"}\n",
            "ready: true\n",
            "a check has one subject",
        ),
        ("solve: []", "solve: [{wait: d}]", "unknown check \"d\""),
        (
            "solve: []",
            "solve: [{apply: ../x.yaml}]",
            "leaves the manifests folder",
        ),
        (
            "solve: []",
            "solve: [{apply: 01-x/none.yaml}]",
            "can't be read",
        ),
        (
            "solve: []",
            "solve: [{apply: 01-x/out.yaml}]",
            "none of the lab's projects",
        ),
        ("id: one", "id: One", "is no name for Kubernetes"),
        (
            "title: {en: a, ja: b}\n      text",
            "title: {en: a, ja: ''}\n      text",
            "the text in \"ja\" is empty",
        ),
    ] {
        assert!(GOOD.contains(from), "{from}");
        let shown = broken(&GOOD.replacen(from, to, 1));
        assert!(shown.contains(expected), "{from} -> {to}: {shown}");
    }
}
