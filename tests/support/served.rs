//! A sandbox whose clock stands, and a client of it.

use std::{sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ccnr::sandbox::{
    authz::User,
    clock::Clock,
    controllers::cluster::{Cluster, Kind, PODS},
    flavour::Flavour,
    instance::Sandbox,
    serve::{authn::Tokens, serve, tls::Authority},
};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};

/// A sandbox whose clock stands, and a client of it.
pub struct Served {
    pub sandbox: Sandbox,
    pub client: kube::Client,
}

impl Served {
    pub async fn new() -> Self {
        let clock = Clock::standing("2026-01-01T00:00:00Z".parse().unwrap());
        let sandbox = Sandbox::new(Flavour::Kubernetes, clock);
        let mut tokens = Tokens::default();
        tokens.add("admin", User::admin("admin"));
        let authority = Authority::new().unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = format!("https://{}", listener.local_addr().unwrap());
        let certificate = STANDARD.encode(&authority.certificate);
        tokio::spawn(serve(Arc::clone(&sandbox.api), tokens, authority, listener));
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "s",
            "clusters": [{"name": "s", "cluster": {"server": server, "certificate-authority-data": certificate}}],
            "users": [{"name": "s", "user": {"token": "admin"}}],
            "contexts": [{"name": "s", "context": {"cluster": "s", "user": "s"}}],
        });
        let config = serde_json::from_value(config).unwrap();
        let options = kube::config::KubeConfigOptions::default();
        let config = kube::Config::from_custom_kubeconfig(config, &options);
        let mut config = config.await.unwrap();
        // A refusal is what is looked at.
        config.default_retry = false;
        let client = kube::Client::try_from(config).unwrap();
        Self { sandbox, client }
    }

    pub fn make(&self, kind: Kind, object: &Value) {
        let mut object = object.clone();
        object["metadata"]["namespace"] = json!("default");
        let cluster = Cluster::new(&self.sandbox.api, "test", "test");
        cluster.create(kind, object).unwrap();
    }

    pub fn pod(&self, name: &str, container: &Value) {
        let mut container = container.clone();
        container["name"] = json!("c");
        self.make(PODS, &json!({"metadata": {"name": name, "labels": {"app": name}}, "spec": {"containers": [container]}}));
    }

    pub fn pass(&mut self, seconds: u64) {
        self.sandbox.pass(Duration::from_secs(seconds));
    }

    /// Asks for a path, which begins in the namespace `default` where it has no root.
    pub async fn ask(&self, method: &str, path: &str, body: Value) -> (u16, String) {
        let body = if body.is_null() {
            Vec::new()
        } else {
            body.to_string().into_bytes()
        };
        let path = match path.strip_prefix('/') {
            Some(_) => path.to_owned(),
            None => format!("/api/v1/namespaces/default/{path}"),
        };
        let request = http::Request::builder().method(method).uri(path);
        let content = if method == "PATCH" {
            "application/merge-patch+json"
        } else {
            "application/json"
        };
        let request = request.header("content-type", content);
        let answer = self
            .client
            .send(request.body(kube::client::Body::from(body)).unwrap())
            .await
            .unwrap();
        let status = answer.status().as_u16();
        let bytes = answer.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(bytes.to_vec()).unwrap())
    }

    pub async fn get(&self, path: &str) -> (u16, String) {
        self.ask("GET", path, Value::Null).await
    }
}
