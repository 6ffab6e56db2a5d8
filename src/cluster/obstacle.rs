//! Trouble with a cluster, in words: what was tried, on what, what came back, what to do next.

use std::error::Error as _;

use http::StatusCode;
use serde_json::Value;

use super::snapshot::{Obstacle, ObstacleKind};
use crate::lab::text::Text;

/// From an answer of the API server that is no success.
#[must_use]
pub fn from_status(what: &str, status: StatusCode, body: &[u8], server: &str) -> Obstacle {
    let parsed: Value = serde_json::from_slice(body).unwrap_or_default();
    let said = parsed["message"].as_str().map_or_else(
        || {
            status
                .canonical_reason()
                .unwrap_or("no reason given")
                .to_owned()
        },
        str::to_owned,
    );
    let (kind, next) = match status.as_u16() {
        401 => (
            ObstacleKind::Credentials,
            (
                "log in again, then repeat the command",
                "ログインし直してから、もう一度実行してください",
            ),
        ),
        403 => (ObstacleKind::Forbidden, forbidden(&said)),
        404 if parsed["details"]["kind"] == "namespaces" => (
            ObstacleKind::Missing,
            (
                "make the project first, or start the lab again",
                "先にプロジェクトを作るか、ラボをもう一度開始してください",
            ),
        ),
        404 if parsed["details"]["name"].is_string() => (
            ObstacleKind::Missing,
            (
                "make what is missing first; `ccnr lab verify` says which step that is",
                "先に足りないものを作ってください。どのステップかは `ccnr lab verify` で確認できます",
            ),
        ),
        404 => (
            ObstacleKind::NotServed,
            (
                "`ccnr doctor` says what this cluster lacks",
                "このクラスターに足りないものは `ccnr doctor` で確認できます",
            ),
        ),
        409 => (
            ObstacleKind::Conflict,
            (
                "it changed meanwhile: repeat the command",
                "その間に変更されました。もう一度実行してください",
            ),
        ),
        400 | 422 => (
            ObstacleKind::Invalid,
            (
                "the cluster refuses this as it is: correct what the message names",
                "このままでは受け付けられません。メッセージが示す箇所を直してください",
            ),
        ),
        429 | 500..=599 => (
            ObstacleKind::Unavailable,
            (
                "the API server is busy or starting: try again in a moment",
                "API サーバーが混んでいるか起動中です。少し待ってから再実行してください",
            ),
        ),
        _ => (ObstacleKind::Other, NO_API_SERVER),
    };
    Obstacle {
        kind,
        message: Text::new(
            format!("{what}: {server} answered {}: {said}", status.as_u16()),
            format!(
                "{server} が {} を返しました（{what}）: {said}",
                status.as_u16()
            ),
        ),
        next: Text::new(next.0, next.1),
        status: Some(status.as_u16()),
    }
}

/// What to do about an answer that no API server gives.
pub(super) fn no_api_server() -> Text {
    Text::new(NO_API_SERVER.0, NO_API_SERVER.1)
}

const NO_API_SERVER: (&str, &str) = (
    "is this URL a Kubernetes API server, and is there a proxy in between?",
    "この URL は Kubernetes の API サーバーですか？間にプロキシはありませんか？",
);

/// What to do about a 403: not every one is about a permission.
fn forbidden(said: &str) -> (&'static str, &'static str) {
    if said.contains("exceeded quota") {
        (
            "delete what you no longer need in the project, or ask your instructor for more",
            "プロジェクトの不要なものを削除するか、講師に上限を相談してください",
        )
    } else if said.contains("being terminated") {
        (
            "the project is being deleted: wait until it is gone, then start again",
            "プロジェクトは削除中です。なくなってから、もう一度開始してください",
        )
    } else if said.contains("violates PodSecurity") {
        (
            "give the Pod the securityContext that the message names",
            "メッセージが示す securityContext を Pod に設定してください",
        )
    } else {
        (
            "ask your instructor whether you should have this permission",
            "この権限が必要かどうか、講師に聞いてください",
        )
    }
}

/// From an error before there was an answer. kube's own texts are never shown: they repeat themselves.
#[must_use]
pub fn from_kube(what: &str, error: &kube::Error, server: &str) -> Obstacle {
    let mut chain = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        chain = format!("{chain}: {cause}");
        source = cause.source();
    }
    from_text(what, &chain, server)
}

/// From the texts of an error and its causes.
fn from_text(what: &str, chain: &str, server: &str) -> Obstacle {
    let has = |part: &str| chain.contains(part);
    let (kind, said, next) = if has("Connection refused") {
        (
            ObstacleKind::Unreachable,
            ("refused the connection", "に接続を拒否されました"),
            (
                "is the cluster running, and is this the right one?",
                "クラスターは動いていますか？接続先は正しいですか？",
            ),
        )
    } else if has("dns error") || has("failed to lookup address") {
        (
            ObstacleKind::Unreachable,
            ("is a name that can't be resolved", "の名前を解決できません"),
            (
                "check the server's name in the kubeconfig, and the VPN",
                "kubeconfig のサーバー名と VPN を確認してください",
            ),
        )
    } else if has("invalid peer certificate: Expired") {
        (
            ObstacleKind::Unreachable,
            (
                "has a certificate that has expired",
                "の証明書は有効期限が切れています",
            ),
            (
                "tell the cluster's administrator",
                "クラスターの管理者に知らせてください",
            ),
        )
    } else if has("invalid peer certificate") {
        (
            ObstacleKind::Unreachable,
            (
                "has a certificate that this kubeconfig does not trust",
                "の証明書を、この kubeconfig は信頼していません",
            ),
            (
                "log in again, or correct certificate-authority in the kubeconfig",
                "ログインし直すか、kubeconfig の certificate-authority を直してください",
            ),
        )
    } else if has("auth exec") || has("AuthExec") {
        (
            ObstacleKind::Credentials,
            (
                "was not asked: the credential plugin of the kubeconfig failed",
                "には問い合わせていません。kubeconfig の認証プラグインが失敗しました",
            ),
            (
                "run the plugin by hand, or log in again",
                "プラグインを直接実行してみるか、ログインし直してください",
            ),
        )
    } else if has("timed out") || has("deadline") {
        (
            ObstacleKind::Timeout,
            ("did not answer in time", "から時間内に応答がありません"),
            AGAIN,
        )
    } else {
        (
            ObstacleKind::Connection,
            ("broke the connection", "との接続が切れました"),
            AGAIN,
        )
    };
    Obstacle {
        kind,
        message: Text::new(
            format!("{what}: {server} {}", said.0),
            format!("{server} {}（{what}）", said.1),
        ),
        next: Text::new(next.0, next.1),
        status: None,
    }
}

const AGAIN: (&str, &str) = (
    "try again; check the network",
    "もう一度実行してください。ネットワークも確認してください",
);

/// No answer within the time of one request.
#[must_use]
pub fn timeout(what: &str, seconds: f64, server: &str) -> Obstacle {
    let seconds = (seconds * 10.0).round() / 10.0;
    Obstacle {
        kind: ObstacleKind::Timeout,
        message: Text::new(
            format!("{what}: {server} did not answer within {seconds} s"),
            format!("{server} から {seconds} 秒以内に応答がありません（{what}）"),
        ),
        next: Text::new(AGAIN.0, AGAIN.1),
        status: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_told_by_its_own_message_once() {
        let body = br#"{"kind":"Status","message":"pods is forbidden: User \"sato\" cannot list"}"#;
        let o = from_status("list Pods", StatusCode::FORBIDDEN, body, "https://c");
        assert_eq!(o.kind, ObstacleKind::Forbidden);
        assert_eq!(
            o.message.en,
            "list Pods: https://c answered 403: pods is forbidden: User \"sato\" cannot list"
        );
    }

    #[test]
    fn what_to_do_depends_on_what_was_said() {
        let at = |status: StatusCode, body: &str| from_status("x", status, body.as_bytes(), "s");
        let quota = at(
            StatusCode::FORBIDDEN,
            r#"{"message":"pods \"a\" is forbidden: exceeded quota: small"}"#,
        );
        assert!(
            quota.next.en.contains("no longer need"),
            "{}",
            quota.next.en
        );
        let gone = at(
            StatusCode::NOT_FOUND,
            r#"{"message":"namespaces \"a\" not found","details":{"name":"a","kind":"namespaces"}}"#,
        );
        assert_eq!(gone.kind, ObstacleKind::Missing);
        assert!(gone.next.en.contains("project"), "{}", gone.next.en);
        let unknown = at(StatusCode::NOT_FOUND, "404 page not found");
        assert_eq!(unknown.kind, ObstacleKind::NotServed);
    }

    #[test]
    fn an_answer_of_a_proxy_in_between_is_told_by_its_code() {
        let o = from_status("list Pods", StatusCode::BAD_GATEWAY, b"<html>", "https://c");
        assert_eq!(
            (o.kind, o.message.en.as_str()),
            (
                ObstacleKind::Unavailable,
                "list Pods: https://c answered 502: Bad Gateway"
            )
        );
    }

    #[test]
    fn connections_fail_in_words() {
        for (text, kind, part) in [
            (
                "x: tcp connect error: Connection refused (os error 111)",
                ObstacleKind::Unreachable,
                "refused",
            ),
            (
                "x: dns error: failed to lookup address",
                ObstacleKind::Unreachable,
                "resolved",
            ),
            (
                "invalid peer certificate: UnknownIssuer",
                ObstacleKind::Unreachable,
                "does not trust",
            ),
            (
                "auth exec command 'nope' failed",
                ObstacleKind::Credentials,
                "plugin",
            ),
            (
                "connection reset by peer",
                ObstacleKind::Connection,
                "broke",
            ),
        ] {
            let o = from_text("get x", text, "https://c");
            assert_eq!(o.kind, kind, "{text}");
            assert!(o.message.en.contains(part), "{}", o.message.en);
            assert!(!o.message.ja.is_empty() && !o.next.ja.is_empty());
        }
    }
}
