//! A client of a kubeconfig, for one request at a time.

use std::path::Path;

use serde_json::Value;

/// A client.
pub struct Client {
    config: kube::Config,
    runtime: tokio::runtime::Runtime,
}

impl Client {
    /// Of a kubeconfig's current context.
    pub fn of(kubeconfig: &Path) -> Self {
        let kubeconfig = kube::config::Kubeconfig::read_from(kubeconfig).unwrap();
        let runtime = runtime();
        let options = kube::config::KubeConfigOptions::default();
        let config = kube::Config::from_custom_kubeconfig(kubeconfig, &options);
        let config = runtime.block_on(config).unwrap();
        Self { config, runtime }
    }

    /// The same without credentials.
    pub fn anonymous(&self) -> Self {
        let mut config = self.config.clone();
        config.auth_info = kube::config::AuthInfo::default();
        Self {
            config,
            runtime: runtime(),
        }
    }

    /// Sends a request; gives the status and the body.
    pub fn send(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        self.send_as(method, path, "application/json", body)
    }

    /// The same, with the form of the body.
    pub fn send_as(
        &self,
        method: &str,
        path: &str,
        content: &str,
        body: Option<&Value>,
    ) -> (u16, Value) {
        use http_body_util::BodyExt as _;
        self.runtime.block_on(async {
            let client = kube::Client::try_from(self.config.clone()).unwrap();
            let text = body.map(Value::to_string).unwrap_or_default();
            let request = http::Request::builder().method(method).uri(path);
            let request = request.header("content-type", content);
            let request = request
                .body(kube::client::Body::from(text.into_bytes()))
                .unwrap();
            let answer = client.send(request).await.unwrap();
            let status = answer.status().as_u16();
            let bytes = answer.into_body().collect().await.unwrap().to_bytes();
            (
                status,
                serde_json::from_slice(&bytes).unwrap_or(Value::Null),
            )
        })
    }

    /// Where an object of a namespace is, by the server's discovery.
    pub fn path_of(&self, object: &Value, namespace: &str) -> Result<String, String> {
        let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
        let (api_version, kind) = (text(&object["apiVersion"]), text(&object["kind"]));
        let root = if api_version.contains('/') {
            "apis"
        } else {
            "api"
        };
        let base = format!("/{root}/{api_version}");
        let (_, list) = self.send("GET", &base, None);
        let mut resources = list["resources"].as_array().into_iter().flatten();
        let is = |r: &&Value| r["kind"] == kind.as_str() && !text(&r["name"]).contains('/');
        let resource = resources.find(is).ok_or(format!("{base} has no {kind}"))?;
        let (plural, name) = (text(&resource["name"]), text(&object["metadata"]["name"]));
        Ok(if resource["namespaced"] == true {
            format!("{base}/namespaces/{namespace}/{plural}/{name}")
        } else {
            format!("{base}/{plural}/{name}")
        })
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}
