//! How many ended Builds of a configuration are kept.
//! <https://github.com/openshift/openshift-controller-manager/blob/main/pkg/build/controller/common/util.go> (`HandleBuildPruning`)

use serde_json::Value;

use super::{BUILDS, text};
use crate::sandbox::{
    controllers::cluster::Cluster,
    openshift::build::{CONFIG, NUMBER},
    status::Refusal,
    verbs::{delete::Options, name},
};

/// Deletes the oldest of those that ended well, and of those that did not.
pub(super) fn prune(cluster: &Cluster<'_>, config: &Value) -> Result<(), Refusal> {
    let namespace = config["metadata"]["namespace"].as_str();
    let all = cluster.list(BUILDS, namespace);
    for (limit, phases) in [
        ("successfulBuildsHistoryLimit", &["Complete"][..]),
        (
            "failedBuildsHistoryLimit",
            &["Failed", "Error", "Cancelled"][..],
        ),
    ] {
        let limit = config["spec"][limit]
            .as_u64()
            .and_then(|l| usize::try_from(l).ok());
        let Some(limit) = limit else { continue };
        let mut ended: Vec<_> = all
            .iter()
            .filter(|b| b["metadata"]["labels"][CONFIG] == name(config))
            .filter(|b| phases.contains(&text(b, "/status/phase")))
            .collect();
        ended.sort_by_key(|b| std::cmp::Reverse(number(b)));
        for old in ended.into_iter().skip(limit) {
            cluster.delete(BUILDS, old, &Options::default())?;
        }
    }
    Ok(())
}

/// The number of a Build.
pub(super) fn number(build: &Value) -> u64 {
    let number = build["metadata"]["annotations"][NUMBER].as_str();
    number.and_then(|n| n.parse().ok()).unwrap_or_default()
}
