//! By Routes.
//! <https://github.com/openshift/router/blob/master/images/router/haproxy/conf/haproxy-config.template>

use std::sync::Arc;

use serde_json::Value;

use super::{Way, backends::Backend, is_below};
use crate::sandbox::{
    registry,
    verbs::{Api, name},
};

/// The weight of a backend that says nothing of it.
const USUAL_WEIGHT: u64 = 100;

/// The way that a Route shows over plain HTTP: of those of a host, the one with the longest path.
pub(super) fn find(api: &Api, host: &str, path: &str) -> Option<Way> {
    let place = registry::place("route.openshift.io", "routes");
    let is = |route: &Arc<Value>| is_admitted(route, host) && is_below(path, path_of(route));
    let found = api.store.with(|state| {
        let all = state.list(&place, None).filter(is);
        all.max_by_key(|route| path_of(route).trim_end_matches('/').len())
    })?;
    let tls = &found["spec"]["tls"];
    if tls.is_object() {
        match tls["insecureEdgeTerminationPolicy"].as_str() {
            Some("Redirect") => return Some(Way::Redirect),
            // What is passed through is never seen as HTTP.
            Some("Allow") if tls["termination"] != "passthrough" => {}
            _ => return None,
        }
    }
    Some(Way::Backends {
        of: format!("{}/{}", namespace(&found), name(&found)),
        backends: backends(api, &found),
    })
}

fn path_of(route: &Value) -> &str {
    route["spec"]["path"].as_str().unwrap_or_default()
}

fn namespace(route: &Value) -> &str {
    route["metadata"]["namespace"].as_str().unwrap_or_default()
}

/// Whether a router took a Route for a host.
fn is_admitted(route: &Value, host: &str) -> bool {
    let mut ingresses = route["status"]["ingress"].as_array().into_iter().flatten();
    ingresses.any(|ingress| {
        let mut conditions = ingress["conditions"].as_array().into_iter().flatten();
        let own = ingress["host"].as_str().unwrap_or_default();
        own.eq_ignore_ascii_case(host)
            && conditions.any(|c| c["type"] == "Admitted" && c["status"] == "True")
    })
}

fn backends(api: &Api, route: &Value) -> Vec<Backend> {
    let spec = &route["spec"];
    let target = &spec["port"]["targetPort"];
    let is_meant = |port: &Value| match target {
        Value::Null => true,
        Value::String(text) => {
            let number: Option<u64> = text.parse().ok();
            port["name"] == *text || (number.is_some() && port["port"].as_u64() == number)
        }
        number => port["port"] == *number,
    };
    let alternates = spec["alternateBackends"].as_array().into_iter().flatten();
    let all = std::iter::once(&spec["to"]).chain(alternates);
    all.filter_map(|to| {
        let weight = to["weight"].as_u64().unwrap_or(USUAL_WEIGHT);
        let service = to["name"].as_str()?;
        Backend::of(api, (namespace(route), service), weight, is_meant)
    })
    .collect()
}
