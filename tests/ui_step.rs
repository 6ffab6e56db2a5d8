//! What the learner reads before typing.
#![allow(clippy::unwrap_used)]

use ccnr::{
    check::verdict::Outcome,
    lab::{
        model::{Lab, Run, Step, When},
        text::{Lang, Text},
    },
    ui::{layout, step, style::Style},
};

fn first() -> Step {
    Step {
        id: "project".into(),
        title: Text::new("Create a project", "プロジェクトを作る"),
        when: When::default(),
        optional: false,
        once: false,
        text: Text::new(
            "A project is a Kubernetes **namespace** with OpenShift's self-service around it: your own\nroom in the cluster. What you make in it is yours; other students can't see it.\n",
            "プロジェクトは、Kubernetes の **Namespace** に OpenShift のセルフサービス機能を加えたもので、クラスターの中にある自分専用の部屋です。\n",
        ),
        files: vec![],
        run: Run {
            openshift: vec!["oc new-project student-web".into()],
            kubernetes: vec!["kubectl create namespace student-web".into()],
        },
        baseline: std::collections::BTreeMap::default(),
        checks: vec![],
        hints: vec![
            Text::new("See `oc projects`.", "`oc projects` を見てみましょう。"),
            Text::new(
                "Type `oc new-project student-web`.",
                "`oc new-project student-web` と入力します。",
            ),
        ],
        solve: vec![],
        debrief: Some(Text::new(
            "The project is the unit in which teams share a cluster.",
            "プロジェクトは、チームでクラスターを共有するときの単位です。",
        )),
    }
}

fn lab() -> Lab {
    Lab {
        id: "project".into(),
        number: 1,
        minutes: 40,
        title: Text::new(
            "Projects and Kubernetes resources",
            "プロジェクトと Kubernetes リソース",
        ),
        summary: Text::new(
            "Declare what you want and watch the cluster make it so.",
            "「こうあってほしい」状態を宣言し、クラスターがそれを実現する様子を確かめます。",
        ),
        needs: vec![],
        params: std::collections::BTreeMap::default(),
        projects: vec![],
        requires: vec![],
        setup: vec![],
        steps: vec![first(), first()],
    }
}

fn all(style: &Style) -> String {
    let line = |number, id: &str, done| step::LabLine {
        number,
        id: id.into(),
        title: lab().title,
        minutes: 40,
        done,
        total: 10,
        finished: done == Some(10),
    };
    let labs = [
        line(1, "project", Some(10)),
        line(2, "build-deploy", Some(3)),
        line(3, "operator", None),
    ];
    [
        step::lab_head(&lab(), 10, style),
        step::step_text(1, 10, &first(), "oc", style),
        step::hint(&first(), 1, style).unwrap(),
        step::hint(&first(), 2, style).unwrap(),
        step::debrief(1, &first(), style),
        step::lab_list(&labs, style),
        step::lab_show(&lab(), true, &[Some(Outcome::Pass), None], style),
    ]
    .join("-----\n")
}

#[test]
fn looks() {
    insta::assert_snapshot!("step_en", all(&Style::default()));
    let ja = Style {
        lang: Lang::Ja,
        ..Style::default()
    };
    insta::assert_snapshot!("step_ja", all(&ja));
}

#[test]
fn a_lab_that_was_started_is_not_to_be_started_again() {
    let shown = |started| step::lab_show(&lab(), started, &[None, None], &Style::default());
    assert!(shown(false).contains("`ccnr lab start 1` starts it."));
    assert!(!shown(true).contains("lab start"));
}

#[test]
fn every_line_fits() {
    for lang in [Lang::En, Lang::Ja] {
        for width in [40, 60, 80, 100] {
            let style = Style {
                lang,
                width,
                ..Style::default()
            };
            for line in all(&style).lines() {
                let verbatim = line.starts_with("      oc ");
                assert!(verbatim || layout::width(line) <= width, "{width}: {line}");
            }
        }
    }
}

#[test]
fn commands_are_in_the_client_of_the_cluster() {
    let text = step::step_text(1, 10, &first(), "kubectl", &Style::default());
    assert!(text.contains("\n      kubectl create namespace student-web\n"));
    assert!(!text.contains("oc new-project"));
    assert!(step::hint(&first(), 3, &Style::default()).is_none());
}
