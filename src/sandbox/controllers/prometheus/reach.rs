//! What a Prometheus may see of the cluster, and whom it reaches from its Pod.

use std::sync::Arc;

use serde_json::Value;

use crate::sandbox::{
    authz::{self, Attributes, User},
    network::{self, policy},
    prometheus::{
        api::pages::Request,
        world::{Fetched, Unreachable, World},
    },
    registry,
    verbs::Api,
};

/// The cluster, from a Pod.
pub(super) struct Reach<'a> {
    pub(super) api: &'a Api,
    pub(super) pod: &'a Value,
}

impl Reach<'_> {
    fn user(&self) -> User {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let namespace = text(&self.pod["metadata"]["namespace"]);
        let account = text(&self.pod["spec"]["serviceAccountName"]);
        User::account(&namespace, &account)
    }
}

impl World for Reach<'_> {
    fn list(&self, resource: &str, namespace: Option<&str>) -> Result<Vec<Arc<Value>>, String> {
        let wanted = Attributes {
            verb: "list".to_owned(),
            resource: resource.to_owned(),
            namespace: namespace.unwrap_or_default().to_owned(),
            ..Attributes::default()
        };
        let user = self.user();
        if !authz::decide(&self.api.store, &user, &wanted).allowed {
            return Err(wanted.refusal(&user).message);
        }
        let place = registry::place("", resource);
        let all =
            |state: &mut crate::sandbox::store::State| state.list(&place, namespace).collect();
        Ok(self.api.store.with(all))
    }

    fn get(&self, scheme: &str, address: &str, path: &str) -> Result<Fetched, Unreachable> {
        let usual = if scheme == "https" { 443 } else { 80 };
        let (host, port) = match address.rsplit_once(':') {
            Some((host, port)) => (host, port.parse().unwrap_or(usual)),
            None => (address, usual),
        };
        let own = matches!(host, "localhost" | "127.0.0.1");
        let pod = if own {
            Some(Arc::new(self.pod.clone()))
        } else {
            network::pod_at(self.api, host)
        };
        let pod = pod.ok_or(Unreachable::Silent)?;
        if !own && !policy::allows(self.api, self.pod, &pod, i64::from(port)) {
            return Err(Unreachable::Silent);
        }
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let request = Request {
            method: "GET",
            path,
            query,
            form: "",
        };
        let page = network::ask(self.api, &pod, port, &request)?;
        if scheme == "https" {
            return Err(Unreachable::NoTls);
        }
        Ok(Fetched {
            status: page.status,
            content_type: page.kind.to_owned(),
            body: page.text,
        })
    }
}
