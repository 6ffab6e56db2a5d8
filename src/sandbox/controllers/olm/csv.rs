//! `ClusterServiceVersions`: from what they need to an operator that runs, and back.
//! <https://github.com/operator-framework/operator-lifecycle-manager/blob/master/pkg/controller/operators/olm/operator.go>

use std::{collections::HashMap, time::Duration};

use serde_json::{Value, json};

use super::{
    CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, CSVS, GROUPS,
    group::{self, Placed},
    install,
    requirements::{self, Unfinished},
    text,
};
use crate::sandbox::{
    controllers::{
        Controller, Outcome,
        cluster::{Cluster, DEPLOYMENTS, Event, SERVICE_ACCOUNTS, is_going, key_of},
    },
    store::{Change, Key},
    verbs::{delete::Options, name},
};

/// How long each phase lasts at least.
const STEP: Duration = Duration::from_secs(1);

/// Phase, reason and message of a CSV.
type Stage = (&'static str, &'static str, String);

/// Installs what CSVs describe.
#[derive(Debug, Default)]
pub struct Csvs {
    /// When each came into its phase.
    since: HashMap<Key, (String, Duration)>,
}

impl Controller for Csvs {
    fn name(&self) -> &'static str {
        "operator-lifecycle-manager"
    }

    fn program(&self) -> &'static str {
        "olm"
    }

    fn touched(&self, cluster: &Cluster<'_>, change: &Change) -> Vec<Key> {
        if CSVS.is_of(change) {
            return vec![change.key.clone()];
        }
        let near = GROUPS.is_of(change) || SERVICE_ACCOUNTS.is_of(change);
        if near {
            let all = cluster.list(CSVS, Some(&change.key.0));
            return all.iter().map(|c| key_of(c)).collect();
        }
        if DEPLOYMENTS.is_of(change) {
            let object = change.after.as_ref().or(change.before.as_ref());
            let owner = object.map(|o| text(o, "/metadata/labels/olm.owner"));
            let owner = owner.filter(|o| !o.is_empty());
            return owner
                .map(|o| (change.key.0.clone(), o.to_owned()))
                .into_iter()
                .collect();
        }
        Vec::new()
    }

    fn reconcile(&mut self, cluster: &Cluster<'_>, key: &Key) -> Outcome {
        let Some(csv) = cluster.get(CSVS, &key.0, &key.1) else {
            self.since.remove(key);
            return Ok(None);
        };
        if group::is_copy(&csv) {
            return Ok(None);
        }
        if is_going(&csv) {
            return clean(cluster, &csv);
        }
        let stage = format!(
            "{}/{}",
            text(&csv, "/status/phase"),
            text(&csv, "/status/reason")
        );
        let now = cluster.elapsed();
        let since = self.since.entry(key.clone()).or_default();
        if since.0 != stage {
            *since = (stage, now);
        }
        let placed = group::place(cluster, &csv);
        if let Placed::In(annotations) = &placed
            && annotations
                .iter()
                .any(|(k, v)| csv["metadata"]["annotations"][k] != *v)
        {
            let annotations: Value = annotations.iter().cloned().collect();
            cluster.merge(
                CSVS,
                &csv,
                &json!({"metadata": {"annotations": annotations}}),
            )?;
            return Ok(None);
        }
        let (met, said) = requirements::check(cluster, &csv);
        let Some(next) = next(cluster, &csv, &placed, met) else {
            return Ok(None);
        };
        let fresh = text(&csv, "/status/phase").is_empty();
        let due = since.1 + STEP;
        if !fresh && due > now {
            return Ok(Some(due.saturating_sub(now)));
        }
        if next.0 == "Installing" {
            install::deploy(cluster, &csv)?;
        }
        enter(cluster, &csv, &next, (!fresh).then_some(said))?;
        if next.0 == "Installing" && next.1 == "InstallSucceeded" {
            // What was just deployed is looked at at once, before anybody else sees it.
            wait_for_deployments(cluster, key)?;
        }
        group::copy(cluster, &csv, &placed)?;
        Ok(Some(STEP))
    }
}

/// Notes that a CSV waits for what was just deployed.
fn wait_for_deployments(cluster: &Cluster<'_>, key: &Key) -> Outcome {
    let Some(csv) = cluster.get(CSVS, &key.0, &key.1) else {
        return Ok(None);
    };
    if let Some(Unfinished::Waiting(why)) = requirements::unfinished(cluster, &csv) {
        let stage = ("Installing", "InstallWaiting", format!("installing: {why}"));
        enter(cluster, &csv, &stage, None)?;
    }
    Ok(None)
}

/// What comes next of a CSV; none while it stays as it is.
fn next(cluster: &Cluster<'_>, csv: &Value, placed: &Placed, met: bool) -> Option<Stage> {
    let (phase, reason) = (text(csv, "/status/phase"), text(csv, "/status/reason"));
    let told = text(csv, "/status/message");
    match placed {
        // A group that goes leaves what runs running.
        Placed::Refused(now, _) if *now == "NoOperatorGroup" && phase == "Succeeded" => {
            return None;
        }
        Placed::Refused(now, _) if *now == reason => return None,
        Placed::Refused(now, why) => return Some(("Failed", now, why.clone())),
        Placed::In(_) => {}
    }
    let unknown = || {
        let why = "requirements not yet checked".to_owned();
        Some(("Pending", "RequirementsUnknown", why))
    };
    let refused = [
        "NoOperatorGroup",
        "TooManyOperatorGroups",
        "UnsupportedOperatorGroup",
    ];
    let waiting = |why: &str| format!("installing: {why}");
    match phase {
        "" => unknown(),
        "Failed" if refused.contains(&reason) => unknown(),
        "Failed" if reason == "ComponentUnhealthy" => {
            Some(("Pending", "NeedsReinstall", told.to_owned()))
        }
        "Pending" if reason == "RequirementsUnknown" || !met => {
            let why = "one or more requirements couldn't be found".to_owned();
            (reason != "RequirementsNotMet").then_some(("Pending", "RequirementsNotMet", why))
        }
        "Pending" => {
            let why = "all requirements found, attempting install".to_owned();
            Some(("InstallReady", "AllRequirementsMet", why))
        }
        "InstallReady" => {
            let why = "waiting for install components to report healthy".to_owned();
            Some(("Installing", "InstallSucceeded", why))
        }
        "Installing" => match requirements::unfinished(cluster, csv) {
            None => {
                let why = "install strategy completed with no errors".to_owned();
                Some(("Succeeded", "InstallSucceeded", why))
            }
            Some(Unfinished::Missing(why)) => Some(("Failed", "ComponentUnhealthy", waiting(&why))),
            Some(Unfinished::Waiting(why)) => {
                let why = waiting(&why);
                (told != why).then_some(("Installing", "InstallWaiting", why))
            }
        },
        "Succeeded" => match requirements::unfinished(cluster, csv)? {
            Unfinished::Missing(why) | Unfinished::Waiting(why) => {
                Some(("Failed", "ComponentUnhealthy", waiting(&why)))
            }
        },
        _ => None,
    }
}

/// Notes a new phase, and tells of it.
fn enter(
    cluster: &Cluster<'_>,
    csv: &Value,
    (phase, reason, message): &Stage,
    requirements: Option<Vec<Value>>,
) -> Outcome {
    let now = cluster.stamp();
    let mut object = csv.clone();
    let status = &mut object["status"];
    let moved = status["phase"] != *phase || status["reason"] != *reason;
    if moved || !status["lastTransitionTime"].is_string() {
        status["lastTransitionTime"] = json!(now);
    }
    let since = status["lastTransitionTime"].clone();
    for (field, value) in [
        ("phase", json!(phase)),
        ("reason", json!(reason)),
        ("message", json!(message)),
        ("lastUpdateTime", json!(now)),
        ("cleanup", json!({})),
    ] {
        status[field] = value;
    }
    if let Some(requirements) = requirements {
        status["requirementStatus"] = json!(requirements);
    }
    if !status["conditions"].is_array() {
        status["conditions"] = json!([]);
    }
    let condition = json!({
        "phase": phase, "reason": reason, "message": message, "lastTransitionTime": since, "lastUpdateTime": now,
    });
    if let Some(all) = status["conditions"].as_array_mut() {
        // An entry keeps the words with which its state began.
        if moved || all.is_empty() {
            all.push(condition);
        }
    }
    cluster.update_status(CSVS, object)?;
    cluster.event(&Event {
        about: csv,
        part: "",
        warning: *phase == "Failed",
        reason,
        message,
        node: "",
    });
    Ok(None)
}

/// Takes away what no owner reference reaches, and lets the CSV go.
fn clean(cluster: &Cluster<'_>, csv: &Value) -> Outcome {
    let namespace = text(csv, "/metadata/namespace");
    for kind in [CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES] {
        for object in cluster.list(kind, None) {
            let label = |l: &str| object["metadata"]["labels"][l].as_str();
            if label("olm.owner") == Some(name(csv))
                && label("olm.owner.namespace") == Some(namespace)
            {
                cluster.delete(kind, &object, &Options::default())?;
            }
        }
    }
    for copy in group::copies(cluster, csv) {
        cluster.delete(CSVS, &copy, &Options::default())?;
    }
    let finalizers = csv["metadata"]["finalizers"].as_array();
    let rest: Vec<&Value> = finalizers
        .into_iter()
        .flatten()
        .filter(|f| *f != install::FINALIZER)
        .collect();
    if finalizers.is_some_and(|all| all.len() != rest.len()) {
        let patch = json!({"metadata": {"finalizers": rest}});
        cluster.merge(CSVS, csv, &patch)?;
    }
    Ok(None)
}
