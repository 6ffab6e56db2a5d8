//! `InstallPlans`: approved or not, then carried out step by step.
//! <https://github.com/operator-framework/operator-lifecycle-manager/blob/master/pkg/controller/operators/catalog/operator.go>

use std::{collections::HashMap, time::Duration};

use serde_json::{Value, json};

use super::{
    DEFINITIONS, GROUPS, PLANS,
    catalog::{self, Bundle},
    component, groups_of, install, text,
};
use crate::sandbox::{
    controllers::{
        Controller, Outcome,
        cluster::{Cluster, is_going, key_of},
    },
    extensions::preset,
    store::{Change, Key},
};

/// How long a plan takes that is carried out.
const WORK: Duration = Duration::from_secs(3);

/// Carries out `InstallPlans`.
#[derive(Debug, Default)]
pub struct Plans {
    /// Since when each is carried out.
    began: HashMap<Key, Duration>,
}

/// The status of a plan that is new.
#[must_use]
pub fn first_status(bundle: &Bundle, namespace: &str, source: &Value, manual: bool) -> Value {
    let phase = if manual {
        "RequiresApproval"
    } else {
        "Installing"
    };
    json!({
        "phase": phase, "catalogSources": [source["name"]],
        "bundleLookups": [{
            "catalogSourceRef": source, "identifier": bundle.name(), "path": bundle.image, "replaces": "",
            "properties": bundle.properties(),
        }],
        "plan": steps(bundle, namespace, source),
    })
}

/// What a plan makes, in its order.
fn steps(bundle: &Bundle, namespace: &str, source: &Value) -> Vec<Value> {
    let mut all = vec![(
        "operators.coreos.com",
        "v1alpha1",
        "ClusterServiceVersion",
        bundle.name().to_owned(),
    )];
    for definition in &bundle.definitions {
        let kind = "CustomResourceDefinition";
        all.push(("apiextensions.k8s.io", "v1", kind, definition.clone()));
    }
    for object in install::accounts_and_roles(&bundle.csv, namespace, Some(namespace)) {
        let kind = match text(&object, "/kind") {
            "ServiceAccount" => ("", "ServiceAccount"),
            "ClusterRole" => ("rbac.authorization.k8s.io", "ClusterRole"),
            "ClusterRoleBinding" => ("rbac.authorization.k8s.io", "ClusterRoleBinding"),
            "Role" => ("rbac.authorization.k8s.io", "Role"),
            _ => ("rbac.authorization.k8s.io", "RoleBinding"),
        };
        let name = text(&object, "/metadata/name").to_owned();
        all.push((kind.0, "v1", kind.1, name));
    }
    let step = |(group, version, kind, name): (&str, &str, &str, String)| {
        json!({
            "resolving": bundle.name(), "status": "Unknown",
            "resource": {
                "group": group, "version": version, "kind": kind, "name": name, "manifest": "",
                "sourceName": source["name"], "sourceNamespace": source["namespace"],
            },
        })
    };
    all.into_iter().map(step).collect()
}

impl Controller for Plans {
    fn name(&self) -> &'static str {
        "catalog-operator"
    }

    fn program(&self) -> &'static str {
        "catalog"
    }

    fn touched(&self, cluster: &Cluster<'_>, change: &Change) -> Vec<Key> {
        if PLANS.is_of(change) {
            return vec![change.key.clone()];
        }
        if GROUPS.is_of(change) {
            let all = cluster.list(PLANS, Some(&change.key.0));
            return all.iter().map(|p| key_of(p)).collect();
        }
        Vec::new()
    }

    fn reconcile(&mut self, cluster: &Cluster<'_>, key: &Key) -> Outcome {
        let found = cluster.get(PLANS, &key.0, &key.1);
        let Some(plan) = found.filter(|p| !is_going(p)) else {
            self.began.remove(key);
            return Ok(None);
        };
        let approved = plan["spec"]["approved"] == true;
        match text(&plan, "/status/phase") {
            "RequiresApproval" if approved => {
                let phase = json!({"status": {"phase": "Installing"}});
                cluster.merge_status(PLANS, &plan, &phase)?;
                return Ok(None);
            }
            "Installing" => {}
            _ => return Ok(None),
        }
        let now = cluster.elapsed();
        let due = *self.began.entry(key.clone()).or_insert(now) + WORK;
        if due > now {
            return Ok(Some(due.saturating_sub(now)));
        }
        if let Some(why) = unmanaged(groups_of(cluster, &key.0).len()) {
            refuse(cluster, &plan, &why)?;
            return Ok(None);
        }
        self.began.remove(key);
        carry_out(cluster, &plan, &key.0)?;
        complete(cluster, &plan)
    }
}

/// Why nothing is installed in a namespace of so many groups.
fn unmanaged(groups: usize) -> Option<String> {
    match groups {
        0 => Some("no operator group found that is managing this namespace".to_owned()),
        1 => None,
        n => Some(format!(
            "more than one operator group(s) are managing this namespace count={n}"
        )),
    }
}

fn refuse(cluster: &Cluster<'_>, plan: &Value, why: &str) -> Outcome {
    let now = cluster.stamp();
    if text(plan, "/status/conditions/0/message") == why {
        return Ok(None);
    }
    let status = json!({"status": {"conditions": [{
        "type": "Installed", "status": "False", "reason": "InstallCheckFailed", "message": why,
        "lastTransitionTime": now, "lastUpdateTime": now,
    }]}});
    cluster.merge_status(PLANS, plan, &status)?;
    Ok(None)
}

/// Makes everything that is not there.
fn carry_out(cluster: &Cluster<'_>, plan: &Value, namespace: &str) -> Outcome {
    let names = plan["spec"]["clusterServiceVersionNames"].as_array();
    let names = names.into_iter().flatten().filter_map(Value::as_str);
    for bundle in names.filter_map(catalog::by_name) {
        let label = component(&bundle.package, namespace);
        for definition in &bundle.definitions {
            define(cluster, definition, &label)?;
        }
        install::csv(cluster, bundle, namespace)?;
    }
    Ok(None)
}

/// Brings a kind; one that is there is labelled.
fn define(cluster: &Cluster<'_>, name: &str, label: &str) -> Outcome {
    let labels = json!({"olm.managed": "true", label: ""});
    match (cluster.get(DEFINITIONS, "", name), preset::named(name)) {
        (Some(found), _) if found["metadata"]["labels"].get(label).is_none() => {
            let patch = json!({"metadata": {"labels": labels}});
            cluster.merge(DEFINITIONS, &found, &patch)?;
        }
        (None, Some(mut crd)) => {
            crd["metadata"]["labels"] = labels;
            cluster.create(DEFINITIONS, crd)?;
        }
        _ => {}
    }
    Ok(None)
}

fn complete(cluster: &Cluster<'_>, plan: &Value) -> Outcome {
    let now = cluster.stamp();
    let mut steps = plan["status"]["plan"].clone();
    for step in steps.as_array_mut().into_iter().flatten() {
        step["status"] = json!("Present");
    }
    let status = json!({"status": {
        "phase": "Complete", "startTime": now, "plan": steps,
        "conditions": [{"type": "Installed", "status": "True", "lastTransitionTime": now, "lastUpdateTime": now}],
    }});
    cluster.merge_status(PLANS, plan, &status)?;
    Ok(None)
}
