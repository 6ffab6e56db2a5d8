//! `ccnr doctor`: what a workshop needs, looked at before it begins.

use std::{process::ExitCode, time::Instant};

use super::{client, desk::Desk};
use crate::{
    check::verdict::Outcome,
    cluster::{Cluster, identity::Identity},
    lab::text::Text,
    session::{Error, Learner, Session, served::Served, store::Store},
    ui::{
        doctor::{self, Line},
        machine,
    },
};

pub(super) async fn run(desk: &Desk) -> anyhow::Result<ExitCode> {
    let learner = desk.learner()?;
    let cluster = desk.cluster(desk.limits()).await?;
    let started = Instant::now();
    let version = cluster.version().await?;
    let took = started.elapsed().as_millis();
    let (served, user) = tokio::try_join!(cluster.groups(), cluster.identity())?;
    let served = Served(served);
    let mut lines = vec![
        about_cluster(&cluster, &served, &version, took).await,
        about_user(&cluster, &user),
        about_projects(&cluster, &served).await?,
        about_platform(&served),
    ];
    for folder in learner.catalogue.folders()? {
        lines.push(about_lab(&folder, &cluster, &learner).await?);
    }
    lines.push(about_client(&served));
    let text = doctor::render(&lines, &desk.style);
    desk.answer(&text, &machine::doctor(&lines, desk.style.lang))?;
    let missing = lines.iter().any(|l| l.outcome == Outcome::Error);
    Ok(ExitCode::from(if missing { 3 } else { 0 }))
}

async fn about_cluster(cluster: &Cluster, served: &Served, version: &str, took: u128) -> Line {
    let platform = if served.is_openshift() {
        let openshift = cluster.openshift_version().await.unwrap_or_default();
        format!("OpenShift {openshift} (Kubernetes {version})")
    } else {
        format!("Kubernetes {version}")
    };
    line(
        Outcome::Pass,
        Text::new("cluster", "クラスター"),
        Text::same(format!("{}, {platform}, {took} ms", cluster.server)),
    )
}

fn about_user(cluster: &Cluster, user: &Identity) -> Line {
    let context = cluster.context.as_ref().map_or_else(
        || ("in the Pod".to_owned(), "Pod の中".to_owned()),
        |c| (format!("context {c}"), format!("コンテキスト {c}")),
    );
    let name = &user.name;
    line(
        Outcome::Pass,
        Text::new("user", "ユーザー"),
        Text::new(
            format!("{name}, {}", context.0),
            format!("{name}、{}", context.1),
        ),
    )
}

/// Whether the learner makes projects, or has them made.
async fn about_projects(cluster: &Cluster, served: &Served) -> anyhow::Result<Line> {
    let (group, resource) = if served.is_openshift() {
        ("project.openshift.io", "projectrequests")
    } else {
        ("", "namespaces")
    };
    let allowed = cluster.may_create(group, resource).await?;
    let text = if allowed {
        Text::new("you may create projects", "プロジェクトを作成できます")
    } else {
        Text::new(
            "you may not create projects; an instructor makes them for you",
            "プロジェクトを作成する権限がありません。講師が用意したものを使います",
        )
    };
    let outcome = if allowed {
        Outcome::Pass
    } else {
        Outcome::Skipped
    };
    Ok(line(outcome, Text::new("projects", "プロジェクト"), text))
}

/// What the forms of the labs depend on.
fn about_platform(served: &Served) -> Line {
    let has: Vec<&str> = [
        ("Route", "route.openshift.io"),
        ("Ingress", "networking.k8s.io"),
        ("Build", "build.openshift.io"),
        ("Operator Lifecycle Manager", "operators.coreos.com"),
        ("Prometheus Operator", "monitoring.coreos.com"),
    ]
    .into_iter()
    .filter_map(|(name, group)| served.has(group).then_some(name))
    .collect();
    line(
        Outcome::Pass,
        Text::new("has", "機能"),
        Text::same(has.join(", ")),
    )
}

async fn about_lab(folder: &str, cluster: &Cluster, learner: &Learner) -> anyhow::Result<Line> {
    let store = Store::of(&cluster.server, &learner.student);
    let session = Session::open(cluster.clone(), learner.clone(), Some(folder), store).await?;
    let number = session.loaded.lab.number;
    let about = Text::new(format!("lab {number}"), format!("ラボ {number}"));
    let unmet = match session.preflight().await {
        Ok(preflight) => preflight.unmet,
        Err(error @ Error::Foreign { .. }) => {
            return Ok(line(Outcome::Error, about, error.text()));
        }
        Err(error) => return Err(error.into()),
    };
    if unmet.is_empty() {
        let steps = session.course().steps().count();
        let ready = Text::new(
            format!("ready, {steps} steps"),
            format!("準備完了、{steps} ステップ"),
        );
        return Ok(line(Outcome::Pass, about, ready));
    }
    let found = unmet
        .into_iter()
        .flat_map(|u| std::iter::once(u.missing).chain(u.why));
    Ok(Line {
        outcome: Outcome::Error,
        about,
        found: found.collect(),
    })
}

/// The client is only for the learner's own hands: `oc` where it is made for the cluster, else `kubectl`.
fn about_client(served: &Served) -> Line {
    let mut fit = ["oc", "kubectl"]
        .into_iter()
        .filter(|c| served.is_openshift() || *c != "oc");
    let found = fit.find_map(|name| Some((name, client::in_path(name)?)));
    match found {
        Some((name, path)) => line(
            Outcome::Pass,
            Text::same(name),
            Text::same(path.display().to_string()),
        ),
        None => line(
            Outcome::Skipped,
            Text::same("kubectl"),
            Text::new(
                "not found; only needed to type the commands by hand",
                "見つかりません。コマンドを自分で入力するときに必要です",
            ),
        ),
    }
}

fn line(outcome: Outcome, about: Text, found: Text) -> Line {
    Line {
        outcome,
        about,
        found: vec![found],
    }
}
