//! Users as they are asked for: oneself, and the quotas that hold in a project.

use http::{Response, StatusCode};
use serde_json::json;

use super::{made_list, resource};
use crate::sandbox::{
    serve::{On, request::Verb, respond::Body},
    status::Refusal,
    verbs::{name, read::Wanted},
};

/// `users/~`: whoever asks. Users who never logged in through the cluster have no object.
#[allow(clippy::unnecessary_wraps)] // As all answers are.
pub(super) fn me(on: &On<'_>) -> Result<Response<Body>, Refusal> {
    if let Ok(found) = on.api.get(on.resource, None, &on.user.name) {
        return Ok(on.object(StatusCode::OK, &found, &[]));
    }
    let user = json!({
        "apiVersion": "user.openshift.io/v1", "kind": "User",
        "metadata": {"name": on.user.name, "creationTimestamp": null},
        "identities": null, "groups": on.user.groups,
    });
    Ok(on.object(StatusCode::OK, &user, &[]))
}

/// The quotas of several projects that count the one that is asked for.
pub(super) fn quotas(on: &On<'_>, verb: Verb) -> Result<Response<Body>, Refusal> {
    let quotas = resource(on, "quota.openshift.io", "clusterresourcequotas")?;
    let wanted = Wanted::default();
    let page = on.api.list(&quotas, None, &wanted)?;
    let counts = |quota: &serde_json::Value| {
        let namespaces = quota["status"]["namespaces"].as_array();
        namespaces.is_some_and(|all| {
            all.iter()
                .any(|n| n["namespace"].as_str() == on.namespace())
        })
    };
    let applied: Vec<_> = page
        .items
        .iter()
        .filter(|quota| counts(quota))
        .map(|quota| {
            let mut applied = (**quota).clone();
            applied["kind"] = json!("AppliedClusterResourceQuota");
            applied["metadata"]["namespace"] = json!(on.namespace());
            applied
        })
        .collect();
    if verb == Verb::List {
        return Ok(made_list(on, applied));
    }
    let found = applied.into_iter().find(|quota| name(quota) == on.name());
    let found = found.ok_or_else(|| Refusal::not_found(on.resource.about(), on.name()))?;
    Ok(on.object(StatusCode::OK, &found, &[]))
}
