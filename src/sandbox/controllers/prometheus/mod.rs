//! Runs the Prometheus servers of Pods: each reads what its Pod mounts, and goes on with time.

mod files;
mod reach;

use std::{collections::HashMap, time::Duration};

use serde_json::Value;

use self::reach::Reach;
use super::{
    Controller, Outcome,
    cluster::{Cluster, PODS},
};
use crate::sandbox::{
    network,
    prometheus::{
        number,
        server::{Server, Settings},
    },
    store::{Change, Key},
};

/// How long it takes until a changed configuration is read: the kubelet brings it to the Pod, the reloader sees it.
/// <https://kubernetes.io/docs/concepts/configuration/secret/#mounted-secrets-are-updated-automatically>
const RELOAD: Duration = Duration::from_secs(15);

/// The most often that a server is looked at.
const SHORTEST: Duration = Duration::from_millis(10);

/// The servers.
#[derive(Debug, Default)]
pub struct Servers {
    /// The Pods that had one, by their uid.
    known: HashMap<Key, String>,
    /// What was seen of changed files, and when first.
    changed: HashMap<Key, (files::Files, Duration)>,
}

impl Controller for Servers {
    fn name(&self) -> &'static str {
        "prometheus"
    }

    fn program(&self) -> &'static str {
        "prometheus"
    }

    fn touched(&self, _: &Cluster<'_>, change: &Change) -> Vec<Key> {
        if !PODS.is_of(change) {
            return Vec::new();
        }
        let runs = change
            .after
            .as_ref()
            .is_some_and(|pod| container(pod).is_some());
        let wanted = runs || self.known.contains_key(&change.key);
        wanted.then(|| change.key.clone()).into_iter().collect()
    }

    fn reconcile(&mut self, cluster: &Cluster<'_>, key: &Key) -> Outcome {
        let pod = cluster.get(PODS, &key.0, &key.1);
        let uid = pod.as_ref().and_then(|p| p["metadata"]["uid"].as_str());
        if let Some(before) = self
            .known
            .get(key)
            .filter(|before| uid != Some(before.as_str()))
        {
            cluster.api.prometheuses.forget(before);
            self.known.remove(key);
            self.changed.remove(key);
        }
        let (Some(pod), Some(uid)) = (&pod, uid) else {
            return Ok(None);
        };
        let Some(container) = container(pod).filter(|c| is_running(pod, c)) else {
            return Ok(None);
        };
        self.known.insert(key.clone(), uid.to_owned());
        let now = cluster.api.clock.simulated_now();
        let files = files::of(cluster, pod, container);
        // It is moved on apart from the others: what it scrapes may be another of them.
        let taken = cluster.api.prometheuses.with(|all| all.get(uid).cloned());
        let mut server = match taken {
            Some(server) => server,
            None => {
                let mut server = Server::start(settings(pod, container), now);
                load(&mut server, &files, now);
                server
            }
        };
        self.reload(cluster, key, &mut server, files);
        let world = Reach {
            api: cluster.api,
            pod,
        };
        let next = server.advance(&world, now);
        cluster
            .api
            .prometheuses
            .with(|all| all.insert(uid.to_owned(), server));
        let pause = u64::try_from(next - now).unwrap_or_default();
        Ok(Some(Duration::from_millis(pause).max(SHORTEST)))
    }
}

impl Servers {
    /// Reads files that have changed, some time after they did.
    fn reload(
        &mut self,
        cluster: &Cluster<'_>,
        key: &Key,
        server: &mut Server,
        files: files::Files,
    ) {
        let elapsed = cluster.elapsed();
        if files.is_of(server) {
            self.changed.remove(key);
            return;
        }
        match self.changed.get(key) {
            Some((seen, since)) if *seen == files => {
                if elapsed >= *since + RELOAD {
                    load(server, &files, cluster.api.clock.simulated_now());
                    // One that is wrong is not read again until it changes.
                    self.changed.insert(key.clone(), (files, Duration::MAX / 2));
                }
            }
            _ => {
                self.changed.insert(key.clone(), (files, elapsed));
            }
        }
    }
}

fn load(server: &mut Server, files: &files::Files, now: i64) {
    if let Err(error) = server.load(&files.config, &files.rules, now) {
        tracing::debug!("a configuration can't be read: {error}");
    }
}

/// The container that runs a Prometheus.
fn container(pod: &Value) -> Option<&Value> {
    let all = pod["spec"]["containers"].as_array()?;
    all.iter().find(|c| network::is_prometheus(c))
}

fn is_running(pod: &Value, container: &Value) -> bool {
    let all = pod["status"]["containerStatuses"]
        .as_array()
        .into_iter()
        .flatten();
    let mut all = all.filter(|s| s["name"] == container["name"]);
    all.any(|s| s["state"]["running"].is_object())
}

/// What its arguments say.
fn settings(pod: &Value, container: &Value) -> Settings {
    let argument = |name: &str| {
        let all = container["args"].as_array().into_iter().flatten();
        let prefix = format!("--{name}=");
        all.filter_map(Value::as_str)
            .find_map(|a| a.strip_prefix(&prefix).map(str::to_owned))
    };
    let duration = |name: &str| argument(name).and_then(|text| number::duration(&text));
    let image = container["image"].as_str().unwrap_or_default();
    let version = image
        .rsplit_once(":v")
        .map_or("3.11.0", |(_, version)| version);
    Settings {
        host: pod["metadata"]["name"]
            .as_str()
            .unwrap_or_default()
            .to_owned(),
        lookback: duration("query.lookback-delta").unwrap_or(300_000),
        retention: duration("storage.tsdb.retention.time").unwrap_or(15 * 24 * 3_600_000),
        version: version.to_owned(),
    }
}
