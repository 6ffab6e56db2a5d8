//! Files that a program shows and that come from a `ConfigMap`, mounted over its folder or in it.

use serde_json::Value;

use crate::sandbox::{
    pointer::{list, text},
    registry,
    verbs::{Api, key},
};

/// What is shown where only a folder is asked for.
const INDEX: &str = "index.html";

/// What lies at a path of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// This text.
    File(String),
    /// Nothing: what is mounted over the folder has no such file.
    Nothing,
}

/// The file of a path below a folder of a container; none where nothing is mounted there.
pub(super) fn mounted(
    api: &Api,
    pod: &Value,
    container: &Value,
    folder: &str,
    path: &str,
) -> Option<Found> {
    let folder = folder.trim_end_matches('/');
    let file = match path.trim_start_matches('/') {
        "" => INDEX,
        file => file,
    };
    for mount in list(container, "/volumeMounts") {
        let at = text(mount, "/mountPath").trim_end_matches('/');
        let inner = text(mount, "/subPath");
        let whole = at == folder && inner.is_empty();
        if !whole && at != format!("{folder}/{file}") {
            continue;
        }
        let wanted = if inner.is_empty() { file } else { inner };
        if let Some(found) = of_volume(api, pod, text(mount, "/name"), wanted) {
            return Some(found);
        }
    }
    None
}

/// The file of a volume; none for a volume whose files are not known.
fn of_volume(api: &Api, pod: &Value, volume: &str, file: &str) -> Option<Found> {
    let volumes = list(pod, "/spec/volumes");
    let volume = volumes.iter().find(|v| v["name"] == volume)?;
    let source = volume.get("configMap")?;
    let namespace = text(pod, "/metadata/namespace");
    let place = registry::place("", "configmaps");
    let map = api
        .store
        .get(&place, &key(Some(namespace), text(source, "/name")))?;
    let items = list(source, "/items");
    let named = if items.is_empty() {
        Some(file)
    } else {
        let item = items.iter().find(|i| i["path"] == file);
        item.map(|i| text(i, "/key"))
    };
    let found = named.and_then(|name| map["data"].get(name)?.as_str());
    Some(found.map_or(Found::Nothing, |t| Found::File(t.to_owned())))
}
