//! Subscriptions: each is resolved, gets an `InstallPlan`, and follows what that comes to.
//! <https://github.com/operator-framework/operator-lifecycle-manager/tree/master/pkg/controller/operators/catalog/subscription>

use std::{collections::HashMap, sync::Arc, time::Duration};

use serde_json::{Value, json};

use super::{
    CATALOGS, CSVS, GROUPS, PLANS, SUBSCRIPTIONS, catalog::Bundle, component, groups_of, owned_by,
    plan, resolve::resolve, text,
};
use crate::sandbox::{
    controllers::{
        Controller, Outcome,
        cluster::{Cluster, Event, NAMESPACES, is_going, key_of},
    },
    status::Refusal,
    store::{Change, Key},
    verbs::name,
};

/// How long the resolver takes.
const RESOLVING: Duration = Duration::from_secs(2);

/// Follows Subscriptions.
#[derive(Debug, Default)]
pub struct Subscriptions {
    /// When each was seen first, by its uid.
    seen: HashMap<String, Duration>,
}

impl Controller for Subscriptions {
    fn name(&self) -> &'static str {
        "catalog-operator"
    }

    fn program(&self) -> &'static str {
        "catalog"
    }

    fn touched(&self, cluster: &Cluster<'_>, change: &Change) -> Vec<Key> {
        if SUBSCRIPTIONS.is_of(change) {
            return vec![change.key.clone()];
        }
        let namespace = if CATALOGS.is_of(change) {
            None
        } else if PLANS.is_of(change) || CSVS.is_of(change) || GROUPS.is_of(change) {
            Some(change.key.0.as_str())
        } else {
            return Vec::new();
        };
        let all = cluster.list(SUBSCRIPTIONS, namespace);
        all.iter().map(|s| key_of(s)).collect()
    }

    fn reconcile(&mut self, cluster: &Cluster<'_>, key: &Key) -> Outcome {
        let Some(subscription) = cluster.get(SUBSCRIPTIONS, &key.0, &key.1) else {
            return Ok(None);
        };
        if is_going(&subscription) {
            return Ok(None);
        }
        let label = component(text(&subscription, "/spec/name"), &key.0);
        if subscription["metadata"]["labels"].get(&label).is_none() {
            let labelled = json!({"metadata": {"labels": {label: ""}}});
            cluster.merge(SUBSCRIPTIONS, &subscription, &labelled)?;
            return Ok(None);
        }
        let mut status = subscription["status"].clone();
        health(cluster, &subscription, &mut status);
        let mut again = None;
        let planned = text(&status, "/installPlanRef/name").to_owned();
        if planned.is_empty() {
            again = self.resolved(cluster, &subscription, &mut status)?;
        } else {
            follow(cluster, &key.0, &planned, &mut status);
        }
        write(cluster, &subscription, status)?;
        Ok(again)
    }
}

impl Subscriptions {
    /// Resolves one that has no plan, after a while; in a namespace without a group nothing happens.
    fn resolved(
        &mut self,
        cluster: &Cluster<'_>,
        subscription: &Value,
        status: &mut Value,
    ) -> Outcome {
        let namespace = text(subscription, "/metadata/namespace");
        let uid = text(subscription, "/metadata/uid").to_owned();
        let now = cluster.elapsed();
        let due = *self.seen.entry(uid).or_insert(now) + RESOLVING;
        if due > now {
            return Ok(Some(due.saturating_sub(now)));
        }
        // Neither without a group nor with several anything is looked for.
        if groups_of(cluster, namespace).len() != 1 {
            return Ok(None);
        }
        let source = text(subscription, "/spec/source");
        let source = cluster.get(
            CATALOGS,
            text(subscription, "/spec/sourceNamespace"),
            source,
        );
        let connected = source
            .is_some_and(|s| text(&s, "/status/connectionState/lastObservedState") == "READY");
        match resolve(subscription, connected, &unclaimed(cluster, namespace)) {
            Ok(bundle) => {
                remove(status, "ResolutionFailed");
                plan(cluster, subscription, bundle, status)?;
            }
            Err(why) => {
                tell(cluster, namespace, &why);
                set(
                    status,
                    json!({
                        "type": "ResolutionFailed", "status": "True", "reason": "ConstraintsNotSatisfiable", "message": why,
                    }),
                );
            }
        }
        Ok(None)
    }
}

/// Tells of a resolution that failed: the event is of the namespace itself.
fn tell(cluster: &Cluster<'_>, namespace: &str, why: &str) {
    if let Some(about) = cluster.get(NAMESPACES, "", namespace) {
        cluster.event(&Event {
            about: &about,
            part: "",
            warning: true,
            reason: "ResolutionFailed",
            message: why,
            node: "",
        });
    }
}

/// The CSVs of a namespace that no Subscription installed.
fn unclaimed(cluster: &Cluster<'_>, namespace: &str) -> Vec<Arc<Value>> {
    let subscriptions = cluster.list(SUBSCRIPTIONS, Some(namespace));
    let claimed = |csv: &Value| {
        let is = |s: &Arc<Value>| {
            let status = &s["status"];
            status["currentCSV"] == name(csv) || status["installedCSV"] == name(csv)
        };
        subscriptions.iter().any(is)
    };
    let mut all = cluster.list(CSVS, Some(namespace));
    all.retain(|csv| !is_going(csv) && !claimed(csv));
    all
}

/// Makes the plan of a bundle, and refers to it.
fn plan(
    cluster: &Cluster<'_>,
    subscription: &Value,
    bundle: &Bundle,
    status: &mut Value,
) -> Result<(), Refusal> {
    let namespace = text(subscription, "/metadata/namespace");
    let manual = text(subscription, "/spec/installPlanApproval") == "Manual";
    let generation = cluster.list(PLANS, Some(namespace)).len() + 1;
    let made = cluster.create(
        PLANS,
        json!({
            "apiVersion": "operators.coreos.com/v1alpha1", "kind": "InstallPlan",
            "metadata": {
                "generateName": "install-", "namespace": namespace, "ownerReferences": [owned_by(subscription)],
                "labels": {component(&bundle.package, namespace): ""},
            },
            "spec": {
                "approval": if manual { "Manual" } else { "Automatic" }, "approved": !manual,
                "clusterServiceVersionNames": [bundle.name()], "generation": generation,
            },
        }),
    )?;
    let source = json!({
        "name": subscription["spec"]["source"], "namespace": subscription["spec"]["sourceNamespace"],
    });
    let first = plan::first_status(bundle, namespace, &source, manual);
    let made = cluster.merge_status(PLANS, &made, &json!({ "status": first }))?;
    let of = |key: &str| made["metadata"][key].clone();
    status["currentCSV"] = json!(bundle.name());
    status["state"] = json!("UpgradePending");
    status["installPlanGeneration"] = json!(generation);
    status["installPlanRef"] = json!({
        "apiVersion": "operators.coreos.com/v1alpha1", "kind": "InstallPlan", "name": of("name"),
        "namespace": namespace, "resourceVersion": of("resourceVersion"), "uid": of("uid"),
    });
    status["installplan"] = json!({
        "apiVersion": "operators.coreos.com/v1alpha1", "kind": "InstallPlan", "name": of("name"), "uuid": of("uid"),
    });
    Ok(())
}

/// What has become of the plan and of its CSV.
fn follow(cluster: &Cluster<'_>, namespace: &str, planned: &str, status: &mut Value) {
    let now = cluster.stamp();
    remove(status, "InstallPlanPending");
    match cluster.get(PLANS, namespace, planned) {
        None => set(
            status,
            json!({
                "type": "InstallPlanMissing", "status": "True", "reason": "ReferencedInstallPlanNotFound",
                "lastTransitionTime": now,
            }),
        ),
        Some(plan) => {
            remove(status, "InstallPlanMissing");
            let phase = text(&plan, "/status/phase");
            let mut condition =
                json!({"status": "True", "reason": phase, "lastTransitionTime": now});
            let why = plan["status"]["conditions"][0]["message"].as_str();
            if let Some(why) = why {
                condition["message"] = json!(why);
            }
            match phase {
                "Complete" => {}
                "Failed" => {
                    condition["type"] = json!("InstallPlanFailed");
                    set(status, condition);
                }
                _ => {
                    condition["type"] = json!("InstallPlanPending");
                    set(status, condition);
                }
            }
        }
    }
    let current = text(status, "/currentCSV").to_owned();
    let csv = cluster.get(CSVS, namespace, &current);
    if csv.is_some_and(|csv| !is_going(&csv)) {
        status["installedCSV"] = json!(current);
        status["state"] = json!("AtLatestKnown");
    } else {
        status["state"] = json!("UpgradePending");
    }
}

/// How the catalogues are that a Subscription can see.
fn health(cluster: &Cluster<'_>, subscription: &Value, status: &mut Value) {
    let spec = &subscription["spec"];
    let (source, at) = (text(spec, "/source"), text(spec, "/sourceNamespace"));
    let now = cluster.stamp();
    let own = text(subscription, "/metadata/namespace");
    let mut seen = cluster.list(CATALOGS, Some(at));
    if own != at {
        seen.extend(cluster.list(CATALOGS, Some(own)));
    }
    let all: Vec<Value> = seen
        .iter()
        .map(|c| {
            let healthy = text(c, "/status/connectionState/lastObservedState") == "READY";
            let of = |key: &str| c["metadata"][key].clone();
            json!({
                "catalogSourceRef": {
                    "apiVersion": "operators.coreos.com/v1alpha1", "kind": "CatalogSource", "name": of("name"),
                    "namespace": of("namespace"), "resourceVersion": of("resourceVersion"), "uid": of("uid"),
                },
                "healthy": healthy, "lastUpdated": now,
            })
        })
        .collect();
    let missing = !seen.iter().any(|c| name(c) == source);
    status["catalogHealth"] = json!(all);
    let mut condition = json!({
        "type": "CatalogSourcesUnhealthy", "status": "False", "reason": "AllCatalogSourcesHealthy",
        "message": "all available catalogsources are healthy", "lastTransitionTime": now,
    });
    if missing {
        condition["status"] = json!("True");
        condition["reason"] = json!("UnhealthyCatalogSourceFound");
        condition["message"] = json!(format!("targeted catalogsource {at}/{source} missing"));
    }
    set(status, condition);
}

/// Sets a condition; its time is that of its last change.
fn set(status: &mut Value, mut condition: Value) {
    if !status["conditions"].is_array() {
        status["conditions"] = json!([]);
    }
    let Some(all) = status["conditions"].as_array_mut() else {
        return;
    };
    match all.iter_mut().find(|c| c["type"] == condition["type"]) {
        Some(found) => {
            let timeless = |c: &Value| {
                let mut c = c.clone();
                c["lastTransitionTime"] = Value::Null;
                c
            };
            if timeless(found) == timeless(&condition) {
                condition["lastTransitionTime"] = found["lastTransitionTime"].clone();
            }
            // A resolution has no time.
            if let Some(map) = condition.as_object_mut() {
                map.retain(|_, v| !v.is_null());
            }
            *found = condition;
        }
        None => all.push(condition),
    }
    all.sort_by(|a, b| a["type"].as_str().cmp(&b["type"].as_str()));
}

fn remove(status: &mut Value, kind: &str) {
    if let Some(all) = status["conditions"].as_array_mut() {
        all.retain(|c| c["type"] != kind);
    }
}

/// Writes a status that says something else than before.
fn write(cluster: &Cluster<'_>, subscription: &Value, mut status: Value) -> Result<(), Refusal> {
    let said = |status: &Value| {
        let mut said = status.clone();
        said["lastUpdated"] = Value::Null;
        for health in said["catalogHealth"].as_array_mut().into_iter().flatten() {
            health["lastUpdated"] = Value::Null;
        }
        for condition in said["conditions"].as_array_mut().into_iter().flatten() {
            condition["lastTransitionTime"] = Value::Null;
        }
        said
    };
    if said(&status) == said(&subscription["status"]) {
        return Ok(());
    }
    status["lastUpdated"] = json!(cluster.stamp());
    let mut object = subscription.clone();
    object["status"] = status;
    cluster.update_status(SUBSCRIPTIONS, object)?;
    Ok(())
}
