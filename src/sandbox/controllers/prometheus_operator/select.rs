//! What a Prometheus selects: monitors and rules, in which namespaces.

use std::sync::Arc;

use serde_json::Value;

use super::{Kinds, operating::Operating, validate};
use crate::sandbox::{
    controllers::cluster::{Cluster, Event, Kind, NAMESPACES, is_going},
    prometheus::yaml::Yaml,
    store::selector::Selector,
};

/// What is selected, each by namespace and name.
#[derive(Debug, Clone, Default)]
pub(super) struct Selected {
    pub(super) services: Vec<Arc<Value>>,
    pub(super) pods: Vec<Arc<Value>>,
    /// The name of the file, and its text.
    pub(super) rules: Vec<(String, String)>,
}

/// Selects, and tells of what is refused.
pub(super) fn of(
    cluster: &Cluster<'_>,
    prometheus: &Value,
    kinds: &Kinds,
    operating: &Operating,
) -> Selected {
    let spec = &prometheus["spec"];
    let interval = spec["scrapeInterval"].as_str().unwrap_or("30s");
    let look = Look {
        cluster,
        prometheus,
        operating,
    };
    let monitors = |kind: Kind, prefix: &str, field: &str, named: &str| {
        let mut found = look.selected(kind, prefix);
        found.retain(|monitor| {
            let Err(error) = validate::monitor(&monitor["spec"][field], named, interval) else {
                return true;
            };
            let key = format!("{}/{}", text(monitor, "namespace"), text(monitor, "name"));
            look.refuse(
                monitor,
                &format!("{key:?} was rejected due to invalid configuration: {error}"),
            );
            false
        });
        found
    };
    let services = monitors(
        kinds.service_monitors,
        "serviceMonitor",
        "endpoints",
        "endpoints",
    );
    let pods = monitors(
        kinds.pod_monitors,
        "podMonitor",
        "podMetricsEndpoints",
        "podMetricsEndpoints",
    );
    let mut rules = Vec::new();
    for rule in look.selected(kinds.rules, "rule") {
        let name = text(&rule, "name");
        let file = Yaml::map(vec![("groups", Yaml::from(&rule["spec"]["groups"]))]).document();
        if let Err(error) = validate::rule(&file) {
            look.refuse(
                &rule,
                &format!(
                    "PrometheusRule {name} was rejected due to invalid configuration: {error}"
                ),
            );
            continue;
        }
        let (namespace, uid) = (text(&rule, "namespace"), text(&rule, "uid"));
        rules.push((format!("{namespace}-{name}-{uid}.yaml"), file));
    }
    rules.sort();
    Selected {
        services,
        pods,
        rules,
    }
}

/// Whether the operator writes the configuration: it does as soon as something is to be selected.
pub(super) fn is_managed(spec: &Value) -> bool {
    let selectors = ["serviceMonitor", "podMonitor", "probe", "scrapeConfig"];
    selectors
        .iter()
        .any(|s| spec[format!("{s}Selector")].is_object())
}

struct Look<'a> {
    cluster: &'a Cluster<'a>,
    prometheus: &'a Value,
    operating: &'a Operating,
}

impl Look<'_> {
    /// The objects that selectors of a prefix mean: no selector means nothing, an empty one everything.
    fn selected(&self, kind: Kind, prefix: &str) -> Vec<Arc<Value>> {
        let spec = &self.prometheus["spec"];
        let wanted = &spec[format!("{prefix}Selector")];
        if !wanted.is_object() {
            return Vec::new();
        }
        let wanted = Selector::of(wanted);
        let places = &spec[format!("{prefix}NamespaceSelector")];
        let mut found = Vec::new();
        for namespace in self.namespaces(places) {
            let all = self.cluster.list(kind, Some(&namespace));
            found.extend(
                all.into_iter()
                    .filter(|o| wanted.matches(o) && !is_going(o)),
            );
        }
        found
    }

    /// No selector of namespaces means the own one.
    fn namespaces(&self, selector: &Value) -> Vec<String> {
        if !selector.is_object() {
            return vec![text(self.prometheus, "namespace").to_owned()];
        }
        let selector = Selector::of(selector);
        let all = self.cluster.list(NAMESPACES, None);
        let fits = all.iter().filter(|n| selector.matches(n));
        let names = fits.map(|n| text(n, "name").to_owned());
        names.filter(|n| self.operating.watches(n)).collect()
    }

    fn refuse(&self, about: &Value, message: &str) {
        self.cluster.event(&Event {
            about,
            part: "",
            warning: true,
            reason: "InvalidConfiguration",
            message,
            node: "",
        });
    }
}

fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object["metadata"][field].as_str().unwrap_or_default()
}
