//! Requests of a program in a Pod, by the names and addresses that the cluster gives.
//! <https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/>

use std::sync::Arc;

use serde_json::Value;

use super::{ask, pod_at, policy};
use crate::sandbox::{
    programs::requests::{Asked, Came, Network},
    prometheus::{api::pages::Request, world::Unreachable},
    registry,
    store::Fact,
    verbs::{Api, key},
};

/// The network, as a Pod sees it.
pub struct OfPod<'a> {
    /// The cluster.
    pub api: &'a Api,
    /// The Pod.
    pub pod: &'a Value,
}

/// Where a request goes.
enum Target {
    /// To the Pod itself.
    Own,
    /// To an address, whoever has it.
    Address(String),
    /// To a Service, by its own address.
    Service(Arc<Value>),
}

impl Network for OfPod<'_> {
    fn ask(&self, asked: &Asked<'_>) -> Came {
        match self.target(asked.host) {
            None => Came::NoHost,
            Some(Target::Own) => self.ask_pod("127.0.0.1", self.pod, asked.port, asked),
            Some(Target::Address(ip)) => self.at(&ip, (&ip, asked.port), asked),
            Some(Target::Service(service)) => self.through(&service, asked),
        }
    }
}

impl OfPod<'_> {
    fn namespace(&self) -> &str {
        self.pod["metadata"]["namespace"]
            .as_str()
            .unwrap_or_default()
    }

    fn target(&self, host: &str) -> Option<Target> {
        if matches!(host, "localhost" | "127.0.0.1") {
            return Some(Target::Own);
        }
        if host.parse::<std::net::Ipv4Addr>().is_ok() {
            let found = self.service_at(host).map(Target::Service);
            return Some(found.unwrap_or_else(|| Target::Address(host.to_owned())));
        }
        let name = host.trim_end_matches('.').to_ascii_lowercase();
        let name = name.strip_suffix(".cluster.local").unwrap_or(&name);
        let parts: Vec<&str> = name.split('.').collect();
        let (service, namespace) = match parts.as_slice() {
            [service] => (*service, self.namespace()),
            [service, namespace] | [service, namespace, "svc"] => (*service, *namespace),
            _ => return None,
        };
        let place = registry::place("", "services");
        let found = self.api.store.get(&place, &key(Some(namespace), service))?;
        match found["spec"]["clusterIP"].as_str() {
            // A headless Service is a name for the addresses of its Pods.
            Some("None") => self
                .endpoint(&found, None)
                .map(|(ip, _)| Target::Address(ip)),
            Some(_) => Some(Target::Service(found)),
            None => None,
        }
    }

    fn service_at(&self, ip: &str) -> Option<Arc<Value>> {
        let place = registry::place("", "services");
        let has = Fact::HasAddress(ip.to_owned());
        let store = &self.api.store;
        let found = store.with(|state| state.known(&place, None, &has));
        found.into_iter().next()
    }

    fn through(&self, service: &Value, asked: &Asked<'_>) -> Came {
        let own = service["spec"]["clusterIP"].as_str().unwrap_or_default();
        let metadata = &service["metadata"];
        if metadata["namespace"] == "default" && metadata["name"] == "kubernetes" {
            return if asked.secure {
                Came::Untrusted(own.to_owned())
            } else {
                Came::Silent(own.to_owned())
            };
        }
        let mut ports = service["spec"]["ports"].as_array().into_iter().flatten();
        let Some(port) = ports.find(|p| p["port"] == asked.port) else {
            return Came::Silent(own.to_owned());
        };
        let name = port["name"].as_str().unwrap_or_default();
        match self.endpoint(service, Some(name)) {
            Some((ip, port)) => self.at(own, (&ip, port), asked),
            // The node refuses at once what nobody stands behind.
            None => Came::Refused(own.to_owned()),
        }
    }

    /// One of the ready endpoints of a Service, with the number of a port of this name, or of any.
    fn endpoint(&self, service: &Value, port: Option<&str>) -> Option<(String, u16)> {
        let metadata = &service["metadata"];
        let of = (metadata["namespace"].as_str(), metadata["name"].as_str()?);
        let found = self
            .api
            .store
            .get(&registry::place("", "endpoints"), &key(of.0, of.1))?;
        let mut all = Vec::new();
        for subset in found["subsets"].as_array().into_iter().flatten() {
            let mut ports = subset["ports"].as_array().into_iter().flatten();
            let is =
                |p: &&Value| port.is_none_or(|name| p["name"].as_str().unwrap_or_default() == name);
            let number = ports.find(is).and_then(|p| p["port"].as_u64());
            let Some(number) = number.and_then(|n| u16::try_from(n).ok()) else {
                continue;
            };
            let addresses = subset["addresses"].as_array().into_iter().flatten();
            all.extend(addresses.filter_map(|a| Some((a["ip"].as_str()?.to_owned(), number))));
        }
        // Each new connection goes to any of them.
        let at = (!all.is_empty()).then(|| fastrand::usize(..all.len()))?;
        Some(all.swap_remove(at))
    }

    /// Asks a Pod by its address; `shown` is the address that the program knows.
    fn at(&self, shown: &str, (ip, port): (&str, u16), asked: &Asked<'_>) -> Came {
        let Some(pod) = pod_at(self.api, ip) else {
            return Came::Silent(shown.to_owned());
        };
        if !policy::allows(self.api, self.pod, &pod, i64::from(port)) {
            return Came::Silent(shown.to_owned());
        }
        self.ask_pod(shown, &pod, port, asked)
    }

    fn ask_pod(&self, shown: &str, pod: &Value, port: u16, asked: &Asked<'_>) -> Came {
        let (path, query) = asked.path.split_once('?').unwrap_or((asked.path, ""));
        let request = Request {
            method: asked.method,
            path,
            query,
            form: "",
        };
        let shown = shown.to_owned();
        match ask(self.api, pod, port, &request) {
            Ok(_) if asked.secure => Came::NoTls(shown),
            Ok(page) => Came::Page {
                ip: shown,
                status: page.status,
                kind: page.kind.to_owned(),
                body: page.text,
            },
            Err(Unreachable::Refused) => Came::Refused(shown),
            Err(Unreachable::Silent) => Came::Silent(shown),
            Err(Unreachable::NoTls) => Came::NoTls(shown),
        }
    }
}
