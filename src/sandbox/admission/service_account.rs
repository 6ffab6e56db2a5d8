//! Pods act as a `ServiceAccount`: the one that they name or `default`, whose token every container finds in a volume.
//! <https://github.com/kubernetes/kubernetes/blob/master/plugin/pkg/admission/serviceaccount/admission.go>

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Request, add, items, items_mut};
use crate::sandbox::{
    names, registry,
    status::Refusal,
    store::State,
    verbs::{Api, key, name},
};

/// The account of Pods that name none.
pub const DEFAULT: &str = "default";
/// Where containers look for the token.
const MOUNT_PATH: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
const VOLUME: &str = "kube-api-access-";
/// An hour, and the seconds by which tokens that may be extended are known.
pub const TOKEN_SECONDS: i64 = 3607;
/// Pods that a kubelet made for itself.
const MIRROR: &str = "kubernetes.io/config.mirror";
const ENFORCED: &str = "kubernetes.io/enforce-mountable-secrets";

/// Gives a new Pod its account.
pub(super) fn admit(
    api: &Api,
    state: &mut State,
    request: &Request<'_>,
    pod: &mut Value,
) -> Result<(), Refusal> {
    if !request.creates("", "pods") || pod["metadata"]["annotations"][MIRROR].is_string() {
        return Ok(());
    }
    let given = pod["spec"]["serviceAccountName"].as_str();
    let wanted = given
        .filter(|n| !n.is_empty())
        .unwrap_or(DEFAULT)
        .to_owned();
    pod["spec"]["serviceAccountName"] = json!(wanted);
    let namespace = request.namespace.unwrap_or_default();
    let Some(account) = find(api, state, namespace, &wanted, request.dry_run) else {
        let why = format!(
            "error looking up service account {namespace}/{wanted}: serviceaccount \"{wanted}\" not found"
        );
        return Err(request.forbidden(pod, &why));
    };
    if mounts_token(&account, pod) {
        mount_token(&mut pod["spec"]);
    }
    let secrets = items(&account, "imagePullSecrets");
    if items(&pod["spec"], "imagePullSecrets").is_empty() && !secrets.is_empty() {
        pod["spec"]["imagePullSecrets"] = json!(secrets);
    }
    if account["metadata"]["annotations"][ENFORCED] == "true" {
        only_own_secrets(&account, &pod["spec"]).map_err(|why| request.forbidden(pod, &why))?;
    }
    Ok(())
}

/// An account. A real server waits a second for `default`, until its controller has made it: here it is made at once.
fn find(
    api: &Api,
    state: &mut State,
    namespace: &str,
    wanted: &str,
    dry_run: bool,
) -> Option<Arc<Value>> {
    let place = registry::place("", "serviceaccounts");
    let found = state.get(&place, &key(Some(namespace), wanted));
    if found.is_some() || wanted != DEFAULT {
        return found;
    }
    let account = json!({
        "apiVersion": "v1", "kind": "ServiceAccount",
        "metadata": {
            "name": DEFAULT, "namespace": namespace, "uid": names::uid(),
            "creationTimestamp": api.clock.stamp(),
        },
    });
    if dry_run {
        return Some(Arc::new(account));
    }
    Some(state.put(&place, &key(Some(namespace), DEFAULT), account))
}

fn mounts_token(account: &Value, pod: &Value) -> bool {
    const FIELD: &str = "automountServiceAccountToken";
    let wish = pod["spec"][FIELD].as_bool();
    wish.or_else(|| account[FIELD].as_bool()).unwrap_or(true)
}

/// Mounts the token in every container that has nothing else in its place.
fn mount_token(spec: &mut Value) {
    let volumes = items(spec, "volumes").iter();
    let before = volumes
        .filter_map(|v| v["name"].as_str())
        .find(|n| n.starts_with(VOLUME))
        .map(str::to_owned);
    let volume = before.clone().unwrap_or_else(|| names::generate(VOLUME));
    let mount = json!({"name": volume, "mountPath": MOUNT_PATH, "readOnly": true});
    let mut needed = false;
    for list in ["initContainers", "containers"] {
        for container in items_mut(spec, list) {
            let mut mounts = items(container, "volumeMounts").iter();
            if !mounts.any(|m| m["mountPath"] == MOUNT_PATH) {
                add(container, "volumeMounts", mount.clone());
                needed = true;
            }
        }
    }
    if needed && before.is_none() {
        add(spec, "volumes", token_volume(&volume));
    }
}

fn token_volume(name: &str) -> Value {
    let namespace = json!({"apiVersion": "v1", "fieldPath": "metadata.namespace"});
    json!({"name": name, "projected": {"defaultMode": 420, "sources": [
        {"serviceAccountToken": {"expirationSeconds": TOKEN_SECONDS, "path": "token"}},
        {"configMap": {"items": [{"key": "ca.crt", "path": "ca.crt"}], "name": "kube-root-ca.crt"}},
        {"downwardAPI": {"items": [{"fieldRef": namespace, "path": "namespace"}]}},
    ]}})
}

/// Refuses Secrets that an account does not list, where it is to.
fn only_own_secrets(account: &Value, spec: &Value) -> Result<(), String> {
    let own =
        |field: &str, wanted: &Value| items(account, field).iter().any(|s| s["name"] == *wanted);
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    let whose = format!(
        "is not allowed because service account {} does not reference that",
        name(account)
    );
    for volume in items(spec, "volumes") {
        let secret = &volume["secret"]["secretName"];
        if volume["secret"].is_object() && !own("secrets", secret) {
            let secret = text(secret);
            return Err(format!(
                "volume with secret.secretName=\"{secret}\" {whose} secret"
            ));
        }
    }
    for (list, what) in [
        ("initContainers", "init container"),
        ("containers", "container"),
    ] {
        for container in items(spec, list) {
            let called = text(&container["name"]);
            for variable in items(container, "env") {
                let from = &variable["valueFrom"]["secretKeyRef"];
                if from.is_object() && !own("secrets", &from["name"]) {
                    let (variable, secret) = (text(&variable["name"]), text(&from["name"]));
                    return Err(format!(
                        "{what} {called} with envVar {variable} referencing secret.secretName=\"{secret}\" {whose} secret"
                    ));
                }
            }
            for source in items(container, "envFrom") {
                let from = &source["secretRef"];
                if from.is_object() && !own("secrets", &from["name"]) {
                    let secret = text(&from["name"]);
                    return Err(format!(
                        "{what} {called} with envFrom referencing secret.secretName=\"{secret}\" {whose} secret"
                    ));
                }
            }
        }
    }
    for (i, secret) in items(spec, "imagePullSecrets").iter().enumerate() {
        if !own("imagePullSecrets", &secret["name"]) {
            let secret = text(&secret["name"]);
            return Err(format!(
                "imagePullSecrets[{i}].name=\"{secret}\" {whose} imagePullSecret"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_with_its_own_mount_gets_no_token() {
        let mut spec = json!({"containers": [
            {"name": "a", "volumeMounts": [{"name": "own", "mountPath": MOUNT_PATH}]}, {"name": "b"},
        ]});
        mount_token(&mut spec);
        assert_eq!(spec["containers"][0]["volumeMounts"][0]["name"], "own");
        let volume = &spec["volumes"][0]["name"];
        assert_eq!(spec["containers"][1]["volumeMounts"][0]["name"], *volume);
        let again = spec.clone();
        mount_token(&mut spec);
        assert_eq!(spec, again);
    }

    #[test]
    fn secrets_of_others_are_refused_where_that_is_enforced() {
        let account = json!({"metadata": {"name": "a"}, "secrets": [{"name": "mine"}]});
        let spec = |secret: &str| json!({"containers": [{"name": "c", "env": [{"name": "E", "valueFrom": {"secretKeyRef": {"name": secret}}}]}]});
        assert_eq!(only_own_secrets(&account, &spec("mine")), Ok(()));
        assert_eq!(
            only_own_secrets(&account, &spec("other")).unwrap_err(),
            "container c with envVar E referencing secret.secretName=\"other\" is not allowed because service account a does not reference that secret"
        );
    }
}
