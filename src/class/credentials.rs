//! Credentials: for each student a kubeconfig with a token of a bounded life, written for its owner alone, once. Tokens are in
//! no log, no argument and no report.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use futures::{StreamExt as _, stream};
use http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    desired::Blueprint,
    model::{Class, Student},
};
use crate::cluster::{
    Cluster,
    call::Call,
    connect::{ROUTER, STUDENT},
    obstacle,
    snapshot::Obstacle,
};

/// How many tokens are asked for at once.
const CONCURRENCY: usize = 16;
/// The kubeconfig's extension that says until when its token is good.
const EXPIRES: &str = "ccnr.dev/expires";

/// Why credentials can't be made or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file can't be written.
    #[error("{path} can't be written: {source}")]
    Write {
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The API server gave no token.
    #[error("student {student}: {obstacle}")]
    Token {
        /// Whose.
        student: String,
        /// Why.
        obstacle: Obstacle,
    },
}

/// A student's kubeconfig.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issued {
    /// Whose.
    pub student: String,
    /// The file.
    pub path: PathBuf,
    /// Until when it is good; none where its file does not say.
    pub expires: Option<Timestamp>,
    /// Whether it was written now.
    pub new: bool,
}

/// The file of a student's kubeconfig.
#[must_use]
pub fn path(class: &Class, student: &Student) -> PathBuf {
    class
        .credentials
        .dir
        .join(format!("{}.kubeconfig", student.id))
}

/// Until when the kubeconfig of a student is good for this cluster, as its file says; none where there is none, or it is for
/// another one.
#[must_use]
pub fn good_until(cluster: &Cluster, path: &Path) -> Option<Timestamp> {
    let text = fs::read_to_string(path).ok()?;
    let config: Value = serde_yaml::from_str(&text).ok()?;
    if config["clusters"][0]["cluster"]["server"] != cluster.server.as_str() {
        return None;
    }
    let extensions = config["contexts"][0]["context"]["extensions"].as_array()?;
    let found = extensions.iter().find(|e| e["name"] == EXPIRES)?;
    found["extension"]["time"].as_str()?.parse().ok()
}

/// Writes kubeconfigs for those students who have none that is good for this cluster; `renew`, for all.
pub async fn issue(
    cluster: &Cluster,
    blueprint: &Blueprint,
    students: &[&Student],
    renew: bool,
    told: &dyn Fn(&Result<Issued, Error>),
) -> Vec<Result<Issued, Error>> {
    let class = &blueprint.class;
    let mut outcomes: Vec<Result<Issued, Error>> = Vec::with_capacity(students.len());
    if let Err(source) = private_folder(&class.credentials.dir) {
        let path = class.credentials.dir.display().to_string();
        return vec![Err(Error::Write { path, source })];
    }
    let mut all = stream::iter(students)
        .map(|student| one(cluster, blueprint, student, renew))
        .buffered(CONCURRENCY);
    while let Some(outcome) = all.next().await {
        told(&outcome);
        outcomes.push(outcome);
    }
    outcomes
}

async fn one(
    cluster: &Cluster,
    blueprint: &Blueprint,
    student: &Student,
    renew: bool,
) -> Result<Issued, Error> {
    let path = path(&blueprint.class, student);
    let kept = good_until(cluster, &path).filter(|until| *until > cluster.now());
    if let Some(expires) = kept.filter(|_| !renew) {
        return Ok(Issued {
            student: student.id.clone(),
            path,
            expires: Some(expires),
            new: false,
        });
    }
    let (token, expires) = token(cluster, &blueprint.class, student)
        .await
        .map_err(|obstacle| Error::Token {
            student: student.id.clone(),
            obstacle,
        })?;
    let config = kubeconfig(cluster, blueprint, student, &token, expires);
    let text = serde_yaml::to_string(&config).unwrap_or_default();
    write_private(&path, &text).map_err(|source| Error::Write {
        path: path.display().to_string(),
        source,
    })?;
    Ok(Issued {
        student: student.id.clone(),
        path,
        expires: Some(expires),
        new: true,
    })
}

/// A token of the student's account; the server may give it a shorter life than was asked for.
/// <https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-request-v1/>
async fn token(
    cluster: &Cluster,
    class: &Class,
    student: &Student,
) -> Result<(String, Timestamp), Obstacle> {
    let path = format!(
        "/api/v1/namespaces/{}/serviceaccounts/{}/token",
        class.home(),
        student.id
    );
    let body = json!({
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
        "spec": {"expirationSeconds": class.credentials.lifetime.as_secs()},
    });
    let what = format!("ask for a token of {}", student.id);
    let call = Call::ask(&what, path, body.to_string().into_bytes());
    let (status, body) = cluster.send(&call).await?;
    if status != StatusCode::CREATED {
        return Err(obstacle::from_status(&what, status, &body, &cluster.server));
    }
    let answer = cluster.parsed(&what, status, &body)?;
    let token = answer["status"]["token"].as_str().unwrap_or_default();
    let expires = answer["status"]["expirationTimestamp"]
        .as_str()
        .and_then(|t| t.parse().ok());
    let asked = || {
        cluster
            .now()
            .checked_add(class.credentials.lifetime)
            .unwrap_or(Timestamp::MAX)
    };
    Ok((token.to_owned(), expires.unwrap_or_else(asked)))
}

/// A kubeconfig with a context for each project; that of the first one is the current one.
fn kubeconfig(
    cluster: &Cluster,
    blueprint: &Blueprint,
    student: &Student,
    token: &str,
    expires: Timestamp,
) -> Value {
    let class = &blueprint.class;
    let name = class.name.as_str();
    let context = |project: &str| {
        json!({
            "name": project,
            "context": {
                "cluster": name, "user": student.id, "namespace": project,
                "extensions": [
                    {"name": STUDENT, "extension": {"id": student.id}},
                    {"name": EXPIRES, "extension": {"time": expires.to_string()}},
                ],
            },
        })
    };
    let rooms = blueprint.labs.rooms(&student.id);
    let contexts: Vec<Value> = rooms.iter().map(|room| context(&room.name)).collect();
    json!({
        "apiVersion": "v1", "kind": "Config",
        "clusters": [{"name": name, "cluster": server(cluster)}],
        "users": [{"name": student.id, "user": {"token": token}}],
        "contexts": contexts,
        "current-context": rooms.first().map(|room| room.name.as_str()),
    })
}

/// How the server is reached and known, as in the instructor's kubeconfig, but for who asks.
fn server(cluster: &Cluster) -> Value {
    let authority = cluster.authority();
    let mut server = json!({"server": cluster.server});
    if !authority.certificates.is_empty() {
        let pem: String = authority.certificates.iter().map(|der| pem(der)).collect();
        server["certificate-authority-data"] = json!(BASE64.encode(pem));
    }
    if authority.insecure {
        server["insecure-skip-tls-verify"] = json!(true);
    }
    if let Some(name) = &authority.server_name {
        server["tls-server-name"] = json!(name);
    }
    if let Some(router) = &cluster.router {
        let extension = json!({"name": ROUTER, "extension": {"address": router}});
        server["extensions"] = json!([extension]);
    }
    server
}

/// A certificate in PEM.
fn pem(der: &[u8]) -> String {
    let text = BASE64.encode(der);
    let lines: Vec<&str> = text
        .as_bytes()
        .chunks(64)
        .map(|line| std::str::from_utf8(line).unwrap_or_default())
        .collect();
    format!(
        "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
        lines.join("\n")
    )
}

/// A folder that only its owner may look into; one that is there stays as it is.
fn private_folder(folder: &Path) -> std::io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Writes a file for its owner alone, whole or not at all.
pub fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    // It is made with mode 0600.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

/// Takes back all tokens of a student, by deleting the account that they are of; the next apply makes another.
pub async fn revoke(cluster: &Cluster, class: &Class, student: &Student) -> Result<(), Obstacle> {
    let account = crate::lab::model::ObjectRef {
        api_version: "v1".to_owned(),
        kind: "ServiceAccount".to_owned(),
        namespace: Some(class.home()),
        name: student.id.clone(),
    };
    cluster.delete(&account, None).await
}
