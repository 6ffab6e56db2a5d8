//! `EndpointSlices` for Endpoints of Services that select nothing: those that people wrote themselves.
//! <https://github.com/kubernetes/kubernetes/blob/master/pkg/controller/endpointslicemirroring/reconciler.go>

use serde_json::{Map, Value, json};

use super::{
    ENDPOINT_SLICES,
    slices::{MANAGED_BY, SERVICE_NAME, of_service, service_of},
};
use crate::sandbox::{
    controllers::{
        Controller, Outcome,
        accounts::unless_ending,
        cluster::{Cluster, ENDPOINTS, SERVICES, controlled_by, is_going},
    },
    store::{Change, Key},
    verbs::{delete::Options, name},
};

const OWN: &str = "endpointslicemirroring-controller.k8s.io";
const SKIP: &str = "endpointslice.kubernetes.io/skip-mirror";
/// Annotations that are not repeated.
const NOT_REPEATED: [&str; 2] = [
    "endpoints.kubernetes.io/last-change-trigger-time",
    "kubectl.kubernetes.io/last-applied-configuration",
];
/// The most addresses of a subset that are mirrored.
const MOST: usize = 1000;

/// Mirrors Endpoints as slices.
#[derive(Debug, Default)]
pub struct Mirror;

impl Controller for Mirror {
    fn name(&self) -> &'static str {
        "endpointslicemirroring-controller"
    }

    fn touched(&self, _: &Cluster<'_>, change: &Change) -> Vec<Key> {
        if ENDPOINTS.is_of(change) || SERVICES.is_of(change) {
            return vec![change.key.clone()];
        }
        if ENDPOINT_SLICES.is_of(change) {
            return service_of(change, OWN);
        }
        Vec::new()
    }

    fn reconcile(&mut self, cluster: &Cluster<'_>, key: &Key) -> Outcome {
        let mut found = of_service(cluster, key, OWN);
        let service = cluster.get(SERVICES, &key.0, &key.1);
        let own = service.is_some_and(|s| s["spec"]["selector"].is_null());
        let endpoints = cluster.get(ENDPOINTS, &key.0, &key.1);
        let endpoints = endpoints.filter(|e| own && e["metadata"]["labels"][SKIP] != "true");
        let wanted = endpoints.as_deref().map(slices).unwrap_or_default();
        for mut slice in wanted {
            let ports = |s: &Value| s["ports"].as_array().cloned().unwrap_or_default();
            let same = found.iter().position(|f| {
                ports(f) == ports(&slice) && f["addressType"] == slice["addressType"]
            });
            let Some(at) = same else {
                if endpoints.as_deref().is_some_and(|e| !is_going(e)) {
                    let made = cluster.create(ENDPOINT_SLICES, slice);
                    unless_ending(made.map(|_| ()))?;
                }
                continue;
            };
            let before = found.remove(at);
            let mut object = (*before).clone();
            object["endpoints"] = slice["endpoints"].take();
            for field in ["labels", "annotations"] {
                match slice["metadata"].get_mut(field) {
                    Some(value) => object["metadata"][field] = value.take(),
                    None => {
                        let metadata = object["metadata"].as_object_mut();
                        metadata.and_then(|m| m.remove(field));
                    }
                }
            }
            if object != *before {
                cluster.update(ENDPOINT_SLICES, object)?;
            }
        }
        for slice in found {
            cluster.delete(ENDPOINT_SLICES, &slice, &Options::default())?;
        }
        Ok(None)
    }
}

/// The slices that say the same as Endpoints: one for each subset and family of addresses.
fn slices(endpoints: &Value) -> Vec<Value> {
    let mut labels = endpoints["metadata"]["labels"]
        .as_object()
        .cloned()
        .unwrap_or_default();
    labels.insert(SERVICE_NAME.to_owned(), json!(name(endpoints)));
    labels.insert(MANAGED_BY.to_owned(), json!(OWN));
    let annotations = endpoints["metadata"]["annotations"].as_object().cloned();
    let mut annotations: Map<String, Value> = annotations.unwrap_or_default();
    annotations.retain(|key, _| !NOT_REPEATED.contains(&key.as_str()));
    let mut out = Vec::new();
    for subset in endpoints["subsets"].as_array().into_iter().flatten() {
        for (family, is) in [("IPv4", false), ("IPv6", true)] {
            let listed = of_family(subset, is);
            if listed.is_empty() {
                continue;
            }
            let mut slice = json!({
                "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
                "metadata": {
                    "generateName": format!("{}-", name(endpoints)), "labels": labels,
                    "namespace": endpoints["metadata"]["namespace"],
                    "ownerReferences": [controlled_by(endpoints)],
                },
                "addressType": family, "endpoints": listed, "ports": ports(subset),
            });
            if !annotations.is_empty() {
                slice["metadata"]["annotations"] = json!(annotations);
            }
            out.push(slice);
        }
    }
    out
}

/// The endpoints of a subset that are of IPv6, or of IPv4.
fn of_family(subset: &Value, six: bool) -> Vec<Value> {
    let mut out = Vec::new();
    for (list, ready) in [("addresses", true), ("notReadyAddresses", false)] {
        for address in subset[list].as_array().into_iter().flatten() {
            let ip = address["ip"].as_str().unwrap_or_default();
            let parsed = ip.parse::<std::net::IpAddr>();
            if parsed.is_ok_and(|ip| ip.is_ipv6() == six) && out.len() < MOST {
                out.push(endpoint(address, ready));
            }
        }
    }
    out
}

fn endpoint(address: &Value, ready: bool) -> Value {
    let mut out = json!({"addresses": [address["ip"]], "conditions": {"ready": ready}});
    for field in ["targetRef", "nodeName", "hostname"] {
        if let Some(value) = address.get(field).filter(|v| !v.is_null()) {
            out[field] = value.clone();
        }
    }
    out
}

fn ports(subset: &Value) -> Value {
    let Some(ports) = subset["ports"].as_array().filter(|p| !p.is_empty()) else {
        return Value::Null;
    };
    let port = |port: &Value| {
        let name = port["name"].as_str().unwrap_or_default();
        let protocol = port["protocol"].as_str().unwrap_or("TCP");
        let mut out = json!({"name": name, "port": port["port"], "protocol": protocol});
        if let Some(protocol) = port.get("appProtocol") {
            out["appProtocol"] = protocol.clone();
        }
        out
    };
    ports.iter().map(port).collect()
}
