//! The one place where requests are sent: bounded in time and size, with short retries.

use std::{sync::atomic::Ordering, time::Duration};

use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Limited};
use serde_json::Value;
use tokio::time::Instant;

use super::{
    Cluster, obstacle,
    snapshot::{Obstacle, ObstacleKind},
};
use crate::lab::text::Text;

/// The largest answer that is read, in bytes.
const LARGEST: usize = 64 << 20;

/// Only the metadata of what was written: less for the server to encode, and for us to read.
/// <https://kubernetes.io/docs/reference/using-api/api-concepts/#metadata-only-fetches>
const METADATA: &str =
    "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json";

/// The longest pause of our own; the server may ask for more by `Retry-After`.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// How far two clocks may be apart and count as one, in seconds.
const PRECISION: i64 = 2;

/// How long somebody is asked again who is not there: an API server may be restarting.
const UNREACHABLE: Duration = Duration::from_secs(2);

/// Bounds of one call and its retries.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Time for one attempt.
    pub attempt: Duration,
    /// Time for all attempts of one call.
    pub total: Duration,
    /// The first pause between two attempts; it grows by half each time.
    pub pause: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            attempt: Duration::from_secs(10),
            total: Duration::from_secs(15),
            pause: Duration::from_millis(100),
        }
    }
}

/// One request, in words and on the wire.
#[derive(Debug, Clone)]
pub struct Call {
    /// What it is for, as a person says it: "list Pods in student-web".
    pub what: String,
    /// Method.
    pub method: Method,
    /// Path and query.
    pub path: String,
    /// Content type and body.
    pub body: Option<(&'static str, Vec<u8>)>,
    /// The form of the answer that is asked for; none for the object as it is.
    pub accept: Option<&'static str>,
    /// Whether it may be sent again when its fate is unknown or the server is busy.
    pub repeatable: bool,
}

impl Call {
    /// A GET.
    pub fn get(what: impl Into<String>, path: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            method: Method::GET,
            path: path.into(),
            body: None,
            accept: None,
            repeatable: true,
        }
    }

    /// A request with a JSON body that only asks, such as an access review.
    pub fn ask(what: impl Into<String>, path: impl Into<String>, body: Vec<u8>) -> Self {
        Self {
            what: what.into(),
            method: Method::POST,
            path: path.into(),
            body: Some(("application/json", body)),
            accept: None,
            repeatable: true,
        }
    }

    /// A request that changes something. It may be sent again: every one of them can be told from its own repetition,
    /// by a name that exists already or a state that is reached already.
    pub fn change(
        what: impl Into<String>,
        method: Method,
        path: impl Into<String>,
        kind: &'static str,
        body: &Value,
    ) -> Self {
        Self {
            what: what.into(),
            method,
            path: path.into(),
            body: Some((kind, body.to_string().into_bytes())),
            accept: Some(METADATA),
            repeatable: true,
        }
    }
}

impl Cluster {
    /// Sends a call and gives the answer, whatever its status. Busy answers (429, 502, 503, 504) and broken connections
    /// are tried again within the limits, if the call may be repeated.
    pub async fn send(&self, call: &Call) -> Result<(StatusCode, Vec<u8>), Obstacle> {
        let (status, _, body) = self.send_with_headers(call).await?;
        Ok((status, body))
    }

    /// The same, with the headers of the answer.
    pub(super) async fn send_with_headers(
        &self,
        call: &Call,
    ) -> Result<(StatusCode, HeaderMap, Vec<u8>), Obstacle> {
        let started = Instant::now();
        let mut pause = self.limits.pause;
        loop {
            let left = self.limits.total.saturating_sub(started.elapsed());
            let outcome = self.attempt(call, self.limits.attempt.min(left)).await;
            match &outcome {
                Ok((status, ..)) => tracing::debug!("{} {}: {status}", call.method, call.path),
                Err(obstacle) => tracing::debug!("{} {}: {obstacle}", call.method, call.path),
            }
            let busy = match &outcome {
                Ok((status, ..)) => matches!(status.as_u16(), 429 | 502 | 503 | 504),
                Err(_) => true,
            };
            let asked = outcome
                .as_ref()
                .ok()
                .and_then(|(_, headers, _)| retry_after(headers));
            let wait = asked.unwrap_or(pause);
            let patience = match &outcome {
                Err(o) if o.kind == ObstacleKind::Unreachable => self.limits.total.min(UNREACHABLE),
                Err(o) if o.kind == ObstacleKind::Credentials => Duration::ZERO,
                _ => self.limits.total,
            };
            if busy {
                self.pushed_back.fetch_add(1, Ordering::Relaxed);
            }
            if !busy || !call.repeatable || started.elapsed() + wait > patience {
                return outcome;
            }
            tokio::time::sleep(wait).await;
            // A class of a hundred must not come back in step.
            pause = (pause * 3 / 2)
                .min(LONGEST_PAUSE)
                .mul_f64(0.8 + 0.4 * fastrand::f64());
        }
    }

    /// Sends a call and gives its answer as JSON; anything but success is an obstacle.
    pub(crate) async fn json(&self, call: &Call) -> Result<Value, Obstacle> {
        let (status, body) = self.send(call).await?;
        if !status.is_success() {
            return Err(obstacle::from_status(
                &call.what,
                status,
                &body,
                &self.server,
            ));
        }
        self.parsed(&call.what, status, &body)
    }

    /// The JSON of an answer that is a success. A page of a proxy or of a portal in between is none.
    pub(crate) fn parsed(
        &self,
        what: &str,
        status: StatusCode,
        body: &[u8],
    ) -> Result<Value, Obstacle> {
        let parsed = serde_json::from_slice(body).ok();
        parsed.filter(Value::is_object).ok_or_else(|| Obstacle {
            kind: ObstacleKind::Other,
            message: Text::new(
                format!("{what}: {} answered no JSON", self.server),
                format!("{} の応答が JSON ではありません（{what}）", self.server),
            ),
            next: obstacle::no_api_server(),
            status: Some(status.as_u16()),
        })
    }

    async fn attempt(
        &self,
        call: &Call,
        limit: Duration,
    ) -> Result<(StatusCode, HeaderMap, Vec<u8>), Obstacle> {
        match tokio::time::timeout(limit, self.exchange(call)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(obstacle::timeout(
                &call.what,
                limit.as_secs_f64(),
                &self.server,
            )),
        }
    }

    async fn exchange(&self, call: &Call) -> Result<(StatusCode, HeaderMap, Vec<u8>), Obstacle> {
        let broken = |error: kube::Error| obstacle::from_kube(&call.what, &error, &self.server);
        let mut request = Request::builder()
            .method(call.method.clone())
            .uri(&call.path);
        if let Some(accept) = call.accept {
            request = request.header(http::header::ACCEPT, accept);
        }
        let body = match &call.body {
            Some((kind, bytes)) => {
                request = request.header(http::header::CONTENT_TYPE, *kind);
                bytes.clone()
            }
            None => Vec::new(),
        };
        let request = request
            .body(kube::client::Body::from(body))
            .map_err(|e| broken(kube::Error::HttpError(e)))?;
        let response = self.client.send(request).await.map_err(broken)?;
        let (head, body) = response.into_parts();
        if let Some(ahead) = ahead(&head.headers) {
            self.ahead.store(ahead, Ordering::Relaxed);
        }
        let bytes = Limited::new(body, LARGEST)
            .collect()
            .await
            .map_err(|e| broken(kube::Error::Service(e)))?
            .to_bytes();
        Ok((head.status, head.headers, bytes.to_vec()))
    }
}

/// By how many seconds the clock of who answers is ahead of ours, by its `Date`; a difference within its precision and a
/// slow answer counts as none.
fn ahead(headers: &HeaderMap) -> Option<i64> {
    let date = headers.get(http::header::DATE)?.to_str().ok()?;
    let there = jiff::fmt::rfc2822::parse(date).ok()?.timestamp();
    let ahead = there.as_second() - jiff::Timestamp::now().as_second();
    Some(if ahead.abs() <= PRECISION { 0 } else { ahead })
}

/// `Retry-After` in seconds, as the API server sends it.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers
        .get(http::header::RETRY_AFTER)?
        .to_str()
        .ok()?
        .parse()
        .ok()?;
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp, fmt::rfc2822::DateTimePrinter};

    use super::*;

    #[test]
    fn a_clock_that_is_wrong_is_noticed_and_a_second_is_not() {
        let seen = |seconds: i64| {
            let there = Timestamp::now() + SignedDuration::from_secs(seconds);
            let date = DateTimePrinter::new().timestamp_to_rfc9110_string(&there);
            let mut headers = HeaderMap::new();
            headers.insert(http::header::DATE, date.unwrap().parse().unwrap());
            ahead(&headers).unwrap()
        };
        assert_eq!(seen(1), 0);
        assert!((299..=301).contains(&seen(300)));
        assert!((-301..=-299).contains(&seen(-300)));
        assert_eq!(ahead(&HeaderMap::new()), None);
    }
}
