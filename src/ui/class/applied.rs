//! What was done: objects, access reviews, kubeconfigs.

use std::path::Path;

use super::{count, lines};
use crate::{
    check::verdict::Outcome as Verdict,
    class::{
        apply::{Failure, Outcome},
        credentials::{self, Issued},
        isolation::Row,
    },
    lab::text::Lang,
    ui::{style::Style, words::pick},
};

/// One failure, as it happens.
#[must_use]
pub fn failure(failure: &Failure, style: &Style) -> String {
    let who = failure
        .student
        .as_deref()
        .unwrap_or_else(|| pick(style.lang, "the whole class", "クラス全体"));
    let symbol = style.symbol(Verdict::Fail);
    let mut told = format!(
        "{symbol} {who}: {}",
        failure.obstacle.message.get(style.lang)
    );
    if failure.left_out > 0 {
        let more = failure.left_out;
        let why = match style.lang {
            Lang::Ja => format!("（ほか {more} 個を省略）"),
            Lang::En => format!(" ({more} more wait for it)"),
        };
        told += &why;
    }
    let next = failure.obstacle.next.get(style.lang);
    let mut all = vec![told];
    if !next.is_empty() {
        all.push(format!("    {next}"));
    }
    lines(&all, "  ", style).trim_end().to_owned()
}

/// What an apply came to.
#[must_use]
pub fn outcome(outcome: &Outcome, ready: usize, file: &Path, style: &Style) -> String {
    let failed = outcome.failed_students();
    let (symbol, file) = (style.symbol(Verdict::Pass), file.display());
    let mut told = vec![match style.lang {
        Lang::Ja => format!("{symbol} {ready} 人の準備ができました"),
        _ if ready == 1 => format!("{symbol} 1 student ready"),
        Lang::En => format!("{symbol} {ready} students ready"),
    }];
    if !outcome.failures.is_empty() {
        let mut ids: Vec<&str> = failed.into_iter().collect();
        ids.sort_unstable();
        let whom = if ids.is_empty() {
            String::new()
        } else {
            format!(" --student {}", ids.join(","))
        };
        told.push(pick(style.lang, "once that is mended:", "直したら:").to_owned());
        told.push(format!("    ccnr class apply {file}{whom}"));
    }
    lines(&told, "  ", style)
}

/// What the access reviews said: a table of all kinds where something is allowed, else one line.
#[must_use]
pub fn isolation(rows: &[Row], style: &Style) -> String {
    let asked: usize = rows.iter().map(|r| r.asked).sum();
    if asked == 0 {
        return String::new();
    }
    let allowed: usize = rows.iter().map(|r| r.allowed.len()).sum();
    if allowed == 0 && !style.verbose {
        let symbol = style.symbol(Verdict::Pass);
        let told = match style.lang {
            Lang::Ja => format!(
                "{symbol} 分離: ほかの受講者などへのアクセス {asked} 件を確認し、すべて拒否されました"
            ),
            Lang::En => {
                format!("{symbol} isolation: {asked} accesses across students reviewed, all denied")
            }
        };
        return lines(&[told], "  ", style);
    }
    let mut told = Vec::new();
    for row in rows {
        let verdict = if row.allowed.is_empty() {
            Verdict::Pass
        } else {
            Verdict::Fail
        };
        let (about, asked, allowed) = (row.about, row.asked, row.allowed.len());
        told.push(format!(
            "{} {about}: {asked} asked, {allowed} allowed",
            style.symbol(verdict)
        ));
        told.extend(row.allowed.iter().take(5).map(|line| format!("    {line}")));
    }
    if allowed > 0 {
        told.push(
            pick(
                style.lang,
                "Students are not isolated. Some other binding gives them these rights: look for it before the class.",
                "受講者が分離されていません。ほかのバインディングが権限を与えています。クラスの前に確認してください。",
            )
            .to_owned(),
        );
    }
    lines(&told, "  ", style)
}

/// Why a kubeconfig could not be written.
#[must_use]
pub fn not_issued(error: &credentials::Error, style: &Style) -> String {
    format!("  {} {error}", style.symbol(Verdict::Fail))
}

/// That a student gets no kubeconfig yet.
#[must_use]
pub fn not_ready(student: &str, file: &Path, style: &Style) -> String {
    let (symbol, file) = (style.symbol(Verdict::Fail), file.display());
    let told = match style.lang {
        Lang::Ja => {
            format!("{symbol} {student}: まだ準備ができていないため、kubeconfig を作成しません")
        }
        Lang::En => format!("{symbol} {student} is not ready, and gets no kubeconfig yet"),
    };
    lines(
        &[
            told,
            format!("    ccnr class apply {file} --student {student}"),
        ],
        "  ",
        style,
    )
}

/// Which kubeconfigs there are.
#[must_use]
pub fn issued(issued: &[&Issued], dir: &Path, style: &Style) -> String {
    let new = issued.iter().filter(|i| i.new).count();
    let (kept, dir) = (issued.len() - new, dir.display());
    let until = issued.iter().filter_map(|i| i.expires).min();
    let until = until.map_or_else(String::new, |t| format!("{t:.0}"));
    let told = match style.lang {
        Lang::Ja => format!(
            "{dir}/ に kubeconfig（新規 {new}、既存 {kept}、{until} まで有効）と印刷用の sheet.html があります"
        ),
        Lang::En => format!(
            "credentials in {dir}/: {new} new, {kept} kept, good until {until}; sheet.html to print"
        ),
    };
    lines(&[told], "", style)
}

/// That accounts are gone.
#[must_use]
pub fn revoked(students: usize, style: &Style) -> String {
    let told = match style.lang {
        Lang::Ja => format!(
            "{students} 人の kubeconfig は無効になりました。`ccnr class apply` で新しく作れます。"
        ),
        Lang::En => {
            format!(
                "the kubeconfigs of {} are void; `ccnr class apply` makes new ones",
                count(students, "student")
            )
        }
    };
    lines(&[told], "", style)
}
