//! Known causes of a workload that does not get ready, from its conditions and its Pods.

use serde_json::Value;

use super::{
    object::{condition, list, name, string},
    verdict::Cause,
};
use crate::lab::text::Text;

/// A cause, with what to do about it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Known {
    /// What it is.
    pub(crate) cause: Cause,
    /// What to do.
    pub(crate) next: Text,
    /// Waiting won't help.
    pub(crate) hopeless: bool,
}

/// The first known cause, most telling first.
pub(crate) fn of(workload: &Value, pods: &[Value], warnings: &[Value]) -> Option<Known> {
    refused(workload)
        .or_else(|| pods.iter().find_map(container))
        .or_else(|| pods.iter().find_map(unschedulable))
        .or_else(|| pods.iter().find_map(|pod| volume(pod, warnings)))
}

/// Pods that are not even made: quota, Pod Security, a missing service account.
fn refused(workload: &Value) -> Option<Known> {
    let failure = condition(workload, "ReplicaFailure").filter(|c| c["status"] == "True")?;
    let message = failure["message"].as_str().unwrap_or_default();
    let (code, next) = if message.contains("exceeded quota") || message.contains("failed quota") {
        (
            "QuotaExceeded",
            Text::new(
                "lower the requests of the container, or scale something else down",
                "コンテナの requests を減らすか、ほかの Deployment を縮小してください",
            ),
        )
    } else if message.contains("violates PodSecurity") {
        (
            "PodSecurity",
            Text::new(
                "give the Pod the securityContext that the message lists",
                "メッセージにある securityContext を Pod に設定してください",
            ),
        )
    } else if message.contains("security context constraint") {
        (
            "SecurityContextConstraint",
            Text::new(
                "remove runAsUser and the privileges that the message lists",
                "runAsUser と、メッセージにある権限を取り除いてください",
            ),
        )
    } else {
        (
            "FailedCreate",
            Text::new(
                "read the message and correct the Pod template",
                "メッセージを読み、Pod テンプレートを直してください",
            ),
        )
    };
    Some(Known {
        cause: Cause {
            code,
            text: Text::same(message),
        },
        next,
        hopeless: true,
    })
}

fn container(pod: &Value) -> Option<Known> {
    let statuses = list(pod, "/status/initContainerStatuses")
        .iter()
        .chain(list(pod, "/status/containerStatuses"));
    statuses.into_iter().find_map(|status| {
        let reason = string(status, "/state/waiting/reason")?;
        let message = string(status, "/state/waiting/message").unwrap_or_default();
        // The kubelet repeats the Pod, its uid and its container.
        let message = message.split(" (pod: ").next().unwrap_or_default();
        let image = status["image"].as_str().unwrap_or_default();
        let pod = name(pod);
        match reason {
            "ErrImagePull" | "ImagePullBackOff" | "InvalidImageName" => Some(image_pull(pod, image, message)),
            "CrashLoopBackOff" => Some(crash_loop(pod, status)),
            "CreateContainerConfigError" | "CreateContainerError" | "RunContainerError" => Some(Known {
                cause: Cause { code: "ContainerConfig", text: Text::same(format!("{pod}: {message}")) },
                next: Text::new(
                    "correct what the message names: a ConfigMap, a Secret, a key, or the user it runs as",
                    "メッセージにあるもの（ConfigMap、Secret、キー、実行ユーザー）を直してください",
                ),
                hopeless: true,
            }),
            _ => None,
        }
    })
}

fn image_pull(pod: &str, image: &str, message: &str) -> Known {
    let limited = message.contains("toomanyrequests") || message.contains("rate limit");
    Known {
        cause: Cause {
            code: if limited {
                "ImageRateLimit"
            } else {
                "ImagePull"
            },
            text: Text::new(
                format!("{pod} can't pull the image {image}"),
                format!("{pod} がイメージ {image} を取得できません"),
            ),
        },
        next: if limited {
            Text::new(
                "the registry refuses for now: tell your instructor",
                "レジストリーが一時的に拒否しています。講師に伝えてください",
            )
        } else {
            Text::new(
                "check the image's name and tag in the manifest",
                "マニフェストのイメージ名とタグを確認してください",
            )
        },
        hopeless: true,
    }
}

fn crash_loop(pod: &str, status: &Value) -> Known {
    let code = status
        .pointer("/lastState/terminated/exitCode")
        .and_then(Value::as_i64);
    let code = code.map_or_else(|| "?".to_owned(), |c| c.to_string());
    let killed = string(status, "/lastState/terminated/reason") == Some("OOMKilled");
    Known {
        cause: Cause {
            code: if killed { "OutOfMemory" } else { "CrashLoop" },
            text: if killed {
                Text::new(
                    format!("{pod} used more memory than its limit and was killed"),
                    format!("{pod} はメモリー上限を超えたため強制終了されました"),
                )
            } else {
                Text::new(
                    format!("{pod} starts and ends again, with exit code {code}"),
                    format!("{pod} は起動しても終了コード {code} で終わってしまいます"),
                )
            },
        },
        next: if killed {
            Text::new(
                "raise the container's memory limit",
                "コンテナのメモリー上限を上げてください",
            )
        } else {
            Text::new(
                format!("read why in its log: logs {pod} --previous"),
                format!("ログで理由を確認してください: logs {pod} --previous"),
            )
        },
        hopeless: true,
    }
}

/// A container that waits for its volumes has no reason in its status: the events tell.
fn volume(pod: &Value, warnings: &[Value]) -> Option<Known> {
    let creating = |s: &Value| string(s, "/state/waiting/reason") == Some("ContainerCreating");
    if !list(pod, "/status/containerStatuses").iter().any(creating) {
        return None;
    }
    let about = |w: &&Value| w["involvedObject"]["name"] == name(pod);
    let failed = |w: &&Value| {
        matches!(
            w["reason"].as_str(),
            Some("FailedMount" | "FailedAttachVolume")
        )
    };
    let warning = warnings.iter().rfind(|w| about(w) && failed(w))?;
    let message = warning["message"].as_str().unwrap_or_default();
    Some(Known {
        cause: Cause {
            code: "VolumeMount",
            text: Text::same(format!("{}: {message}", name(pod))),
        },
        next: Text::new(
            "make what the message names: a ConfigMap, a Secret, a volume",
            "メッセージにあるもの（ConfigMap、Secret、ボリューム）を作成してください",
        ),
        hopeless: false,
    })
}

fn unschedulable(pod: &Value) -> Option<Known> {
    let scheduled = condition(pod, "PodScheduled").filter(|c| c["reason"] == "Unschedulable")?;
    let message = scheduled["message"].as_str().unwrap_or_default();
    Some(Known {
        cause: Cause {
            code: "Unschedulable",
            text: Text::new(
                format!("{} fits on no node: {message}", name(pod)),
                format!("{} を置けるノードがありません: {message}", name(pod)),
            ),
        },
        next: if message.contains("node selector") || message.contains("affinity/selector") {
            Text::new(
                "remove the nodeSelector, or write one that a node has",
                "nodeSelector を取り除くか、ノードにあるラベルを書いてください",
            )
        } else {
            Text::new(
                "lower its requests, or free room on the cluster",
                "requests を減らすか、クラスターの空きを作ってください",
            )
        },
        hopeless: false,
    })
}
