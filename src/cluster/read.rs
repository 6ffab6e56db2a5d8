//! Reads: what checks ask of the cluster, each answered or refused, never guessed.

use std::{collections::BTreeSet, fmt::Write as _, time::Duration};

use futures::{StreamExt, stream};
use http::StatusCode;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::{
    Cluster,
    call::Call,
    obstacle, redact,
    resources::{group_path, not_served},
    snapshot::{Answer, Obstacle, ObstacleKind, Read, Snapshot},
};
use crate::lab::model::{AccessRef, ListRef, LogRef, ObjectRef, ProxyRef};

/// How many reads are under way at once.
const CONCURRENCY: usize = 16;
/// The most Pods whose logs one read looks through.
const LOGS: usize = 10;
/// How often a Service is asked while the way to it is in trouble.
const TRIES: u32 = 3;
/// The pause between two of these.
const PAUSE: Duration = Duration::from_millis(300);
/// Objects of one page of a list.
const PAGE: usize = 500;

impl Cluster {
    /// Asks everything, each read once, some at a time.
    pub async fn snapshot(&self, reads: impl IntoIterator<Item = Read>) -> Snapshot {
        let unique: BTreeSet<Read> = reads.into_iter().collect();
        let answers = stream::iter(unique)
            .map(|read| async move {
                let answer = self.read(&read).await;
                (read, answer)
            })
            .buffer_unordered(CONCURRENCY)
            .collect()
            .await;
        Snapshot {
            at: self.now(),
            answers,
        }
    }

    /// Asks one thing.
    pub async fn read(&self, read: &Read) -> Result<Answer, Obstacle> {
        match read {
            Read::Object(object) => self.object(object).await,
            Read::List(list) => self.list(list).await.map(Answer::List),
            Read::Api(group_version) => self.kinds(group_version).await.map(Answer::Kinds),
            Read::Access(access) => self.access(access).await,
            Read::Proxy(proxy) => self.proxy(proxy).await,
            Read::Web(web) => super::web::get(web, self.router.as_deref()).await,
            Read::Log(log) => self.log(log).await,
        }
    }

    async fn object(&self, object: &ObjectRef) -> Result<Answer, Obstacle> {
        let base = self
            .path(
                &object.api_version,
                &object.kind,
                object.namespace.as_deref(),
            )
            .await?;
        let what = format!("get {} {}", object.kind, object.name);
        let (status, body) = self
            .send(&Call::get(&what, format!("{base}/{}", object.name)))
            .await?;
        match status {
            StatusCode::OK => {
                let mut found = self.parsed(&what, status, &body)?;
                redact::secrets(&mut found);
                Ok(Answer::Object(found))
            }
            // A Status that names the object: the kind is served, the object is not there.
            StatusCode::NOT_FOUND if names_an_object(&body) => Ok(Answer::Missing),
            StatusCode::NOT_FOUND => Err(not_served(&object.api_version, &object.kind)),
            _ => Err(obstacle::from_status(&what, status, &body, &self.server)),
        }
    }

    async fn list(&self, list: &ListRef) -> Result<Vec<Value>, Obstacle> {
        let base = self
            .path(&list.api_version, &list.kind, list.namespace.as_deref())
            .await?;
        let what = format!("list {}s", list.kind);
        let mut query = format!("?limit={PAGE}");
        for (name, selector) in [
            ("labelSelector", &list.label_selector),
            ("fieldSelector", &list.field_selector),
        ] {
            if let Some(selector) = selector {
                query = format!("{query}&{name}={}", encode(selector));
            }
        }
        let (mut items, mut page) = (Vec::new(), String::new());
        loop {
            let (status, body) = self
                .send(&Call::get(&what, format!("{base}{query}{page}")))
                .await?;
            match status {
                StatusCode::OK => {}
                StatusCode::NOT_FOUND => return Err(not_served(&list.api_version, &list.kind)),
                _ => return Err(obstacle::from_status(&what, status, &body, &self.server)),
            }
            let mut found = self.parsed(&what, status, &body)?;
            for mut item in found["items"]
                .as_array_mut()
                .map(std::mem::take)
                .unwrap_or_default()
            {
                // Items of a list don't say their kind.
                item["apiVersion"] = Value::from(list.api_version.as_str());
                item["kind"] = Value::from(list.kind.as_str());
                redact::secrets(&mut item);
                items.push(item);
            }
            match found["metadata"]["continue"].as_str() {
                Some(token) if !token.is_empty() => page = format!("&continue={}", encode(token)),
                _ => return Ok(items),
            }
        }
    }

    /// For the caller by a `SelfSubjectAccessReview`; for somebody else by a `LocalSubjectAccessReview`, which the
    /// admin of a namespace may create.
    async fn access(&self, access: &AccessRef) -> Result<Answer, Obstacle> {
        let attributes = json!({
            "verb": access.verb, "group": access.group, "resource": access.resource,
            "subresource": access.subresource, "namespace": access.namespace,
        });
        let group = "/apis/authorization.k8s.io/v1";
        let (path, kind, spec) = match (&access.user, &access.namespace) {
            (None, _) => (
                format!("{group}/selfsubjectaccessreviews"),
                "SelfSubjectAccessReview",
                json!({"resourceAttributes": attributes}),
            ),
            (Some(user), namespace) => {
                let spec = json!({"resourceAttributes": attributes, "user": user, "groups": groups_of(user)});
                match namespace {
                    Some(n) => (
                        format!("{group}/namespaces/{n}/localsubjectaccessreviews"),
                        "LocalSubjectAccessReview",
                        spec,
                    ),
                    None => (
                        format!("{group}/subjectaccessreviews"),
                        "SubjectAccessReview",
                        spec,
                    ),
                }
            }
        };
        let review = json!({
            "apiVersion": "authorization.k8s.io/v1", "kind": kind,
            "metadata": {"namespace": access.user.as_ref().and(access.namespace.as_ref())}, "spec": spec,
        });
        let what = format!("ask who may {} {}", access.verb, access.resource);
        let (status, body) = self
            .send(&Call::ask(&what, path, review.to_string().into_bytes()))
            .await?;
        if !status.is_success() {
            return Err(obstacle::from_status(&what, status, &body, &self.server));
        }
        let answer = self.parsed(&what, status, &body)?;
        Ok(Answer::Access {
            allowed: answer["status"]["allowed"].as_bool().unwrap_or_default(),
            reason: answer["status"]["reason"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
        })
    }

    /// A Service without a ready endpoint answers 503: that is what was asked, and no trouble with the cluster, so it is
    /// not asked again as a busy API server is.
    async fn proxy(&self, proxy: &ProxyRef) -> Result<Answer, Obstacle> {
        let mut tries = 1;
        loop {
            match self.proxied(proxy).await {
                Err(o) if o.kind == ObstacleKind::Unavailable && tries < TRIES => {
                    tries += 1;
                    sleep(PAUSE).await;
                }
                outcome => return outcome,
            }
        }
    }

    async fn proxied(&self, proxy: &ProxyRef) -> Result<Answer, Obstacle> {
        let path = format!(
            "/api/v1/namespaces/{}/services/{}:{}/proxy{}",
            proxy.namespace, proxy.service, proxy.port, proxy.path
        );
        let what = format!("ask Service {} in {}", proxy.service, proxy.namespace);
        let call = Call {
            repeatable: false,
            ..Call::get(&what, path)
        };
        let (status, headers, body) = self.send_with_headers(&call).await?;
        if super::proxy::is_trouble(status, &headers, &body) {
            return Err(obstacle::from_status(&what, status, &body, &self.server));
        }
        Ok(Answer::Http {
            status: status.as_u16(),
            body: String::from_utf8_lossy(&body).into_owned(),
        })
    }

    async fn log(&self, log: &LogRef) -> Result<Answer, Obstacle> {
        let pods = match &log.pod {
            Some(pod) => vec![pod.clone()],
            None => {
                let pods = ListRef {
                    api_version: "v1".to_owned(),
                    kind: "Pod".to_owned(),
                    namespace: Some(log.namespace.clone()),
                    label_selector: log.selector.clone(),
                    field_selector: None,
                };
                let found = self.list(&pods).await?;
                let name = |p: &Value| p["metadata"]["name"].as_str().map(str::to_owned);
                found.iter().filter_map(name).take(LOGS).collect()
            }
        };
        let mut text = None;
        for pod in &pods {
            if let Some(more) = self.log_of(log, pod).await? {
                text.get_or_insert_with(String::new).push_str(&more);
            }
        }
        Ok(text.map_or(Answer::Missing, Answer::Log))
    }

    /// The end of one Pod's log; none where its container has not started.
    async fn log_of(&self, log: &LogRef, pod: &str) -> Result<Option<String>, Obstacle> {
        let container = log
            .container
            .as_ref()
            .map_or_else(String::new, |c| format!("&container={c}"));
        let path = format!(
            "/api/v1/namespaces/{}/pods/{pod}/log?tailLines=500&limitBytes=1048576{container}",
            log.namespace
        );
        let what = format!("read the log of Pod {pod}");
        let (status, body) = self.send(&Call::get(&what, path)).await?;
        match status {
            StatusCode::OK => Ok(Some(String::from_utf8_lossy(&body).into_owned())),
            StatusCode::NOT_FOUND => Ok(None),
            // The container has not started; else there are several, and the lab names none.
            StatusCode::BAD_REQUEST
                if !String::from_utf8_lossy(&body).contains("must be specified") =>
            {
                Ok(None)
            }
            _ => Err(obstacle::from_status(&what, status, &body, &self.server)),
        }
    }

    /// The path of a kind's collection.
    pub(super) async fn path(
        &self,
        api_version: &str,
        kind: &str,
        namespace: Option<&str>,
    ) -> Result<String, Obstacle> {
        let resource = self.resource(api_version, kind).await?;
        let base = group_path(api_version);
        match (resource.namespaced, namespace) {
            (true, Some(namespace)) => {
                Ok(format!("{base}/namespaces/{namespace}/{}", resource.plural))
            }
            (false, _) => Ok(format!("{base}/{}", resource.plural)),
            (true, None) => Err(Obstacle::of_lab(format!(
                "the lab does not say in which project {kind} lies"
            ))),
        }
    }
}

/// Whether a 404 is about an object: its kind is served, then.
fn names_an_object(body: &[u8]) -> bool {
    let status: Value = serde_json::from_slice(body).unwrap_or_default();
    status["details"]["name"].is_string()
}

/// The groups that the API server gives a `ServiceAccount`.
fn groups_of(user: &str) -> Vec<String> {
    let Some((namespace, _)) = user
        .strip_prefix("system:serviceaccount:")
        .and_then(|s| s.split_once(':'))
    else {
        return vec!["system:authenticated".to_owned()];
    };
    vec![
        "system:serviceaccounts".to_owned(),
        format!("system:serviceaccounts:{namespace}"),
        "system:authenticated".to_owned(),
    ]
}

pub(super) fn encode(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a String can't fail.
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}
