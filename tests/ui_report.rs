//! What a report looks like, and that it fits.
#![allow(clippy::unwrap_used, clippy::too_many_lines)]

use ccnr::cluster::snapshot::{Obstacle, ObstacleKind};
use std::time::Duration;

use ccnr::{
    check::{
        report::{CheckReport, Report, StepReport},
        verdict::{Cause, Finding, Outcome, Verdict},
    },
    lab::{
        model::ObjectRef,
        text::{Lang, Text},
    },
    ui::{layout, machine, report, style::Style},
};

fn check(id: &str, title: Text, verdict: Verdict) -> CheckReport {
    CheckReport {
        id: id.into(),
        title,
        verdict,
        fail: None,
        within: None,
        optional: false,
    }
}

fn step(number: usize, title: Text, outcome: Outcome, checks: Vec<CheckReport>) -> StepReport {
    StepReport {
        id: format!("step-{number}"),
        number,
        title,
        outcome,
        blocked_by: (outcome == Outcome::Blocked).then(|| if number == 9 { 5 } else { number - 1 }),
        skipped: None,
        regressed: None,
        kept: None,
        optional: false,
        checks,
    }
}

fn quota() -> Verdict {
    Verdict::Fail(Box::new(Finding {
        expected: Text::new("4 available replicas", "利用可能なレプリカ 4"),
        observed: Text::new(
            "3 available; test-nginx-7d4b-x2xqz is Pending",
            "利用可能 3、test-nginx-7d4b-x2xqz が Pending",
        ),
        cause: Some(Cause {
            code: "QuotaExceeded",
            text: Text::new(
                "the project's quota is used up: requests.memory 256Mi of 256Mi",
                "プロジェクトのクォータを使い切っています: requests.memory 256Mi / 256Mi",
            ),
        }),
        see: Some("oc describe quota -n student-web".into()),
        next: Some(Text::new(
            "lower the request of the container, or scale something else down",
            "コンテナの requests を減らすか、ほかの Deployment を縮小してください",
        )),
        objects: vec![ObjectRef {
            api_version: "apps/v1".into(),
            kind: "Deployment".into(),
            namespace: Some("student-web".into()),
            name: "test-nginx".into(),
        }],
    }))
}

fn waiting() -> CheckReport {
    let finding = Finding {
        expected: Text::same("Succeeded"),
        observed: Text::same("Installing"),
        ..Finding::default()
    };
    CheckReport {
        within: Some(120),
        ..check(
            "csv",
            Text::new(
                "ClusterServiceVersion is Succeeded",
                "ClusterServiceVersion が Succeeded",
            ),
            Verdict::Waiting(Box::new(finding), Duration::from_secs(12)),
        )
    }
}

fn obstacle() -> Verdict {
    Verdict::Error(Obstacle {
        kind: ObstacleKind::Forbidden,
        message: Text::same(
            "the API server answered 403: user \"sato\" may not get deployments.apps in project \"sato-web\"",
        ),
        next: Text::same("oc auth can-i get deployments -n sato-web"),
        status: Some(403),
    })
}

fn sample() -> Report {
    let pass = |n, en, ja| {
        let one = check("ok", Text::new("it exists", "存在する"), Verdict::Pass);
        step(n, Text::new(en, ja), Outcome::Pass, vec![one])
    };
    let mut regressed = step(
        4,
        Text::new("Self-healing", "自己修復"),
        Outcome::Fail,
        vec![
            check(
                "kept",
                Text::new("the label is kept", "ラベルが残っている"),
                Verdict::Pass,
            ),
            CheckReport {
                fail: Some(Text::new(
                    "The Deployment is gone.",
                    "Deployment がなくなっています。",
                )),
                ..check(
                    "there",
                    Text::new(
                        "Deployment <test> & \"nginx\" #1 exists",
                        "Deployment <test> & \"nginx\" #1 がある",
                    ),
                    Verdict::Fail(Box::new(Finding {
                        expected: Text::new("it exists", "存在する"),
                        observed: Text::new("not found", "見つかりません"),
                        ..Finding::default()
                    })),
                )
            },
        ],
    );
    regressed.regressed = Some("2026-05-01T01:42:00Z".parse().unwrap());
    let mut skipped = step(8, Text::new("A Route", "Route"), Outcome::Skipped, vec![]);
    skipped.skipped = Some(Text::new("only on OpenShift", "OpenShift のみ"));
    let mut optional = step(
        7,
        Text::new("Read a metric", "メトリクスを読む"),
        Outcome::Error,
        vec![check(
            "read",
            Text::same("Deployment test-nginx"),
            obstacle(),
        )],
    );
    optional.optional = true;
    Report {
        lab: "project".into(),
        number: 1,
        title: Text::new(
            "Projects and Kubernetes resources",
            "プロジェクトと Kubernetes リソース",
        ),
        student: "student".into(),
        cluster: "https://api.crc.testing:6443".into(),
        client: "oc".into(),
        at: "2026-05-01T02:00:00Z".parse().unwrap(),
        steps: vec![
            pass(1, "Create a project", "プロジェクトを作る"),
            pass(2, "Declare a Deployment", "Deployment を宣言する"),
            pass(3, "Look inside", "中を見る"),
            regressed,
            step(
                5,
                Text::new("Scale to four", "レプリカを 4 に増やす"),
                Outcome::Fail,
                vec![
                    check(
                        "asks",
                        Text::new(
                            "Deployment test-nginx asks for 4 replicas",
                            "Deployment test-nginx のレプリカ数が 4",
                        ),
                        Verdict::Pass,
                    ),
                    check(
                        "all",
                        Text::new("all 4 are available", "4 つすべてが利用可能"),
                        quota(),
                    ),
                ],
            ),
            step(
                6,
                Text::new("Install the operator", "Operator をインストールする"),
                Outcome::Waiting,
                vec![waiting()],
            ),
            optional,
            skipped,
            step(
                9,
                Text::new("Isolate", "分離する"),
                Outcome::Blocked,
                vec![],
            ),
            step(
                10,
                Text::new("Autoscale", "オートスケール"),
                Outcome::Blocked,
                vec![],
            ),
            step(
                11,
                Text::new("Clean up", "片付ける"),
                Outcome::Blocked,
                vec![],
            ),
        ],
    }
}

/// The time of day is that of the machine; it takes five columns anywhere.
fn snapshot(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(
        r"(\d{4}-\d\d-\d\d )?\b\d\d:\d\d\b( に合格|, no longer)",
        "HH:MM$2",
    );
    settings.bind(|| insta::assert_snapshot!(name, text));
}

fn styles() -> Vec<Style> {
    let mut all = Vec::new();
    for lang in [Lang::En, Lang::Ja] {
        for width in [40, 60, 80, 100] {
            for (color, verbose) in [(false, false), (true, true)] {
                all.push(Style {
                    color,
                    ascii: color,
                    width,
                    lang,
                    verbose,
                });
            }
        }
    }
    all
}

#[test]
fn looks() {
    let report = sample();
    for (name, lang, width, ascii) in [
        ("en_80", Lang::En, 80, false),
        ("en_60", Lang::En, 60, false),
        ("en_80_ascii", Lang::En, 80, true),
        ("ja_80", Lang::Ja, 80, false),
        ("ja_60", Lang::Ja, 60, false),
    ] {
        let style = Style {
            lang,
            ascii,
            width,
            ..Style::default()
        };
        snapshot(name, &report::render(&report, &style));
    }
}

/// A report in which the first open step is the given one.
fn from(number: usize) -> Report {
    let mut report = sample();
    for step in &mut report.steps {
        if step.number < number {
            step.outcome = Outcome::Pass;
        }
        step.optional = false;
    }
    report
}

#[test]
fn the_last_line_says_what_is_next() {
    let style = Style::default();
    let last = |report: &Report| {
        let text = report::render(report, &style);
        text.lines().last().unwrap().to_owned()
    };
    assert!(last(&sample()).contains("`ccnr lab hint`"));
    assert_eq!(last(&from(6)), "`ccnr lab verify --wait 2m` waits for it.");
    assert!(report::render(&from(6), &style).contains("12 s so far, up to 120 s is normal"));
    assert!(report::render(&from(7), &style).contains("`ccnr doctor`"));
    assert!(last(&from(12)).starts_with("Lab 1 is done."));
    let mut undone = from(6);
    undone.steps.truncate(6);
    undone.steps[3] = sample().steps.remove(3);
    assert!(last(&undone).starts_with("Step 4 no longer passes"));
}

#[test]
fn only_the_step_that_was_not_begun_is_left_out() {
    let report = sample();
    let text = report::render_progress(&report, "step-5", &Style::default());
    assert!(text.contains("Self-healing"), "{text}");
    assert!(!text.contains("Scale to four"), "{text}");
}

#[test]
fn every_line_fits() {
    for style in styles() {
        for line in report::render(&sample(), &style).lines() {
            let verbatim = line.contains("oc describe") || line.contains("oc auth");
            assert!(
                verbatim || layout::width(line) <= style.width,
                "{style:?}\n{line}"
            );
        }
    }
}

#[test]
fn colour_adds_nothing_but_colour() {
    for style in styles().into_iter().filter(|s| s.color) {
        let plain = Style {
            color: false,
            ..style
        };
        let colored = report::render(&sample(), &style);
        assert_eq!(
            console::strip_ansi_codes(&colored),
            report::render(&sample(), &plain)
        );
    }
}

#[test]
fn machines_read_it() {
    let report = sample();
    let json = serde_json::to_string_pretty(&machine::json(&report, Lang::En)).unwrap();
    insta::assert_snapshot!("json", json);
    insta::assert_snapshot!("junit", machine::junit(&report, Lang::En));
    insta::assert_snapshot!("tap", machine::tap(&report, Lang::En));
}

/// Every tag is closed in order, and no bare `<` or `&` is left.
#[test]
fn junit_is_well_formed() {
    for lang in [Lang::En, Lang::Ja] {
        let text = machine::junit(&sample(), lang);
        let body = text.split_once("?>").unwrap().1;
        let mut open: Vec<&str> = Vec::new();
        for piece in body.split('<').skip(1) {
            let (tag, rest) = piece.split_once('>').unwrap();
            assert!(!rest.contains('>'));
            assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
            if let Some(name) = tag.strip_prefix('/') {
                assert_eq!(open.pop(), Some(name));
            } else if !tag.ends_with('/') {
                open.push(tag.split(' ').next().unwrap());
            }
        }
        assert!(open.is_empty());
        for after in body.split('&').skip(1) {
            let entity = after.split_once(';').unwrap().0;
            assert!(
                ["amp", "lt", "gt", "quot", "#10", "#9"].contains(&entity),
                "{entity}"
            );
        }
    }
}

#[test]
fn what_has_a_cause_is_not_told_to_be_normal() {
    let line = |seconds: u64, cause: Option<Cause>| {
        let finding = Finding {
            observed: Text::same("0 available"),
            cause,
            ..Finding::default()
        };
        let waits = Verdict::Waiting(Box::new(finding), Duration::from_secs(seconds));
        let mut check = check("ready", Text::same("all are ready"), waits);
        check.within = Some(60);
        let step = step(1, Text::same("Deploy"), Outcome::Waiting, vec![check]);
        let shown = report::render_step(&step, jiff::Timestamp::UNIX_EPOCH, &Style::default());
        let found = shown.lines().find(|l| l.contains("all are ready")).unwrap();
        found
            .split_once("all are ready")
            .unwrap()
            .1
            .trim()
            .to_owned()
    };
    let known = || {
        Some(Cause {
            code: "VolumeMount",
            text: Text::same("no ConfigMap"),
        })
    };
    assert_eq!(line(0, None), "0 available · up to 60 s is normal");
    assert_eq!(
        line(5, None),
        "0 available · 5 s so far, up to 60 s is normal"
    );
    assert_eq!(line(5, known()), "0 available · 5 s so far");
    assert_eq!(line(0, known()), "0 available");
}

#[test]
fn the_same_trouble_is_told_once() {
    let trouble = || {
        Verdict::Error(Obstacle {
            kind: ObstacleKind::Forbidden,
            message: Text::same("get Deployment web: 403"),
            next: Text::same("ask your instructor"),
            status: Some(403),
        })
    };
    let checks = ["a", "b", "c"].map(|id| check(id, Text::same(id), trouble()));
    let step = step(1, Text::same("Deploy"), Outcome::Error, checks.to_vec());
    let shown = report::render_step(&step, jiff::Timestamp::UNIX_EPOCH, &Style::default());
    assert_eq!(shown.matches("403").count(), 1, "{shown}");
    assert_eq!(shown.matches("as above").count(), 2, "{shown}");
}
