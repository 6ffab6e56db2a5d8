//! Where the learner is: cluster, user, projects; and the short notices around a lab.

use jiff::Timestamp;

use super::{
    layout::{wrap, wrap_line},
    style::{Style, Tone},
    words::{pick, say},
};
use crate::{
    cluster::snapshot::Obstacle,
    lab::{model::Lab, text::Text},
    session::Session,
};

/// Where commands go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The API server, without the scheme.
    pub server: String,
    /// Whether it is OpenShift.
    pub openshift: bool,
    /// The kubeconfig's context.
    pub context: Option<String>,
    /// The user as the API server knows it, where it was asked.
    pub user: Option<String>,
    /// The lab's projects.
    pub projects: Vec<String>,
}

impl Place {
    /// The place of a session, with the user's name if it is known.
    #[must_use]
    pub fn of(session: &Session, user: Option<String>) -> Self {
        let server = &session.cluster.server;
        let host = server.split_once("://").map_or(server.as_str(), |(_, h)| h);
        Self {
            server: host.to_owned(),
            openshift: session.served.is_openshift(),
            context: session.cluster.context.clone(),
            user: user.or_else(|| session.cluster.user.clone()),
            projects: session.loaded.lab.projects.clone(),
        }
    }
}

/// `cluster api.crc.testing:6443 (OpenShift)   context crc   user sato   project sato-web`.
#[must_use]
pub fn line(place: &Place, style: &Style) -> String {
    let platform = if place.openshift {
        "OpenShift"
    } else {
        "Kubernetes"
    };
    let lang = style.lang;
    let mut parts = vec![format!(
        "{} {} ({platform})",
        pick(lang, "cluster", "クラスター"),
        place.server
    )];
    if let Some(context) = &place.context {
        let label = pick(lang, "context", "コンテキスト");
        parts.push(format!("{label} {context}"));
    }
    if let Some(user) = &place.user {
        parts.push(format!("{} {user}", pick(lang, "user", "ユーザー")));
    }
    if !place.projects.is_empty() {
        let label = match (lang, place.projects.len()) {
            (crate::lab::text::Lang::Ja, _) => "プロジェクト",
            (_, 1) => "project",
            _ => "projects",
        };
        parts.push(format!("{label} {}", place.projects.join(", ")));
    }
    // The parts stay whole: a line breaks between them only.
    let glued: Vec<String> = parts.iter().map(|p| p.replace(' ', "\u{a0}")).collect();
    let lines = wrap(&glued.join("   "), "", "", style.width);
    lines.iter().fold(String::new(), |out, l| {
        out + &style.paint(Tone::Dim, l) + "\n"
    })
}

/// What `lab status` says above the steps.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    /// The lab's number.
    pub number: u32,
    /// The lab's title.
    pub title: Text,
    /// Where it runs.
    pub place: Place,
    /// When it was started.
    pub started: Option<Timestamp>,
    /// The step that comes next: its number and title.
    pub current: Option<(usize, Text)>,
    /// How many steps there are.
    pub total: usize,
    /// Hints that were shown.
    pub hints: usize,
    /// Steps that the program did.
    pub solved: usize,
}

/// Where the learner is in a lab, by the record.
#[must_use]
pub fn status(status: &Status, style: &Style) -> String {
    let lang = style.lang;
    let (number, total) = (status.number, status.total);
    let mut lines = vec![match (&status.started, &status.current) {
        (None, _) => say!(
            lang,
            "Lab {number} is not started.",
            "ラボ {number} は、まだ始めていません。"
        ),
        (_, None) => say!(
            lang,
            "Lab {number} is done.",
            "ラボ {number} は完了しています。"
        ),
        (_, Some((at, title))) => {
            let title = title.get(lang);
            say!(
                lang,
                "You are at step {at} of {total} of lab {number}: {title}",
                "ラボ {number} のステップ {at}/{total} にいます: {title}"
            )
        }
    }];
    let (hints, solved) = (status.hints, status.solved);
    if hints > 0 || solved > 0 {
        lines.push(say!(
            lang,
            "hints used: {hints}   steps solved by the program: {solved}",
            "使ったヒント: {hints}   プログラムが解いたステップ: {solved}"
        ));
    }
    let text: Vec<String> = lines
        .iter()
        .flat_map(|l| wrap_line(l, "", style.width))
        .collect();
    format!("{}\n{}", text.join("\n"), line(&status.place, style))
}

/// One requirement that is not met.
#[must_use]
pub fn unmet(missing: &Text, why: Option<&Text>, style: &Style) -> String {
    let symbol = style.symbol(crate::check::verdict::Outcome::Error);
    let first = format!("  {symbol} ");
    let mut lines = wrap(missing.get(style.lang), &first, "    ", style.width);
    if let Some(why) = why {
        lines.extend(wrap(why.get(style.lang), "    ", "    ", style.width));
    }
    lines.join("\n") + "\n"
}

/// The question before the first write.
#[must_use]
pub fn set_up(lab: &Lab) -> Text {
    let (number, projects) = (lab.number, lab.projects.join(", "));
    Text::new(
        format!("Do lab {number} in {projects} on this cluster?"),
        format!("このクラスターの {projects} でラボ {number} を始めますか?"),
    )
}

/// Before the fields are named that a solution would set and somebody else has set.
#[must_use]
pub fn conflict() -> Text {
    Text::new(
        "These fields were set by hand or by somebody else; to take them over sets them as the lab has them:",
        "次のフィールドは手作業などで変更されています。引き継ぐと、ラボのとおりの値に戻ります:",
    )
}

/// When the cluster gives no answer and the record on this machine is shown instead.
#[must_use]
pub fn from_the_record(why: &Obstacle) -> Text {
    Text::new(
        format!("{}; this is from your record", why.message.en),
        format!("{}。この端末の記録を表示します", why.message.ja),
    )
}

/// The question at a conflict.
#[must_use]
pub fn take_over() -> Text {
    Text::new(
        "Take these fields over?",
        "これらのフィールドを上書きしますか?",
    )
}

/// After a no.
#[must_use]
pub fn nothing_changed() -> Text {
    Text::new("Nothing was changed.", "何も変更していません。")
}

/// While the setup runs.
#[must_use]
pub fn setting_up() -> Text {
    Text::new("setting up", "準備しています")
}

/// While a lab that comes before is done.
#[must_use]
pub fn catching_up(lab: &Lab) -> Text {
    let number = lab.number;
    Text::new(
        format!("doing lab {number} for you"),
        format!("ラボ {number} を自動で進めています"),
    )
}

/// While a step is solved.
#[must_use]
pub fn solving(step: &str) -> Text {
    Text::new(format!("solving {step}"), format!("{step} を解いています"))
}

/// While something converges.
#[must_use]
pub fn waiting() -> Text {
    Text::new(
        "waiting for the cluster",
        "クラスターの状態が落ち着くのを待っています",
    )
}

/// While something converges, and how far it is.
#[must_use]
pub fn waiting_at(done: usize, all: usize) -> Text {
    Text::new(
        format!("{done} of {all} steps done; waiting for the cluster"),
        format!("{all} ステップ中 {done} 完了。クラスターの状態が落ち着くのを待っています"),
    )
}

/// Where there is neither oc nor kubectl.
#[must_use]
pub fn no_client() -> Text {
    Text::new(
        "There is neither kubectl nor oc on this machine, so the commands of the steps can't be typed: get kubectl from https://kubernetes.io/docs/tasks/tools/. `ccnr lab solve` does a step for you meanwhile.",
        "このコンピューターには kubectl も oc もないため、ステップのコマンドを入力できません。kubectl は https://kubernetes.io/docs/tasks/tools/ から入手できます。それまでは `ccnr lab solve` でステップを進められます。",
    )
}

/// A file that was written for the learner.
#[must_use]
pub fn file_written(name: &str) -> Text {
    Text::new(format!("wrote {name}"), format!("{name} を作成しました"))
}

/// A file that was left alone.
#[must_use]
pub fn file_kept(name: &str) -> Text {
    Text::new(
        format!("kept {name}: it differs from the lab's, and may be your work"),
        format!("{name} はラボのものと異なるため、上書きせずに残しました"),
    )
}
