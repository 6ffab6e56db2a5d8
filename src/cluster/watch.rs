//! Watches over the whole cluster: what changed, as it changes. A watch that ends is taken up again where it ended.
//! <https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes>

use std::time::Duration;

use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::Value;

use super::{Cluster, obstacle, pages::Wide, redact, snapshot::Obstacle};

/// How long the server keeps one watch open, in seconds.
const OPEN: u64 = 240;
/// How much longer than that we listen to a server that says nothing.
const SILENCE: Duration = Duration::from_secs(OPEN + 20);
/// The longest line that is read, in bytes: an object with its event.
const LONGEST: usize = 8 << 20;

/// One change.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// An object is as it says now.
    Set(Value),
    /// An object is gone; its last state.
    Gone(Value),
}

/// How a watch ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// It goes on from this resource version.
    At(String),
    /// The server has forgotten that resource version: list anew.
    Forgotten,
}

impl Cluster {
    /// Hands on what changes after a resource version until the server ends the watch. Secrets come without their values.
    pub async fn watch(
        &self,
        wide: &Wide,
        from: &str,
        each: &mut (dyn FnMut(Change) + Send),
    ) -> Result<End, Obstacle> {
        let (path, query) = self.wide_path(wide).await?;
        let path = format!(
            "{path}?watch=true&allowWatchBookmarks=true&timeoutSeconds={OPEN}&resourceVersion={from}{query}"
        );
        let what = format!("watch {}s", wide.kind);
        let broken = |error: kube::Error| obstacle::from_kube(&what, &error, &self.server);
        let request = Request::get(&path)
            .body(kube::client::Body::empty())
            .map_err(|e| broken(kube::Error::HttpError(e)))?;
        tracing::debug!("GET {path}");
        let response = self.client.send(request).await.map_err(broken)?;
        let (head, mut body) = response.into_parts();
        if head.status == StatusCode::GONE {
            return Ok(End::Forgotten);
        }
        if head.status != StatusCode::OK {
            let bytes = body
                .collect()
                .await
                .map(http_body_util::Collected::to_bytes);
            let bytes = bytes.unwrap_or_default();
            return Err(obstacle::from_status(
                &what,
                head.status,
                &bytes,
                &self.server,
            ));
        }
        let (mut line, mut at) = (Vec::new(), from.to_owned());
        // A server that says nothing, or a connection that breaks, ends this watch; the next one goes on from there.
        while let Ok(Some(Ok(frame))) = tokio::time::timeout(SILENCE, body.frame()).await {
            let Ok(data) = frame.into_data() else {
                continue;
            };
            for piece in data.split_inclusive(|b| *b == b'\n') {
                line.extend_from_slice(piece);
                if !piece.ends_with(b"\n") {
                    continue;
                }
                match told(&line, wide) {
                    Told::Change(change, version) => {
                        at = version.unwrap_or(at);
                        each(change);
                    }
                    Told::Bookmark(version) => at = version.unwrap_or(at),
                    Told::Forgotten => return Ok(End::Forgotten),
                    Told::Nothing => {}
                }
                line.clear();
            }
            if line.len() > LONGEST {
                return Ok(End::Forgotten);
            }
        }
        Ok(End::At(at))
    }
}

/// What one line says.
#[derive(Debug, PartialEq)]
enum Told {
    Change(Change, Option<String>),
    Bookmark(Option<String>),
    Forgotten,
    Nothing,
}

fn told(line: &[u8], wide: &Wide) -> Told {
    let Ok(mut event) = serde_json::from_slice::<Value>(line) else {
        return Told::Nothing;
    };
    let mut object = event["object"].take();
    let version = object["metadata"]["resourceVersion"].as_str();
    let version = version.map(str::to_owned);
    let kind = event["type"].as_str().unwrap_or_default();
    if kind == "BOOKMARK" {
        return Told::Bookmark(version);
    }
    // Any error of the stream: 410 is the usual one, and a new list is the way out of all.
    if kind == "ERROR" {
        return Told::Forgotten;
    }
    object["apiVersion"] = Value::from(wide.api_version.as_str());
    object["kind"] = Value::from(wide.kind.as_str());
    redact::secrets(&mut object);
    match kind {
        "ADDED" | "MODIFIED" => Told::Change(Change::Set(object), version),
        "DELETED" => Told::Change(Change::Gone(object), version),
        _ => Told::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wide(kind: &str) -> Wide {
        Wide {
            api_version: "v1".to_owned(),
            kind: kind.to_owned(),
            labels: None,
            fields: None,
        }
    }

    #[test]
    fn an_event_says_what_changed_and_where_to_go_on() {
        let line = br#"{"type":"MODIFIED","object":{"metadata":{"name":"a","resourceVersion":"7"},"data":{"p":"c2VjcmV0"}}}"#;
        let Told::Change(Change::Set(object), version) = told(line, &wide("Secret")) else {
            panic!("a change");
        };
        assert_eq!(version.as_deref(), Some("7"));
        assert_eq!(object["data"]["p"], "***", "a Secret keeps no value");
        let line = br#"{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"9"}}}"#;
        assert_eq!(
            told(line, &wide("Pod")),
            Told::Bookmark(Some("9".to_owned()))
        );
        let line = br#"{"type":"ERROR","object":{"kind":"Status","code":410}}"#;
        assert_eq!(told(line, &wide("Pod")), Told::Forgotten);
    }
}
