//! What stands behind a Service, to the router.

use serde_json::Value;

use super::Answer;
use crate::sandbox::{
    network,
    prometheus::{api::pages::Request, world::Unreachable},
    registry,
    verbs::{Api, key},
};

/// A Service with ready endpoints.
pub(super) struct Backend {
    pub(super) service: String,
    pub(super) weight: u64,
    endpoints: Vec<(String, u16)>,
}

impl Backend {
    /// The ready endpoints of a Service whose port is meant; none where nothing is ready.
    pub(super) fn of(
        api: &Api,
        (namespace, service): (&str, &str),
        weight: u64,
        is_meant: impl Fn(&Value) -> bool,
    ) -> Option<Self> {
        let place = registry::place("", "endpoints");
        let found = api.store.get(&place, &key(Some(namespace), service))?;
        let mut endpoints = Vec::new();
        for subset in found["subsets"].as_array().into_iter().flatten() {
            let ports = subset["ports"].as_array().into_iter().flatten();
            for port in ports.filter(|p| is_meant(p)) {
                let number = port["port"].as_u64().and_then(|p| u16::try_from(p).ok());
                let addresses = subset["addresses"].as_array().into_iter().flatten();
                let ips = addresses.filter_map(|a| a["ip"].as_str());
                endpoints.extend(ips.filter_map(|ip| Some((ip.to_owned(), number?))));
            }
        }
        (!endpoints.is_empty()).then(|| Self {
            service: service.to_owned(),
            weight,
            endpoints,
        })
    }

    /// Passes a request on to the one whose turn it is.
    pub(super) fn ask(&self, api: &Api, turn: u64, request: &Request<'_>) -> Answer {
        let count = u64::try_from(self.endpoints.len()).unwrap_or(u64::MAX);
        let at = turn.checked_rem(count).map(usize::try_from);
        let chosen = at
            .and_then(Result::ok)
            .and_then(|at| self.endpoints.get(at));
        let Some((ip, port)) = chosen else {
            return Answer::unavailable();
        };
        let Some(pod) = network::pod_at(api, ip) else {
            return Answer::unavailable();
        };
        match network::ask(api, &pod, *port, request) {
            Ok(page) => Answer {
                status: page.status,
                content_type: page.kind,
                location: None,
                body: page.text,
            },
            Err(Unreachable::Silent) => Answer::late(),
            Err(Unreachable::Refused | Unreachable::NoTls) => Answer::unavailable(),
        }
    }
}
