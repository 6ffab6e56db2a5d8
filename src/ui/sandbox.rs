//! What is said of the practice cluster.

use super::{
    layout::wrap,
    style::Style,
    words::{pick, say},
};
use crate::lab::text::{Lang, Text};

/// Facts of a practice cluster that runs.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The API server's URL.
    pub server: &'a str,
    /// Where the router listens, host and port; empty where none does.
    pub router: &'a str,
    /// The flavour's name.
    pub flavour: &'a str,
    /// How many times faster than it says simulated work is done.
    pub speed: f64,
    /// The programs whose control loops it leaves to others; `none` or empty where there are none.
    pub without: &'a str,
    /// The process.
    pub pid: u32,
    /// When it was started.
    pub started: &'a str,
    /// Bytes on disk.
    pub size: u64,
    /// The learner's kubeconfig.
    pub kubeconfig: &'a str,
}

/// When commands go to it because there is no kubeconfig.
#[must_use]
pub fn instead() -> Text {
    Text::new(
        "No kubeconfig found, so this runs in the built-in practice cluster (containers are simulated).",
        "kubeconfig が見つからないため、内蔵の練習用クラスターで実行します (コンテナは模擬です)。",
    )
}

/// How a client in this terminal finds it.
#[must_use]
pub fn by_hand(kubeconfig: &str) -> Text {
    Text::new(
        format!("To type commands yourself, first:\n    export KUBECONFIG={kubeconfig}"),
        format!("コマンドを自分で入力するには、先に:\n    export KUBECONFIG={kubeconfig}"),
    )
}

/// After a start.
#[must_use]
pub fn started(facts: &Facts<'_>, new: bool, style: &Style) -> String {
    let (server, flavour) = (facts.server, facts.flavour);
    let first = if new {
        say!(
            style.lang,
            "The practice cluster runs at {server} (flavour {flavour}).",
            "練習用クラスターを {server} で開始しました (種類 {flavour})。"
        )
    } else {
        say!(
            style.lang,
            "The practice cluster runs already, at {server} (flavour {flavour}).",
            "練習用クラスターは {server} ですでに動作しています (種類 {flavour})。"
        )
    };
    let second = pick(
        style.lang,
        "Containers are simulated; docs/sandbox-fidelity.md says where it differs from a real cluster.",
        "コンテナは模擬です。本物のクラスターとの違いは docs/sandbox-fidelity.md にあります。",
    );
    let mut lines = wrap(&first, "", "", style.width);
    lines.extend(wrap(second, "", "", style.width));
    lines.push(String::new());
    // A command to type is not broken into lines.
    lines.push(format!("    export KUBECONFIG={}", facts.kubeconfig));
    if !facts.router.is_empty() {
        let how = pick(
            style.lang,
            "Hosts of Routes and Ingresses are in no DNS; its router knows them:",
            "Route や Ingress のホスト名は DNS にありません。ルーター経由でアクセスします:",
        );
        lines.push(String::new());
        lines.extend(wrap(how, "", "", style.width));
        lines.push(String::new());
        lines.push(format!("    {}", by_router(facts.router)));
    }
    lines.join("\n") + "\n"
}

/// How a page is asked for through the router.
fn by_router(router: &str) -> String {
    format!("curl --connect-to ::{router} http://HOST/")
}

/// The state of the one that runs.
#[must_use]
pub fn status(facts: &Facts<'_>, lang: Lang) -> String {
    let label = |en, ja| pick(lang, en, ja);
    let kibibytes = facts.size.div_ceil(1024);
    let mut rows = vec![
        (label("server", "サーバー"), facts.server.to_owned()),
        (label("flavour", "種類"), facts.flavour.to_owned()),
        (label("speed", "速度"), facts.speed.to_string()),
        (label("process", "プロセス"), facts.pid.to_string()),
        (label("started", "開始"), facts.started.to_owned()),
        (label("on disk", "ディスク"), format!("{kibibytes} KiB")),
        ("kubeconfig", facts.kubeconfig.to_owned()),
    ];
    if !facts.router.is_empty() {
        let how = by_router(facts.router);
        rows.insert(
            1,
            (
                label("router", "ルーター"),
                format!("{}  ({how})", facts.router),
            ),
        );
    }
    if !matches!(facts.without, "" | "none") {
        rows.push((label("without", "除外"), facts.without.to_owned()));
    }
    let width = |text: &str| unicode_width::UnicodeWidthStr::width(text);
    let widest = rows.iter().map(|(l, _)| width(l)).max().unwrap_or_default();
    rows.iter().fold(String::new(), |out, (label, value)| {
        let gap = " ".repeat(widest - width(label) + 2);
        out + label + &gap + value + "\n"
    })
}

/// When none runs.
#[must_use]
pub fn none_runs(kept: bool) -> Text {
    if kept {
        Text::new(
            "The practice cluster does not run; `ccnr sandbox start` goes on where it stopped.",
            "練習用クラスターは動作していません。`ccnr sandbox start` で続きから再開します。",
        )
    } else {
        Text::new(
            "There is no practice cluster yet; `ccnr sandbox start` makes one.",
            "練習用クラスターはまだありません。`ccnr sandbox start` で作成します。",
        )
    }
}

/// When it runs at another speed than was asked for.
#[must_use]
pub fn other_speed(speed: f64) -> Text {
    Text::new(
        format!("It goes on at speed {speed}; for another one, `ccnr sandbox stop` first."),
        format!(
            "速度は {speed} のままです。変更するには、先に `ccnr sandbox stop` で停止してください。"
        ),
    )
}

/// When it does without other programs than was asked for.
#[must_use]
pub fn other_programs(without: &str) -> Text {
    Text::new(
        format!("It goes on without {without}: stop it first to start it otherwise."),
        format!(
            "除外するプログラムは {without} のままです。変更するには、いったん停止してください。"
        ),
    )
}

/// After a stop.
#[must_use]
pub fn stopped() -> Text {
    Text::new(
        "The practice cluster is stopped. What is in it is kept.",
        "練習用クラスターを停止しました。内容は保持されています。",
    )
}

/// The question before a reset.
#[must_use]
pub fn may_reset() -> Text {
    Text::new(
        "Remove everything in the practice cluster?",
        "練習用クラスターの内容をすべて削除しますか?",
    )
}

/// After a reset.
#[must_use]
pub fn was_reset(running: bool) -> Text {
    if running {
        Text::new(
            "The practice cluster is as new.",
            "練習用クラスターを初期状態に戻しました。",
        )
    } else {
        Text::new(
            "What the practice cluster held is removed.",
            "練習用クラスターの内容を削除しました。",
        )
    }
}
