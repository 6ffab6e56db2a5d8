//! CRDs that clusters have from the start: those of the Prometheus Operator and of the Operator Lifecycle Manager.

use std::collections::HashMap;

use serde_json::Value;

use super::{names, place, serve, validate};
use crate::sandbox::{
    names as generated,
    verbs::{Api, key, name},
};

/// As `tests/rig/structure.py` wrote them down.
const OPERATORS: &str = include_str!("../schema/operators.json");

/// What is written down. It is read each time: it takes much memory, and is needed at the start and by installations only.
fn read() -> Value {
    serde_json::from_str(OPERATORS).unwrap_or_default()
}

/// The CRDs of these groups.
#[must_use]
pub fn of_groups(groups: &[&str]) -> Vec<Value> {
    let written = read();
    let all = written["definitions"].as_array().into_iter().flatten();
    let of = all.filter(|d| groups.iter().any(|g| d["spec"]["group"] == *g));
    of.map(|d| expand(d, &written["shared"])).collect()
}

/// The kind of each, with its first version, by the CRD's name.
#[must_use]
pub fn kinds() -> HashMap<String, (String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let written = read();
    let all = written["definitions"].as_array().into_iter().flatten();
    all.map(|crd| {
        let spec = &crd["spec"];
        let kind = (
            text(&spec["names"]["kind"]),
            text(&spec["versions"][0]["name"]),
        );
        (name(crd).to_owned(), kind)
    })
    .collect()
}

/// A CRD of a name.
#[must_use]
pub fn named(name: &str) -> Option<Value> {
    let written = read();
    let mut all = written["definitions"].as_array()?.iter();
    let found = all.find(|d| d["metadata"]["name"] == name)?;
    Some(expand(found, &written["shared"]))
}

/// With what is shared put back in its place.
fn expand(value: &Value, shared: &Value) -> Value {
    match value {
        Value::Object(map) => match map.get("$").and_then(Value::as_u64) {
            Some(at) => usize::try_from(at).map_or(Value::Null, |at| expand(&shared[at], shared)),
            None => map
                .iter()
                .map(|(k, v)| (k.clone(), expand(v, shared)))
                .collect(),
        },
        Value::Array(items) => items.iter().map(|v| expand(v, shared)).collect(),
        other => other.clone(),
    }
}

/// Puts CRDs of our own into an empty cluster, established as if long since: they are not looked at again.
pub fn install(api: &Api, all: impl IntoIterator<Item = Value>) {
    let now = api.clock.stamp();
    let place = place();
    for mut crd in all {
        validate::default(&mut crd);
        crd["metadata"]["uid"] = generated::uid().into();
        crd["metadata"]["creationTimestamp"] = now.clone().into();
        crd["metadata"]["generation"] = 1.into();
        crd["status"] = validate::first_status(&crd);
        if let Some(status) = names::decide(&crd, &[], &now) {
            crd["status"] = status;
        }
        let key = key(None, name(&crd));
        api.store.with(|state| state.put(&place, &key, crd));
    }
    serve(api);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shared_is_whole_again() {
        let prometheus = named("prometheuses.monitoring.coreos.com").unwrap();
        let schema = &prometheus["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        let affinity = &schema["properties"]["spec"]["properties"]["affinity"];
        assert_eq!(affinity["properties"]["nodeAffinity"]["type"], "object");
        assert!(!prometheus.to_string().contains("\"$\""));
        assert_eq!(of_groups(&["monitoring.coreos.com"]).len(), 10);
        assert_eq!(of_groups(&["operators.coreos.com"]).len(), 8);
    }

    #[test]
    fn nothing_is_wrong_with_them() {
        for mut crd in of_groups(&["monitoring.coreos.com", "operators.coreos.com"]) {
            validate::default(&mut crd);
            crd["status"] = validate::first_status(&crd);
            assert_eq!(validate::problems(&crd), [], "{}", name(&crd));
        }
    }
}
