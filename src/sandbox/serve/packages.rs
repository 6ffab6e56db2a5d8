//! `PackageManifests`: what the catalogues offer, in every namespace that sees them.
//! <https://github.com/operator-framework/operator-lifecycle-manager/tree/master/pkg/package-server>

use http::{Response, StatusCode};
use serde_json::{Value, json};

use super::{
    On,
    request::Verb,
    respond::{Body, Objects},
};
use crate::sandbox::{
    controllers::olm::catalog::{self, Bundle},
    registry,
    status::Refusal,
    verbs::name,
};

/// Answers a request for one package, or for all.
pub(super) fn answer(on: &On<'_>, verb: Verb) -> Result<Response<Body>, Refusal> {
    let selector = on.selector()?;
    let mut all = offered(on);
    all.retain(|manifest| selector.matches(manifest));
    match verb {
        Verb::List => {
            let items: Vec<_> = all.into_iter().map(std::sync::Arc::new).collect();
            let now = on.api.clock.now();
            Ok(on
                .form
                .list(on.resource, Objects::Values(&items), json!({}), now))
        }
        Verb::Get => {
            let found = all.iter().find(|m| name(m) == on.name());
            let found = found.ok_or_else(|| Refusal::not_found(on.resource.about(), on.name()))?;
            Ok(on.object(StatusCode::OK, found, &[]))
        }
        _ => Err(Refusal::method_not_allowed()),
    }
}

/// The packages of all catalogues, as those see them who look into a namespace.
fn offered(on: &On<'_>) -> Vec<Value> {
    let place = registry::place("operators.coreos.com", "catalogsources");
    let sources = on
        .api
        .store
        .with(|state| state.list(&place, None).collect::<Vec<_>>());
    let mut all = Vec::new();
    for source in sources {
        let at = source["metadata"]["namespace"].as_str().unwrap_or_default();
        for bundle in catalog::of(name(&source), at) {
            all.push(manifest(&source, bundle, on.namespace().unwrap_or(at)));
        }
        all.extend(named(&source, on.namespace().unwrap_or(at)));
    }
    all
}

fn frame(source: &Value, package: &str, namespace: &str) -> Value {
    let metadata = &source["metadata"];
    json!({
        "apiVersion": "packages.operators.coreos.com/v1", "kind": "PackageManifest",
        "metadata": {
            "name": package, "namespace": namespace, "creationTimestamp": metadata["creationTimestamp"],
            "labels": {"catalog": metadata["name"], "catalog-namespace": metadata["namespace"]},
        },
        "spec": {},
        "status": {
            "catalogSource": metadata["name"], "catalogSourceNamespace": metadata["namespace"],
            "catalogSourceDisplayName": source["spec"]["displayName"],
            "catalogSourcePublisher": source["spec"]["publisher"], "packageName": package,
        },
    })
}

fn manifest(source: &Value, bundle: &Bundle, namespace: &str) -> Value {
    let mut out = frame(source, &bundle.package, namespace);
    let spec = &bundle.csv["spec"];
    let provider = &spec["provider"];
    out["metadata"]["labels"]["provider"] = provider["name"].clone();
    out["metadata"]["labels"]["provider-url"] = json!("");
    out["status"]["provider"] = provider.clone();
    out["status"]["defaultChannel"] = json!(bundle.channel);
    let mut described = json!({});
    for field in [
        "displayName",
        "version",
        "provider",
        "maturity",
        "installModes",
        "customresourcedefinitions",
        "apiservicedefinitions",
        "minKubeVersion",
    ] {
        if let Some(value) = spec.get(field) {
            described[field] = value.clone();
        }
    }
    out["status"]["channels"] = json!([{
        "name": bundle.channel, "currentCSV": bundle.name(), "currentCSVDesc": described,
        "entries": [{"name": bundle.name(), "version": bundle.version()}],
    }]);
    out
}

/// What a catalogue lists of which the sandbox knows no more than the name.
fn named(source: &Value, namespace: &str) -> Option<Value> {
    if name(source) != "redhat-operators" {
        return None;
    }
    let mut out = frame(source, "cluster-observability-operator", namespace);
    out["status"]["defaultChannel"] = json!("stable");
    out["status"]["provider"] = json!({"name": "Red Hat"});
    out["status"]["channels"] = json!([{
        "name": "stable", "currentCSV": "cluster-observability-operator.v1.2.2", "currentCSVDesc": {},
        "entries": [{"name": "cluster-observability-operator.v1.2.2", "version": "1.2.2"}],
    }]);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_tells_its_channel_and_where_it_comes_from() {
        let source = json!({
            "metadata": {"name": "operatorhubio-catalog", "namespace": "olm"},
            "spec": {"displayName": "Community Operators"},
        });
        let bundle = catalog::of("operatorhubio-catalog", "olm").next().unwrap();
        let found = manifest(&source, bundle, "a");
        assert_eq!(found["metadata"]["namespace"], "a");
        let status = &found["status"];
        assert_eq!(status["defaultChannel"], "beta");
        let channel = &status["channels"][0];
        assert_eq!(channel["currentCSV"], "prometheusoperator.v0.85.0");
        assert_eq!(channel["currentCSVDesc"]["version"], "0.85.0");
        assert_eq!(status["catalogSourceDisplayName"], "Community Operators");
        assert_eq!(named(&source, "a"), None);
    }
}
