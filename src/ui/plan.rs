//! What would be done, before it is: a solution, a reset.

use std::time::Duration;

use super::{
    layout::{sides, width, wrap},
    place::{self, Place},
    style::{Style, Tone},
    words::{pick, say},
};
use crate::{
    check::verdict::Outcome,
    cluster::apply::{named, reference},
    lab::{
        model::{Step, Verb},
        text::Text,
    },
    session::{
        reset::{Plan, Removal},
        served::Served,
    },
};

/// The actions of a step's solution, one line each.
#[must_use]
pub fn solution(
    number: usize,
    step: &Step,
    (client, served): (&str, &Served),
    style: &Style,
) -> String {
    let title = format!("{number} {}", step.title.get(style.lang));
    let mut lines = wrap(
        &style.paint(Tone::Strong, &title),
        "  ",
        "    ",
        style.width,
    );
    for action in step
        .solve
        .iter()
        .filter(|a| served.lacks(&a.when).is_none())
    {
        for line in action_lines(&action.verb, client) {
            lines.extend(wrap(&line, "    ", "      ", style.width));
        }
    }
    if step.solve.is_empty() {
        let nothing = pick(
            style.lang,
            "(questions are answered from the cluster)",
            "（質問にはクラスターの状態から答えます）",
        );
        lines.push(format!("    {nothing}"));
    }
    lines.join("\n") + "\n"
}

/// An action as a command that a learner knows, or in its nearest words.
fn action_lines(verb: &Verb, client: &str) -> Vec<String> {
    let place =
        |namespace: Option<&String>| namespace.map_or_else(String::new, |n| format!(" -n {n}"));
    let one = |line: String| vec![line];
    match verb {
        Verb::Project(name) if client == "oc" => one(format!("oc new-project {name}")),
        Verb::Project(name) => one(format!("{client} create namespace {name}")),
        Verb::Apply(file, objects) | Verb::Ensure(file, objects) => {
            let mut lines = vec![format!("{client} apply --server-side -f {file}")];
            let inside = objects
                .iter()
                .map(|o| format!("  {}", named(&reference(o))));
            lines.extend(inside);
            lines
        }
        Verb::Delete(o) => one(format!(
            "{client} delete {} {}{}",
            o.kind.to_lowercase(),
            o.name,
            place(o.namespace.as_ref())
        )),
        Verb::DeleteSome(list, _) => one(format!(
            "{client} delete {} -l '{}'{}",
            list.kind.to_lowercase(),
            list.label_selector.as_deref().unwrap_or_default(),
            place(list.namespace.as_ref())
        )),
        Verb::Patch(o, merge) => one(format!(
            "{client} patch {} {} --type merge -p '{merge}'{}",
            o.kind.to_lowercase(),
            o.name,
            place(o.namespace.as_ref())
        )),
        Verb::Scale(o, replicas) => one(format!(
            "{client} scale {}/{} --replicas={replicas}{}",
            o.kind.to_lowercase(),
            o.name,
            place(o.namespace.as_ref())
        )),
        Verb::Restart(o) => one(format!(
            "{client} rollout restart {}/{}{}",
            o.kind.to_lowercase(),
            o.name,
            place(o.namespace.as_ref())
        )),
        Verb::Build(namespace, name) => one(format!("oc start-build {name} -n {namespace}")),
        Verb::Rollback(namespace, name) => one(format!(
            "{client} rollout undo deployment/{name} -n {namespace}"
        )),
        Verb::Wait(_) => Vec::new(),
    }
}

/// What a reset removes; `to` is the number of the step that it goes back to.
#[must_use]
pub fn removal(plan: &Plan, number: u32, to: Option<usize>, here: &Place, style: &Style) -> String {
    let lang = style.lang;
    if plan.projects.is_empty() {
        let text = say!(
            lang,
            "Lab {number} has nothing on this cluster. Its progress starts over.",
            "ラボ {number} のものは、このクラスターにありません。進捗は最初からになります。"
        );
        return wrap(&text, "", "", style.width).join("\n") + "\n";
    }
    let mut lines = vec![pick(lang, "This deletes:", "次のものを削除します:").to_owned()];
    let label = |r: &Removal| {
        let project = &r.project;
        if r.whole {
            say!(lang, "project {project}", "プロジェクト {project}")
        } else {
            say!(
                lang,
                "all in project {project} (the project stays)",
                "プロジェクト {project} の中身（プロジェクトは残ります）"
            )
        }
    };
    let widest = plan.projects.iter().map(|r| width(&label(r))).max();
    for removal in &plan.projects {
        let counts: Vec<String> = removal
            .counts
            .iter()
            .map(|(kind, n)| format!("{kind}\u{a0}{n}"))
            .collect();
        let counts = if counts.is_empty() {
            pick(lang, "(empty)", "（空）").to_owned()
        } else {
            counts.join(", ")
        };
        let first = format!(
            "  {}   ",
            super::layout::pad(&label(removal), widest.unwrap_or_default())
        );
        let rest = " ".repeat(width(&first));
        lines.extend(wrap(&counts, &first, &rest, style.width));
    }
    let close = match to.map(|step| step - 1) {
        None | Some(0) => say!(
            lang,
            "Nothing else. Your progress in lab {number} starts over.",
            "ほかには何も削除しません。ラボ {number} の進捗は最初からになります。"
        ),
        Some(1) => say!(
            lang,
            "Nothing else. Then step 1 of lab {number} is done for you.",
            "ほかには何も削除しません。そのあと、ラボ {number} のステップ 1 を自動で済ませます。"
        ),
        Some(last) => say!(
            lang,
            "Nothing else. Then steps 1 to {last} of lab {number} are done for you.",
            "ほかには何も削除しません。そのあと、ラボ {number} のステップ 1 から {last} までを自動で済ませます。"
        ),
    };
    lines.extend(wrap(&close, "", "", style.width));
    place::line(here, style) + &lines.join("\n") + "\n"
}

/// The question before a reset.
#[must_use]
pub fn delete() -> Text {
    Text::new("Delete?", "削除しますか?")
}

/// What comes after a reset.
#[must_use]
pub fn begins_again(number: u32) -> Text {
    Text::new(
        format!("`ccnr lab start {number}` begins again; your files are still here."),
        format!("`ccnr lab start {number}` で最初から始められます。ファイルは残っています。"),
    )
}

/// While a reset runs.
#[must_use]
pub fn removing() -> Text {
    Text::new("deleting", "削除しています")
}

/// A project that is gone, or empty.
#[must_use]
pub fn gone(removal: &Removal, after: Duration, style: &Style) -> String {
    let (project, seconds) = (&removal.project, after.as_secs());
    let text = if removal.whole {
        say!(
            style.lang,
            "{project} is gone ({seconds} s)",
            "{project} を削除しました（{seconds} 秒）"
        )
    } else {
        say!(
            style.lang,
            "{project} is empty ({seconds} s)",
            "{project} を空にしました（{seconds} 秒）"
        )
    };
    let line = format!("  {} {text}", style.symbol(Outcome::Pass));
    sides(&line, "", "    ", style.width).join("\n")
}
