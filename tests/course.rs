//! The order of steps: what blocks, what is skipped, what regressed, what is remembered. No cluster.
#![allow(clippy::unwrap_used, clippy::panic)] // Helpers of tests.

use std::collections::HashMap;

use ccnr::{
    check::verdict::{Outcome, Verdict},
    cluster::snapshot::{Answer, Obstacle, Read, Snapshot},
    lab::{
        catalogue::Catalogue,
        model::{Lab, ObjectRef, When},
        template::Context,
    },
    session::{
        course::{Course, Judged},
        progress::{Missing, Progress},
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
    judge_on(progress, objects, &|_| false)
}

/// The same, where some reads are refused.
fn judge_on(
    progress: &Progress,
    objects: &[(ObjectRef, Value)],
    refused: &dyn Fn(&Read) -> bool,
) -> Judged {
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
            let found = if refused(&read) {
                Err(Obstacle::of_lab("refused"))
            } else {
                Ok(answer(&read))
            };
            (read, found)
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
fn a_step_that_compares_with_its_beginning_can_not_be_judged_before_it() {
    let (lab, served) = (lab(), Served::default());
    let judge = |progress: &Progress| {
        let course = Course {
            lab: &lab,
            served: &served,
            progress,
            client: "kubectl",
        };
        let answers = course.reads(Some("self-healing")).into_iter().map(|read| {
            let answer = match &read {
                Read::Object(_) => Answer::Missing,
                _ => Answer::List(Vec::new()),
            };
            (read, Ok(answer))
        });
        let seen = Snapshot {
            at: "2026-01-02T00:00:00Z".parse().unwrap(),
            answers: answers.collect(),
        };
        course.judge(Some("self-healing"), &seen)
    };
    let early = judge(&Progress::default());
    assert_eq!(outcomes(&early), [Outcome::Blocked]);
    assert!(early.baselines.is_empty());
    let mut progress = Progress::default();
    for id in ["project", "declare", "look-inside"] {
        progress.step_mut(id).passed_at = Some("2026-01-02T00:00:00Z".parse().unwrap());
    }
    let due = judge(&progress);
    assert_eq!(outcomes(&due), [Outcome::Fail]);
    assert!(due.baselines.contains_key("self-healing"));
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
fn what_can_not_be_checked_is_no_regression_and_blocks_nobody() {
    let mut progress = Progress::default();
    for step in ["project", "declare"] {
        progress.step_mut(step).passed_at = "2026-01-01T00:00:00Z".parse().ok();
    }
    let deployments = |read: &Read| matches!(read, Read::Object(o) if o.kind == "Deployment");
    let judged = judge_on(&progress, &[project()], &deployments);
    let declare = &judged.steps[1];
    assert_eq!((declare.outcome, declare.regressed), (Outcome::Error, None));
    assert_ne!(outcomes(&judged)[2], Outcome::Blocked);
}

#[test]
fn what_passed_once_and_is_to_be_undone_stays_passed() {
    let mut progress = Progress::default();
    progress.step_mut("scale").passed_at = "2026-01-01T00:00:00Z".parse().ok();
    let judged = judge(&progress, &[project()]);
    let scale = judged.steps.iter().find(|s| s.id == "scale").unwrap();
    assert_eq!(scale.outcome, Outcome::Pass);
}

#[test]
fn an_optional_step_can_be_done_until_a_later_one_has_passed() {
    let (mut lab, served) = (lab(), Served::default());
    lab.steps[1].optional = true;
    let open = |passed: &[&str]| -> Vec<usize> {
        let mut progress = Progress::default();
        for id in passed {
            progress.step_mut(id).passed_at = Some("2026-01-02T00:00:00Z".parse().unwrap());
        }
        let course = Course {
            lab: &lab,
            served: &served,
            progress: &progress,
            client: "kubectl",
        };
        let options = course.open_options();
        options.into_iter().map(|(number, _)| number).collect()
    };
    assert!(open(&[]).is_empty());
    assert_eq!(open(&["project"]), [2]);
    assert!(open(&["project", "declare"]).is_empty());
    assert!(open(&["project", "look-inside"]).is_empty());
}

/// What lab 4's last step, in which things are deleted, comes to when nothing of it is left.
fn clean_up(missing: Option<Missing>) -> Judged {
    let labs = Catalogue::embedded();
    let context = Context::new("sato", |_| true);
    let mut lab = labs.load("04-jmx-metrics", &context).unwrap().lab;
    lab.steps.retain(|s| s.id == "clean-up");
    lab.steps[0].when = When::default();
    let mut progress = Progress::default();
    progress.step_mut("clean-up").missing = missing;
    let course = Course {
        lab: &lab,
        served: &Served::default(),
        progress: &progress,
        client: "kubectl",
    };
    let answers = course.reads(None).into_iter().map(|read| {
        let answer = match &read {
            Read::Object(_) => Answer::Missing,
            Read::Proxy(_) => Answer::Http {
                status: 200,
                body: r#"{"status":"success","data":{"resultType":"vector","result":[]}}"#
                    .to_owned(),
            },
            _ => Answer::List(Vec::new()),
        };
        (read, Ok(answer))
    });
    let seen = Snapshot {
        at: "2026-01-02T00:00:00Z".parse().unwrap(),
        answers: answers.collect(),
    };
    course.judge(None, &seen)
}

#[test]
fn what_follows_a_deletion_converges_from_when_it_was_seen_gone() {
    let first = clean_up(None);
    assert_eq!(outcomes(&first), [Outcome::Waiting]);
    let found = &first.missing["clean-up"];
    assert_eq!(found.objects.len(), 2);
    let seen_gone = |at: &str| Missing {
        since: Some(at.parse().unwrap()),
        ..found.clone()
    };
    let recent = clean_up(Some(seen_gone("2026-01-01T23:59:00Z")));
    assert_eq!(outcomes(&recent), [Outcome::Waiting]);
    let long_ago = clean_up(Some(seen_gone("2026-01-01T23:00:00Z")));
    assert_eq!(outcomes(&long_ago), [Outcome::Fail]);
    let was_there = clean_up(Some(Missing::default()));
    assert_eq!(was_there.missing["clean-up"].since, found.since);
}

#[test]
fn what_has_to_be_made_first_is_not_waited_for() {
    let mut progress = Progress::default();
    progress.step_mut("declare").missing = Some(Missing::default());
    let judged = judge(&progress, &[project()]);
    let declare = &judged.steps[1];
    // It went a moment ago.
    assert!(judged.missing["declare"].since.is_some());
    let ready = declare.checks.iter().find(|c| c.id == "ready").unwrap();
    assert_eq!(ready.verdict.outcome(), Outcome::Fail);
}

#[test]
fn what_never_was_there_is_not_taken_for_something_on_its_way() {
    let judged = judge(&Progress::default(), &[project()]);
    assert_eq!(judged.missing["declare"].since, None);
    assert_eq!(outcomes(&judged)[1], Outcome::Fail);
}

#[test]
fn without_its_project_a_lab_has_one_open_step_and_no_step_blames_its_own_objects() {
    let mut progress = Progress::default();
    let passed_at = "2026-01-01T00:00:00Z".parse().ok();
    for id in ["project", "declare", "scale", "configure"] {
        progress.step_mut(id).passed_at = passed_at;
    }
    let judged = judge_on(&progress, &[], &|_| false);
    assert_eq!(judged.steps[0].outcome, Outcome::Fail);
    assert!(judged.steps[0].regressed.is_some());
    for step in &judged.steps[1..] {
        assert!(
            matches!(step.outcome, Outcome::Blocked | Outcome::Pass),
            "{}: {:?}",
            step.id,
            step.outcome
        );
    }
    let Verdict::Fail(finding) = &judged.steps[0].checks[0].verdict else {
        panic!("{:?}", judged.steps[0].checks[0].verdict);
    };
    let next = finding.next.as_ref().map(|n| n.en.as_str());
    assert!(
        next.is_some_and(|n| n.contains("`ccnr lab start 1`")),
        "{next:?}"
    );
}
