//! By Ingresses.
//! <https://kubernetes.io/docs/concepts/services-networking/ingress/#path-types>

use serde_json::Value;

use super::{Way, backends::Backend, is_below};
use crate::sandbox::{
    registry,
    verbs::{Api, key},
};

/// How well a path of a rule fits: the host that is named, the longest path, the one that is exact.
type Fit = (bool, usize, bool);

/// The way that an Ingress shows: the path that fits best, else the default of one that has it.
pub(super) fn find(api: &Api, host: &str, path: &str) -> Option<Way> {
    let place = registry::place("networking.k8s.io", "ingresses");
    let all: Vec<_> = api.store.with(|state| state.list(&place, None).collect());
    let mut best: Option<(Fit, &str, &Value)> = None;
    for ingress in &all {
        let namespace = ingress["metadata"]["namespace"]
            .as_str()
            .unwrap_or_default();
        let rules = ingress["spec"]["rules"].as_array().into_iter().flatten();
        for rule in rules.filter(|rule| is_host(rule["host"].as_str(), host)) {
            let named = rule["host"].as_str() == Some(host);
            let paths = rule["http"]["paths"].as_array().into_iter().flatten();
            for one in paths {
                let Some((length, exact)) = fit(one, path) else {
                    continue;
                };
                let fit = (named, length, exact);
                if best.is_none_or(|(so_far, ..)| fit > so_far) {
                    best = Some((fit, namespace, &one["backend"]["service"]));
                }
            }
        }
    }
    let default = || {
        all.iter().find_map(|ingress| {
            let service = &ingress["spec"]["defaultBackend"]["service"];
            let namespace = ingress["metadata"]["namespace"].as_str()?;
            service.is_object().then_some((namespace, service))
        })
    };
    let found = best.map(|(_, namespace, service)| (namespace, service));
    let (namespace, service) = found.or_else(default)?;
    let name = service["name"].as_str()?;
    let backend = port_of(api, (namespace, name), &service["port"]).and_then(|port| {
        let is_meant = |p: &Value| p["name"].as_str().unwrap_or_default() == port;
        Backend::of(api, (namespace, name), 1, is_meant)
    });
    Some(Way::Backends {
        of: format!("{namespace}/{name}"),
        backends: backend.into_iter().collect(),
    })
}

/// Whether the host of a rule is meant; a star stands for one label.
fn is_host(wanted: Option<&str>, host: &str) -> bool {
    match wanted {
        None | Some("") => true,
        Some(wanted) => match wanted.strip_prefix("*.") {
            Some(domain) => host.split_once('.').is_some_and(|(_, rest)| rest == domain),
            None => wanted == host,
        },
    }
}

/// How long the path of a rule is that fits, and whether it is exact.
fn fit(rule: &Value, path: &str) -> Option<(usize, bool)> {
    let wanted = rule["path"].as_str().filter(|p| !p.is_empty());
    let wanted = wanted.unwrap_or("/");
    let exact = rule["pathType"] == "Exact";
    let fits = if exact {
        wanted == path
    } else {
        is_below(path, wanted)
    };
    fits.then(|| (wanted.trim_end_matches('/').len(), exact))
}

/// The name by which the endpoints of a Service know one of its ports.
fn port_of(api: &Api, (namespace, service): (&str, &str), wanted: &Value) -> Option<String> {
    let place = registry::place("", "services");
    let found = api.store.get(&place, &key(Some(namespace), service))?;
    let mut ports = found["spec"]["ports"].as_array()?.iter();
    let port = ports.find(|port| match wanted["name"].as_str() {
        Some(name) if !name.is_empty() => port["name"] == name,
        _ => port["port"] == wanted["number"],
    })?;
    Some(port["name"].as_str().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_star_stands_for_one_label() {
        assert!(is_host(None, "a.b"));
        assert!(is_host(Some("*.b.c"), "a.b.c"));
        assert!(!is_host(Some("*.b.c"), "b.c"));
        assert!(!is_host(Some("*.b.c"), "x.a.b.c"));
    }

    #[test]
    fn paths_fit_by_their_type() {
        let rule = |path: &str, of: &str| json!({"path": path, "pathType": of});
        assert_eq!(fit(&rule("/a", "Exact"), "/a/"), None);
        assert_eq!(fit(&rule("/a", "Exact"), "/a"), Some((2, true)));
        assert_eq!(fit(&rule("/a", "Prefix"), "/a/b"), Some((2, false)));
        assert_eq!(fit(&rule("/", "Prefix"), "/x"), Some((0, false)));
        assert_eq!(fit(&rule("/a", "ImplementationSpecific"), "/b"), None);
    }
}
