//! The authority, tokens and kubeconfigs of a sandbox. They are made once, so that kubeconfigs stay good.

use std::{fs, path::Path};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio_rustls::rustls::crypto::ring;

use super::{Error, Home, Identity, Running, failed};
use crate::sandbox::{
    authz::User,
    serve::{
        authn::Tokens,
        tls::{Authority, Credential},
    },
};

/// The extension of a kubeconfig's cluster that says where its router listens.
const ROUTER: &str = "ccnr.dev/router";

/// The file that holds them.
const FILE: &str = "credentials.json";

/// The group of those who logged in through `OpenShift`, who may ask for projects.
const LOGGED_IN: &str = "system:authenticated:oauth";

/// What is kept.
#[derive(Serialize, Deserialize)]
struct Kept {
    authority: String,
    authority_key: String,
    student_token: String,
    admin_token: String,
}

/// By what the server proves itself, and knows users.
pub(super) struct Credentials {
    pub(super) authority: Authority,
    kept: Kept,
}

/// The student of the sandbox.
fn student() -> User {
    User::named("student", &[LOGGED_IN])
}

impl Credentials {
    /// Those of a folder; new ones where there are none.
    pub(super) fn of(home: &Home) -> Result<Self, Error> {
        let path = home.folder.join(FILE);
        let found = fs::read_to_string(&path).ok();
        if let Some(kept) = found.and_then(|text| serde_json::from_str::<Kept>(&text).ok()) {
            let authority = Authority::load(kept.authority.clone(), &kept.authority_key)?;
            return Ok(Self { authority, kept });
        }
        let authority = Authority::new()?;
        let kept = Kept {
            authority: authority.certificate.clone(),
            authority_key: authority.key.clone(),
            student_token: token()?,
            admin_token: token()?,
        };
        let text = serde_json::to_string(&kept).map_err(|e| failed(&path, "written")(e.into()))?;
        home.write(FILE, &text)?;
        Ok(Self { authority, kept })
    }

    /// Who is known by which token.
    pub(super) fn tokens(&self) -> Tokens {
        let mut tokens = Tokens::default();
        tokens.add(&self.kept.student_token, student());
        tokens.add(&self.kept.admin_token, User::admin("admin"));
        tokens
    }

    /// Writes the kubeconfigs for a sandbox that runs.
    pub(super) fn write_kubeconfigs(&self, home: &Home, of: &Running) -> Result<(), Error> {
        let admin = self.authority.client(&User::admin("admin"))?;
        for identity in [Identity::Student, Identity::Admin] {
            let path = home.kubeconfig(identity);
            let namespace = chosen_namespace(&path);
            let config = match identity {
                Identity::Student => self.kubeconfig(of, "student", &self.as_student(), &namespace),
                Identity::Admin => self.kubeconfig(of, "admin", &self.as_admin(&admin), &namespace),
            };
            write_kubeconfig(home, &path, &config)?;
        }
        Ok(())
    }

    fn as_student(&self) -> Value {
        json!({"token": self.kept.student_token})
    }

    /// By certificate, and by token for clients that ask for one.
    fn as_admin(&self, given: &Credential) -> Value {
        json!({
            "client-certificate-data": BASE64.encode(&given.certificate),
            "client-key-data": BASE64.encode(&given.key),
            "token": self.kept.admin_token,
        })
    }

    fn kubeconfig(&self, of: &Running, user: &str, credentials: &Value, namespace: &str) -> Value {
        let cluster = json!({
            "server": of.server,
            "certificate-authority-data": BASE64.encode(&self.authority.certificate),
            "extensions": [{"name": ROUTER, "extension": {"address": of.router}}],
        });
        json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "sandbox",
            "clusters": [{"name": "sandbox", "cluster": cluster}],
            "users": [{"name": user, "user": credentials}],
            "contexts": [{"name": "sandbox", "context": {"cluster": "sandbox", "user": user, "namespace": namespace}}],
        })
    }
}

/// The namespace that kubeconfigs begin with.
const NAMESPACE: &str = "default";

/// The namespace that somebody chose in a kubeconfig of this sandbox, with `kubectl config set-context`: it outlasts a restart.
fn chosen_namespace(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    let config: Value = serde_yaml::from_str(&text).unwrap_or_default();
    let contexts = config["contexts"].as_array().into_iter().flatten();
    let own = contexts.into_iter().find(|c| c["name"] == "sandbox");
    let chosen = own.and_then(|c| c["context"]["namespace"].as_str());
    chosen.unwrap_or(NAMESPACE).to_owned()
}

/// Puts the kubeconfigs into the namespace that they began with: the one that was chosen is gone with the rest.
pub(super) fn forget_namespaces(home: &Home) -> Result<(), Error> {
    for identity in [Identity::Student, Identity::Admin] {
        let path = home.kubeconfig(identity);
        let chosen = chosen_namespace(&path);
        if chosen == NAMESPACE {
            continue;
        }
        let text = fs::read_to_string(&path).map_err(failed(&path, "read"))?;
        let mut config: Value = serde_yaml::from_str(&text).unwrap_or_default();
        for context in config["contexts"].as_array_mut().into_iter().flatten() {
            if context["name"] == "sandbox" {
                context["context"]["namespace"] = json!(NAMESPACE);
            }
        }
        write_kubeconfig(home, &path, &config)?;
    }
    Ok(())
}

fn write_kubeconfig(home: &Home, path: &Path, config: &Value) -> Result<(), Error> {
    let text = serde_yaml::to_string(config)
        .map_err(|e| failed(path, "written")(std::io::Error::other(e)))?;
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned());
    home.write(&name.unwrap_or_default(), &text)
}

/// A token that nobody guesses.
fn token() -> Result<String, Error> {
    let mut bytes = [0; 32];
    let random = ring::default_provider().secure_random.fill(&mut bytes);
    random.map_err(|_| Error::Network(std::io::Error::other("no random numbers")))?;
    let engine = base64::engine::general_purpose::URL_SAFE_NO_PAD;
    Ok(format!("sha256~{}", engine.encode(bytes)))
}
