//! The board of a class, as an instructor reads it on a terminal.

use jiff::{Timestamp, tz::TimeZone};

pub use super::board_forms::{csv, json, junit};
use super::{
    layout::{pad, width, wrap},
    style::{Style, Tone},
    words::{pick, say},
};
use crate::{
    check::verdict::Outcome,
    class::board::{Board, Cell, LabBoard, Row},
};

/// How many students are told of by name where nothing was asked for.
const TOLD: usize = 20;
/// The widest column of students.
const WIDEST: usize = 24;

/// What of a board is on the screen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct View {
    /// Whether every student is told of, not only those whom something holds up.
    pub all: bool,
    /// The lines that there is room for; none where there is no end.
    pub height: Option<usize>,
}

/// The lab that most of the class is at, counted from 0.
#[must_use]
pub fn busiest(board: &Board) -> usize {
    let at_work = |l: &LabBoard| l.totals.begun - l.totals.done;
    let numbered = board.labs.iter().enumerate();
    let best = numbered.max_by_key(|(i, l)| (at_work(l), l.totals.begun, std::cmp::Reverse(*i)));
    best.map_or(0, |(i, _)| i)
}

/// One lab of a board.
#[must_use]
pub fn render(board: &Board, lab: &LabBoard, view: View, style: &Style) -> String {
    let mut lines = head(board, lab, style);
    let rows = lab.by_trouble();
    let held_up = |r: &&&Row| r.open().is_some_and(|c| c.outcome != Outcome::Pass);
    let shown: Vec<&Row> = if view.all {
        rows.clone()
    } else {
        let held = rows.iter().filter(held_up).copied();
        held.take(TOLD).collect()
    };
    // The heading, the counts and the last lines stay on the screen.
    let room = view
        .height
        .map_or(usize::MAX, |h| h.saturating_sub(lines.len() + 6).max(3));
    let shown = &shown[..shown.len().min(room)];
    let widest = shown.iter().map(|r| width(&r.student)).max().unwrap_or(0);
    let column = widest.clamp(10, WIDEST);
    lines.push(numbers(lab, column, style));
    lines.extend(shown.iter().map(|r| row(r, column, board.at, style)));
    lines.extend(counts(lab, column, style));
    lines.push(String::new());
    lines.extend(rest(lab, shown, style));
    let mut text = lines.join("\n");
    text.push('\n');
    text
}

fn head(board: &Board, lab: &LabBoard, style: &Style) -> Vec<String> {
    let dot = style.dot();
    let title = lab.title.get(style.lang);
    let number = lab.number;
    let lab_word = say!(style.lang, "lab {number}", "ラボ {number}");
    let (begun, all) = (lab.totals.begun, lab.totals.students);
    let active = say!(
        style.lang,
        "{begun} of {all} have begun",
        "{all} 人中 {begun} 人が開始"
    );
    let median = match lab.totals.median_step {
        None => String::new(),
        Some(n) if n > lab.steps.len() => {
            say!(style.lang, " {dot} median: done", " {dot} 中央値: 完了")
        }
        Some(n) => say!(
            style.lang,
            " {dot} median step {n}",
            " {dot} 中央値: ステップ {n}"
        ),
    };
    let clock = clock(board.at);
    let name = style.paint(Tone::Strong, &board.class);
    let first = format!("{name} {dot} {lab_word} {dot} {title}");
    let mut lines = wrap(&first, "", "  ", style.width);
    lines.extend(wrap(
        &format!("{active}{median} {dot} {clock}"),
        "",
        "  ",
        style.width,
    ));
    lines
}

/// The steps' numbers, each above its column.
fn numbers(lab: &LabBoard, column: usize, style: &Style) -> String {
    let cells = lab.steps.iter().map(|s| format!("{:>2}", s.number));
    let cells: String = cells.collect::<Vec<_>>().join(" ");
    let since = pick(style.lang, "stuck since", "止まってから");
    format!(" {} {cells}   {since}", pad("", column))
        .trim_end()
        .to_owned()
}

fn row(row: &Row, column: usize, at: Timestamp, style: &Style) -> String {
    let cells: Vec<String> = row
        .cells
        .iter()
        .map(|c| format!(" {}", symbol(c, style)))
        .collect();
    let name = pad(&cut(&row.student, column), column);
    let open = row.open();
    let stuck = row.is_stuck().then_some(row.since).flatten();
    let since = stuck.map_or_else(|| style.range().to_owned(), |s| ago(s, at, style));
    let why = open.map(|c| reason(c, at, style)).unwrap_or_default();
    let line = format!(" {name} {}   {}  {why}", cells.join(" "), pad(&since, 6));
    cut(line.trim_end(), style.width)
}

/// The symbol of a cell; a step that is not there yet is a dot.
fn symbol(cell: &Cell, style: &Style) -> String {
    if cell.outcome == Outcome::Blocked {
        return style.paint(Tone::Dim, if style.ascii { "." } else { "·" });
    }
    style.symbol(cell.outcome)
}

/// Why a step is not done, in a few words.
fn reason(cell: &Cell, at: Timestamp, style: &Style) -> String {
    let Some(why) = &cell.why else {
        return String::new();
    };
    let text = why.sentence(style.lang);
    let aged = cell.asked.map(|asked| {
        let age = ago(asked, at, style);
        say!(style.lang, " (asked {age} ago)", "（{age}前に確認）")
    });
    let code = why
        .code
        .as_ref()
        .map(|c| format!("{c}: "))
        .unwrap_or_default();
    format!("{code}{text}{}", aged.unwrap_or_default())
}

/// How many have done each step, and are at it.
fn counts(lab: &LabBoard, column: usize, style: &Style) -> Vec<String> {
    let line = |word: &str, cells: Vec<String>| {
        let cells: Vec<String> = cells.iter().map(|c| format!("{c:>2}")).collect();
        let line = format!(" {} {}", pad(word, column), cells.join(" "));
        style.paint(Tone::Dim, line.trim_end())
    };
    let number = |n: usize| if n == 0 { String::new() } else { n.to_string() };
    let minutes = |s: Option<u64>| s.map_or_else(String::new, |s| s.div_ceil(60).to_string());
    let steps = || lab.steps.iter();
    vec![
        line(
            pick(style.lang, "done", "完了"),
            steps().map(|s| number(s.done)).collect(),
        ),
        line(
            pick(style.lang, "at it now", "取り組み中"),
            steps().map(|s| number(s.here)).collect(),
        ),
        line(
            pick(style.lang, "median min", "中央値（分）"),
            steps().map(|s| minutes(s.median)).collect(),
        ),
    ]
}

/// Who is not on the screen.
fn rest(lab: &LabBoard, shown: &[&Row], style: &Style) -> Vec<String> {
    let hidden = || {
        lab.rows
            .iter()
            .filter(|r| !shown.iter().any(|s| s.student == r.student))
    };
    let done = hidden().filter(|r| r.is_done()).count();
    let new = hidden().filter(|r| r.started.is_none()).count();
    let going = hidden().count() - done - new;
    let mut told = Vec::new();
    if going > 0 {
        told.push(say!(
            style.lang,
            "{going} more on their way",
            "ほかに {going} 人が進行中"
        ));
    }
    if new > 0 {
        told.push(say!(style.lang, "{new} not begun", "{new} 人が未開始"));
    }
    if done > 0 {
        told.push(say!(style.lang, "{done} done", "{done} 人が完了"));
    }
    let line = told.join(pick(style.lang, ", ", "、"));
    if line.is_empty() {
        Vec::new()
    } else {
        wrap(&line, " ", " ", style.width)
    }
}

/// How long ago, as one reads it in passing.
fn ago(then: Timestamp, now: Timestamp, style: &Style) -> String {
    let seconds = now.duration_since(then).as_secs().max(0);
    let (n, en, ja) = match seconds {
        0..60 => (seconds, "s", "秒"),
        60..7200 => (seconds / 60, "min", "分"),
        7200..172_800 => (seconds / 3600, "h", "時間"),
        _ => (seconds / 86_400, "d", "日"),
    };
    let unit = pick(style.lang, en, ja);
    format!("{n} {unit}")
}

/// The time of day here.
fn clock(at: Timestamp) -> String {
    at.to_zoned(TimeZone::system())
        .strftime("%H:%M:%S")
        .to_string()
}

fn cut(text: &str, columns: usize) -> String {
    console::truncate_str(text, columns, "…").into_owned()
}

/// What is said while a class is being looked at for the first time.
#[must_use]
pub fn looking() -> crate::lab::text::Text {
    crate::lab::text::Text::new("looking at the class", "クラスの状態を確認しています")
}

/// The last line of a live board.
#[must_use]
pub fn keys(style: &Style) -> String {
    pick(style.lang, "q to leave", "q で終了").to_owned()
}

/// Where the other labs of a class are.
#[must_use]
pub fn others(board: &Board, lab: &LabBoard, style: &Style) -> String {
    let others = board.labs.iter().filter(|l| l.id != lab.id);
    let told: Vec<String> = others
        .map(|l| {
            let (number, begun, done) = (l.number, l.totals.begun, l.totals.done);
            say!(
                style.lang,
                "lab {number}: {begun} begun, {done} done (`--lab {number}`)",
                "ラボ {number}: 開始 {begun} 人、完了 {done} 人（`--lab {number}`）"
            )
        })
        .collect();
    if told.is_empty() {
        return String::new();
    }
    let lines: Vec<String> = told
        .iter()
        .flat_map(|t| wrap(t, " ", "   ", style.width))
        .collect();
    style.paint(Tone::Dim, &lines.join("\n")) + "\n"
}
