//! The order of steps: what blocks, what is skipped, what regressed, what is remembered. No cluster.
#![allow(clippy::unwrap_used)] // Helpers of tests.

use std::collections::HashMap;

use ccnr::{
    check::verdict::Outcome,
    cluster::snapshot::{Answer, Read, Snapshot},
    lab::{
        catalogue::Catalogue,
        model::{Lab, ObjectRef},
        template::Context,
    },
    session::{
        course::{Course, Judged},
        progress::Progress,
        served::Served,
    },
};
use serde_json::{Value, json};

fn lab() -> Lab {
    let labs = Catalogue::embedded();
    let context = Context::new("sato", |_| false);
    labs.load("01-project", &context).unwrap().lab
}

/// A cluster on which only the project and what is given exist.
fn judge(progress: &Progress, objects: &[(ObjectRef, Value)]) -> Judged {
    let (lab, served) = (lab(), Served::default());
    let course = Course {
        lab: &lab,
        served: &served,
        progress,
        client: "kubectl",
    };
    let answer = |read: &Read| match read {
        Read::Object(wanted) => objects
            .iter()
            .find(|(o, _)| o == wanted)
            .map_or(Answer::Missing, |(_, found)| Answer::Object(found.clone())),
        Read::Access(_) => Answer::Access {
            allowed: true,
            reason: String::new(),
        },
        _ => Answer::List(Vec::new()),
    };
    let answers: HashMap<_, _> = course
        .reads(None)
        .into_iter()
        .map(|read| {
            let found = answer(&read);
            (read, Ok(found))
        })
        .collect();
    let seen = Snapshot {
        at: "2026-01-02T00:00:00Z".parse().unwrap(),
        answers,
    };
    course.judge(None, &seen)
}

fn project() -> (ObjectRef, Value) {
    let object = ObjectRef {
        api_version: "v1".to_owned(),
        kind: "Namespace".to_owned(),
        namespace: None,
        name: "sato-web".to_owned(),
    };
    (
        object,
        json!({"apiVersion": "v1", "kind": "Namespace", "status": {"phase": "Active"}}),
    )
}

fn outcomes(judged: &Judged) -> Vec<Outcome> {
    judged.steps.iter().map(|s| s.outcome).collect()
}

#[test]
fn what_comes_after_the_first_open_step_is_blocked() {
    let judged = judge(&Progress::default(), &[project()]);
    assert_eq!(
        outcomes(&judged)[..3],
        [Outcome::Pass, Outcome::Fail, Outcome::Blocked]
    );
    assert_eq!(judged.steps[2].blocked_by, Some(2));
}

#[test]
fn baselines_are_taken_when_a_step_is_reached_and_not_before() {
    let judged = judge(&Progress::default(), &[project()]);
    assert!(judged.baselines.is_empty(), "{:?}", judged.baselines);
}

#[test]
fn a_step_that_passed_once_is_a_regression_and_blocks_nobody() {
    let mut progress = Progress::default();
    let passed = "2026-01-01T00:00:00Z".parse().ok();
    for step in ["project", "declare"] {
        progress.step_mut(step).passed_at = passed;
    }
    let judged = judge(&progress, &[project()]);
    let declare = &judged.steps[1];
    assert_eq!(
        (declare.outcome, declare.regressed),
        (Outcome::Fail, passed)
    );
    assert_eq!(outcomes(&judged)[2..4], [Outcome::Fail, Outcome::Blocked]);
}

#[test]
fn what_passed_once_and_is_to_be_undone_stays_passed() {
    let mut progress = Progress::default();
    progress.step_mut("scale").passed_at = "2026-01-01T00:00:00Z".parse().ok();
    let judged = judge(&progress, &[project()]);
    let scale = judged.steps.iter().find(|s| s.id == "scale").unwrap();
    assert_eq!(scale.outcome, Outcome::Pass);
}
