//! The cluster: connection, calls, reads. Everything that touches the network is below here.

pub mod call;
pub mod obstacle;
mod read;
pub mod resources;
mod web;

use std::{collections::HashMap, sync::Arc};

use kube::config::{KubeConfigOptions, Kubeconfig};

use self::call::Limits;
use crate::check::snapshot::{Obstacle, ObstacleKind};

/// Kinds and how they are served, by group/version.
type Discovery = HashMap<String, Vec<(String, resources::Resource)>>;

/// A connection to one cluster as one user. Cheap to clone.
#[derive(Clone)]
pub struct Cluster {
    client: kube::Client,
    /// The API server's URL.
    pub server: String,
    limits: Limits,
    /// The kinds of a group/version, once they have been asked for.
    discovery: Arc<tokio::sync::Mutex<Discovery>>,
}

impl Cluster {
    /// Connects by a kubeconfig that has been read. Nothing is sent yet.
    pub async fn connect(
        kubeconfig: Kubeconfig,
        context: Option<String>,
        limits: Limits,
    ) -> Result<Self, Obstacle> {
        let options = KubeConfigOptions {
            context,
            ..KubeConfigOptions::default()
        };
        let unusable = |message: String| Obstacle {
            kind: ObstacleKind::Credentials,
            message,
            next: "check the kubeconfig, or log in again".to_owned(),
            status: None,
        };
        let mut config = kube::Config::from_custom_kubeconfig(kubeconfig, &options)
            .await
            .map_err(|e| unusable(format!("the kubeconfig can't be used: {e}")))?;
        // kube's own retries go on for six minutes; `call` has short ones.
        config.default_retry = false;
        let server = config
            .cluster_url
            .to_string()
            .trim_end_matches('/')
            .to_owned();
        let client = kube::Client::try_from(config)
            .map_err(|e| obstacle::from_kube("read the credentials", &e, &server))?;
        Ok(Self {
            client,
            server,
            limits,
            discovery: Arc::default(),
        })
    }
}
