//! How a class is: who is ready, what was changed by hand, what ends when.

use std::path::Path;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{TOLD, count, lines, plan::left_over};
use crate::{
    check::verdict::Outcome as Verdict,
    class::{model::Class, plan::Plan},
    lab::text::Lang,
    ui::{style::Style, words::pick},
};

/// How a class is.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// What an apply would do.
    pub plan: &'a Plan,
    /// The class.
    pub class: &'a Class,
    /// Until when each student's kubeconfig is good; none where there is none.
    pub good_until: &'a [Option<Timestamp>],
    /// The time by the cluster's clock.
    pub now: Timestamp,
    /// Whether there is anything of the class.
    pub is_there: bool,
}

/// How the class is.
#[must_use]
pub fn status(facts: &Facts<'_>, path: &Path, style: &Style) -> String {
    let plan = facts.plan;
    let (file, ja) = (path.display(), style.lang == Lang::Ja);
    if !facts.is_there {
        let told = pick(
            style.lang,
            "There is nothing of this class on the cluster.",
            "このクラスのものはクラスターにありません。",
        );
        return lines(
            &[
                told.to_owned(),
                String::new(),
                format!("    ccnr class apply {file}"),
            ],
            "  ",
            style,
        );
    }
    let ready = plan.all - plan.students.len();
    let mut told = vec![format!(
        "{} {}",
        style.symbol(Verdict::Pass),
        if ja {
            format!("{ready} 人の準備ができています")
        } else {
            format!("{ready} of {} students are ready", plan.all)
        }
    )];
    let off = std::iter::once(pick(style.lang, "the whole class", "クラス全体").to_owned())
        .zip(std::iter::once(&plan.shared))
        .chain(plan.students.iter().map(|(id, share)| (id.clone(), share)));
    for (who, share) in off.filter(|(_, share)| !share.is_empty()).take(TOLD) {
        let why = share.change.first().map_or_else(
            || {
                share.ending.first().map_or_else(
                    || {
                        if ja {
                            format!("{} 個がありません", share.create)
                        } else {
                            {
                                let verb = if share.create == 1 { "is" } else { "are" };
                                format!("{} {verb} missing", count(share.create, "object"))
                            }
                        }
                    },
                    |(name, _)| format!("namespace {name} is Terminating"),
                )
            },
            |(object, path)| {
                if ja {
                    format!("{object} が変更されています: {path}")
                } else {
                    format!("{object} was changed: {path}")
                }
            },
        );
        told.push(format!("{} {who}: {why}", style.symbol(Verdict::Fail)));
    }
    told.extend(endings(facts, path, style));
    if !plan.students.is_empty() || !plan.shared.is_empty() {
        told.push(String::new());
        told.push(format!("    ccnr class apply {file}"));
    }
    lines(&told, "  ", style) + &left_over(plan, style)
}

/// What ends when: the credentials, and the class.
fn endings(facts: &Facts<'_>, file: &Path, style: &Style) -> Vec<String> {
    let (file, ja) = (file.display(), style.lang == Lang::Ja);
    let line = |verdict, text: String| format!("{} {text}", style.symbol(verdict));
    let mut told = Vec::new();
    let over = |until: &&Option<Timestamp>| until.is_none_or(|u| u <= facts.now);
    let missing = facts.good_until.iter().filter(over).count();
    if missing > 0 {
        let text = match (ja, missing) {
            (true, _) => format!("{missing} 人の kubeconfig がないか、期限切れです:"),
            (false, 1) => "1 student has no kubeconfig that is still good:".to_owned(),
            (false, _) => format!("{missing} students have no kubeconfig that is still good:"),
        };
        told.push(line(Verdict::Error, text));
        told.push(format!("    ccnr class credentials {file}"));
    } else if let Some(first) = facts.good_until.iter().flatten().min() {
        let text = if ja {
            format!("kubeconfig は {first:.0} まで有効です")
        } else {
            format!("kubeconfigs are good until {first:.0}")
        };
        told.push(line(Verdict::Pass, text));
    }
    let today = facts.now.to_zoned(jiff::tz::TimeZone::system()).date();
    if let Some(last) = facts.class.expires {
        let (verdict, text) = match (ja, facts.class.is_over(today), today == last) {
            (true, true, _) => (Verdict::Error, format!("クラスは {last} に終わりました:")),
            (false, true, _) => (Verdict::Error, format!("the class was over on {last}:")),
            (true, _, true) => (Verdict::Error, "クラスは今日までです".to_owned()),
            (false, _, true) => (Verdict::Error, "today is the class's last day".to_owned()),
            (true, ..) => (Verdict::Pass, format!("クラスは {last} までです")),
            (false, ..) => (Verdict::Pass, format!("the class lasts until {last}")),
        };
        told.push(line(verdict, text));
        if facts.class.is_over(today) {
            told.push(format!("    ccnr class destroy {file}"));
        }
    }
    told
}

/// The same for machines.
#[must_use]
pub fn status_json(facts: &Facts<'_>) -> Value {
    let plan = facts.plan;
    let until = facts.good_until.iter().zip(&facts.class.students);
    let until: serde_json::Map<String, Value> = until
        .map(|(until, s)| (s.id.clone(), json!(until.map(|u| u.to_string()))))
        .collect();
    let off: Vec<&str> = plan.students.iter().map(|(id, _)| id.as_str()).collect();
    json!({
        "apiVersion": "ccnr.dev/v1", "kind": "ClassStatus", "class": facts.class.name,
        "students": plan.all, "ready": plan.all - off.len(), "notReady": off,
        "credentialsUntil": until, "expires": facts.class.expires.map(|d| d.to_string()),
    })
}
