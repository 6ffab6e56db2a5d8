//! CRDs that clusters have from the start: those of the Prometheus Operator and of the Operator Lifecycle Manager.

use std::sync::LazyLock;

use serde_json::Value;

use super::{names, place, serve, validate};
use crate::sandbox::{
    names as generated,
    verbs::{Api, key, name},
};

/// As `tests/rig/structure.py` wrote them down.
static OPERATORS: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../schema/operators.json")).unwrap_or_default()
});

/// The CRDs of a group.
pub fn of_group(group: &str) -> impl Iterator<Item = Value> {
    let all = OPERATORS["definitions"].as_array().into_iter().flatten();
    all.filter(move |d| d["spec"]["group"] == group).map(expand)
}

/// A CRD of a name.
#[must_use]
pub fn named(name: &str) -> Option<Value> {
    let mut all = OPERATORS["definitions"].as_array().into_iter().flatten();
    all.find(|d| d["metadata"]["name"] == name).map(expand)
}

/// With what is shared put back in its place.
fn expand(value: &Value) -> Value {
    match value {
        Value::Object(map) => match map.get("$").and_then(Value::as_u64) {
            Some(at) => {
                usize::try_from(at).map_or(Value::Null, |at| expand(&OPERATORS["shared"][at]))
            }
            None => map.iter().map(|(k, v)| (k.clone(), expand(v))).collect(),
        },
        Value::Array(items) => items.iter().map(expand).collect(),
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
        assert_eq!(of_group("monitoring.coreos.com").count(), 10);
        assert_eq!(of_group("operators.coreos.com").count(), 8);
    }

    #[test]
    fn nothing_is_wrong_with_them() {
        for group in ["monitoring.coreos.com", "operators.coreos.com"] {
            for mut crd in of_group(group) {
                validate::default(&mut crd);
                crd["status"] = validate::first_status(&crd);
                assert_eq!(validate::problems(&crd), [], "{}", name(&crd));
            }
        }
    }
}
