//! What is done to the servers: writes by a client that keeps them busy, lists, and a watch that waits for a change.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use futures::{AsyncBufReadExt as _, StreamExt as _, TryStreamExt as _};
use http_body_util::BodyExt as _;
use kube::client::Body;
use serde_json::{Value, json};

use crate::support::wait;

/// How many requests are on their way at once.
const AT_ONCE: usize = 32;

/// A client of one of the servers.
pub(crate) struct Load {
    client: kube::Client,
    runtime: tokio::runtime::Runtime,
}

impl Load {
    /// As the administrator of a kubeconfig.
    pub(crate) fn of(kubeconfig: &Path) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let config = kube::config::Kubeconfig::read_from(kubeconfig).unwrap();
        let options = kube::config::KubeConfigOptions::default();
        let client = runtime.block_on(async {
            let config = kube::Config::from_custom_kubeconfig(config, &options).await;
            kube::Client::try_from(config.unwrap()).unwrap()
        });
        Self { client, runtime }
    }

    /// A namespace, with the `ServiceAccount` that Pods need.
    pub(crate) fn namespace(&self, name: &str) {
        let namespace =
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        self.all("POST", [("/api/v1/namespaces".to_owned(), namespace)]);
        let account = format!("/api/v1/namespaces/{name}/serviceaccounts/default");
        wait::until(&account, || match self.get(&account, "application/json") {
            (200, ..) => Ok(()),
            refused => Err(refused),
        });
    }

    /// Sends requests, as many at once as keep the server busy; all have to succeed. Gives the time.
    pub(crate) fn all(
        &self,
        method: &str,
        requests: impl IntoIterator<Item = (String, Value)>,
    ) -> Duration {
        let content = match method {
            "PATCH" => "application/merge-patch+json",
            _ => "application/json",
        };
        let requests: Vec<_> = requests
            .into_iter()
            .map(|(path, body)| {
                http::Request::builder()
                    .method(method)
                    .uri(path)
                    .header("content-type", content)
                    .body(Body::from(body.to_string().into_bytes()))
                    .unwrap()
            })
            .collect();
        let started = Instant::now();
        self.runtime.block_on(async {
            futures::stream::iter(requests)
                .map(|request| async {
                    let answer = self.client.send(request).await.unwrap();
                    let status = answer.status();
                    let body = answer.into_body().collect().await.unwrap().to_bytes();
                    assert!(
                        status.is_success(),
                        "{status}: {}",
                        String::from_utf8_lossy(&body)
                    );
                })
                .buffer_unordered(AT_ONCE)
                .for_each(|()| async {})
                .await;
        });
        started.elapsed()
    }

    /// The objects of a list.
    pub(crate) fn items(&self, path: &str) -> Vec<Value> {
        let request = http::Request::get(path).body(Vec::new()).unwrap();
        let list = self.runtime.block_on(self.client.request::<Value>(request));
        list.unwrap()["items"].as_array().cloned().unwrap()
    }

    /// More nodes like the first.
    pub(crate) fn nodes(&self, count: usize) {
        let first = self.items("/api/v1/nodes").swap_remove(0);
        let name = |i: usize| format!("node-{i:03}");
        let metadata =
            |i: usize| json!({"name": name(i), "labels": {"kubernetes.io/hostname": name(i)}});
        let node = |i: usize| json!({"apiVersion": "v1", "kind": "Node", "metadata": metadata(i)});
        let nodes = (0..count).map(|i| ("/api/v1/nodes".to_owned(), node(i)));
        self.all("POST", nodes);
        // A new node has a taint until it is ready.
        let ready = json!({"status": first["status"]});
        let status = |i: usize| format!("/api/v1/nodes/{}/status", name(i));
        self.all("PATCH", (0..count).map(|i| (status(i), ready.clone())));
        let open = json!({"spec": {"taints": null}});
        let path = |i: usize| format!("/api/v1/nodes/{}", name(i));
        self.all("PATCH", (0..count).map(|i| (path(i), open.clone())));
    }

    /// Reads something to its end: status, bytes, time.
    pub(crate) fn get(&self, path: &str, accept: &str) -> (u16, usize, Duration) {
        let request = http::Request::get(path).header("accept", accept);
        let request = request.body(Body::empty()).unwrap();
        let started = Instant::now();
        self.runtime.block_on(async {
            let answer = self.client.send(request).await.unwrap();
            let status = answer.status().as_u16();
            let mut length = 0;
            let mut body = answer.into_body();
            while let Some(frame) = body.frame().await {
                length += frame.unwrap().data_ref().map_or(0, hyper::body::Bytes::len);
            }
            (status, length, started.elapsed())
        })
    }

    /// How long after each write is sent the watcher of a namespace's `ConfigMaps` hears of it.
    pub(crate) fn heard_after(&self, namespace: &str, times: usize) -> Vec<Duration> {
        let base = format!("/api/v1/namespaces/{namespace}/configmaps");
        let watch = http::Request::get(format!("{base}?watch=true&labelSelector=bench%3Dlatency"));
        let watch = watch.body(Vec::new()).unwrap();
        self.runtime.block_on(async {
            let lines = self.client.request_stream(watch).await.unwrap().lines();
            futures::pin_mut!(lines);
            let mut took = Vec::new();
            for i in 0..times {
                let object = json!({
                    "apiVersion": "v1", "kind": "ConfigMap",
                    "metadata": {"name": format!("latency-{i}"), "labels": {"bench": "latency"}},
                });
                let request = http::Request::post(&base).header("content-type", "application/json");
                let request = request
                    .body(Body::from(object.to_string().into_bytes()))
                    .unwrap();
                let started = Instant::now();
                let (answer, heard) = futures::join!(self.client.send(request), lines.try_next());
                took.push(started.elapsed());
                assert!(answer.unwrap().status().is_success());
                assert!(heard.unwrap().unwrap().contains(&format!("latency-{i}")));
            }
            took
        })
    }
}

/// Pods that nobody schedules: they stay as they are on either server.
pub(crate) fn pods(namespace: &str, count: usize) -> impl Iterator<Item = (String, Value)> {
    let path = format!("/api/v1/namespaces/{namespace}/pods");
    (0..count).map(move |i| {
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": format!("pod-{i:05}"), "labels": {"app": "bench", "part": format!("{}", i % 100)}},
            "spec": {"schedulerName": "none", "containers": [{
                "name": "web", "image": "quay.io/ccnr/web:1.0", "ports": [{"containerPort": 8080}],
                "env": [{"name": "GREETING", "value": "hello"}],
                "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}},
            }]},
        });
        (path.clone(), pod)
    })
}

/// Objects of several kinds, as those who learn make them.
pub(crate) fn objects(namespace: &str, count: usize) -> impl Iterator<Item = (String, Value)> {
    (0..count).map(move |i| {
        let labels = json!({"app": "bench"});
        let metadata = json!({"name": format!("o{i}"), "labels": labels});
        let (group, plural, object) = match i % 4 {
            0 => ("api/v1", "configmaps", json!({"kind": "ConfigMap", "apiVersion": "v1", "data": {"a": "1"}})),
            1 => ("api/v1", "serviceaccounts", json!({"kind": "ServiceAccount", "apiVersion": "v1"})),
            2 => ("api/v1", "services", json!({
                "kind": "Service", "apiVersion": "v1", "spec": {"selector": labels, "ports": [{"port": 80}]},
            })),
            _ => ("apis/apps/v1", "deployments", json!({
                "kind": "Deployment", "apiVersion": "apps/v1",
                "spec": {"replicas": 0, "selector": {"matchLabels": labels}, "template": {
                    "metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "none"}]},
                }},
            })),
        };
        let mut object = object;
        object["metadata"] = metadata;
        (format!("/{group}/namespaces/{namespace}/{plural}"), object)
    })
}

/// The same objects, changed.
pub(crate) fn changes(namespace: &str, count: usize) -> impl Iterator<Item = (String, Value)> {
    let change = json!({"metadata": {"labels": {"changed": "yes"}}});
    objects(namespace, count).map(move |(path, object)| {
        let name = object["metadata"]["name"].as_str().unwrap();
        (format!("{path}/{name}"), change.clone())
    })
}
