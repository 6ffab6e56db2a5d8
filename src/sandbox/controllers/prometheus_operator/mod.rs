//! The Prometheus Operator: from a Prometheus to its `StatefulSet`, its configuration and its rules.
//! <https://prometheus-operator.dev/docs/getting-started/introduction/>

mod config;
mod monitors;
mod operating;
mod select;
mod statefulset;
mod status;
mod validate;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde_json::{Map, Value, json};

use self::{operating::Operating, select::Selected, status::Reconciled};
use super::{
    Controller, Outcome,
    cluster::{
        CONFIG_MAPS, Cluster, DEPLOYMENTS, Kind, NAMESPACES, PODS, SECRETS, SERVICES,
        STATEFUL_SETS, controller_of, is_going, key_of,
    },
};
use crate::sandbox::{
    prometheus::gzip,
    status::Refusal,
    store::{Change, Key},
    verbs::delete::Options,
};

/// The kinds of an operator, by their group.
#[derive(Debug, Clone, Copy)]
struct Kinds {
    prometheuses: Kind,
    service_monitors: Kind,
    pod_monitors: Kind,
    rules: Kind,
}

impl Kinds {
    const fn of(group: &'static str) -> Self {
        Self {
            prometheuses: Kind::new(group, "v1", "prometheuses"),
            service_monitors: Kind::new(group, "v1", "servicemonitors"),
            pod_monitors: Kind::new(group, "v1", "podmonitors"),
            rules: Kind::new(group, "v1", "prometheusrules"),
        }
    }
}

/// The operator.
#[derive(Debug)]
pub struct Operator {
    kinds: Kinds,
}

impl Default for Operator {
    fn default() -> Self {
        Self {
            kinds: Kinds::of("monitoring.coreos.com"),
        }
    }
}

impl Controller for Operator {
    fn name(&self) -> &'static str {
        "prometheus-controller"
    }

    fn program(&self) -> &'static str {
        "PrometheusOperator"
    }

    fn touched(&self, cluster: &Cluster<'_>, change: &Change) -> Vec<Key> {
        let kinds = &self.kinds;
        if kinds.prometheuses.is_of(change) {
            return vec![change.key.clone()];
        }
        let object = change.after.as_ref().or(change.before.as_ref());
        let Some(object) = object else {
            return Vec::new();
        };
        let everywhere = [
            kinds.service_monitors,
            kinds.pod_monitors,
            kinds.rules,
            NAMESPACES,
        ];
        if everywhere.iter().any(|k| k.is_of(change))
            || (DEPLOYMENTS.is_of(change) && operating::is_operator(object))
        {
            let all = cluster.list(kinds.prometheuses, None);
            return all.iter().map(|p| key_of(p)).collect();
        }
        let namespace = change.key.0.clone();
        if PODS.is_of(change) {
            let name = &object["metadata"]["labels"]["operator.prometheus.io/name"];
            return name
                .as_str()
                .map(|n| (namespace, n.to_owned()))
                .into_iter()
                .collect();
        }
        if [STATEFUL_SETS, SECRETS, CONFIG_MAPS]
            .iter()
            .any(|k| k.is_of(change))
        {
            let owner = controller_of(object).filter(|o| o["kind"] == "Prometheus");
            let name = owner.and_then(|o| o["name"].as_str());
            return name
                .map(|n| (namespace, n.to_owned()))
                .into_iter()
                .collect();
        }
        if SERVICES.is_of(change) && change.key.1 == "prometheus-operated" {
            let all = cluster.list(kinds.prometheuses, Some(&namespace));
            return all.iter().map(|p| key_of(p)).collect();
        }
        Vec::new()
    }

    fn reconcile(&mut self, cluster: &Cluster<'_>, key: &Key) -> Outcome {
        let Some(prometheus) = cluster.get(self.kinds.prometheuses, &key.0, &key.1) else {
            return Ok(None);
        };
        if is_going(&prometheus) {
            return Ok(None);
        }
        let Some(operating) = operating::of(cluster, &key.0) else {
            return Ok(None);
        };
        let outcome = if prometheus["spec"]["paused"] == true {
            Ok(())
        } else {
            self.make(cluster, &prometheus, &operating)
        };
        let reconciled = match &outcome {
            Err(refusal) => Reconciled::Failed(refusal.message.clone()),
            Ok(()) if select::is_managed(&prometheus["spec"]) => Reconciled::Well,
            Ok(()) => Reconciled::Unmanaged,
        };
        let status = status::of(cluster, &prometheus, &reconciled);
        if status != prometheus["status"] {
            let patch = json!({ "status": status });
            cluster.merge_status(self.kinds.prometheuses, &prometheus, &patch)?;
        }
        outcome.map(|()| None)
    }
}

impl Operator {
    /// Makes everything that a Prometheus needs, in the order of the real operator.
    fn make(
        &self,
        cluster: &Cluster<'_>,
        prometheus: &Value,
        operating: &Operating,
    ) -> Result<(), Refusal> {
        let name = prometheus["metadata"]["name"].as_str().unwrap_or_default();
        let selected = select::of(cluster, prometheus, &self.kinds, operating);
        let object = |kind: &str, called: String, labels: Value| {
            json!({
                "apiVersion": "v1", "kind": kind,
                "metadata": {
                    "name": called, "namespace": prometheus["metadata"]["namespace"], "labels": labels,
                    "ownerReferences": [owner(prometheus)],
                },
            })
        };
        let managed = || json!({"managed-by": "prometheus-operator"});
        let mut rules = object(
            "ConfigMap",
            format!("prometheus-{name}-rulefiles-0"),
            json!({"managed-by": "prometheus-operator", "prometheus-name": name}),
        );
        let files = selected
            .rules
            .iter()
            .map(|(file, text)| (file.clone(), json!(text)));
        let files: Map<String, Value> = files.collect();
        if !files.is_empty() {
            rules["data"] = Value::Object(files);
        }
        ensure(cluster, CONFIG_MAPS, rules, "data")?;
        let secret = |suffix: &str, data: &[(&str, &[u8])]| {
            let mut secret = object("Secret", format!("prometheus-{name}{suffix}"), managed());
            for (file, bytes) in data {
                secret["data"][*file] = json!(BASE64.encode(bytes));
            }
            secret
        };
        let config = secret(
            "",
            &[(
                "prometheus.yaml.gz",
                &configuration(cluster, prometheus, &selected),
            )],
        );
        let there = cluster.get(
            SECRETS,
            namespace(prometheus),
            &format!("prometheus-{name}"),
        );
        if select::is_managed(&prometheus["spec"]) || there.is_none() {
            ensure(cluster, SECRETS, config, "data")?;
        }
        let client = b"tls_config:\n  insecure_skip_verify: true\n";
        for wanted in [
            secret("-tls-assets-0", &[]),
            secret("-web-config", &[("web-config.yaml", b"")]),
            secret(
                "-thanos-prometheus-http-client-file",
                &[("prometheus.http-client-file.yaml", client)],
            ),
        ] {
            ensure(cluster, SECRETS, wanted, "data")?;
        }
        service(cluster, prometheus)?;
        let names = statefulset::names(prometheus);
        for (shard, called) in names.iter().enumerate() {
            set(
                cluster,
                statefulset::of(prometheus, called, shard, operating),
            )?;
        }
        for old in cluster.owned(STATEFUL_SETS, prometheus) {
            let called = old["metadata"]["name"].as_str().unwrap_or_default();
            if !names.iter().any(|n| n == called) && !is_going(&old) {
                cluster.delete(STATEFUL_SETS, &old, &Options::default())?;
            }
        }
        Ok(())
    }
}

fn namespace(object: &Value) -> &str {
    object["metadata"]["namespace"].as_str().unwrap_or_default()
}

/// A reference to a Prometheus as the controller of what it needs.
fn owner(prometheus: &Value) -> Value {
    super::cluster::controlled_by(prometheus)
}

/// The packed configuration; empty where the owner writes it.
fn configuration(cluster: &Cluster<'_>, prometheus: &Value, selected: &Selected) -> Vec<u8> {
    if !select::is_managed(&prometheus["spec"]) {
        return Vec::new();
    }
    let more = &prometheus["spec"]["additionalScrapeConfigs"];
    let text = |field: &str| more[field].as_str().unwrap_or_default();
    let secret = cluster.get(SECRETS, namespace(prometheus), text("name"));
    let more = secret
        .and_then(|s| BASE64.decode(s["data"][text("key")].as_str()?).ok())
        .and_then(|bytes| {
            serde_yaml::from_str::<Vec<Value>>(std::str::from_utf8(&bytes).ok()?).ok()
        });
    let text = config::of(prometheus, selected, &more.unwrap_or_default());
    gzip::pack(text.as_bytes())
}

/// Makes an object, or puts a field of it right.
fn ensure(cluster: &Cluster<'_>, kind: Kind, wanted: Value, field: &str) -> Result<(), Refusal> {
    let name = wanted["metadata"]["name"].as_str().unwrap_or_default();
    let Some(there) = cluster.get(kind, namespace(&wanted), name) else {
        return cluster.create(kind, wanted).map(|_| ());
    };
    if is_going(&there) {
        return Ok(());
    }
    let mut next = (*there).clone();
    next[field] = wanted[field].clone();
    if next[field].is_null()
        && let Some(map) = next.as_object_mut()
    {
        map.remove(field);
    }
    for (label, value) in wanted["metadata"]["labels"]
        .as_object()
        .into_iter()
        .flatten()
    {
        next["metadata"]["labels"][label] = value.clone();
    }
    if wanted["metadata"]["ownerReferences"].is_array() {
        next["metadata"]["ownerReferences"] = wanted["metadata"]["ownerReferences"].clone();
    }
    if next != *there {
        cluster.update(kind, next)?;
    }
    Ok(())
}

/// The Service of all Prometheus servers of a namespace, which all of them own.
fn service(cluster: &Cluster<'_>, prometheus: &Value) -> Result<(), Refusal> {
    let name = "prometheus-operated";
    let metadata = &prometheus["metadata"];
    let owner = json!({
        "apiVersion": prometheus["apiVersion"], "kind": prometheus["kind"],
        "name": metadata["name"], "uid": metadata["uid"],
    });
    let port = prometheus["spec"]["portName"].as_str().unwrap_or("web");
    if let Some(there) = cluster.get(SERVICES, namespace(prometheus), name) {
        let owners = there["metadata"]["ownerReferences"].as_array();
        if !is_going(&there)
            && !owners.is_some_and(|all| all.iter().any(|o| o["uid"] == metadata["uid"]))
        {
            let mut owners = owners.cloned().unwrap_or_default();
            owners.push(owner);
            let patch = json!({"metadata": {"ownerReferences": owners}});
            cluster.merge(SERVICES, &there, &patch)?;
        }
        return Ok(());
    }
    let wanted = json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {
            "name": name, "namespace": metadata["namespace"], "ownerReferences": [owner],
            "labels": {"managed-by": "prometheus-operator", "operated-prometheus": "true"},
        },
        "spec": {
            "clusterIP": "None", "selector": {"app.kubernetes.io/name": "prometheus"},
            "ports": [{"name": port, "port": 9090, "targetPort": port}],
        },
    });
    cluster.create(SERVICES, wanted).map(|_| ())
}

/// Makes a set, or puts it right. One that can't be changed so is made anew.
fn set(cluster: &Cluster<'_>, wanted: Value) -> Result<(), Refusal> {
    let name = wanted["metadata"]["name"].as_str().unwrap_or_default();
    let Some(there) = cluster.get(STATEFUL_SETS, namespace(&wanted), name) else {
        return cluster.create(STATEFUL_SETS, wanted).map(|_| ());
    };
    if is_going(&there) {
        return Ok(());
    }
    let mut next = (*there).clone();
    next["spec"] = wanted["spec"].clone();
    for field in ["labels", "annotations"] {
        for (label, value) in wanted["metadata"][field].as_object().into_iter().flatten() {
            next["metadata"][field][label] = value.clone();
        }
    }
    match cluster.update(STATEFUL_SETS, next) {
        Err(refusal) if refusal.code == http::StatusCode::UNPROCESSABLE_ENTITY => {
            cluster.delete(STATEFUL_SETS, &there, &Options::default())
        }
        outcome => outcome.map(|_| ()),
    }
}
