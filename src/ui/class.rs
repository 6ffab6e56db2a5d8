//! What an instructor reads of a class: the plan, what was done, who is ready, what is left.

use std::path::Path;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    layout::wrap,
    style::{Style, Tone},
    words::pick,
};
use crate::{
    check::verdict::Outcome as Verdict,
    class::{
        apply::{Failure, Outcome},
        budget::Budget,
        credentials::{self, Issued},
        desired::Blueprint,
        destroy::{Audit, Phase, Scope},
        isolation::Row,
        model::Class,
        plan::{Plan, Share},
    },
    lab::text::{Lang, Text},
};

/// How many students, and objects of one of them, are told of in full.
const TOLD: usize = 20;
/// How many bytes a gibibyte has.
const GIBI: f64 = 1024.0 * 1024.0 * 1024.0;

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

/// How many objects would be written, and what the class may use.
#[must_use]
pub fn counts(plan: &Plan, blueprint: &Blueprint, style: &Style) -> String {
    let (create, change, delete) = plan.total();
    let ja = style.lang == Lang::Ja;
    let mut told = vec![if create + change + delete == 0 {
        pick(style.lang, "nothing to change", "変更はありません").to_owned()
    } else if ja {
        format!("作成 {create}、変更 {change}、削除 {delete}")
    } else {
        format!(
            "{} to create, {change} to change, {delete} to delete",
            count(create, "object")
        )
    }];
    told.extend(
        blueprint
            .class
            .budget
            .as_ref()
            .and_then(|b| budget(b, plan.all, blueprint, style)),
    );
    lines(&told, "  ", style)
}

/// What all students together may ask for.
fn budget(
    budget: &Budget,
    students: usize,
    blueprint: &Blueprint,
    style: &Style,
) -> Option<String> {
    let first = blueprint.class.students.first()?;
    let projects = blueprint.labs.rooms(&first.id).len() * students;
    let cpu = budget.sum("requests.cpu", projects)?;
    let memory = budget.sum("requests.memory", projects)? / GIBI;
    Some(match style.lang {
        Lang::Ja => format!(
            "上限の合計: CPU {cpu}、メモリー {memory:.0} GiB（requests、{projects} プロジェクト）"
        ),
        Lang::En => format!(
            "budget: requests of {cpu} CPU and {memory:.0} GiB at most, in {projects} projects"
        ),
    })
}

/// The plan, per student.
#[must_use]
pub fn plan(plan: &Plan, blueprint: &Blueprint, style: &Style) -> String {
    let mut out = counts(plan, blueprint, style);
    let shared = (
        pick(style.lang, "the whole class", "クラス全体").to_owned(),
        &plan.shared,
    );
    let own = plan.students.iter().map(|(id, share)| (id.clone(), share));
    let all = std::iter::once(shared).chain(own);
    let due: Vec<(String, &Share)> = all.filter(|(_, share)| !share.is_empty()).collect();
    for (who, share) in due.iter().take(TOLD) {
        out += &share_lines(who, share, style);
    }
    let more = due.len().saturating_sub(TOLD);
    if more > 0 {
        let told = match style.lang {
            Lang::Ja => format!("  ほか {more} 人（-o json ですべて表示）\n"),
            Lang::En => format!("  and {more} more (all of them with -o json)\n"),
        };
        out += &told;
    }
    out + &left_over(plan, style)
}

fn share_lines(who: &str, share: &Share, style: &Style) -> String {
    let ja = style.lang == Lang::Ja;
    let mut told = Vec::new();
    if share.create > 0 {
        let count = share.create;
        told.push(if ja {
            format!("作成 {count}")
        } else {
            format!("{count} to create")
        });
    }
    for (object, path) in share.change.iter().take(TOLD) {
        told.push(if ja {
            format!("{object} を変更: {path}")
        } else {
            format!("change {object}: {path}")
        });
    }
    for object in share.delete.iter().take(TOLD) {
        told.push(if ja {
            format!("{object} を削除")
        } else {
            format!("delete {object}")
        });
    }
    for (name, held) in &share.ending {
        let why = if held.is_empty() {
            String::new()
        } else {
            format!(": {held}")
        };
        told.push(format!("namespace {name} is Terminating{why}"));
    }
    let who = style.paint(Tone::Strong, who);
    let mut all = vec![format!(
        "{who}  {}",
        told.first().map_or("", String::as_str)
    )];
    all.extend(told.into_iter().skip(1).map(|line| format!("    {line}")));
    lines(&all, "  ", style)
}

/// What the file no longer names, and what takes it away.
fn left_over(plan: &Plan, style: &Style) -> String {
    let projects = plan.left_over.iter().filter(|o| o.kind == "Namespace");
    let names: Vec<&str> = projects.map(|o| o.name.as_str()).take(TOLD).collect();
    if names.is_empty() {
        return String::new();
    }
    let names = names.join(", ");
    let told = match style.lang {
        Lang::Ja => format!(
            "ファイルにはもうないプロジェクト: {names}（`ccnr class destroy --student ID` で削除します）"
        ),
        Lang::En => format!(
            "not in the file any more, and left alone: {names} (`ccnr class destroy --student ID` removes a student)"
        ),
    };
    lines(&[told], "  ", style)
}

/// The plan for machines.
#[must_use]
pub fn plan_json(plan: &Plan, blueprint: &Blueprint) -> Value {
    let share = |share: &Share| {
        let change = |(object, path): &(crate::lab::model::ObjectRef, String)| json!({"object": object, "path": path});
        json!({
            "create": share.create,
            "change": share.change.iter().map(change).collect::<Vec<_>>(),
            "delete": share.delete,
            "terminating": share.ending.iter().map(|(name, held)| json!({"namespace": name, "heldBy": held})).collect::<Vec<_>>(),
        })
    };
    let (create, change, delete) = plan.total();
    let students: serde_json::Map<String, Value> = plan
        .students
        .iter()
        .map(|(id, s)| (id.clone(), share(s)))
        .collect();
    json!({
        "apiVersion": "ccnr.dev/v1", "kind": "ClassPlan", "class": blueprint.class.name,
        "summary": {"create": create, "change": change, "delete": delete},
        "shared": share(&plan.shared), "students": students, "leftOver": plan.left_over,
    })
}

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
pub fn outcome(outcome: &Outcome, students: usize, file: &Path, style: &Style) -> String {
    let failed = outcome.failed_students();
    let broken = outcome.failures.iter().any(|f| f.student.is_none());
    let ready = if broken { 0 } else { students - failed.len() };
    let (symbol, file) = (style.symbol(Verdict::Pass), file.display());
    let mut told = vec![match style.lang {
        Lang::Ja => format!("{symbol} {ready} 人の準備ができました"),
        _ if ready == 1 => format!("{symbol} 1 student ready"),
        Lang::En => format!("{symbol} {ready} students ready"),
    }];
    if broken || !failed.is_empty() {
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

/// A number of things, in English.
fn count(number: usize, one: &str) -> String {
    if number == 1 {
        format!("1 {one}")
    } else {
        format!("{number} {one}s")
    }
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
            self::count(count, "project")
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
