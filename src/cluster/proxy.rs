//! Answers that come through the API server's proxy to a Service: from the Service, or from the way to it.

use http::{HeaderMap, StatusCode};
use serde_json::Value;

/// What the API server says of a Service that nobody answers for.
/// <https://github.com/kubernetes/kubernetes/blob/master/pkg/registry/core/service/storage/storage.go>
const OF_THE_SERVICE: [&str; 2] = ["no endpoints available", "error trying to reach service"];

/// The header that the API server gives every answer that went through it.
/// <https://kubernetes.io/docs/tasks/debug/debug-cluster/audit/>
const THROUGH_THE_SERVER: &str = "audit-id";

/// Whether the answer is the cluster's trouble, and tells nothing of the Service.
pub(super) fn is_trouble(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> bool {
    let said: Value = serde_json::from_slice(body).unwrap_or_default();
    let by_server = said["kind"] == "Status" && said["apiVersion"] == "v1";
    if by_server {
        let message = said["message"].as_str().unwrap_or_default();
        let of_service = OF_THE_SERVICE.iter().any(|words| message.contains(words));
        let refused = matches!(status.as_u16(), 401 | 403 | 429);
        return refused || status.is_server_error() && !of_service;
    }
    // A load balancer in between has its own pages for this.
    status.is_server_error() && !headers.contains_key(THROUGH_THE_SERVER)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_server(status: StatusCode, message: &str) -> bool {
        let body = format!(r#"{{"kind":"Status","apiVersion":"v1","message":"{message}"}}"#);
        is_trouble(status, &HeaderMap::new(), body.as_bytes())
    }

    #[test]
    fn a_service_without_pods_is_no_trouble_and_a_starting_server_is() {
        let busy = StatusCode::SERVICE_UNAVAILABLE;
        assert!(!of_server(busy, "no endpoints available for service web"));
        assert!(!of_server(busy, "error trying to reach service: dial tcp"));
        assert!(of_server(busy, "the server is starting"));
        assert!(of_server(
            StatusCode::FORBIDDEN,
            "services web is forbidden"
        ));
        assert!(!of_server(StatusCode::NOT_FOUND, "services web not found"));
    }

    #[test]
    fn an_error_page_is_the_programs_own_if_it_came_through_the_server() {
        let page = b"<html>Bad Gateway</html>";
        let mut headers = HeaderMap::new();
        assert!(is_trouble(StatusCode::BAD_GATEWAY, &headers, page));
        headers.insert(THROUGH_THE_SERVER, "x".parse().unwrap());
        assert!(!is_trouble(StatusCode::BAD_GATEWAY, &headers, page));
        assert!(!is_trouble(StatusCode::OK, &HeaderMap::new(), page));
    }
}
