//! The router: which Routes it takes.
//! <https://github.com/openshift/router/blob/master/pkg/router/controller/unique_host.go>

use std::sync::Arc;

use serde_json::{Value, json};

use super::{ROUTES, keys, list, text};
use crate::sandbox::{
    controllers::{
        Controller, Outcome,
        cluster::{Cluster, is_going},
    },
    openshift::route,
    store::{Change, Key},
    verbs::name,
};

/// The name of the router.
const NAME: &str = "default";

/// Admits Routes, and refuses those whose host belongs to an older one.
#[derive(Debug)]
pub(super) struct Router;

impl Controller for Router {
    fn name(&self) -> &'static str {
        "openshift-router"
    }

    fn program(&self) -> &'static str {
        "openshift-router"
    }

    fn touched(&self, cluster: &Cluster<'_>, change: &Change) -> Vec<Key> {
        if !ROUTES.is_of(change) {
            return Vec::new();
        }
        // Who shares a host with it, or did, may have it now.
        let hosts: Vec<&str> = [&change.before, &change.after]
            .into_iter()
            .flatten()
            .map(|r| text(r, "/spec/host"))
            .collect();
        let mut found = keys(cluster, ROUTES, None, |r| {
            hosts.contains(&text(r, "/spec/host"))
        });
        found.push(change.key.clone());
        found
    }

    fn reconcile(&mut self, cluster: &Cluster<'_>, key: &Key) -> Outcome {
        let Some(found) = cluster.get(ROUTES, &key.0, &key.1).filter(|r| !is_going(r)) else {
            return Ok(None);
        };
        let domain = cluster.api.store.with(|state| route::domain(state));
        let all = cluster.list(ROUTES, None);
        let host = host(&found, &domain);
        let older = all
            .iter()
            .find(|other| claims(other, &found, &host, &domain));
        let mut condition = json!({
            "type": "Admitted", "status": "True", "lastTransitionTime": cluster.stamp(),
        });
        if let Some(older) = older {
            condition["status"] = json!("False");
            condition["reason"] = json!("HostAlreadyClaimed");
            condition["message"] = json!(if text(older, "/metadata/namespace") == key.0 {
                format!("route {} already exposes {host} and is older", name(older))
            } else {
                format!(
                    "a route in another namespace holds {host} and is older than {}",
                    key.1
                )
            });
        }
        let ingress = json!({
            "host": host, "routerName": NAME, "conditions": [condition], "wildcardPolicy": found["spec"]["wildcardPolicy"],
            "routerCanonicalHostname": format!("router-{NAME}.{domain}"),
        });
        let mut ingresses = list(&found, "/status/ingress").to_vec();
        let own = ingresses.iter().position(|i| i["routerName"] == NAME);
        if own.is_some_and(|at| is_same(&ingresses[at], &ingress)) {
            return Ok(None);
        }
        match own {
            Some(at) => ingresses[at] = ingress,
            None => ingresses.push(ingress),
        }
        cluster.merge_status(ROUTES, &found, &json!({"status": {"ingress": ingresses}}))?;
        Ok(None)
    }
}

fn host(route: &Value, domain: &str) -> String {
    match (text(route, "/spec/host"), text(route, "/spec/subdomain")) {
        ("", "") => String::new(),
        ("", subdomain) => format!("{subdomain}.{domain}"),
        (host, _) => host.to_owned(),
    }
}

/// Whether another Route has the host already: an older one of another namespace, or of the same path.
fn claims(other: &Arc<Value>, route: &Value, wanted: &str, domain: &str) -> bool {
    let age = |r: &Value| {
        let created = text(r, "/metadata/creationTimestamp").to_owned();
        (created, text(r, "/metadata/uid").to_owned())
    };
    let version = |r: &Value| text(r, "/metadata/uid").to_owned();
    if version(other) == version(route) || host(other, domain) != wanted || is_going(other) {
        return false;
    }
    let same = |pointer: &str| text(other, pointer) == text(route, pointer);
    let excludes = !same("/metadata/namespace") || same("/spec/path");
    // Of two of the same second, the one that was admitted keeps it.
    let admitted = |r: &Value| {
        list(r, "/status/ingress")
            .iter()
            .any(|i| list(i, "/conditions").iter().any(|c| c["status"] == "True"))
    };
    let second = |r: &Value| text(r, "/metadata/creationTimestamp").to_owned();
    let is_older = if second(other) == second(route) {
        match (admitted(other), admitted(route)) {
            (true, false) => true,
            (false, true) => false,
            _ => age(other) < age(route),
        }
    } else {
        age(other) < age(route)
    };
    excludes && is_older
}

/// Whether two statuses are the same, but for when.
fn is_same(a: &Value, b: &Value) -> bool {
    let bare = |v: &Value| {
        let mut out = v.clone();
        for condition in out
            .pointer_mut("/conditions")
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
        {
            condition["lastTransitionTime"] = Value::Null;
        }
        out
    };
    bare(a) == bare(b)
}
