//! What went wrong, in words, with the exit code of the design.

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use super::desk::Desk;
use crate::{
    check::verdict::Outcome,
    class,
    cluster::{connect, snapshot::Obstacle},
    lab::text::{Lang, Text},
    sandbox::home,
    session,
    ui::{layout::wrap, prompt, style::Tone, words},
};

/// Exit codes: 1 some check fails, 2 usage or lab file, 3 could not check, 4 still converging.
fn code(error: &anyhow::Error) -> u8 {
    if error.is::<connect::Error>() || error.is::<Obstacle>() {
        return 3;
    }
    if let Some(error) = error.downcast_ref::<class::Error>() {
        let of_file = matches!(
            error,
            class::Error::File { .. }
                | class::Error::Invalid { .. }
                | class::Error::Lab(_)
                | class::Error::NoStudent { .. }
        );
        return if of_file { 2 } else { 3 };
    }
    match error.downcast_ref::<session::Error>() {
        Some(
            session::Error::Cluster(_) | session::Error::Many(_) | session::Error::Foreign { .. },
        ) => 3,
        Some(session::Error::Unsolved { report, .. }) => match report.outcome {
            Outcome::Waiting => 4,
            Outcome::Error => 3,
            _ => 1,
        },
        _ => 2,
    }
}

/// Says what went wrong on standard error, and what to do next.
pub(super) fn show(error: &anyhow::Error, desk: &Desk) -> ExitCode {
    let head = desk.style.paint(Tone::Bad, "error:");
    let nexts = next(error, desk.style.lang)
        .into_iter()
        .map(|n| format!("next:  {n}"));
    let lang = desk.style.lang;
    let session = error.downcast_ref::<session::Error>();
    if error.is::<prompt::Interrupted>() || matches!(session, Some(session::Error::Interrupted)) {
        desk.notice(&words::interrupted());
        return ExitCode::from(130);
    }
    if let Some(session::Error::Left) = session {
        desk.notice(&session::Error::Left.text());
        return ExitCode::from(1);
    }
    let said = text(error).map_or_else(|| error.to_string(), |t| t.get(lang).to_owned());
    // Mistakes of a file begin so themselves, one after the other.
    let said = said.strip_prefix("error: ").unwrap_or(&said);
    let lines = std::iter::once(format!("{head} {said}")).chain(nexts);
    // A terminal breaks long lines in the middle of a word.
    let lines: Vec<String> = if console::Term::stderr().is_term() {
        lines
            .flat_map(|line| wrap(&line, "", "       ", desk.style.width))
            .collect()
    } else {
        lines.collect()
    };
    let text = lines.join("\n") + "\n";
    // Nobody is left to tell if that fails.
    let _ = io::stderr().write_all(text.as_bytes());
    ExitCode::from(code(error))
}

/// An error that learners run into, in their language.
fn text(error: &anyhow::Error) -> Option<Text> {
    let session = error.downcast_ref().map(session::Error::text);
    let connection = || error.downcast_ref().map(connect::Error::text);
    let obstacle = || obstacle(error).map(|o| o.message.clone());
    let sandbox = || error.downcast_ref().and_then(of_sandbox);
    session
        .or_else(connection)
        .or_else(obstacle)
        .or_else(sandbox)
}

/// What learners run into with the practice cluster; the rest is told in one language.
fn of_sandbox(error: &home::Error) -> Option<Text> {
    let ja = match error {
        home::Error::Busy => "練習用クラスターはすでに動作しています".to_owned(),
        home::Error::Flavour { kept, wanted } => format!(
            "練習用クラスターの種類は {kept} で、{wanted} ではありません。`ccnr sandbox start --flavour {wanted} --fresh` で、内容を削除して最初から始めます"
        ),
        home::Error::Unsettled { path } => format!(
            "{path} がないか壊れているため、練習用クラスターの種類がわかりません。`ccnr sandbox start --flavour 種類` で指定するか、`ccnr sandbox start --fresh` で最初から始めてください"
        ),
        home::Error::Ended { path, last } => format!(
            "練習用クラスターは、準備ができる前に終了しました。ログ {path} の最後の行: {last}"
        ),
        home::Error::Late { seconds, path } => format!(
            "練習用クラスターの準備が {seconds} 秒以内にできませんでした。ログ {path} を確認してください"
        ),
        _ => return None,
    };
    Some(Text::new(error.to_string(), ja))
}

/// The one trouble with the cluster that an error is about.
fn obstacle(error: &anyhow::Error) -> Option<&Obstacle> {
    if let Some(class::Error::Cluster(obstacle)) = error.downcast_ref::<class::Error>() {
        return Some(obstacle);
    }
    match error.downcast_ref::<session::Error>() {
        Some(session::Error::Cluster(obstacle)) => Some(obstacle),
        _ => error.downcast_ref::<Obstacle>(),
    }
}

/// What to do about it.
fn next(error: &anyhow::Error, lang: Lang) -> Vec<String> {
    let of = |o: &Obstacle| Some(o.next.get(lang).to_owned()).filter(|n| !n.is_empty());
    let mut all: Vec<String> = match error.downcast_ref::<session::Error>() {
        Some(session::Error::Many(obstacles)) => obstacles.iter().filter_map(of).collect(),
        _ if error.is::<connect::Error>() => {
            let next = Text::new(
                "get a kubeconfig from your instructor, or log in with `oc login`",
                "講師から kubeconfig を受け取るか、`oc login` でログインしてください",
            );
            vec![next.get(lang).to_owned()]
        }
        _ => obstacle(error).and_then(of).into_iter().collect(),
    };
    all.dedup();
    all
}
