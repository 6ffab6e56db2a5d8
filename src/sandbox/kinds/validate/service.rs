//! Services, and the addresses behind them.

use std::{collections::BTreeSet, net::IpAddr};

use serde_json::{Value, json};

use super::found::{Found, each, is_empty, text_of};
use crate::sandbox::names;

/// What is said of a text that is no address.
const NO_ADDRESS: &str = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)";
/// The protocols.
const PROTOCOLS: [&str; 3] = ["SCTP", "TCP", "UDP"];

/// A Service.
pub(super) fn service(object: &Value, found: &mut Found) {
    let spec = &object["spec"];
    let headless = spec["clusterIP"] == "None";
    let kind = spec["type"].as_str().unwrap_or_default();
    if is_empty(&spec["ports"]) && kind != "ExternalName" && !headless {
        found.required("spec.ports", "");
    }
    match kind {
        "LoadBalancer" | "NodePort" if headless => {
            let why = format!("may not be set to 'None' for {kind} services");
            found.invalid("spec.clusterIPs[0]", &json!("None"), &why);
        }
        "ExternalName" => {
            if is_empty(&spec["externalName"]) {
                found.required("spec.externalName", "");
            } else {
                found.subdomain("spec.externalName", &spec["externalName"]);
            }
        }
        _ => {}
    }
    ports(spec, headless, found);
    found.selected_labels("spec.selector", &spec["selector"]);
    found.one_of(
        "spec.sessionAffinity",
        &spec["sessionAffinity"],
        &["ClientIP", "None"],
    );
    let ip = spec["clusterIP"].as_str().unwrap_or_default();
    if !ip.is_empty() && ip != "None" && ip.parse::<IpAddr>().is_err() {
        found.invalid("spec.clusterIPs[0]", &spec["clusterIP"], NO_ADDRESS);
    }
    for (i, ip) in each(&spec["externalIPs"]) {
        if ip.as_str().is_none_or(|ip| ip.parse::<IpAddr>().is_err()) {
            found.invalid(format!("spec.externalIPs[{i}]"), ip, NO_ADDRESS);
        }
    }
    found.one_of(
        "spec.type",
        &spec["type"],
        &["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"],
    );
    if kind == "ClusterIP" {
        for (i, port) in each(&spec["ports"]) {
            if port["nodePort"].as_i64().is_some_and(|p| p != 0) {
                let why = "may not be used when `type` is 'ClusterIP'";
                found.forbidden(format!("spec.ports[{i}].nodePort"), why);
            }
        }
    }
    repeated(&spec["ports"], found);
    let external = &spec["externalTrafficPolicy"];
    if !is_empty(external)
        && !matches!(kind, "NodePort" | "LoadBalancer")
        && is_empty(&spec["externalIPs"])
    {
        let why = "may only be set for externally-accessible services";
        found.invalid("spec.externalTrafficPolicy", external, why);
    }
}

fn ports(spec: &Value, headless: bool, found: &mut Found) {
    let several = spec["ports"].as_array().is_some_and(|p| p.len() > 1);
    let mut seen = BTreeSet::new();
    for (i, port) in each(&spec["ports"]) {
        let at = format!("spec.ports[{i}]");
        let name = port["name"].as_str().unwrap_or_default();
        if name.is_empty() {
            if several {
                found.required(format!("{at}.name"), "");
            }
        } else {
            found.label_name(format!("{at}.name"), &port["name"]);
            if !seen.insert(name) {
                found.duplicate(format!("{at}.name"), &port["name"]);
            }
        }
        found.port(format!("{at}.port"), &port["port"]);
        found.one_of(format!("{at}.protocol"), &port["protocol"], &PROTOCOLS);
        if !headless || !port["targetPort"].is_null() {
            found.port_or_name(&format!("{at}.targetPort"), &port["targetPort"]);
        }
    }
}

/// Ports that are there twice.
fn repeated(ports: &Value, found: &mut Found) {
    let mut seen = BTreeSet::new();
    for (i, port) in each(ports) {
        let protocol = port["protocol"].as_str().unwrap_or_default();
        let number = port["port"].as_i64().unwrap_or_default();
        if !seen.insert((protocol, number)) {
            // As Go prints a struct without names for JSON.
            let shown = format!(
                r#"{{"Name":"","Protocol":"{protocol}","AppProtocol":null,"Port":{number},"TargetPort":0,"NodePort":0}}"#
            );
            found.worded(
                "FieldValueDuplicate",
                format!("spec.ports[{i}]"),
                format!("Duplicate value: {shown}"),
            );
        }
    }
}

/// Endpoints.
pub(super) fn endpoints(object: &Value, found: &mut Found) {
    for (i, subset) in each(&object["subsets"]) {
        let at = format!("subsets[{i}]");
        if is_empty(&subset["addresses"]) && is_empty(&subset["notReadyAddresses"]) {
            found.required(&at, "must specify `addresses` or `notReadyAddresses`");
        }
        for list in ["addresses", "notReadyAddresses"] {
            for (j, address) in each(&subset[list]) {
                let ip = address["ip"].as_str().unwrap_or_default();
                if ip.parse::<IpAddr>().is_err() {
                    let at = format!("{at}.{list}[{j}].ip");
                    found.invalid(&at, &address["ip"], NO_ADDRESS);
                    // Looked at again, for addresses that lead nowhere.
                    found.invalid(at, &address["ip"], "must be a valid IP address");
                }
            }
        }
        for (j, port) in each(&subset["ports"]) {
            let at = format!("{at}.ports[{j}]");
            found.port(format!("{at}.port"), &port["port"]);
            found.one_of(format!("{at}.protocol"), &port["protocol"], &PROTOCOLS);
        }
    }
}

/// A slice of a Service's endpoints.
pub(super) fn slice(object: &Value, found: &mut Found) {
    if is_empty(&object["addressType"]) {
        found.required("addressType", "");
        return;
    }
    found.one_of(
        "addressType",
        &object["addressType"],
        &["FQDN", "IPv4", "IPv6"],
    );
    for (i, endpoint) in each(&object["endpoints"]) {
        let at = format!("endpoints[{i}].addresses");
        if is_empty(&endpoint["addresses"]) {
            found.required(&at, "must contain at least 1 address");
        }
        for (j, address) in each(&endpoint["addresses"]) {
            let text = address.as_str().unwrap_or_default();
            if object["addressType"] != "FQDN" && text.parse::<IpAddr>().is_err() {
                found.invalid(format!("{at}[{j}]"), address, NO_ADDRESS);
            }
        }
    }
    for (i, port) in each(&object["ports"]) {
        let name = port["name"].as_str().unwrap_or_default();
        if !name.is_empty()
            && let Some(problem) = names::label_problem(name)
        {
            found.invalid(format!("ports[{i}].name"), text_of(&port["name"]), &problem);
        }
        found.one_of(
            format!("ports[{i}].protocol"),
            &port["protocol"],
            &PROTOCOLS,
        );
    }
}
