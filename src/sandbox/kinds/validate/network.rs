//! Ingresses and network policies.

use std::net::IpAddr;

use serde_json::{Value, json};

use super::found::{Found, each, is_empty};
use crate::sandbox::names;

/// An Ingress.
pub(super) fn ingress(object: &Value, found: &mut Found) {
    let spec = &object["spec"];
    if spec["defaultBackend"].is_null() && is_empty(&spec["rules"]) {
        let why = "either `defaultBackend` or `rules` must be specified";
        let nothing = spec.as_object().is_none_or(serde_json::Map::is_empty);
        found.invalid("spec", if nothing { &Value::Null } else { spec }, why);
    }
    if !spec["defaultBackend"].is_null() {
        backend(&spec["defaultBackend"], "spec.defaultBackend", found);
    }
    for (i, rule) in each(&spec["rules"]) {
        let at = format!("spec.rules[{i}]");
        host(&rule["host"], &format!("{at}.host"), found);
        if rule["http"].is_null() {
            continue;
        }
        let at = format!("{at}.http.paths");
        if is_empty(&rule["http"]["paths"]) {
            found.required(&at, "");
        }
        for (j, path) in each(&rule["http"]["paths"]) {
            self::path(path, &format!("{at}[{j}]"), found);
        }
    }
}

fn host(host: &Value, at: &str, found: &mut Found) {
    const NO_WILDCARD: &str = "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character (e.g. '*.example.com', regex used for validation is '\\*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
    let Some(name) = host.as_str().filter(|h| !h.is_empty()) else {
        return;
    };
    if name.parse::<IpAddr>().is_ok() {
        found.invalid(at, host, "must be a DNS name, not an IP address");
    } else if name.contains('*') {
        let rest = name.strip_prefix("*.");
        if rest.is_none_or(|r| names::subdomain_problem(r).is_some()) {
            found.invalid(at, host, NO_WILDCARD);
        }
    } else {
        found.subdomain(at, host);
    }
}

fn path(path: &Value, at: &str, found: &mut Found) {
    let text = path["path"].as_str().unwrap_or_default();
    let absolute = text.starts_with('/');
    match path["pathType"].as_str() {
        None => found.required(format!("{at}.pathType"), "pathType must be specified"),
        Some("Exact" | "Prefix") => {
            if absolute {
                for bad in ["//", "/./", "/../", "%2f", "%2F"] {
                    if text.contains(bad) {
                        let why = format!("must not contain '{bad}'");
                        found.invalid(format!("{at}.path"), &path["path"], &why);
                    }
                }
            } else {
                found.invalid(
                    format!("{at}.path"),
                    &json!(text),
                    "must be an absolute path",
                );
            }
        }
        Some("ImplementationSpecific") => {
            if !text.is_empty() && !absolute {
                found.invalid(
                    format!("{at}.path"),
                    &path["path"],
                    "must be an absolute path",
                );
            }
        }
        Some(_) => found.one_of(
            format!("{at}.pathType"),
            &path["pathType"],
            &["Exact", "ImplementationSpecific", "Prefix"],
        ),
    }
    backend(&path["backend"], &format!("{at}.backend"), found);
}

fn backend(backend: &Value, at: &str, found: &mut Found) {
    let (service, resource) = (&backend["service"], &backend["resource"]);
    match (service.is_null(), resource.is_null()) {
        (true, true) => found.invalid(at, &json!(""), "resource or service backend is required"),
        (false, false) => found.invalid(
            at,
            &json!(""),
            "cannot set both resource and service backends",
        ),
        (true, false) => {}
        (false, true) => {
            let name = service["name"].as_str().unwrap_or_default();
            if name.is_empty() {
                found.required(format!("{at}.service.name"), "");
            } else if let Some(problem) = names::service_problem(name) {
                found.invalid(format!("{at}.service.name"), &service["name"], &problem);
            }
            let port = &service["port"];
            let number = port["number"].as_i64().is_some_and(|n| n != 0);
            match (is_empty(&port["name"]), number) {
                (false, true) => {
                    found.invalid(at, &json!(""), "cannot set both port name & port number");
                }
                (false, false) => {
                    found.port_or_name(&format!("{at}.service.port.name"), &port["name"]);
                }
                (true, true) => found.port(format!("{at}.service.port.number"), &port["number"]),
                (true, false) => found.required(at, "port name or number is required"),
            }
        }
    }
}

/// An `IngressClass`.
pub(super) fn class(object: &Value, found: &mut Found) {
    let controller = &object["spec"]["controller"];
    if is_empty(controller) {
        found.required("spec.controller", "");
    } else if !controller.as_str().unwrap_or_default().contains('/') {
        let why = "must be a domain-prefixed path (such as \"acme.io/foo\")";
        found.invalid("spec.controller", controller, why);
    }
}

/// A network policy.
pub(super) fn policy(object: &Value, found: &mut Found) {
    let spec = &object["spec"];
    found.selector("spec.podSelector", &spec["podSelector"]);
    for (direction, peers) in [("ingress", "from"), ("egress", "to")] {
        for (i, rule) in each(&spec[direction]) {
            let at = format!("spec.{direction}[{i}]");
            for (j, port) in each(&rule["ports"]) {
                policy_port(port, &format!("{at}.ports[{j}]"), found);
            }
            for (j, peer) in each(&rule[peers]) {
                self::peer(peer, &format!("{at}.{peers}[{j}]"), found);
            }
        }
    }
    for (i, kind) in each(&spec["policyTypes"]) {
        found.one_of(
            format!("spec.policyTypes[{i}]"),
            kind,
            &["Ingress", "Egress"],
        );
    }
}

fn policy_port(port: &Value, at: &str, found: &mut Found) {
    found.one_of(
        format!("{at}.protocol"),
        &port["protocol"],
        &["SCTP", "TCP", "UDP"],
    );
    let (first, last) = (&port["port"], &port["endPort"]);
    if first.is_null() {
        if !last.is_null() {
            found.required(
                format!("{at}.port"),
                "must be specified when `endPort` is specified",
            );
        }
        return;
    }
    found.port_or_name(&format!("{at}.port"), first);
    if last.is_null() {
        return;
    }
    let at = format!("{at}.endPort");
    match first.as_i64() {
        None => found.invalid(at, last, "may not be specified when `port` is non-numeric"),
        Some(first) => {
            if last.as_i64().is_some_and(|l| l < first) {
                found.invalid(&at, last, "must be greater than or equal to `port`");
            }
            found.port(at, last);
        }
    }
}

fn peer(peer: &Value, at: &str, found: &mut Found) {
    let mut given = false;
    for field in ["podSelector", "namespaceSelector"] {
        if !peer[field].is_null() {
            given = true;
            found.selector(&format!("{at}.{field}"), &peer[field]);
        }
    }
    let block = &peer["ipBlock"];
    match (block.is_null(), given) {
        (true, false) => found.required(at, "must specify a peer"),
        (true, true) => {}
        (false, true) => found.forbidden(at, "may not specify both ipBlock and another peer"),
        (false, false) => {
            const NO_BLOCK: &str =
                "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)";
            let at = format!("{at}.ipBlock");
            if is_empty(&block["cidr"]) {
                found.required(format!("{at}.cidr"), "");
                return;
            }
            let Some(whole) = Block::parse(&block["cidr"]) else {
                found.invalid(format!("{at}.cidr"), &block["cidr"], NO_BLOCK);
                return;
            };
            for (i, except) in each(&block["except"]) {
                let at = format!("{at}.except[{i}]");
                match Block::parse(except) {
                    None => found.invalid(at, except, NO_BLOCK),
                    Some(part) if !whole.holds(&part) => {
                        found.invalid(at, except, "must be a strict subset of `cidr`");
                    }
                    Some(_) => {}
                }
            }
        }
    }
}

/// The addresses that begin alike.
struct Block {
    address: u128,
    bits: u32,
    width: u32,
}

impl Block {
    fn parse(value: &Value) -> Option<Self> {
        let (address, bits) = value.as_str()?.split_once('/')?;
        let (address, width) = match address.parse().ok()? {
            IpAddr::V4(ip) => (u128::from(u32::from(ip)), 32),
            IpAddr::V6(ip) => (u128::from(ip), 128),
        };
        let bits = bits.parse().ok().filter(|b| *b <= width)?;
        Some(Self {
            address,
            bits,
            width,
        })
    }

    /// Whether another one is a part of it.
    fn holds(&self, other: &Self) -> bool {
        let shift = self.width - self.bits;
        let head = |address: u128| address.checked_shr(shift).unwrap_or_default();
        self.width == other.width
            && self.bits < other.bits
            && head(self.address) == head(other.address)
    }
}
