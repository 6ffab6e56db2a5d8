//! Which cluster: the usual rules of kubeconfig files, and a connection that is ready to be asked.

use std::{
    env,
    path::{Path, PathBuf},
    sync::Arc,
};

use kube::config::{Context, KubeConfigOptions, Kubeconfig, NamedExtension};
use serde_json::Value;

use super::{
    Cluster,
    call::Limits,
    obstacle,
    snapshot::{Obstacle, ObstacleKind},
};
use crate::lab::text::Text;

/// The extension of a kubeconfig's context that says which student of a class it was given to.
pub const STUDENT: &str = "ccnr.dev/student";
/// The extension of a kubeconfig's cluster that says where its router listens.
pub const ROUTER: &str = "ccnr.dev/router";

/// Where the cluster's address and the credentials come from.
#[derive(Debug, Clone)]
pub enum Source {
    /// A kubeconfig.
    Kubeconfig(Box<Kubeconfig>),
    /// The `ServiceAccount` of the Pod that this runs in.
    InCluster,
}

/// By what an API server is known: what another kubeconfig for the same cluster needs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Authority {
    /// The certificates of its authority, in DER; none where those of the machine will do.
    pub certificates: Vec<Vec<u8>>,
    /// Whether any server is taken for it.
    pub insecure: bool,
    /// The name in its certificate, where it is not that of its URL.
    pub server_name: Option<String>,
}

/// Why there is no kubeconfig to use.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// None exists anywhere.
    #[error(
        "no kubeconfig found: --kubeconfig and KUBECONFIG are not given, and {looked} does not exist"
    )]
    None {
        /// The default place.
        looked: String,
    },
    /// One was named that does not exist.
    #[error("the kubeconfig {path}, named by {by}, does not exist")]
    Missing {
        /// The path.
        path: String,
        /// The flag or variable.
        by: &'static str,
    },
    /// One can't be read.
    #[error("the kubeconfig {path} can't be read: {reason}")]
    Unreadable {
        /// The path or paths.
        path: String,
        /// Why.
        reason: String,
    },
}

impl Error {
    /// The error as a learner reads it.
    #[must_use]
    pub fn text(&self) -> Text {
        let ja = match self {
            Self::None { looked } => format!(
                "kubeconfig が見つかりません。--kubeconfig も KUBECONFIG も指定されておらず、{looked} もありません"
            ),
            Self::Missing { path, by } => {
                format!("{by} で指定された kubeconfig {path} がありません")
            }
            Self::Unreadable { path, reason } => {
                format!("kubeconfig {path} を読み取れません: {reason}")
            }
        };
        Text::new(self.to_string(), ja)
    }
}

/// Finds the kubeconfig as kubectl does: the flag, `KUBECONFIG`, `~/.kube/config`, else the Pod's `ServiceAccount`.
/// <https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/>
pub fn find(flag: Option<&Path>) -> Result<Source, Error> {
    if let Some(path) = flag {
        return read(path, "--kubeconfig");
    }
    if let Some(paths) = env::var_os("KUBECONFIG").filter(|p| !p.is_empty()) {
        return from_list(&paths);
    }
    let default = home().map(|h| h.join(".kube/config"));
    match default {
        Some(path) if path.exists() => read(&path, "default"),
        _ if env::var_os("KUBERNETES_SERVICE_HOST").is_some() => Ok(Source::InCluster),
        other => Err(Error::None {
            looked: other.map_or_else(|| "~/.kube/config".to_owned(), |p| p.display().to_string()),
        }),
    }
}

/// Files of a list that don't exist are passed over, as kubectl does, as long as one exists.
fn from_list(paths: &std::ffi::OsStr) -> Result<Source, Error> {
    let shown = paths.to_string_lossy().into_owned();
    let unreadable = |e: kube::config::KubeconfigError| Error::Unreadable {
        path: shown.clone(),
        reason: reason(&e),
    };
    let mut merged: Option<Kubeconfig> = None;
    for path in env::split_paths(paths).filter(|p| p.exists()) {
        let next = Kubeconfig::read_from(&path).map_err(unreadable)?;
        merged = Some(match merged {
            None => next,
            Some(before) => before.merge(next).map_err(unreadable)?,
        });
    }
    merged
        .map(|config| Source::Kubeconfig(Box::new(config)))
        .ok_or(Error::Missing {
            path: shown.clone(),
            by: "KUBECONFIG",
        })
}

fn read(path: &Path, by: &'static str) -> Result<Source, Error> {
    let shown = path.display().to_string();
    if !path.exists() {
        return Err(Error::Missing { path: shown, by });
    }
    Kubeconfig::read_from(path)
        .map(|config| Source::Kubeconfig(Box::new(config)))
        .map_err(|e| Error::Unreadable {
            path: shown,
            reason: reason(&e),
        })
}

/// The first line of the innermost error: the outer ones repeat the path.
fn reason(error: &dyn std::error::Error) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    let text = inner.to_string();
    text.lines().next().unwrap_or_default().to_owned()
}

fn home() -> Option<PathBuf> {
    env::home_dir().filter(|h| !h.as_os_str().is_empty())
}

impl Cluster {
    /// By what the server is known.
    #[must_use]
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Prepares the connection. Nothing is sent yet, but an exec plugin of the kubeconfig may run.
    pub async fn connect(
        source: Source,
        context: Option<String>,
        limits: Limits,
    ) -> Result<Self, Obstacle> {
        let router = match &source {
            Source::Kubeconfig(kubeconfig) => router(kubeconfig, context.as_deref()),
            Source::InCluster => None,
        };
        let (mut config, context, user) = match source {
            Source::Kubeconfig(kubeconfig) => from_kubeconfig(*kubeconfig, context).await?,
            Source::InCluster => {
                let config = kube::Config::incluster().map_err(|e| unusable(&reason(&e)))?;
                (config, None, None)
            }
        };
        // kube's own retries go on for six minutes; `call` has short ones.
        config.default_retry = false;
        let server = config
            .cluster_url
            .to_string()
            .trim_end_matches('/')
            .to_owned();
        let authority = Authority {
            certificates: config.root_cert.clone().unwrap_or_default(),
            insecure: config.accept_invalid_certs,
            server_name: config.tls_server_name.clone(),
        };
        let client = kube::Client::try_from(config)
            .map_err(|e| obstacle::from_kube("read the credentials", &e, &server))?;
        Ok(Self {
            client,
            server,
            context,
            user,
            router,
            limits,
            discovery: Arc::default(),
            identity: Arc::default(),
            ahead: Arc::default(),
            pushed_back: Arc::default(),
            authority,
        })
    }
}

/// The configuration with the names of its context and user.
async fn from_kubeconfig(
    kubeconfig: Kubeconfig,
    wanted: Option<String>,
) -> Result<(kube::Config, Option<String>, Option<String>), Obstacle> {
    let context = wanted
        .clone()
        .or_else(|| kubeconfig.current_context.clone());
    let known: Vec<&str> = kubeconfig
        .contexts
        .iter()
        .map(|c| c.name.as_str())
        .collect();
    let Some(name) = context.filter(|c| !c.is_empty()) else {
        return Err(unusable(
            "it has no current-context; choose one with --context",
        ));
    };
    if !known.contains(&name.as_str()) {
        return Err(unusable(&format!(
            "it has no context \"{name}\"; it has {}",
            known.join(", ")
        )));
    }
    let user = kubeconfig
        .contexts
        .iter()
        .find(|c| c.name == name)
        .and_then(|c| c.context.as_ref()?.user.clone());
    let options = KubeConfigOptions {
        context: wanted,
        ..KubeConfigOptions::default()
    };
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &options)
        .await
        .map_err(|e| unusable(&reason(&e)))?;
    Ok((config, Some(name), user))
}

impl Source {
    /// The student of a class that the context was given to, where the kubeconfig says so.
    #[must_use]
    pub fn student(&self, wanted: Option<&str>) -> Option<String> {
        let Self::Kubeconfig(kubeconfig) = self else {
            return None;
        };
        let context = context(kubeconfig, wanted)?;
        let id = extension(context.extensions.as_ref()?, STUDENT)?["id"].as_str()?;
        Some(id.to_owned())
    }
}

/// Where the router of the context's cluster listens, where the kubeconfig says so.
fn router(kubeconfig: &Kubeconfig, wanted: Option<&str>) -> Option<String> {
    let cluster = &context(kubeconfig, wanted)?.cluster;
    let named = kubeconfig.clusters.iter().find(|c| c.name == *cluster)?;
    let extensions = named.cluster.as_ref()?.extensions.as_ref()?;
    let address = extension(extensions, ROUTER)?["address"].as_str()?;
    Some(address.to_owned()).filter(|a| !a.is_empty())
}

/// The context of this name, or the current one.
fn context<'a>(kubeconfig: &'a Kubeconfig, wanted: Option<&str>) -> Option<&'a Context> {
    let name = wanted.or(kubeconfig.current_context.as_deref())?;
    let named = kubeconfig.contexts.iter().find(|c| c.name == name)?;
    named.context.as_ref()
}

fn extension<'a>(all: &'a [NamedExtension], name: &str) -> Option<&'a Value> {
    all.iter().find(|e| e.name == name).map(|e| &e.extension)
}

fn unusable(why: &str) -> Obstacle {
    Obstacle {
        kind: ObstacleKind::Credentials,
        message: Text::new(
            format!("the kubeconfig can't be used: {why}"),
            format!("kubeconfig を使用できません: {why}"),
        ),
        next: Text::new(
            "check the kubeconfig, or log in again",
            "kubeconfig を確認するか、ログインし直してください",
        ),
        status: None,
    }
}
