//! Tokens of `ServiceAccounts`: JSON Web Tokens, signed by a key of the sandbox.
//! <https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/>
//! <https://github.com/kubernetes/kubernetes/blob/master/pkg/serviceaccount/claims.go>

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use ring::{digest, hmac};
use serde_json::{Value, json};

use super::{authz::User, names, registry, store::Store, verbs::key};

/// For whom tokens are by default: the API server itself.
pub const AUDIENCE: &str = "https://kubernetes.default.svc";
/// Who signs tokens that end.
const ISSUER: &str = "https://kubernetes.default.svc";
/// Who signs tokens in Secrets.
const OLD_ISSUER: &str = "kubernetes/serviceaccount";
/// Where old tokens keep their claims.
const OLD: &str = "kubernetes.io/serviceaccount/";

/// The key that signs tokens.
#[derive(Debug)]
pub struct Signer {
    key: hmac::Key,
    id: String,
}

/// What a token is to say.
#[derive(Debug)]
pub struct Claims<'a> {
    /// The account.
    pub account: &'a Value,
    /// The object whose end is the end of the token: its kind in small letters, and itself.
    pub bound: Option<(&'a str, &'a Value)>,
    /// For whom it is.
    pub audiences: &'a [String],
    /// From when on it is valid, in seconds since 1970.
    pub from: i64,
    /// Until when.
    pub until: i64,
}

/// Whom a token names.
#[derive(Debug)]
pub struct Bearer {
    /// The user.
    pub user: User,
    /// What else is known.
    pub extra: Value,
    /// For whom the token is, of those that were asked about.
    pub audiences: Vec<String>,
}

impl Signer {
    /// The one that a secret leads to.
    #[must_use]
    pub fn of(secret: &[u8]) -> Self {
        let root = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let derived = hmac::sign(&root, b"service account tokens");
        let id = digest::digest(&digest::SHA256, derived.as_ref());
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref()),
            id: BASE64.encode(id),
        }
    }

    /// One that nobody else has.
    #[must_use]
    pub fn random() -> Self {
        let secret = format!("{}{}", names::uid(), names::uid());
        Self::of(secret.as_bytes())
    }

    fn sign(&self, claims: &Value) -> String {
        let head = json!({"alg": "HS256", "kid": self.id}).to_string();
        let text = format!(
            "{}.{}",
            BASE64.encode(head),
            BASE64.encode(claims.to_string())
        );
        let signature = hmac::sign(&self.key, text.as_bytes());
        format!("{text}.{}", BASE64.encode(signature))
    }

    /// A token that ends.
    #[must_use]
    pub fn token(&self, claims: &Claims<'_>) -> String {
        let metadata = &claims.account["metadata"];
        let reference =
            |o: &Value| json!({"name": o["metadata"]["name"], "uid": o["metadata"]["uid"]});
        let mut own = json!({
            "namespace": metadata["namespace"], "serviceaccount": reference(claims.account),
        });
        if let Some((kind, object)) = claims.bound {
            own[kind] = reference(object);
        }
        self.sign(&json!({
            "aud": claims.audiences, "exp": claims.until, "iat": claims.from, "iss": ISSUER,
            "jti": names::uid(), "kubernetes.io": own, "nbf": claims.from, "sub": subject(metadata),
        }))
    }

    /// A token for a Secret, which lasts as long as that.
    #[must_use]
    pub fn lasting(&self, account: &Value, secret: &str) -> String {
        let metadata = &account["metadata"];
        let mut claims = json!({"iss": OLD_ISSUER, "sub": subject(metadata)});
        for (field, value) in [
            ("namespace", &metadata["namespace"]),
            ("secret.name", &json!(secret)),
            ("service-account.name", &metadata["name"]),
            ("service-account.uid", &metadata["uid"]),
        ] {
            claims[format!("{OLD}{field}")] = value.clone();
        }
        self.sign(&claims)
    }

    /// What a token says, if it was signed here. The reason of a refusal is empty for what is no token at all.
    fn read(&self, token: &str) -> Result<Value, String> {
        let none = String::new;
        let (text, signature) = token.rsplit_once('.').ok_or_else(none)?;
        let (_, claims) = text.split_once('.').ok_or_else(none)?;
        let claims = BASE64.decode(claims).map_err(|_| none())?;
        let claims = serde_json::from_slice(&claims).map_err(|_| none())?;
        let wrong = || "go-jose/go-jose: error in cryptographic primitive".to_owned();
        let signature = BASE64.decode(signature).map_err(|_| wrong())?;
        hmac::verify(&self.key, text.as_bytes(), &signature).map_err(|_| wrong())?;
        Ok(claims)
    }

    /// Whom a token names, if it holds still; else why not.
    pub fn bearer(
        &self,
        store: &Store,
        token: &str,
        audiences: &[String],
        now: i64,
    ) -> Result<Bearer, String> {
        let claims = self.read(token)?;
        let old = |field: &str| claims[format!("{OLD}{field}")].clone();
        let lasting = claims["iss"] == OLD_ISSUER;
        let own = if lasting {
            json!({
                "namespace": old("namespace"),
                "serviceaccount": {"name": old("service-account.name"), "uid": old("service-account.uid")},
                "secret": {"name": old("secret.name")},
            })
        } else {
            claims["kubernetes.io"].clone()
        };
        let shared = shared(&claims["aud"], audiences, lasting)?;
        if claims["exp"].as_i64().is_some_and(|end| end < now) {
            return Err("service account token has expired".to_owned());
        }
        if claims["nbf"].as_i64().is_some_and(|start| start > now) {
            return Err("service account token is not valid yet".to_owned());
        }
        stands(store, &own)?;
        let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
        let namespace = text(&own["namespace"]);
        let mut user = User::account(&namespace, &text(&own["serviceaccount"]["name"]));
        user.uid = text(&own["serviceaccount"]["uid"]);
        Ok(Bearer {
            user,
            extra: extra(&claims, &own),
            audiences: shared,
        })
    }
}

fn subject(metadata: &Value) -> String {
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    let (namespace, name) = (text(&metadata["namespace"]), text(&metadata["name"]));
    format!("system:serviceaccount:{namespace}:{name}")
}

/// For whom of those that are asked about a token is.
fn shared(of_token: &Value, asked: &[String], lasting: bool) -> Result<Vec<String>, String> {
    let of_token: Vec<String> = match of_token.as_array() {
        Some(all) => all
            .iter()
            .filter_map(|a| a.as_str().map(str::to_owned))
            .collect(),
        // Tokens of Secrets are for the API server.
        None if lasting => vec![AUDIENCE.to_owned()],
        None => Vec::new(),
    };
    let shared: Vec<String> = asked
        .iter()
        .filter(|a| of_token.contains(a))
        .cloned()
        .collect();
    if shared.is_empty() {
        let list = |all: &[String]| {
            let all: Vec<String> = all.iter().map(|a| format!("\"{a}\"")).collect();
            all.join(" ")
        };
        return Err(format!(
            "token audiences [{}] is invalid for the target audiences [{}]",
            list(&of_token),
            list(asked)
        ));
    }
    Ok(shared)
}

/// Whether the account of a token is there still, and what the token is bound to.
fn stands(store: &Store, own: &Value) -> Result<(), String> {
    let namespace = own["namespace"].as_str().unwrap_or_default();
    let find = |plural: &str, of: &str| -> Option<Arc<Value>> {
        let name = own[of]["name"].as_str()?;
        let namespace = (plural != "nodes").then_some(namespace);
        store.get(&registry::place("", plural), &key(namespace, name))
    };
    let account = own["serviceaccount"]["name"].as_str().unwrap_or_default();
    let Some(found) = find("serviceaccounts", "serviceaccount") else {
        return Err(format!("serviceaccounts \"{account}\" not found"));
    };
    let (uid, claimed) = (&found["metadata"]["uid"], &own["serviceaccount"]["uid"]);
    if uid != claimed {
        let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
        let (uid, claimed) = (text(uid), text(claimed));
        return Err(format!(
            "service account UID ({uid}) does not match claim ({claimed})"
        ));
    }
    let pod_bound = own["pod"].is_object();
    for (plural, of) in [("secrets", "secret"), ("pods", "pod"), ("nodes", "node")] {
        // A Pod's token names its node, and does not depend on it.
        if !own[of].is_object() || of == "node" && pod_bound {
            continue;
        }
        let claimed = &own[of]["uid"];
        let same = |o: &Value| claimed.is_null() || o["metadata"]["uid"] == *claimed;
        if !find(plural, of).is_some_and(|o| same(&o)) {
            return Err("service account token has been invalidated".to_owned());
        }
    }
    Ok(())
}

/// What else is known of the bearer.
fn extra(claims: &Value, own: &Value) -> Value {
    let mut extra = json!({});
    if let Some(id) = claims["jti"].as_str() {
        extra["authentication.kubernetes.io/credential-id"] = json!([format!("JTI={id}")]);
    }
    for (of, field) in [
        ("pod", "name"),
        ("pod", "uid"),
        ("node", "name"),
        ("node", "uid"),
    ] {
        if let Some(value) = own[of][field].as_str() {
            extra[format!("authentication.kubernetes.io/{of}-{field}")] = json!([value]);
        }
    }
    extra
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_holds_as_long_as_what_it_depends_on() {
        let store = Store::default();
        let put = |plural: &str, name: &str, uid: &str| {
            let object = json!({"metadata": {"name": name, "namespace": "a", "uid": uid}});
            let key = key(Some("a"), name);
            store.with(|s| s.put(&registry::place("", plural), &key, object.clone()));
            object
        };
        let (account, pod) = (put("serviceaccounts", "robot", "1"), put("pods", "p", "2"));
        let signer = Signer::of(b"secret");
        let audiences = [AUDIENCE.to_owned()];
        let claims = Claims {
            account: &account,
            bound: Some(("pod", &pod)),
            audiences: &audiences,
            from: 100,
            until: 200,
        };
        let token = signer.token(&claims);
        let why = |token: &str, now: i64| {
            signer
                .bearer(&store, token, &audiences, now)
                .map(|b| b.user.name)
        };
        assert_eq!(why(&token, 150).unwrap(), "system:serviceaccount:a:robot");
        assert_eq!(
            why(&token, 201).unwrap_err(),
            "service account token has expired"
        );
        assert_eq!(why("abc", 150).unwrap_err(), "");
        let other = Signer::of(b"other").token(&claims);
        assert_eq!(
            why(&other, 150).unwrap_err(),
            "go-jose/go-jose: error in cryptographic primitive"
        );
        let elsewhere = ["x".to_owned()];
        assert_eq!(
            signer.bearer(&store, &token, &elsewhere, 150).unwrap_err(),
            "token audiences [\"https://kubernetes.default.svc\"] is invalid for the target audiences [\"x\"]"
        );
        put("pods", "p", "3");
        assert_eq!(
            why(&token, 150).unwrap_err(),
            "service account token has been invalidated"
        );
        put("serviceaccounts", "robot", "4");
        assert_eq!(
            why(&token, 150).unwrap_err(),
            "service account UID (4) does not match claim (1)"
        );
    }
}
