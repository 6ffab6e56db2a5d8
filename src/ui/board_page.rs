//! The board of a class as a web page: nothing from elsewhere, a real table, and no inline script.

use std::collections::BTreeSet;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use jiff::{Timestamp, tz::TimeZone};
use ring::digest;

use super::{
    style::Style,
    words::{pick, say},
};
use crate::{
    check::verdict::Outcome,
    class::board::{
        Board, Cell, LabBoard, Row,
        picture::{Picture, Shown, Table},
    },
    lab::text::Lang,
};

/// The style sheet.
pub const STYLE: &str = include_str!("board.css");
/// The script of a page that is served.
pub const SCRIPT: &str = include_str!("board.js");

/// What a page shows of a board.
#[must_use]
pub fn picture(board: &Board, lang: Lang) -> Picture {
    Picture {
        summary: summary(board, lang),
        tables: board.labs.iter().map(|l| table(l, lang)).collect(),
    }
}

fn summary(board: &Board, lang: Lang) -> String {
    let totals = board.labs.iter().map(|l| l.totals.students);
    let students = totals.max().unwrap_or(0);
    let any = |wanted: fn(&Row) -> bool| {
        let rows = board.labs.iter().flat_map(|l| &l.rows);
        let found = rows.filter(|r| wanted(r)).map(|r| r.student.as_str());
        found.collect::<BTreeSet<_>>().len()
    };
    let (begun, stuck) = (any(|r| r.started.is_some()), any(Row::is_stuck));
    say!(
        lang,
        "{begun} of {students} students have begun, {stuck} are stuck",
        "{students} 人中 {begun} 人が開始、{stuck} 人が止まっています"
    )
}

fn table(lab: &LabBoard, lang: Lang) -> Table {
    let (begun, done) = (lab.totals.begun, lab.totals.done);
    let median = match lab.totals.median_step {
        Some(n) if n <= lab.steps.len() => {
            say!(lang, ", median step {n}", "、中央値はステップ {n}")
        }
        _ => String::new(),
    };
    let rows = lab.by_trouble();
    Table {
        id: lab.id.clone(),
        about: say!(
            lang,
            "{begun} have begun, {done} are done{median}",
            "開始 {begun} 人、完了 {done} 人{median}"
        ),
        counts: counts(lab, lang),
        rows: rows
            .iter()
            .map(|r| (r.student.clone(), row(r, lang)))
            .collect(),
    }
}

fn row(row: &Row, lang: Lang) -> String {
    let class = if row.is_stuck() {
        " class=\"stuck\""
    } else {
        ""
    };
    let student = escaped(&row.student);
    let name = row
        .name
        .as_ref()
        .map(|n| format!(" title=\"{}\"", escaped(n)))
        .unwrap_or_default();
    let cells: String = row.cells.iter().map(|c| cell(c, lang)).collect();
    let since = row.is_stuck().then_some(row.since).flatten();
    let since = since.map_or_else(String::new, |s| time(s, true));
    let why = row.open().map(|c| why(c, lang)).unwrap_or_default();
    format!(
        "<tr{class} data-student=\"{student}\"><th scope=\"row\"{name}>{student}</th>{cells}<td class=\"a\">{since}</td>\
         <td class=\"w\">{why}</td></tr>"
    )
}

fn cell(cell: &Cell, lang: Lang) -> String {
    let (class, en, ja) = match cell.outcome {
        Outcome::Pass => ("p", "done", "完了"),
        Outcome::Fail => ("f", "fails", "不合格"),
        Outcome::Waiting => ("m", "waiting", "待機中"),
        Outcome::Error => ("e", "could not be checked", "確認できません"),
        Outcome::Blocked => ("b", "not yet", "まだ"),
        Outcome::Skipped => ("s", "skipped", "対象外"),
    };
    format!("<td class=\"{class}\"><i>{}</i></td>", pick(lang, en, ja))
}

/// Why a step is not done, with the age of what was asked.
fn why(cell: &Cell, lang: Lang) -> String {
    let Some(why) = &cell.why else {
        return String::new();
    };
    let code = why
        .code
        .as_ref()
        .map(|c| format!("<code>{}</code> ", escaped(c)))
        .unwrap_or_default();
    let asked = cell.asked.map(|at| {
        let when = time(at, false);
        say!(lang, " (asked at {when})", "（{when} に確認）")
    });
    format!(
        "{code}{}{}",
        escaped(&why.sentence(lang)),
        asked.unwrap_or_default()
    )
}

fn time(at: Timestamp, ago: bool) -> String {
    let clock = at.to_zoned(TimeZone::system()).strftime("%H:%M");
    let ago = if ago { " data-ago" } else { "" };
    format!("<time datetime=\"{at}\"{ago}>{clock}</time>")
}

/// The rows below the students: how many are where, and how long steps take.
fn counts(lab: &LabBoard, lang: Lang) -> String {
    let line = |en, ja, of: &dyn Fn(&crate::class::board::Head) -> String| {
        let cells = lab.steps.iter().map(|s| format!("<td>{}</td>", of(s)));
        let cells = cells.collect::<Vec<_>>().concat();
        format!(
            "<tr><th scope=\"row\">{}</th>{cells}<td></td><td></td></tr>",
            pick(lang, en, ja)
        )
    };
    let minutes = |s: u64| s.div_ceil(60).to_string();
    [
        line("done", "完了", &|s| s.done.to_string()),
        line("at it now", "取り組み中", &|s| s.here.to_string()),
        line("median minutes", "中央値（分）", &|s| {
            s.median.map_or_else(String::new, minutes)
        }),
    ]
    .concat()
}

/// The page of a board that is served, and changes.
#[must_use]
pub fn live(shown: &Shown, lang: Lang) -> String {
    let head =
        "<link rel=\"stylesheet\" href=\"board.css\"><script src=\"board.js\" defer></script>";
    let (find, only) = (
        pick(lang, "Find", "検索"),
        pick(lang, "only who is stuck", "止まっている人だけ"),
    );
    let (now, lost) = (
        pick(lang, "Live.", "自動更新中。"),
        pick(
            lang,
            "The connection is lost; this page tries again by itself.",
            "接続が切れました。自動で再接続します。",
        ),
    );
    let tools = format!(
        "<div id=\"tools\"><label>{find} <input type=\"search\" id=\"find\" autocomplete=\"off\"></label>\
         <label><input type=\"checkbox\" id=\"stuck\"> {only}</label>\
         <span id=\"state\" role=\"status\" data-live=\"{now}\" data-lost=\"{lost}\"></span></div>"
    );
    whole(
        &shown.board,
        &shown.picture,
        shown.version,
        head,
        &tools,
        lang,
    )
}

/// The page of a board as one file, which needs nothing else.
#[must_use]
pub fn export(board: &Board, style: &Style) -> String {
    let hash = BASE64.encode(digest::digest(&digest::SHA256, STYLE.as_bytes()));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'"
    );
    let head = format!(
        "<meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\"><style>{STYLE}</style>"
    );
    let at = board
        .at
        .to_zoned(TimeZone::system())
        .strftime("%Y-%m-%d %H:%M")
        .to_string();
    let tools = format!("<p>{}</p>", say!(style.lang, "As of {at}", "{at} 現在"));
    whole(
        board,
        &picture(board, style.lang),
        0,
        &head,
        &tools,
        style.lang,
    )
}

fn whole(
    board: &Board,
    picture: &Picture,
    version: u64,
    head: &str,
    tools: &str,
    lang: Lang,
) -> String {
    let code = pick(lang, "en", "ja");
    let class = escaped(&board.class);
    let tables: String = board
        .labs
        .iter()
        .zip(&picture.tables)
        .map(|(l, t)| section(l, t, version > 0, lang))
        .collect();
    let summary = escaped(&picture.summary);
    let view = "width=device-width, initial-scale=1";
    [
        format!("<!doctype html>\n<html lang=\"{code}\" data-version=\"{version}\">\n<head><meta charset=\"utf-8\">"),
        format!("<meta name=\"viewport\" content=\"{view}\"><meta name=\"robots\" content=\"noindex\">"),
        format!("<title>{class}</title>{head}</head>\n<body><header><h1>{class}</h1>"),
        format!("<p id=\"summary\" role=\"status\" aria-live=\"polite\">{summary}</p></header>\n"),
        format!("<main>{tools}\n{tables}</main></body>\n</html>\n"),
    ]
    .concat()
}

fn section(lab: &LabBoard, table: &Table, live: bool, lang: Lang) -> String {
    let (id, number, about) = (escaped(&lab.id), lab.number, escaped(&table.about));
    let title = escaped(lab.title.get(lang));
    let heading = say!(lang, "Lab {number} · {title}", "ラボ {number} · {title}");
    let steps = lab.steps.iter().map(|s| {
        let (n, title) = (s.number, escaped(s.title.get(lang)));
        format!("<th scope=\"col\" title=\"{title}\">{n}<i> {title}</i></th>")
    });
    let steps = steps.collect::<Vec<_>>().concat();
    let (student, since, why) = (
        pick(lang, "Student", "受講者"),
        // Without a script times stay times of day.
        if live {
            pick(lang, "Stuck for", "停止時間")
        } else {
            pick(lang, "Stuck since", "停止時刻")
        },
        pick(lang, "Why", "理由"),
    );
    let rows: String = table.rows.iter().map(|(_, r)| r.as_str()).collect();
    let counts = &table.counts;
    [
        format!("<section><h2 id=\"h-{id}\">{heading}</h2><p id=\"about-{id}\">{about}</p>"),
        format!("<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-labelledby=\"h-{id}\">"),
        format!("<table id=\"lab-{id}\" aria-labelledby=\"h-{id}\">"),
        format!("<thead><tr><th scope=\"col\">{student}</th>{steps}<th scope=\"col\" class=\"a\">{since}</th>"),
        format!("<th scope=\"col\" class=\"w\">{why}</th></tr></thead>\n"),
        // Above the students, where a class of forty sees it without scrolling.
        format!("<tbody class=\"counts\">{counts}</tbody>\n<tbody class=\"rows\">{rows}</tbody>"),
        "</table></div></section>\n".to_owned(),
    ]
    .concat()
}

/// Text for HTML, in attributes and elements.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}
