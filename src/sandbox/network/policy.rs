//! Who may speak to whom: `NetworkPolicies`.
//! <https://kubernetes.io/docs/concepts/services-networking/network-policies/>

use std::sync::Arc;

use serde_json::Value;

use crate::sandbox::{registry, store::selector::Selector, verbs::Api};

/// Whether a Pod may open a connection to a port of another: its own policies let it out, and those of the other one let it in.
#[must_use]
pub fn allows(api: &Api, from: &Value, to: &Value, port: i64) -> bool {
    passes(api, from, to, to, port, "Egress") && passes(api, to, from, to, port, "Ingress")
}

/// Whether the policies of a Pod let traffic of a direction pass, to or from a peer, to a port of `target`.
fn passes(
    api: &Api,
    pod: &Value,
    peer: &Value,
    target: &Value,
    port: i64,
    direction: &str,
) -> bool {
    let namespace = pod["metadata"]["namespace"].as_str().unwrap_or_default();
    let place = registry::place("networking.k8s.io", "networkpolicies");
    let policies: Vec<Arc<Value>> = api
        .store
        .with(|state| state.list(&place, Some(namespace)).collect());
    let mut isolated = false;
    for policy in &policies {
        let spec = &policy["spec"];
        if !is_of(spec, direction) || !Selector::of(&spec["podSelector"]).matches(pod) {
            continue;
        }
        isolated = true;
        let (rules, peers) = match direction {
            "Ingress" => (&spec["ingress"], "from"),
            _ => (&spec["egress"], "to"),
        };
        let rules = rules.as_array().into_iter().flatten();
        for rule in rules {
            let all = rule["ports"].as_array().filter(|p| !p.is_empty());
            let ports = all.is_none_or(|all| all.iter().any(|p| is_port(p, target, port)));
            let all = rule[peers].as_array().filter(|p| !p.is_empty());
            let peers = all.is_none_or(|all| all.iter().any(|p| is_peer(api, p, namespace, peer)));
            if ports && peers {
                return true;
            }
        }
    }
    !isolated
}

/// Whether a policy is about a direction: by its types, or by what it has.
fn is_of(spec: &Value, direction: &str) -> bool {
    match spec["policyTypes"].as_array().filter(|t| !t.is_empty()) {
        Some(types) => types.iter().any(|t| t == direction),
        None => direction == "Ingress" || spec["egress"].is_array(),
    }
}

fn is_port(wanted: &Value, target: &Value, port: i64) -> bool {
    if wanted["protocol"].as_str().is_some_and(|p| p != "TCP") {
        return false;
    }
    match &wanted["port"] {
        Value::Null => true,
        Value::String(name) => {
            let containers = target["spec"]["containers"]
                .as_array()
                .into_iter()
                .flatten();
            let mut ports = containers.flat_map(|c| c["ports"].as_array().into_iter().flatten());
            ports.any(|p| p["name"] == *name && p["containerPort"] == port)
        }
        first => {
            let first = first.as_i64().unwrap_or_default();
            (first..=wanted["endPort"].as_i64().unwrap_or(first)).contains(&port)
        }
    }
}

fn is_peer(api: &Api, peer: &Value, namespace: &str, pod: &Value) -> bool {
    if let Some(cidr) = peer["ipBlock"]["cidr"].as_str() {
        let ip = pod["status"]["podIP"].as_str().unwrap_or_default();
        let except = peer["ipBlock"]["except"].as_array().into_iter().flatten();
        let mut except = except.filter_map(Value::as_str);
        return within(ip, cidr) && !except.any(|e| within(ip, e));
    }
    let own = pod["metadata"]["namespace"].as_str().unwrap_or_default();
    let place = match &peer["namespaceSelector"] {
        Value::Null => own == namespace,
        selector => {
            let key = (String::new(), own.to_owned());
            let found = api.store.get(&registry::place("", "namespaces"), &key);
            found.is_some_and(|n| Selector::of(selector).matches(&n))
        }
    };
    let pods = &peer["podSelector"];
    place && (pods.is_null() || Selector::of(pods).matches(pod))
}

/// Whether an IPv4 address lies in a network.
fn within(ip: &str, cidr: &str) -> bool {
    let (network, bits) = cidr.split_once('/').unwrap_or((cidr, "32"));
    let number = |text: &str| text.parse().map(|ip: std::net::Ipv4Addr| ip.to_bits()).ok();
    let (Some(ip), Some(network), Ok(bits)) = (number(ip), number(network), bits.parse::<u32>())
    else {
        return false;
    };
    let mask = u32::MAX
        .checked_shl(32_u32.saturating_sub(bits))
        .unwrap_or(0);
    ip & mask == network & mask
}
