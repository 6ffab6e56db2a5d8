//! What has to be known of a cluster before a class can be planned on it.

use serde_json::Value;

use super::{
    Error,
    desired::Blueprint,
    model::Class,
    rooms::{Labs, group},
};
use crate::{
    cluster::{
        Cluster,
        snapshot::{Answer, Obstacle, ObstacleKind, Read},
    },
    lab::{catalogue::Catalogue, model::ListRef},
    session::served::Served,
};

impl Blueprint {
    /// Looks at the cluster, and loads the labs for it.
    pub async fn survey(
        cluster: &Cluster,
        catalogue: &Catalogue,
        class: Class,
    ) -> Result<Self, Error> {
        let (served, api_servers) = tokio::try_join!(cluster.groups(), api_servers(cluster))?;
        let labs = Labs::of(catalogue, &class, Served(served))?;
        let mut cluster_reads = Vec::new();
        for (api_version, kind) in &labs.needs.reads {
            match cluster.resource(api_version, kind).await {
                Ok(found) if !found.namespaced => {
                    cluster_reads.push((group(api_version), found.plural));
                }
                Ok(_) => {}
                // A lab that looks at it says so itself, when it is taken.
                Err(o) if o.kind == ObstacleKind::NotServed => {}
                Err(o) => return Err(o.into()),
            }
        }
        let pull_secret = class.pull_secret.as_deref().map(pull_secret).transpose()?;
        Ok(Self {
            class,
            labs,
            api_servers,
            pull_secret,
            cluster_reads,
        })
    }
}

/// The addresses behind the Service `kubernetes`: what the API servers reach out from.
async fn api_servers(cluster: &Cluster) -> Result<Vec<String>, Obstacle> {
    let list = ListRef {
        api_version: "discovery.k8s.io/v1".to_owned(),
        kind: "EndpointSlice".to_owned(),
        namespace: Some("default".to_owned()),
        label_selector: Some("kubernetes.io/service-name=kubernetes".to_owned()),
        field_selector: None,
    };
    let Answer::List(slices) = cluster.read(&Read::List(list)).await? else {
        return Ok(Vec::new());
    };
    let endpoints = slices
        .iter()
        .flat_map(|s| s["endpoints"].as_array().into_iter().flatten());
    let addresses = endpoints.flat_map(|e| e["addresses"].as_array().into_iter().flatten());
    let mut all: Vec<String> = addresses
        .filter_map(|a| a.as_str().map(str::to_owned))
        .collect();
    all.sort();
    all.dedup();
    Ok(all)
}

/// The file of a pull secret, which has to be one.
fn pull_secret(path: &std::path::Path) -> Result<String, Error> {
    let wrong = |reason: String| Error::File {
        path: path.display().to_string(),
        reason,
    };
    let text = std::fs::read_to_string(path).map_err(|e| wrong(format!("can't be read: {e}")))?;
    let parsed: Value =
        serde_json::from_str(&text).map_err(|e| wrong(format!("is no pull secret: {e}")))?;
    if !parsed["auths"].is_object() {
        return Err(wrong("is no pull secret: it has no \"auths\"".to_owned()));
    }
    Ok(text)
}
