//! Taking a class down: before, meanwhile, after.

use super::{TOLD, lines};
use crate::{
    check::verdict::Outcome as Verdict,
    class::{
        destroy::{Audit, Phase, Scope},
        model::Class,
    },
    lab::text::{Lang, Text},
    ui::style::Style,
};

/// What a destroy would take down.
#[must_use]
pub fn removal(scope: &Scope, server: &str, user: &str, style: &Style) -> String {
    let ja = style.lang == Lang::Ja;
    let count = scope.projects.len();
    let what = match (&scope.student, ja) {
        (None, false) => format!("class {}", scope.class),
        (None, true) => format!("クラス {}", scope.class),
        (Some(student), false) => format!("{student} of class {}", scope.class),
        (Some(student), true) => format!("クラス {} の {student}", scope.class),
    };
    if count == 0 {
        let told = if ja {
            format!("{what} のものは {server} にありません。")
        } else {
            format!("There is nothing of {what} on {server}.")
        };
        return lines(&[told], "", style);
    }
    let mut told = vec![if ja {
        format!("{server} から {user} として、{what} を削除します:")
    } else {
        format!("This deletes {what} from {server} as {user}:")
    }];
    let names: Vec<&str> = scope.projects.iter().map(String::as_str).collect();
    let shown = names[..count.min(TOLD)].join(", ");
    let more = count.saturating_sub(TOLD);
    let more = match (more, ja) {
        (0, _) => String::new(),
        (more, true) => format!("、ほか {more}"),
        (more, false) => format!(" and {more} more"),
    };
    told.push(if ja {
        format!("  {count} プロジェクトとその内容: {shown}{more}")
    } else {
        format!(
            "  {} with all that is in them: {shown}{more}",
            super::count(count, "project")
        )
    });
    lines(&told, "", style)
}

/// What is under way.
#[must_use]
pub fn phase(phase: Phase, left: usize) -> Text {
    let (en, ja) = match phase {
        Phase::Custom => ("custom resources", "カスタムリソース"),
        Phase::Operators => ("operators", "Operator"),
        Phase::Projects => ("projects", "プロジェクト"),
        Phase::Shared | Phase::Home => ("what is the whole class's", "クラス全体のもの"),
    };
    Text::new(
        format!("deleting {en}: {left} left"),
        format!("{ja} を削除中: 残り {left}"),
    )
}

/// Whether anything is left.
#[must_use]
pub fn audit(audit: &Audit, style: &Style) -> String {
    let ja = style.lang == Lang::Ja;
    let (left, kinds) = (audit.count(), audit.kinds);
    let verdict = if left == 0 {
        Verdict::Pass
    } else {
        Verdict::Fail
    };
    let mut told = vec![format!(
        "{} {}",
        style.symbol(verdict),
        if ja {
            format!("監査: {kinds} 種類を確認し、残りは {left} 個です")
        } else {
            format!("audit: {kinds} kinds looked through, {left} objects left")
        }
    )];
    for objects in audit.left.values() {
        told.extend(objects.iter().take(TOLD).map(|o| format!("    {o}")));
    }
    lines(&told, "  ", style)
}

/// That the class goes on.
#[must_use]
pub fn not_over(class: &Class, style: &Style) -> String {
    let told = match (class.expires, style.lang) {
        (Some(last), Lang::Ja) => format!(
            "クラス {} は {last} までなので、何も削除しません。",
            class.name
        ),
        (Some(last), _) => format!(
            "class {} lasts until {last}: nothing is deleted",
            class.name
        ),
        (None, Lang::Ja) => format!(
            "クラス {} に期限 (expires) がないので、何も削除しません。",
            class.name
        ),
        (None, _) => format!(
            "class {} has no last day (expires): nothing is deleted",
            class.name
        ),
    };
    lines(&[told], "", style)
}
