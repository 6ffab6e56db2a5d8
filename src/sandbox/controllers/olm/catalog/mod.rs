//! What the catalogues of a sandbox offer.

use std::{collections::HashMap, sync::LazyLock};

use serde_json::{Value, json};

use crate::sandbox::extensions::preset;

/// One version of an operator.
#[derive(Debug, Clone)]
pub struct Bundle {
    /// Its package.
    pub package: String,
    /// The channel that it is the newest of.
    pub channel: String,
    /// Where it comes from.
    pub image: String,
    /// What it is and does, as its `ClusterServiceVersion` has it.
    pub csv: Value,
    /// The names of the kinds that it brings.
    pub definitions: Vec<String>,
}

/// A catalogue, by its name and namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Catalog {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
}

/// As the bundles of both catalogues are written.
const BUNDLES: [(&str, &str, &str); 2] = [
    (
        "operatorhubio-catalog",
        "olm",
        include_str!("operatorhubio.yaml"),
    ),
    (
        "community-operators",
        "openshift-marketplace",
        include_str!("community.yaml"),
    ),
];

static ALL: LazyLock<Vec<(Catalog, Bundle)>> = LazyLock::new(|| {
    let kinds = preset::kinds();
    let read = |(name, namespace, text): &(&str, &str, &str)| {
        let catalog = Catalog {
            name: (*name).to_owned(),
            namespace: (*namespace).to_owned(),
        };
        match serde_yaml::from_str::<Value>(text) {
            Ok(value) => Some((catalog, bundle(&value, &kinds))),
            Err(error) => {
                tracing::error!("the catalogue {name} can't be read: {error}");
                None
            }
        }
    };
    BUNDLES.iter().filter_map(read).collect()
});

fn bundle(value: &Value, kinds: &HashMap<String, (String, String)>) -> Bundle {
    let text = |field: &str| value[field].as_str().unwrap_or_default().to_owned();
    let wanted = value["definitions"].as_array().into_iter().flatten();
    let definitions: Vec<String> = wanted
        .filter_map(|d| d.as_str().map(str::to_owned))
        .collect();
    let mut csv = value["csv"].clone();
    csv["apiVersion"] = json!("operators.coreos.com/v1alpha1");
    csv["kind"] = json!("ClusterServiceVersion");
    // As a CSV lists them.
    let owned = definitions.iter().filter_map(|name| {
        let (kind, version) = kinds.get(name)?;
        Some(json!({
            "name": name, "kind": kind, "displayName": kind, "description": kind, "version": version,
        }))
    });
    csv["spec"]["customresourcedefinitions"] = json!({"owned": owned.collect::<Vec<_>>()});
    csv["spec"]["apiservicedefinitions"] = json!({});
    csv["spec"]["cleanup"] = json!({"enabled": false});
    Bundle {
        package: text("package"),
        channel: text("channel"),
        image: text("image"),
        csv,
        definitions,
    }
}

impl Bundle {
    /// The name of its `ClusterServiceVersion`.
    #[must_use]
    pub fn name(&self) -> &str {
        self.csv["metadata"]["name"].as_str().unwrap_or_default()
    }

    /// Its version.
    #[must_use]
    pub fn version(&self) -> &str {
        self.csv["spec"]["version"].as_str().unwrap_or_default()
    }

    /// What it is told apart by, as annotations and `InstallPlans` carry it.
    #[must_use]
    pub fn properties(&self) -> String {
        let mut all = vec![json!({
            "type": "olm.package", "value": {"packageName": self.package, "version": self.version()},
        })];
        let kinds = self.csv["spec"]["customresourcedefinitions"]["owned"].as_array();
        for kind in kinds.into_iter().flatten() {
            if kind["kind"] == "Prometheus" || kind["kind"] == "ServiceMonitor" {
                all.push(json!({
                    "type": "olm.gvk",
                    "value": {"group": "monitoring.coreos.com", "kind": kind["kind"], "version": kind["version"]},
                }));
            }
        }
        json!({ "properties": all }).to_string()
    }
}

/// Whether there is such a catalogue.
#[must_use]
pub fn is_known(name: &str, namespace: &str) -> bool {
    let mut all = BUNDLES.iter();
    all.any(|(known, at, _)| *known == name && *at == namespace)
}

/// What a catalogue offers.
pub fn of<'a>(name: &'a str, namespace: &'a str) -> impl Iterator<Item = &'static Bundle> + 'a {
    let is = move |c: &Catalog| c.name == name && c.namespace == namespace;
    ALL.iter().filter(move |(c, _)| is(c)).map(|(_, b)| b)
}

/// The bundle of a `ClusterServiceVersion`.
#[must_use]
pub fn by_name(csv: &str) -> Option<&'static Bundle> {
    ALL.iter().map(|(_, b)| b).find(|b| b.name() == csv)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_catalogues_offer_the_prometheus_operator() {
        let hub: Vec<_> = of("operatorhubio-catalog", "olm").collect();
        assert_eq!(hub[0].name(), "prometheusoperator.v0.85.0");
        assert_eq!(hub[0].definitions.len(), 10);
        let owned = &hub[0].csv["spec"]["customresourcedefinitions"]["owned"];
        assert_eq!(owned[0]["kind"], "AlertmanagerConfig");
        let community: Vec<_> = of("community-operators", "openshift-marketplace").collect();
        assert_eq!(community[0].name(), "prometheusoperator.0.56.3");
        assert_eq!(community[0].version(), "0.56.3");
        assert_eq!(community[0].definitions.len(), 8);
    }
}
