//! Why a session can't go on, in every language.

use super::{files, store};
use crate::{
    check::verdict::Outcome,
    cluster::snapshot::Obstacle,
    lab::{catalogue, problem, text::Text},
};

/// Why a session can't go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The lab can't be had.
    #[error(transparent)]
    Lab(#[from] catalogue::Error),
    /// The cluster is in the way.
    #[error(transparent)]
    Cluster(#[from] Obstacle),
    /// Several things are in the way at once.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Many(Vec<Obstacle>),
    /// The record on this machine can't be read or written.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// A manifest can't be written.
    #[error(transparent)]
    Files(#[from] files::Error),
    /// No lab was named, and none is current on this cluster.
    #[error("no lab is current on {server}; `ccnr lab start 1` starts the first{}", elsewhere.as_ref().map_or_else(String::new, |e| format!(". Your lab is on {e}: is this the right kubeconfig or context?")))]
    NoLab {
        /// The API server.
        server: String,
        /// Another one on which there is a current lab.
        elsewhere: Option<String>,
    },
    /// The lab was not started.
    #[error("lab {number} is not started; `ccnr lab start {number}` starts it")]
    NotStarted {
        /// The lab's number.
        number: u32,
    },
    /// There is no such step.
    #[error("lab {number} has no step \"{wanted}\"{}; it has {}", meant(wanted, known), known.join(", "))]
    NoStep {
        /// The lab's number.
        number: u32,
        /// What was asked for.
        wanted: String,
        /// The steps there are.
        known: Vec<String>,
    },
    /// The step has no question, or the lab no such one.
    #[error("step \"{step}\" asks no question")]
    NoQuestion {
        /// The step.
        step: String,
    },
    /// The step has other questions, or several.
    #[error("which question of step \"{step}\"? Its questions are {}", known.join(", "))]
    WhichQuestion {
        /// The step.
        step: String,
        /// Its questions, as they are typed.
        known: Vec<String>,
    },
    /// A project of this name belongs to somebody else.
    #[error(
        "project {name} exists and was not made by ccnr for {student}: it is left alone; delete it yourself, or choose another id with --student"
    )]
    Foreign {
        /// The project.
        name: String,
        /// The learner.
        student: String,
    },
    /// Fields of others are left as they are, as somebody wished.
    #[error(
        "These fields are left as they are, so the solution is not applied whole. The same command asks again: a yes takes them over."
    )]
    Left,
    /// Somebody answered a question with Ctrl-C.
    #[error("interrupted")]
    Interrupted,
    /// A step can't be solved before the ones it builds on.
    #[error(
        "step {step} comes after step {first}, which is not done yet; `ccnr lab solve --to {step}` does all up to it"
    )]
    TooEarly {
        /// The step's id.
        step: String,
        /// The number of the first open step.
        first: usize,
    },
    /// A solution was applied, but its step does not pass.
    #[error("the solution of step {step} is applied, but its checks {}", match .report.outcome {
        Outcome::Waiting => "do not pass yet",
        Outcome::Error => "could not be made",
        _ => "do not pass",
    })]
    Unsolved {
        /// The step's id.
        step: String,
        /// The step's report.
        report: Box<crate::check::report::StepReport>,
    },
}

/// `, did you mean "scale"?`, where one of the steps is near.
fn meant(wanted: &str, known: &[String]) -> String {
    near(wanted, known).map_or_else(String::new, |n| format!(", did you mean \"{n}\"?"))
}

fn near<'a>(wanted: &str, known: &'a [String]) -> Option<&'a str> {
    let names: Vec<&str> = known.iter().map(String::as_str).collect();
    problem::nearest(wanted, &names)
}

impl Error {
    /// The error as a learner reads it.
    #[must_use]
    pub fn text(&self) -> Text {
        let ja = match self {
            Self::Lab(catalogue::Error::Unknown { wanted, known }) => {
                format!(
                    "ラボ \"{wanted}\" はありません。あるのは {} です",
                    known.join("、")
                )
            }
            // What authors do wrong is told in one language only.
            Self::Lab(error) => error.to_string(),
            Self::Cluster(obstacle) => return obstacle.message.clone(),
            Self::Many(obstacles) => {
                return Text::lines(obstacles.iter().map(|o| &o.message));
            }
            Self::Store(error) => return error.text(),
            Self::Files(error) => return error.text(),
            Self::NoLab { server, elsewhere } => {
                let elsewhere = elsewhere.as_ref().map_or_else(String::new, |e| {
                    format!("。ラボは {e} にあります。kubeconfig やコンテキストは正しいですか？")
                });
                format!(
                    "{server} で開始しているラボがありません。`ccnr lab start 1` で最初のラボを始めます{elsewhere}"
                )
            }
            Self::Left => {
                "これらのフィールドは変更していないため、解答はすべては適用されていません。同じコマンドでもう一度質問されるので、引き継ぐには「はい」と答えてください"
                    .to_owned()
            }
            Self::Interrupted => "中断しました".to_owned(),
            Self::NotStarted { number } => format!(
                "ラボ {number} はまだ開始していません。`ccnr lab start {number}` で始めます"
            ),
            Self::NoStep {
                number,
                wanted,
                known,
            } => format!(
                "ラボ {number} にステップ \"{wanted}\" はありません{}。あるのは {} です",
                near(wanted, known)
                    .map_or_else(String::new, |n| format!("（もしかして \"{n}\"？）")),
                known.join("、")
            ),
            Self::NoQuestion { step } => format!("ステップ \"{step}\" に質問はありません"),
            Self::WhichQuestion { step, known } => format!(
                "ステップ \"{step}\" のどの質問ですか？質問は {} です",
                known.join("、")
            ),
            Self::Foreign { name, student } => format!(
                "プロジェクト {name} は存在しますが、ccnr が {student} のために作ったものではないため、変更しません。自分で削除するか、--student で別の ID を選んでください"
            ),
            Self::TooEarly { step, first } => format!(
                "ステップ {step} は、まだ終わっていないステップ {first} のあとです。`ccnr lab solve --to {step}` でそこまでまとめて解きます"
            ),
            Self::Unsolved { step, report } => format!(
                "ステップ {step} の解答を適用しましたが、チェックは{}",
                match report.outcome {
                    Outcome::Waiting => "まだ合格していません",
                    Outcome::Error => "実行できませんでした",
                    _ => "合格しませんでした",
                }
            ),
        };
        Text::new(self.to_string(), ja)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn learners_read_errors_in_their_language() {
        let step = || "scale".to_owned();
        let all = [
            Error::NoLab {
                server: "a".to_owned(),
                elsewhere: Some("b".to_owned()),
            },
            Error::Left,
            Error::Interrupted,
            Error::NotStarted { number: 1 },
            Error::NoStep {
                number: 1,
                wanted: step(),
                known: vec![step()],
            },
            Error::NoQuestion { step: step() },
            Error::WhichQuestion {
                step: step(),
                known: vec![step()],
            },
            Error::Foreign {
                name: "sato-web".to_owned(),
                student: "sato".to_owned(),
            },
            Error::TooEarly {
                step: step(),
                first: 2,
            },
        ];
        for error in all {
            let text = error.text();
            assert_eq!(text.en, error.to_string());
            assert!(
                text.ja.chars().any(|c| ('ぁ'..='ヿ').contains(&c)),
                "{text:?}"
            );
        }
    }
}
