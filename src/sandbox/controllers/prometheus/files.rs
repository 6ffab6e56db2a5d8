//! The configuration and the rules that a Pod mounts.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde_json::Value;

use crate::sandbox::{
    controllers::cluster::{CONFIG_MAPS, Cluster, SECRETS},
    prometheus::{gzip, server::Server},
};

/// The files of a Prometheus.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Files {
    /// The configuration.
    pub(super) config: String,
    /// Rule files: path and text.
    pub(super) rules: Vec<(String, String)>,
}

impl Files {
    /// Whether a server has read them.
    pub(super) fn is_of(&self, server: &Server) -> bool {
        server.config.text == self.config && server.files == self.rules
    }
}

/// What a Prometheus does without a configuration of its own.
const DEFAULT: &str = "global: {scrape_interval: 15s, evaluation_interval: 15s}\nscrape_configs:\n- job_name: prometheus\n  static_configs: [{targets: ['localhost:9090']}]\n";

/// The name of the operator's packed configuration.
const PACKED: &str = "prometheus.yaml.gz";

/// The files of a Pod.
pub(super) fn of(cluster: &Cluster<'_>, pod: &Value, container: &Value) -> Files {
    let namespace = pod["metadata"]["namespace"].as_str().unwrap_or_default();
    let mut files = Files::default();
    let mut found = None;
    let volumes = pod["spec"]["volumes"].as_array().into_iter().flatten();
    for volume in volumes {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (secret, map) = (
            text(&volume["secret"]["secretName"]),
            text(&volume["configMap"]["name"]),
        );
        if !secret.is_empty() {
            let object = cluster.get(SECRETS, namespace, &secret);
            found = object.and_then(|o| unpacked(&o)).or(found);
        }
        let Some(object) = Some(map)
            .filter(|name| !name.is_empty())
            .and_then(|name| cluster.get(CONFIG_MAPS, namespace, &name))
        else {
            continue;
        };
        let name = text(&volume["name"]);
        let mounts = container["volumeMounts"].as_array().into_iter().flatten();
        let mount = mounts.into_iter().find(|m| m["name"] == name.as_str());
        let folder = mount.map(|m| text(&m["mountPath"])).unwrap_or_default();
        collect(&mut files, &mut found, &object, &folder);
    }
    files.config = match found {
        Some(config) => substituted(&config, pod),
        None => DEFAULT.to_owned(),
    };
    files
}

/// The files of a `ConfigMap`: a configuration, or rules.
fn collect(files: &mut Files, found: &mut Option<String>, object: &Arc<Value>, folder: &str) {
    for (name, text) in object["data"].as_object().into_iter().flatten() {
        let text = text.as_str().unwrap_or_default();
        if matches!(name.as_str(), "prometheus.yml" | "prometheus.yaml") {
            found.get_or_insert_with(|| text.to_owned());
        } else if folder.contains("rule") {
            files
                .rules
                .push((format!("{folder}/{name}"), text.to_owned()));
        }
    }
}

fn unpacked(secret: &Value) -> Option<String> {
    let packed = BASE64.decode(secret["data"][PACKED].as_str()?).ok()?;
    String::from_utf8(gzip::unpack(&packed)?).ok()
}

/// With what the reloader puts in: `$(POD_NAME)`, `$(SHARD)`.
fn substituted(config: &str, pod: &Value) -> String {
    let name = pod["metadata"]["name"].as_str().unwrap_or_default();
    let shard = pod["metadata"]["labels"]["operator.prometheus.io/shard"].as_str();
    config
        .replace("$(POD_NAME)", name)
        .replace("$(SHARD)", shard.unwrap_or("0"))
}
