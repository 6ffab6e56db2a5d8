//! Requests that the API server passes on to Pods, by their own name or by that of a Service.
//! <https://kubernetes.io/docs/tasks/access-application-cluster/access-cluster-services/>

use std::sync::Arc;

use http::{Response, StatusCode, header};
use serde_json::Value;

use super::{
    On,
    respond::{self, Body},
};
use crate::sandbox::{
    network,
    prometheus::{api::pages::Request, world::Unreachable},
    registry,
    status::Refusal,
    store::Key,
};

/// Passes a request on.
pub(super) fn answer(on: &On<'_>) -> Result<Response<Body>, Refusal> {
    let (scheme, name, port) = parts(on.name());
    let (ip, number) = match on.resource.plural.as_str() {
        "services" => behind_service(on, name, port)?,
        _ => of_pod(on, name, port)?,
    };
    // The server looks for the target first, and sends those away then who forgot the slash.
    let path = on.asked.path.as_str();
    let (before, rest) = parted(path);
    if rest.is_empty() {
        let query = &on.asked.raw_query;
        let mark = if query.is_empty() { "" } else { "?" };
        let mut answer = respond::text(StatusCode::MOVED_PERMANENTLY, "");
        if let Ok(place) = format!("{before}/{mark}{query}").parse() {
            answer.headers_mut().insert(header::LOCATION, place);
        }
        answer.headers_mut().remove(header::CONTENT_TYPE);
        return Ok(answer);
    }
    let rest = decoded(rest);
    let form = if on
        .asked
        .header(header::CONTENT_TYPE)
        .starts_with("application/x-www-form-urlencoded")
    {
        std::str::from_utf8(&on.asked.body).unwrap_or_default()
    } else {
        ""
    };
    let request = Request {
        method: on.asked.method.as_str(),
        path: &rest,
        query: &on.asked.raw_query,
        form,
    };
    let outcome = match network::pod_at(on.api, &ip) {
        Some(_) if scheme == "https" => Err(Unreachable::NoTls),
        Some(pod) => network::ask(on.api, &pod, number, &request),
        None => Err(Unreachable::Silent),
    };
    match outcome {
        Ok(page) => {
            let code = StatusCode::from_u16(page.status).unwrap_or(StatusCode::OK);
            Ok(respond::bytes(code, page.kind, page.text))
        }
        Err(why) => {
            let why = match why {
                Unreachable::Refused => {
                    format!("dial tcp {ip}:{number}: connect: connection refused")
                }
                Unreachable::Silent => format!("dial tcp {ip}:{number}: i/o timeout"),
                Unreachable::NoTls => {
                    "tls: first record does not look like a TLS handshake".to_owned()
                }
            };
            Err(Refusal::unavailable(&format!(
                "error trying to reach service: {why}"
            )))
        }
    }
}

/// What names the target, and what is asked of it: `/api/v1/namespaces/NS/services/NAME/proxy` are seven parts, whatever they are
/// called.
fn parted(path: &str) -> (&str, &str) {
    let end = path.match_indices('/').nth(7).map(|(at, _)| at);
    path.split_at(end.unwrap_or(path.len()))
}

/// `[scheme:]name[:port]`
fn parts(name: &str) -> (&str, &str, &str) {
    let mut parts = name.split(':');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(scheme), Some(name), Some(port)) => (scheme, name, port),
        (Some(name), Some(port), None) => ("", name, port),
        _ => ("", name, ""),
    }
}

fn get(on: &On<'_>, plural: &str, name: &str) -> Option<Arc<Value>> {
    let namespace = on.target.namespace.clone().unwrap_or_default();
    let key: Key = (namespace, name.to_owned());
    on.api.store.get(&registry::place("", plural), &key)
}

/// An address behind a Service, by the name or the number of one of its ports.
/// <https://github.com/kubernetes/kubernetes/blob/master/pkg/registry/core/service/storage/storage.go> (`ResourceLocation`)
fn behind_service(on: &On<'_>, name: &str, port: &str) -> Result<(String, u16), Refusal> {
    let service = get(on, "services", name);
    let service = service.ok_or_else(|| Refusal::not_found(on.resource.about(), name))?;
    let mut wanted = port.to_owned();
    if let Ok(number) = port.parse::<i64>() {
        let mut ports = service["spec"]["ports"].as_array().into_iter().flatten();
        let found = ports.find(|p| p["port"] == number);
        let found = found.ok_or_else(|| {
            let message = format!("no service port {number} found for service \"{name}\"");
            Refusal::unavailable(&message)
        })?;
        found["name"]
            .as_str()
            .unwrap_or_default()
            .clone_into(&mut wanted);
    }
    let none = |name: &str| {
        Refusal::unavailable(&format!("no endpoints available for service \"{name}\""))
    };
    let endpoints = get(on, "endpoints", name);
    let endpoints = endpoints.ok_or_else(|| none(name))?;
    let subsets = endpoints["subsets"].as_array().filter(|s| !s.is_empty());
    for subset in subsets.ok_or_else(|| none(name))? {
        let ports = subset["ports"].as_array().into_iter().flatten();
        let mut ports = ports.filter(|p| p["name"].as_str().unwrap_or_default() == wanted);
        let address = subset["addresses"][0]["ip"].as_str();
        if let (Some(ip), Some(port)) = (address, ports.next()) {
            let number = port["port"].as_u64().and_then(|p| u16::try_from(p).ok());
            return Ok((ip.to_owned(), number.unwrap_or_default()));
        }
    }
    Err(none(on.name()))
}

/// The address of a Pod; without a port, that of its first one.
fn of_pod(on: &On<'_>, name: &str, port: &str) -> Result<(String, u16), Refusal> {
    let pod = get(on, "pods", name);
    let pod = pod.ok_or_else(|| Refusal::not_found(on.resource.about(), name))?;
    let Some(ip) = pod["status"]["podIP"].as_str().filter(|ip| !ip.is_empty()) else {
        return Err(Refusal::bad_request("address not allowed"));
    };
    let first = || {
        let containers = pod["spec"]["containers"].as_array().into_iter().flatten();
        let mut ports = containers.filter_map(|c| c["ports"][0]["containerPort"].as_u64());
        ports.next().and_then(|p| u16::try_from(p).ok())
    };
    let number = port.parse().ok().or_else(first).unwrap_or(80);
    Ok((ip.to_owned(), number))
}

/// A path without `%XX`.
fn decoded(path: &str) -> String {
    // A plus is a plus in a path.
    super::request::decode(&path.replace('+', "%2B"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_may_be_called_proxy() {
        let of = |ns, rest| format!("/api/v1/namespaces/{ns}/services/proxy/proxy{rest}");
        let path = of("proxy-lab", "/a/proxy");
        assert_eq!(parted(&path), (of("proxy-lab", "").as_str(), "/a/proxy"));
        let path = of("a", "");
        assert_eq!(parted(&path), (path.as_str(), ""));
    }

    #[test]
    fn names_have_up_to_three_parts() {
        assert_eq!(parts("web"), ("", "web", ""));
        assert_eq!(parts("web:http"), ("", "web", "http"));
        assert_eq!(parts("https:web:443"), ("https", "web", "443"));
    }
}
