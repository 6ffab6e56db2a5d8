//! Known causes of a workload that does not get ready, from its conditions and its Pods.

use serde_json::Value;

use super::{
    matching::mismatches,
    object::{condition, list, name, string},
    verdict::Cause,
};
use crate::{
    cluster::snapshot::{Obstacle, ObstacleKind},
    lab::text::Text,
};

/// A cause, with what to do about it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Known {
    /// What it is.
    pub(crate) cause: Cause,
    /// What to do.
    pub(crate) next: Text,
    /// What it means for the verdict.
    pub(crate) weight: Weight,
}

impl From<Known> for Obstacle {
    fn from(known: Known) -> Self {
        Self {
            kind: ObstacleKind::Unavailable,
            message: known.cause.text,
            next: known.next,
            status: None,
        }
    }
}

/// What a cause means for the verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weight {
    /// The learner has to change something: waiting won't help.
    Hopeless,
    /// It may pass by itself.
    MayPass,
    /// Trouble of the cluster or of what it depends on, which no learner can mend.
    OfCluster,
}

/// The first known cause, most telling first. Pods that are ending, or of an older version of the workload, tell nothing of
/// what it is now.
pub(crate) fn of(workload: &Value, pods: &[Value], warnings: &[Value]) -> Option<Known> {
    let current = |pod: &&Value| is_current(workload, pod);
    let pods = || pods.iter().filter(current);
    refused(workload)
        .or_else(|| pods().find_map(|pod| container(pod, warnings)))
        .or_else(|| pods().find_map(unschedulable))
        .or_else(|| pods().find_map(|pod| volume(pod, warnings)))
}

/// Whether a Pod is there to stay and made from the workload's template as it is now.
fn is_current(workload: &Value, pod: &Value) -> bool {
    let stays = pod.pointer("/metadata/deletionTimestamp").is_none();
    let template = workload.pointer("/spec/template/spec");
    stays && template.is_none_or(|spec| mismatches(spec, &pod["spec"]).is_empty())
}

/// Pods that are not even made: quota, Pod Security, a missing service account.
fn refused(workload: &Value) -> Option<Known> {
    let failure = condition(workload, "ReplicaFailure").filter(|c| c["status"] == "True")?;
    let message = failure["message"].as_str().unwrap_or_default();
    let (code, weight, next) = if message.contains("failed calling webhook") {
        (
            "WebhookUnavailable",
            Weight::OfCluster,
            Text::new(
                "something that the cluster asks before it makes a Pod gives no answer: tell your instructor",
                "Pod の作成前にクラスターが問い合わせる先から応答がありません。講師に伝えてください",
            ),
        )
    } else if message.contains("exceeded quota") || message.contains("failed quota") {
        (
            "QuotaExceeded",
            Weight::Hopeless,
            Text::new(
                "lower the requests of the container, or scale something else down",
                "コンテナの requests を減らすか、ほかの Deployment を縮小してください",
            ),
        )
    } else if message.contains("violates PodSecurity") {
        (
            "PodSecurity",
            Weight::Hopeless,
            Text::new(
                "give the Pod the securityContext that the message lists",
                "メッセージにある securityContext を Pod に設定してください",
            ),
        )
    } else if message.contains("security context constraint") {
        (
            "SecurityContextConstraint",
            Weight::Hopeless,
            Text::new(
                "remove runAsUser and the privileges that the message lists",
                "runAsUser と、メッセージにある権限を取り除いてください",
            ),
        )
    } else {
        (
            "FailedCreate",
            Weight::Hopeless,
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
        weight,
    })
}

fn container(pod: &Value, warnings: &[Value]) -> Option<Known> {
    let statuses = list(pod, "/status/initContainerStatuses")
        .iter()
        .chain(list(pod, "/status/containerStatuses"));
    statuses.into_iter().find_map(|status| {
        let reason = string(status, "/state/waiting/reason")?;
        let message = string(status, "/state/waiting/message").unwrap_or_default();
        // The kubelet repeats the Pod, its uid and its container.
        let message = message.split(" (pod: ").next().unwrap_or_default();
        let image = status["image"].as_str().unwrap_or_default();
        let told = pull_warning(pod, warnings);
        let pod = name(pod);
        match reason {
            // Before Kubernetes 1.32 a back-off does not say why; the event before it does.
            "ImagePullBackOff" if !message.contains("ErrImagePull") => {
                Some(image_pull(pod, image, told))
            }
            "ErrImagePull" | "ImagePullBackOff" | "InvalidImageName" => {
                Some(image_pull(pod, image, Some(message)))
            }
            "CrashLoopBackOff" => Some(crash_loop(pod, status)),
            "CreateContainerConfigError" | "CreateContainerError" | "RunContainerError" => Some(Known {
                cause: Cause { code: "ContainerConfig", text: Text::same(format!("{pod}: {message}")) },
                next: Text::new(
                    "correct what the message names: a ConfigMap, a Secret, a key, or the user it runs as",
                    "メッセージにあるもの（ConfigMap、Secret、キー、実行ユーザー）を直してください",
                ),
                weight: Weight::Hopeless,
            }),
            _ => None,
        }
    })
}

/// What the kubelet warned of when it last failed to pull an image of a Pod.
fn pull_warning<'a>(pod: &Value, warnings: &'a [Value]) -> Option<&'a str> {
    let about = |w: &&Value| w["involvedObject"]["name"] == name(pod) && w["reason"] == "Failed";
    let messages = warnings.iter().filter(about);
    let mut messages = messages.filter_map(|w| w["message"].as_str());
    messages.rfind(|m| m.starts_with("Failed to pull image"))
}

/// Why a registry gave no image, by the kubelet's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refused {
    /// Too many pulls.
    Limited,
    /// It was not reached, or is in trouble itself.
    OutOfReach,
    /// Its address leads nowhere, or is not told: mistyped, or the cluster's trouble.
    Doubtful,
    /// There is no such image, or it is not for us.
    NoSuchImage,
}

impl Refused {
    /// By the message, if there is one, and the image's name.
    fn of(message: Option<&str>, image: &str) -> Self {
        const IN_TROUBLE: [&str; 3] = [
            "500 Internal Server Error",
            "502 Bad Gateway",
            "503 Service Unavailable",
        ];
        const NOT_REACHED: [&str; 7] = [
            "i/o timeout",
            "TLS handshake timeout",
            "connection refused",
            "connection reset",
            "no route to host",
            "network is unreachable",
            "context deadline exceeded",
        ];
        let Some(message) = message else {
            return Self::Doubtful;
        };
        let has = |all: &[&str]| all.iter().any(|words| message.contains(words));
        if has(&["toomanyrequests", "rate limit"]) {
            Self::Limited
        } else if has(&IN_TROUBLE) || (has(&NOT_REACHED) && !is_local(image)) {
            Self::OutOfReach
        } else if has(&NOT_REACHED) || has(&["no such host"]) {
            Self::Doubtful
        } else {
            Self::NoSuchImage
        }
    }
}

/// Whether an image names a registry as on the learner's own machine: by `localhost`, or with a port.
fn is_local(image: &str) -> bool {
    let host = image.split_once('/').map_or("", |(host, _)| host);
    host.starts_with("localhost") || host.contains(':')
}

fn image_pull(pod: &str, image: &str, message: Option<&str>) -> Known {
    let (code, weight, next) = match Refused::of(message, image) {
        Refused::Limited => (
            "ImageRateLimit",
            Weight::OfCluster,
            Text::new(
                "the registry refuses for now: tell your instructor",
                "レジストリーが一時的に拒否しています。講師に伝えてください",
            ),
        ),
        Refused::OutOfReach => (
            "RegistryUnreachable",
            Weight::OfCluster,
            Text::new(
                "the cluster does not get through to the registry: tell your instructor",
                "クラスターからレジストリーに接続できません。講師に伝えてください",
            ),
        ),
        Refused::Doubtful => (
            "ImagePull",
            Weight::MayPass,
            Text::new(
                "check the registry's name and port in the image; if they are right, tell your instructor",
                "イメージのレジストリー名とポートを確認してください。正しければ、講師に伝えてください",
            ),
        ),
        Refused::NoSuchImage => (
            "ImagePull",
            Weight::Hopeless,
            Text::new(
                "check the image's name and tag in the manifest",
                "マニフェストのイメージ名とタグを確認してください",
            ),
        ),
    };
    Known {
        cause: Cause {
            code,
            text: Text::new(
                format!("{pod} can't pull the image {image}"),
                format!("{pod} がイメージ {image} を取得できません"),
            ),
        },
        next,
        weight,
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
        weight: Weight::Hopeless,
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
        weight: Weight::MayPass,
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
        weight: Weight::MayPass,
    })
}
