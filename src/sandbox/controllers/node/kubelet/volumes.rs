//! Volumes: what keeps them from being set up.
//! <https://github.com/kubernetes/kubernetes/tree/master/pkg/volume>

use serde_json::Value;

use crate::sandbox::{
    controllers::cluster::{CONFIG_MAPS, Cluster, Kind, SECRETS},
    pointer::items,
};

/// The volumes that can't be set up, each with the reason.
pub(super) fn missing(cluster: &Cluster<'_>, pod: &Value) -> Vec<(String, String)> {
    let namespace = pod["metadata"]["namespace"].as_str().unwrap_or_default();
    let volumes = items(&pod["spec"]["volumes"]).iter();
    volumes
        .filter_map(|volume| {
            let why = problem(cluster, namespace, volume)?;
            Some((volume["name"].as_str().unwrap_or_default().to_owned(), why))
        })
        .collect()
}

fn problem(cluster: &Cluster<'_>, namespace: &str, volume: &Value) -> Option<String> {
    if let Some(source) = volume.get("configMap") {
        return of_object(cluster, namespace, source, "configmap");
    }
    if let Some(source) = volume.get("secret") {
        return of_object(cluster, namespace, source, "secret");
    }
    let sources = items(&volume["projected"]["sources"]).iter();
    let mut problems: Vec<String> = sources
        .filter_map(|source| {
            ["configMap", "secret"].iter().find_map(|kind| {
                let of = source.get(*kind)?;
                of_object(cluster, namespace, of, &kind.to_lowercase())
            })
        })
        .collect();
    match problems.len() {
        0 => None,
        1 => problems.pop(),
        _ => Some(format!("[{}]", problems.join(", "))),
    }
}

fn of_object(cluster: &Cluster<'_>, namespace: &str, source: &Value, kind: &str) -> Option<String> {
    if source["optional"] == true {
        return None;
    }
    let (of, what): (Kind, _) = match kind {
        "secret" => (SECRETS, "secret"),
        _ => (CONFIG_MAPS, "config"),
    };
    let name = ["name", "secretName"]
        .iter()
        .find_map(|f| source[*f].as_str())
        .unwrap_or_default();
    let Some(object) = cluster.get(of, namespace, name) else {
        return Some(format!("{kind} \"{name}\" not found"));
    };
    let keys = items(&source["items"])
        .iter()
        .filter_map(|i| i["key"].as_str());
    let lacks = keys
        .into_iter()
        .find(|k| object["data"].get(*k).is_none() && object["binaryData"].get(*k).is_none());
    lacks.map(|key| format!("{kind} references non-existent {what} key: {key}"))
}
