//! What an apply would change, before it does.

use serde_json::{Value, json};

use super::{TOLD, count, lines};
use crate::{
    class::{
        budget::Budget,
        desired::Blueprint,
        plan::{Plan, Share},
    },
    lab::text::Lang,
    ui::{
        style::{Style, Tone},
        words::pick,
    },
};

/// How many bytes a gibibyte has.
const GIBI: f64 = 1024.0 * 1024.0 * 1024.0;

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
pub(super) fn left_over(plan: &Plan, style: &Style) -> String {
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
