//! Refuses what exceeds a quota of its namespace; what does not is counted in the same write.
//! <https://github.com/kubernetes/kubernetes/blob/master/staging/src/k8s.io/apiserver/pkg/admission/plugin/resourcequota/controller.go>

use std::sync::Arc;

use serde_json::Value;

use super::{Operation, Request};
use crate::sandbox::{
    patch::managers::{self, Writer},
    quota::{self, Amounts},
    registry,
    status::Refusal,
    store::State,
    verbs::{Api, key, name},
};

/// Checks the quotas of a namespace, and counts.
pub(super) fn charge(
    api: &Api,
    state: &mut State,
    request: &Request<'_>,
    object: &Value,
) -> Result<(), Refusal> {
    let Some(namespace) = request.namespace.filter(|_| request.resource.namespaced) else {
        return Ok(());
    };
    if !is_counted(request) {
        return Ok(());
    }
    let place = registry::place("", "resourcequotas");
    let quotas: Vec<Arc<Value>> = state.list(&place, Some(namespace)).collect();
    let mut counted = Vec::new();
    for quota in quotas {
        let now = api.clock.now();
        if let Some(used) = checked(&quota, request, object, now)? {
            let mut quota = (*quota).clone();
            quota["status"]["used"] = quota::write(&used);
            counted.push(quota);
        }
    }
    if !request.dry_run {
        for mut quota in counted {
            let key = key(Some(namespace), name(&quota));
            let before = state.get(&place, &key);
            sign(api, before.as_deref(), &mut quota);
            state.put(&place, &key, quota);
        }
    }
    Ok(())
}

/// Notes that the server itself wrote the status.
fn sign(api: &Api, before: Option<&Value>, quota: &mut Value) {
    let resource = api.registry().get("", "v1", "resourcequotas");
    let Some(schema) = resource.as_ref().and_then(|r| r.schema()) else {
        return;
    };
    let by = Writer {
        name: "kube-apiserver".to_owned(),
        operation: managers::Operation::Update,
        api_version: "v1".to_owned(),
        subresource: "status".to_owned(),
    };
    let rules = (true, &[&["f:spec"][..]][..]);
    managers::updated(before, quota, schema, &by, rules, &api.clock.stamp());
}

/// Whether a request can take more than before. Events are never counted.
fn is_counted(request: &Request<'_>) -> bool {
    if !request.subresource.is_empty() || request.resource.plural == "events" {
        return false;
    }
    match request.operation {
        Operation::Create => true,
        Operation::Update => {
            request.is_about("", "services") || request.is_about("", "persistentvolumeclaims")
        }
        Operation::Delete => false,
    }
}

/// What is used of a quota with an object; nothing if it changes nothing.
fn checked(
    quota: &Value,
    request: &Request<'_>,
    object: &Value,
    now: jiff::Timestamp,
) -> Result<Option<Amounts>, Refusal> {
    let (resource, status) = (request.resource, &quota["status"]);
    let (hard, used) = (quota::read(&status["hard"]), quota::read(&status["used"]));
    if !quota::is_about(quota, &hard, resource, object) {
        return Ok(None);
    }
    let limited = || hard.keys().filter(|n| quota::limits(resource, n));
    let called = name(quota);
    if request.is_about("", "pods")
        && let Some(missing) = quota::missing(object, limited())
    {
        let why = format!("failed quota: {called}: {missing}");
        return Err(request.forbidden(object, &why));
    }
    let unknown = limited().filter(|n| !used.contains_key(*n)).count() > 0;
    if unknown {
        let names: Vec<&str> = limited().map(String::as_str).collect();
        let names = names.join(",");
        let why = format!("status unknown for quota: {called}, resources: {names}");
        return Err(request.forbidden(object, &why));
    }
    let mut more = quota::usage(resource, object, now);
    if let Some(before) = request.before {
        let before = quota::usage(resource, before, now);
        for (name, amount) in &mut more {
            *amount = amount.minus(before.get(name).copied().unwrap_or_default());
        }
    }
    more.retain(|name, amount| !amount.is_zero() && hard.contains_key(name));
    if more.is_empty() {
        return Ok(None);
    }
    let mut after = used.clone();
    let mut exceeded = Vec::new();
    for (name, amount) in &more {
        let sum = after.entry(name.clone()).or_default();
        *sum = sum.plus(*amount);
        if *sum > hard[name] {
            exceeded.push(name);
        }
    }
    if exceeded.is_empty() {
        return Ok(Some(after));
    }
    let shown = |amounts: &Amounts| {
        let each = |n: &&String| format!("{n}={}", amounts.get(*n).copied().unwrap_or_default());
        exceeded.iter().map(each).collect::<Vec<_>>().join(",")
    };
    let why = format!(
        "exceeded quota: {called}, requested: {}, used: {}, limited: {}",
        shown(&more),
        shown(&used),
        shown(&hard)
    );
    Err(request.forbidden(object, &why))
}
