//! What a server tells of itself: whether it is well, its version, what it serves, and how the kinds are made.

use http::{Response, StatusCode, header};
use serde_json::{Value, json};

use super::{
    Asked,
    media::{self, Form},
    respond::{self, Body},
};
use crate::sandbox::{discovery, openapi, registry::Registry, verbs::Api};

/// What a server tells of itself.
pub(super) fn answer(api: &Api, asked: &Asked) -> Option<Response<Body>> {
    let registry = api.registry();
    let aggregated = media::takes_all_groups(asked.header(header::ACCEPT));
    let found = match asked.path.trim_end_matches('/') {
        "/healthz" | "/livez" | "/readyz" | "/healthz/ping" | "/livez/ping" | "/readyz/ping" => {
            return Some(respond::text(StatusCode::OK, "ok"));
        }
        "/version" => version(),
        "/openapi/v2"
            if asked
                .header(header::ACCEPT)
                .contains("proto-openapi.spec.v2") =>
        {
            let document = openapi::nameless();
            return Some(respond::bytes(StatusCode::OK, openapi::BINARY, document));
        }
        "/openapi/v2" => openapi::everything(&registry),
        "/openapi/v3" => openapi::index(&registry),
        "/api" if aggregated => discovery::aggregated(&registry, true),
        "/apis" if aggregated => discovery::aggregated(&registry, false),
        "/api" => discovery::core_versions(asked.header(header::HOST)),
        "/apis" => discovery::groups(&registry),
        path => {
            if let Some(of) = path.strip_prefix("/openapi/v3/") {
                return Some(described(&registry, of));
            }
            let mut parts = path.split('/').skip(1);
            match (parts.next()?, parts.next(), parts.next(), parts.next()) {
                ("api", Some(version), None, None) => listed(&registry, "", version)?,
                ("apis", Some(group), None, None) => {
                    let found = registry.groups().iter().find(|g| g.name == group)?;
                    discovery::group(found, true)
                }
                ("apis", Some(group), Some(version), None) => listed(&registry, group, version)?,
                _ => return None,
            }
        }
    };
    if aggregated && found["kind"] == "APIGroupDiscoveryList" {
        return Some(respond::json_as(
            StatusCode::OK,
            &found,
            "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
        ));
    }
    Some(Form::of_words(asked).value(StatusCode::OK, &found))
}

fn listed(registry: &Registry, group: &str, version: &str) -> Option<Value> {
    let served = !registry.of(group, version).is_empty();
    served.then(|| discovery::resources(registry, group, version))
}

/// The document of a group/version: `api/v1`, `apis/apps/v1`.
fn described(registry: &Registry, of: &str) -> Response<Body> {
    let (group, version) = match of.split_once('/') {
        Some(("apis", rest)) => rest.split_once('/').unwrap_or_default(),
        Some(("api", version)) => ("", version),
        _ => ("", ""),
    };
    match openapi::document(registry, group, version) {
        Some(found) => respond::json(StatusCode::OK, &found),
        None => respond::bytes(StatusCode::NOT_FOUND, "", ""),
    }
}

/// The version that the structure of the kinds was taken from.
fn version() -> Value {
    json!({
        "major": "1", "minor": "34", "gitVersion": "v1.34.4", "gitCommit": "", "gitTreeState": "",
        "buildDate": "1970-01-01T00:00:00Z", "goVersion": "", "compiler": "", "platform": "linux/amd64",
    })
}
