//! Trouble with a cluster, in words: what was tried, on what, what came back, what to do next.

use std::error::Error as _;

use http::StatusCode;
use serde_json::Value;

use super::snapshot::{Obstacle, ObstacleKind};

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
            "log in again, then repeat the command",
        ),
        403 => (ObstacleKind::Forbidden, forbidden(&said)),
        404 if parsed["details"]["kind"] == "namespaces" => (
            ObstacleKind::Missing,
            "make the project first, or start the lab again",
        ),
        404 if parsed["details"]["name"].is_string() => (
            ObstacleKind::Missing,
            "make what is missing first; `ccnr lab verify` says which step that is",
        ),
        404 => (
            ObstacleKind::NotServed,
            "`ccnr doctor` says what this cluster lacks",
        ),
        409 => (
            ObstacleKind::Conflict,
            "it changed meanwhile: repeat the command",
        ),
        400 | 422 => (
            ObstacleKind::Invalid,
            "the cluster refuses this as it is: correct what the message names",
        ),
        429 | 500..=599 => (
            ObstacleKind::Unavailable,
            "the API server is busy or starting: try again in a moment",
        ),
        _ => (
            ObstacleKind::Other,
            "is this URL a Kubernetes API server, and is there a proxy in between?",
        ),
    };
    Obstacle {
        kind,
        message: format!("{what}: {server} answered {}: {said}", status.as_u16()),
        next: next.to_owned(),
        status: Some(status.as_u16()),
    }
}

/// What to do about a 403: not every one is about a permission.
fn forbidden(said: &str) -> &'static str {
    if said.contains("exceeded quota") {
        "delete what you no longer need in the project, or ask your instructor for more"
    } else if said.contains("being terminated") {
        "the project is being deleted: wait until it is gone, then start again"
    } else if said.contains("violates PodSecurity") {
        "give the Pod the securityContext that the message names"
    } else {
        "ask your instructor whether you should have this permission"
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
            "refused the connection",
            "is the cluster running, and is this the right one?",
        )
    } else if has("dns error") || has("failed to lookup address") {
        (
            ObstacleKind::Unreachable,
            "is a name that can't be resolved",
            "check the server's name in the kubeconfig, and the VPN",
        )
    } else if has("invalid peer certificate: Expired") {
        (
            ObstacleKind::Unreachable,
            "has a certificate that has expired",
            "tell the cluster's administrator",
        )
    } else if has("invalid peer certificate") {
        (
            ObstacleKind::Unreachable,
            "has a certificate that this kubeconfig does not trust",
            "log in again, or correct certificate-authority in the kubeconfig",
        )
    } else if has("auth exec") || has("AuthExec") {
        (
            ObstacleKind::Credentials,
            "was not asked: the credential plugin of the kubeconfig failed",
            "run the plugin by hand, or log in again",
        )
    } else if has("timed out") || has("deadline") {
        (
            ObstacleKind::Timeout,
            "did not answer in time",
            "try again; check the network",
        )
    } else {
        (
            ObstacleKind::Connection,
            "broke the connection",
            "try again; check the network",
        )
    };
    Obstacle {
        kind,
        message: format!("{what}: {server} {said}"),
        next: next.to_owned(),
        status: None,
    }
}

/// No answer within the time of one request.
#[must_use]
pub fn timeout(what: &str, seconds: f64, server: &str) -> Obstacle {
    Obstacle {
        kind: ObstacleKind::Timeout,
        message: format!(
            "{what}: {server} did not answer within {} s",
            (seconds * 10.0).round() / 10.0
        ),
        next: "try again; check the network".to_owned(),
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
            o.message,
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
        assert!(quota.next.contains("no longer need"), "{}", quota.next);
        let gone = at(
            StatusCode::NOT_FOUND,
            r#"{"message":"namespaces \"a\" not found","details":{"name":"a","kind":"namespaces"}}"#,
        );
        assert_eq!(gone.kind, ObstacleKind::Missing);
        assert!(gone.next.contains("project"), "{}", gone.next);
        let unknown = at(StatusCode::NOT_FOUND, "404 page not found");
        assert_eq!(unknown.kind, ObstacleKind::NotServed);
    }

    #[test]
    fn an_answer_of_a_proxy_in_between_is_told_by_its_code() {
        let o = from_status("list Pods", StatusCode::BAD_GATEWAY, b"<html>", "https://c");
        assert_eq!(
            (o.kind, o.message.as_str()),
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
            assert!(o.message.contains(part), "{}", o.message);
        }
    }
}
