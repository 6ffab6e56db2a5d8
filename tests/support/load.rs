//! Clients that write at once, and remember what was acknowledged.

use std::{collections::BTreeMap, path::Path, time::Duration};

use http_body_util::BodyExt as _;
use serde_json::{Value, json};

/// How many objects each writer has at most.
const OBJECTS: usize = 8;
/// How many bytes a large object has.
const LARGE: usize = 150_000;

/// How long one answer may take.
const LIMIT: Duration = Duration::from_secs(60);

/// The server went away before it answered.
#[derive(Debug)]
pub struct Lost(pub String);

/// What is known of an object that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    pub value: String,
    /// None where the answer did not come.
    pub uid: Option<String>,
    pub version: u64,
}

/// What is known of an object: none for one that is not there.
type State = Option<Kept>;

/// What was acknowledged of an object, and what was asked for when no answer came.
#[derive(Debug, Default)]
pub struct Known {
    pub state: State,
    doubt: Option<State>,
}

/// What answers there were.
#[derive(Debug, Default, Clone, Copy)]
pub struct Tally {
    pub written: usize,
    pub conflicts: usize,
    pub refused: usize,
}

/// One client that writes `ConfigMaps` of its own.
pub struct Writer {
    pub id: usize,
    pub known: BTreeMap<String, Known>,
    pub tally: Tally,
    /// The highest version that was acknowledged.
    pub newest: u64,
    /// One object in so many is large.
    large_every: usize,
    random: fastrand::Rng,
    counter: usize,
    namespace: String,
}

/// A client of a kubeconfig that takes every answer as it comes.
pub async fn client(kubeconfig: &Path) -> kube::Client {
    let kubeconfig = kube::config::Kubeconfig::read_from(kubeconfig).unwrap();
    let options = kube::config::KubeConfigOptions::default();
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &options);
    let mut config = config.await.unwrap();
    config.default_retry = false;
    kube::Client::try_from(config).unwrap()
}

/// Sends a request; no answer of a server that lives is a fault of its own.
pub async fn send(
    client: &kube::Client,
    method: &str,
    path: &str,
    body: &Value,
) -> Result<(u16, Value), Lost> {
    let answer = tokio::time::timeout(LIMIT, answered(client, method, path, body)).await;
    answer.unwrap_or_else(|_| panic!("{method} {path}: no answer within {LIMIT:?}"))
}

async fn answered(
    client: &kube::Client,
    method: &str,
    path: &str,
    body: &Value,
) -> Result<(u16, Value), Lost> {
    let content = match method {
        "PATCH" if path.contains("fieldManager=") => "application/apply-patch+yaml",
        "PATCH" => "application/merge-patch+json",
        _ => "application/json",
    };
    let bytes = if body.is_null() {
        Vec::new()
    } else {
        body.to_string().into_bytes()
    };
    let request = http::Request::builder().method(method).uri(path);
    let request = request.header("content-type", content);
    let request = request.body(kube::client::Body::from(bytes)).unwrap();
    let answer = client.send(request).await;
    let answer = answer.map_err(|e| Lost(e.to_string()))?;
    let status = answer.status().as_u16();
    let bytes = answer.into_body().collect().await;
    let bytes = bytes.map_err(|e| Lost(e.to_string()))?.to_bytes();
    let value: Value = serde_json::from_slice(&bytes).map_err(|e| Lost(e.to_string()))?;
    assert!(status < 500, "{method} {path}: {status} {value}");
    Ok((status, value))
}

/// The version of an object.
pub fn version(object: &Value) -> u64 {
    let text = object["metadata"]["resourceVersion"].as_str();
    text.and_then(|v| v.parse().ok()).unwrap_or_default()
}

fn kept(object: &Value) -> Kept {
    Kept {
        value: object["data"]["value"].as_str().unwrap().to_owned(),
        uid: object["metadata"]["uid"].as_str().map(str::to_owned),
        version: version(object),
    }
}

impl Writer {
    pub fn new(id: usize, seed: u64, namespace: &str) -> Self {
        Self {
            id,
            known: BTreeMap::new(),
            tally: Tally::default(),
            newest: 0,
            large_every: 30,
            random: fastrand::Rng::with_seed(seed.wrapping_add(id as u64)),
            counter: 0,
            namespace: namespace.to_owned(),
        }
    }

    /// Writes large objects more often, so that the files soon have to be written anew.
    pub fn large_every(self, large_every: usize) -> Self {
        Self {
            large_every,
            ..self
        }
    }

    fn path(&self, name: &str) -> String {
        format!("/api/v1/namespaces/{}/configmaps{name}", self.namespace)
    }

    fn object(&mut self, name: &str) -> (String, Value) {
        self.counter += 1;
        let value = format!("{}.{}", self.id, self.counter);
        let mut data = json!({ "value": value });
        if self.random.usize(..self.large_every) == 0 {
            data["filler"] = json!("x".repeat(LARGE));
        }
        let object = json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": name, "labels": {"writer": self.id.to_string()}}, "data": data,
        });
        (value, object)
    }

    /// Writes once, in one of the ways that there are.
    pub async fn step(&mut self, client: &kube::Client) -> Result<(), Lost> {
        let name = format!("w{}-{}", self.id, self.random.usize(..OBJECTS));
        let before = self.known.entry(name.clone()).or_default().state.clone();
        let (value, mut object) = self.object(&name);
        let one = self.path(&format!("/{name}"));
        let applied = format!("{one}?fieldManager=applier&force=true");
        let Some(before) = before else {
            let (method, path) = if self.random.bool() {
                ("POST", self.path(""))
            } else {
                ("PATCH", applied)
            };
            let (status, answer) = self
                .ask(client, &name, (method, &path, &object), &value)
                .await?;
            assert_eq!(status, 201, "{method} {path}: {answer}");
            return Ok(());
        };
        match self.random.usize(..10) {
            0..3 => {
                object["metadata"]["resourceVersion"] = json!(before.version.to_string());
                let asked = ("PUT", one.as_str(), &object);
                let (status, answer) = self.ask(client, &name, asked, &value).await?;
                assert_eq!(status, 200, "{answer}");
            }
            3 => {
                // A version that somebody has seen before.
                object["metadata"]["resourceVersion"] = json!((before.version - 1).to_string());
                let asked = ("PUT", one.as_str(), &object);
                let (status, answer) = self.ask(client, &name, asked, &value).await?;
                assert_eq!(status, 409, "{answer}");
            }
            4 => {
                let (status, answer) = self
                    .ask(client, &name, ("POST", &self.path(""), &object), &value)
                    .await?;
                assert_eq!((status, &answer["reason"]), (409, &json!("AlreadyExists")));
            }
            5 | 6 => {
                let filler = object["data"].get("filler").cloned();
                let patch = json!({"data": {"value": value, "filler": filler}});
                let asked = ("PATCH", one.as_str(), &patch);
                let (status, answer) = self.ask(client, &name, asked, &value).await?;
                assert_eq!(status, 200, "{answer}");
            }
            7 => {
                let asked = ("PATCH", applied.as_str(), &object);
                let (status, answer) = self.ask(client, &name, asked, &value).await?;
                assert_eq!(status, 200, "{answer}");
            }
            _ => {
                self.known.get_mut(&name).unwrap().doubt = Some(None);
                let (status, answer) = send(client, "DELETE", &one, &Value::Null).await?;
                assert_eq!(status, 200, "{answer}");
                self.known.insert(name, Known::default());
                self.tally.written += 1;
            }
        }
        Ok(())
    }

    /// Asks for a value, and remembers what comes of it.
    async fn ask(
        &mut self,
        client: &kube::Client,
        name: &str,
        (method, path, body): (&str, &str, &Value),
        value: &str,
    ) -> Result<(u16, Value), Lost> {
        let known = self.known.get_mut(name).unwrap();
        known.doubt = Some(Some(Kept {
            value: value.to_owned(),
            uid: known.state.as_ref().and_then(|k| k.uid.clone()),
            version: 0,
        }));
        let (status, answer) = send(client, method, path, body).await?;
        known.doubt = None;
        if status == 409 {
            self.tally.conflicts += 1;
            return Ok((status, answer));
        }
        assert!(status < 300, "{method} {path}: {status} {answer}");
        let now = kept(&answer);
        assert_eq!(now.value, value);
        if let Some(before) = &known.state {
            assert_eq!(before.uid, now.uid, "an object keeps its uid");
            assert!(now.version > before.version, "versions grow");
        }
        self.newest = self.newest.max(now.version);
        known.state = Some(now);
        self.tally.written += 1;
        Ok((status, answer))
    }

    /// Whether a request of its was not answered.
    pub fn is_in_doubt(&self) -> bool {
        self.known.values().any(|known| known.doubt.is_some())
    }

    /// Compares with what is there, by name; what was in doubt is clear then.
    pub fn compare(&mut self, there: &BTreeMap<String, Value>) {
        for (name, known) in &mut self.known {
            let found = there.get(name).map(kept);
            let same = |state: &State| match (state, &found) {
                (None, None) => true,
                (Some(wanted), Some(found)) => {
                    wanted.value == found.value && (wanted.uid.is_none() || wanted.uid == found.uid)
                }
                _ => false,
            };
            let doubted = known.doubt.as_ref().is_some_and(same);
            assert!(
                same(&known.state) || doubted,
                "{name}: {found:?} is there, acknowledged was {:?}, asked for {:?}",
                known.state,
                known.doubt
            );
            let whole = doubted
                || known.state.as_ref().map(|k| k.version) == found.as_ref().map(|k| k.version);
            assert!(
                whole,
                "{name}: {found:?} is there, acknowledged was {:?}",
                known.state
            );
            known.state = found;
            known.doubt = None;
        }
        let mine = format!("w{}-", self.id);
        let strange = there
            .keys()
            .find(|n| n.starts_with(&mine) && !self.known.contains_key(*n));
        assert_eq!(strange, None);
    }
}

/// The `ConfigMaps` of a namespace by name, and the version of the list.
pub async fn listed(client: &kube::Client, namespace: &str) -> (BTreeMap<String, Value>, u64) {
    let path = format!("/api/v1/namespaces/{namespace}/configmaps");
    let (status, list) = send(client, "GET", &path, &Value::Null).await.unwrap();
    assert_eq!(status, 200, "{list}");
    let all = list["items"].as_array().unwrap().iter();
    let named = all.map(|o| {
        (
            o["metadata"]["name"].as_str().unwrap().to_owned(),
            o.clone(),
        )
    });
    (named.collect(), version(&list))
}

/// A number from the environment.
pub fn number(variable: &str, usual: u64) -> u64 {
    let given = std::env::var(variable).ok();
    given.and_then(|v| v.parse().ok()).unwrap_or(usual)
}
