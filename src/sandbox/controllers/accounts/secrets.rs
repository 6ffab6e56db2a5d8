//! Tokens in Secrets of the type `kubernetes.io/service-account-token`.
//! <https://github.com/kubernetes/kubernetes/blob/master/pkg/controller/serviceaccount/tokens_controller.go>

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde_json::{Value, json};

use super::super::{
    Controller, Outcome,
    cluster::{Cluster, SECRETS, SERVICE_ACCOUNTS, is_going, key_of},
};
use crate::sandbox::{
    store::{Change, Key},
    verbs::{delete::Options, name},
};

const TYPE: &str = "kubernetes.io/service-account-token";
const ACCOUNT: &str = "kubernetes.io/service-account.name";
const UID: &str = "kubernetes.io/service-account.uid";

/// Fills Secrets with tokens; they go with their account.
#[derive(Debug, Default)]
pub struct TokenSecrets;

impl Controller for TokenSecrets {
    fn name(&self) -> &'static str {
        "tokens-controller"
    }

    fn touched(&self, cluster: &Cluster<'_>, change: &Change) -> Vec<Key> {
        if SERVICE_ACCOUNTS.is_of(change) {
            let mut secrets = cluster.list(SECRETS, Some(&change.key.0));
            secrets.retain(|s| account_of(s) == Some(&change.key.1));
            return secrets.iter().map(|s| key_of(s)).collect();
        }
        let own = change.after.as_deref().and_then(account_of).is_some();
        let mine = SECRETS.is_of(change) && own;
        mine.then(|| change.key.clone()).into_iter().collect()
    }

    fn reconcile(&mut self, cluster: &Cluster<'_>, key: &Key) -> Outcome {
        let Some(secret) = cluster
            .get(SECRETS, &key.0, &key.1)
            .filter(|s| !is_going(s))
        else {
            return Ok(None);
        };
        let Some(wanted) = account_of(&secret) else {
            return Ok(None);
        };
        let account = cluster.get(SERVICE_ACCOUNTS, &key.0, wanted);
        let claimed = &secret["metadata"]["annotations"][UID];
        let same = |a: &Value| claimed.is_null() || a["metadata"]["uid"] == *claimed;
        let Some(account) = account.filter(|a| same(a)) else {
            cluster.delete(SECRETS, &secret, &Options::default())?;
            return Ok(None);
        };
        let mut object = (*secret).clone();
        object["metadata"]["annotations"][UID] = account["metadata"]["uid"].clone();
        object["data"]["ca.crt"] = json!(BASE64.encode(cluster.api.certificate().as_bytes()));
        object["data"]["namespace"] = json!(BASE64.encode(&key.0));
        if object["data"]["token"].as_str().is_none_or(str::is_empty) {
            let token = cluster.api.signer().lasting(&account, name(&secret));
            object["data"]["token"] = json!(BASE64.encode(token));
        }
        if object != *secret {
            cluster.update(SECRETS, object)?;
        }
        Ok(None)
    }
}

/// The account that a Secret is to hold a token of.
fn account_of(secret: &Value) -> Option<&str> {
    let account = secret["metadata"]["annotations"][ACCOUNT].as_str();
    account.filter(|_| secret["type"] == TYPE)
}
