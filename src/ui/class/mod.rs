//! What an instructor reads of a class.

mod applied;
mod plan;
mod removal;
mod status;

pub use self::{
    applied::{failure, isolation, issued, not_issued, not_ready, outcome, revoked},
    plan::{counts, plan, plan_json},
    removal::{audit, not_over, phase, removal},
    status::{Facts, status, status_json},
};
use super::{
    layout::wrap,
    style::{Style, Tone},
    words::pick,
};
use crate::{
    class::desired::Blueprint,
    lab::text::{Lang, Text},
};

/// How many students, and objects of one of them, are told of in full.
const TOLD: usize = 20;

/// Where a class is.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The API server.
    pub server: &'a str,
    /// Who the instructor is to it.
    pub user: &'a str,
    /// How many students are meant.
    pub students: usize,
}

/// `class osaka-2026   40 students × labs 1–4   cluster … as admin`.
#[must_use]
pub fn head(blueprint: &Blueprint, place: &Place<'_>, style: &Style) -> String {
    let class = &blueprint.class;
    let labs = class.labs.join(", ");
    let (count, Place { server, user, .. }) = (place.students, place);
    let name = style.paint(Tone::Strong, &class.name);
    let (class_word, students, labs_word) = match (style.lang, count) {
        (Lang::Ja, _) => ("クラス", "人", "ラボ"),
        (_, 1) => ("class", " student", "labs"),
        _ => ("class", " students", "labs"),
    };
    let line = format!("{class_word} {name}   {count}{students} × {labs_word} {labs}");
    let at = pick(style.lang, "cluster", "クラスター");
    lines(&[line, format!("{at} {server}, {user}")], "", style)
}

/// A number of things, in English.
fn count(number: usize, one: &str) -> String {
    if number == 1 {
        format!("1 {one}")
    } else {
        format!("{number} {one}s")
    }
}

/// What is being written, as a bar names it.
#[must_use]
pub fn writing() -> Text {
    Text::new("writing", "書き込み")
}

/// What the access reviews are, as a bar names them.
#[must_use]
pub fn reviewing() -> Text {
    Text::new("reviewing accesses", "アクセスの確認")
}

/// What the kubeconfigs are, as a bar names them.
#[must_use]
pub fn issuing() -> Text {
    Text::new("kubeconfigs", "kubeconfig")
}

/// The question before an apply that deletes.
#[must_use]
pub fn may_apply() -> Text {
    Text::new("Apply?", "適用しますか?")
}

/// The question before kubeconfigs are taken back.
#[must_use]
pub fn may_revoke(students: usize) -> Text {
    Text::new(
        format!(
            "Take back the kubeconfigs of {}?",
            count(students, "student")
        ),
        format!("{students} 人の kubeconfig を無効にしますか?"),
    )
}

/// That the cluster is being compared.
#[must_use]
pub fn comparing() -> Text {
    Text::new("comparing with the cluster", "クラスターと比較しています")
}

/// That the class is being taken down.
#[must_use]
pub fn removing() -> Text {
    Text::new("deleting", "削除しています")
}

/// That the practice cluster is not for a class.
#[must_use]
pub fn practice() -> Text {
    Text::new(
        "This is the practice cluster: good for trying a class out. A real class needs a real cluster.",
        "これは練習用クラスターです。クラスの試用には使えますが、本番のクラスには実際のクラスターが必要です。",
    )
}

/// Lines that are wrapped, all as far to the right as the first.
fn lines(all: &[String], indent: &str, style: &Style) -> String {
    let wrapped = all.iter().flat_map(|line| {
        let inner = line.len() - line.trim_start().len();
        let rest = format!("{indent}{}", " ".repeat(inner + 2));
        wrap(
            line.trim_start(),
            &format!("{indent}{}", " ".repeat(inner)),
            &rest,
            style.width,
        )
    });
    wrapped
        .map(|line| line.trim_end().to_owned() + "\n")
        .collect()
}
