//! The end of a namespace: its Pods go first, then everything else that lies in it, then itself.
//! <https://github.com/kubernetes/kubernetes/blob/master/pkg/controller/namespace/deletion/namespaced_resources_deleter.go>

mod conditions;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use serde_json::{Value, json};

use self::conditions::Remaining;
use super::{
    Controller, Outcome,
    cluster::{Cluster, NAMESPACES, PODS, is_going},
};
use crate::sandbox::{
    registry::Resource,
    status::Refusal,
    store::{Change, Key, selector::Selector},
    verbs::delete::{Options, Propagation},
};

/// Who may declare a namespace finished.
const FINALIZER: &str = "kubernetes";
/// How long is waited after a change, for what was created in the last moment.
const PAUSE: Duration = Duration::from_secs(5);
/// How many seconds the finalizers of objects are thought to take.
const FINALIZERS_TAKE: i64 = 15;

/// Ends namespaces that were deleted.
#[derive(Debug, Default)]
pub struct Ending {
    /// When each is to be looked at.
    due: HashMap<Key, Duration>,
}

impl Controller for Ending {
    fn name(&self) -> &'static str {
        "namespace-controller"
    }

    fn touched(&self, _: &Cluster<'_>, change: &Change) -> Vec<Key> {
        let going = change.after.as_deref().is_some_and(is_going);
        let mine = NAMESPACES.is_of(change) && (going || change.after.is_none());
        mine.then(|| change.key.clone()).into_iter().collect()
    }

    fn reconcile(&mut self, cluster: &Cluster<'_>, key: &Key) -> Outcome {
        let found = cluster.get(NAMESPACES, "", &key.1);
        let Some(namespace) = found.filter(|n| is_going(n)) else {
            self.due.remove(key);
            return Ok(None);
        };
        let now = cluster.elapsed();
        let due = *self.due.entry(key.clone()).or_insert(now + PAUSE);
        if due > now {
            return Ok(Some(due.saturating_sub(now)));
        }
        if finalizers(&namespace).is_empty() {
            return Ok(None);
        }
        let remaining = empty(cluster, &namespace);
        let conditions = conditions::of(&namespace, &remaining, &cluster.stamp());
        let mut namespace = namespace;
        let told = namespace["status"]["conditions"] != conditions;
        if told {
            let patch = json!({"status": {"conditions": conditions}});
            namespace = cluster.merge_status(NAMESPACES, &namespace, &patch)?;
        }
        if let Some(failure) = remaining.failures.first() {
            self.due.insert(key.clone(), now);
            return Err(Refusal::unexpected(failure.clone()));
        }
        if remaining.seconds > 0 {
            let wait = remaining.seconds.unsigned_abs() / 2 + 1;
            let wait = Duration::from_secs(wait);
            // The change of the status is a change to look at.
            let wait = if told { wait.min(PAUSE) } else { wait };
            self.due.insert(key.clone(), now + wait);
            return Ok(Some(wait));
        }
        finalize(cluster, &namespace)?;
        Ok(None)
    }
}

fn finalizers(namespace: &Value) -> Vec<Value> {
    let all = namespace["spec"]["finalizers"].as_array();
    all.cloned().unwrap_or_default()
}

/// Declares that nothing is left.
fn finalize(cluster: &Cluster<'_>, namespace: &Value) -> Result<(), Refusal> {
    let mut object = namespace.clone();
    let mut left = finalizers(namespace);
    left.retain(|f| f != FINALIZER);
    object["spec"]["finalizers"] = json!(left);
    let resource = cluster.resource(NAMESPACES)?;
    let name = namespace["metadata"]["name"].as_str().unwrap_or_default();
    let how = cluster.through("finalize");
    cluster.api.update(&resource, None, name, object, &how)?;
    Ok(())
}

/// Deletes what lies in a namespace; gives what is left of it.
fn empty(cluster: &Cluster<'_>, namespace: &Value) -> Remaining {
    let mut remaining = Remaining::default();
    let registry = cluster.api.registry();
    let mut resources: Vec<Arc<Resource>> = registry
        .preferred()
        .filter(|r| r.namespaced && r.allows("delete"))
        .cloned()
        .collect();
    // Pods first: what they need while they end is still there.
    let is_pods = |r: &Resource| r.group.is_empty() && r.plural == PODS.plural;
    resources.sort_by_key(|r| (!is_pods(r), r.group.clone(), r.plural.clone()));
    for resource in resources {
        empty_of(cluster, namespace, &resource, &mut remaining);
        if is_pods(&resource) && !remaining.resources.is_empty() {
            // The real controller says nothing of the Pods that it waits for.
            remaining.is_untold = true;
            return remaining;
        }
    }
    remaining
}

/// Deletes the objects of a resource.
fn empty_of(
    cluster: &Cluster<'_>,
    namespace: &Value,
    resource: &Resource,
    remaining: &mut Remaining,
) {
    let name = namespace["metadata"]["name"].as_str().unwrap_or_default();
    let left = || {
        let list = |state: &mut crate::sandbox::store::State| {
            let all = state.list(&resource.place, Some(name));
            all.collect::<Vec<_>>()
        };
        cluster.api.store.with(list)
    };
    let before = left();
    if before.is_empty() {
        return;
    }
    let seconds = grace(cluster, namespace, resource, &before);
    let options = Options {
        user: cluster.through("").user,
        propagation: Some(Propagation::Background),
        ..Options::default()
    };
    let everything = Selector::default();
    let gone = cluster
        .api
        .delete_all(resource, Some(name), &everything, &options);
    if let Err(refusal) = gone {
        remaining.failures.push(refusal.message);
    }
    let left = left();
    if left.is_empty() {
        return;
    }
    let mut held: BTreeMap<String, usize> = BTreeMap::new();
    for object in &left {
        let finalizers = object["metadata"]["finalizers"].as_array();
        for finalizer in finalizers.into_iter().flatten().filter_map(Value::as_str) {
            *held.entry(finalizer.to_owned()).or_default() += 1;
        }
    }
    let seconds = match seconds {
        0 if held.is_empty() => {
            let (group, version, plural) = (&resource.group, &resource.version, &resource.plural);
            remaining.failures.push(format!(
                "unexpected items still remain in namespace: {name} for gvr: {group}/{version}, Resource={plural}"
            ));
            0
        }
        0 => FINALIZERS_TAKE,
        seconds => seconds,
    };
    remaining.seconds = remaining.seconds.max(seconds);
    let named = format!("{}.{}", resource.plural, resource.group);
    remaining.resources.insert(named, left.len());
    for (finalizer, count) in held {
        *remaining.finalizers.entry(finalizer).or_default() += count;
    }
}

/// How many seconds Pods may still take to end.
fn grace(
    cluster: &Cluster<'_>,
    namespace: &Value,
    resource: &Resource,
    objects: &[Arc<Value>],
) -> i64 {
    if !resource.group.is_empty() || resource.plural != PODS.plural {
        return 0;
    }
    let ended = |pod: &Value| {
        matches!(
            pod["status"]["phase"].as_str(),
            Some("Succeeded" | "Failed")
        )
    };
    let alive = objects.iter().filter(|pod| !ended(pod));
    let longest = alive.filter_map(|p| p["spec"]["terminationGracePeriodSeconds"].as_i64());
    let longest = longest.max().unwrap_or_default();
    let begun = namespace["metadata"]["deletionTimestamp"].as_str();
    let begun = begun.and_then(|t| t.parse::<jiff::Timestamp>().ok());
    let now = cluster.api.clock.now();
    let passed = begun.map_or(0, |begun| now.duration_since(begun).as_secs());
    if passed >= longest { 0 } else { longest }
}
