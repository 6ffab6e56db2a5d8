//! `EndpointSlices` of Services that select Pods.
//! <https://github.com/kubernetes/kubernetes/blob/master/staging/src/k8s.io/endpointslice/reconciler.go>

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Map, Value, json};

use super::{
    ENDPOINT_SLICES, HEADLESS,
    pods::{self, hostname, is_ready, reference, takes_part, target_port},
    trigger::{self, Triggers},
};
use crate::sandbox::{
    controllers::{
        Controller, Outcome,
        accounts::unless_ending,
        cluster::{Cluster, NODES, PODS, SERVICES, controlled_by, is_going},
    },
    store::{Change, Fact, Key},
    verbs::{delete::Options, name},
};

/// The most endpoints of a slice.
const MOST: usize = 100;
/// The Service of a slice.
pub(super) const SERVICE_NAME: &str = "kubernetes.io/service-name";
/// Who keeps a slice.
pub(super) const MANAGED_BY: &str = "endpointslice.kubernetes.io/managed-by";
const OWN: &str = "endpointslice-controller.k8s.io";

/// Keeps the slices of Services that select Pods.
#[derive(Debug, Default)]
pub struct Slices {
    triggers: Triggers,
}

impl Controller for Slices {
    fn name(&self) -> &'static str {
        "endpointslice-controller"
    }

    fn touched(&self, cluster: &Cluster<'_>, change: &Change) -> Vec<Key> {
        if SERVICES.is_of(change) {
            return vec![change.key.clone()];
        }
        if ENDPOINT_SLICES.is_of(change) {
            return service_of(change, OWN);
        }
        pods::services_of(cluster, change)
    }

    fn reconcile(&mut self, cluster: &Cluster<'_>, key: &Key) -> Outcome {
        let Some(service) = cluster.get(SERVICES, &key.0, &key.1) else {
            // Its slices go with it.
            self.triggers.forget(key);
            return Ok(None);
        };
        let Some(selector) = pods::selector(&service) else {
            return Ok(None);
        };
        let all = cluster.list(PODS, Some(&key.0));
        let pods = pods::selected(&all, selector);
        let changed = self.triggers.time(key, &service, &pods);
        let found = of_service(cluster, key, OWN);
        let plan = plan(&service, &desired(cluster, &service, &pods), &found);
        for mut slice in plan.write {
            trigger::note(&mut slice, changed.clone());
            if slice["metadata"].get("uid").is_some() {
                cluster.update(ENDPOINT_SLICES, slice)?;
            } else if !is_going(&service) {
                let made = cluster.create(ENDPOINT_SLICES, slice);
                unless_ending(made.map(|_| ()))?;
            }
        }
        for slice in plan.delete {
            cluster.delete(ENDPOINT_SLICES, &slice, &Options::default())?;
        }
        Ok(None)
    }
}

/// The Service of a slice that changed, if a controller keeps it.
pub(super) fn service_of(change: &Change, controller: &str) -> Vec<Key> {
    let slice = change.after.as_ref().or(change.before.as_ref());
    let labels = slice.map(|s| &s["metadata"]["labels"]);
    let own = labels.filter(|l| l[MANAGED_BY] == controller);
    let service = own.and_then(|l| l[SERVICE_NAME].as_str());
    service
        .map(|s| (change.key.0.clone(), s.to_owned()))
        .into_iter()
        .collect()
}

/// The slices of a Service that a controller keeps.
pub(super) fn of_service(cluster: &Cluster<'_>, key: &Key, controller: &str) -> Vec<Arc<Value>> {
    let of = Fact::OfService(key.1.clone());
    let mut all = cluster.known(ENDPOINT_SLICES, &key.0, &of);
    all.retain(|slice| slice["metadata"]["labels"][MANAGED_BY] == controller && !is_going(slice));
    all
}

/// What there is to be: endpoints by the ports that they have.
type Desired = BTreeMap<String, (Vec<Value>, Vec<Value>)>;

fn desired(cluster: &Cluster<'_>, service: &Value, pods: &[Arc<Value>]) -> Desired {
    let mut desired = Desired::new();
    for pod in pods.iter().filter(|pod| takes_part(pod, true)) {
        let node = pod["spec"]["nodeName"].as_str().unwrap_or_default();
        let node = cluster.get(NODES, "", node);
        if node.is_none() && service["spec"]["publishNotReadyAddresses"] != true {
            continue;
        }
        let ports = ports(service, pod);
        let (_, endpoints) = desired
            .entry(Value::from(ports.clone()).to_string())
            .or_insert_with(|| (ports, Vec::new()));
        endpoints.push(endpoint(pod, node.as_deref(), service));
    }
    desired
}

fn ports(service: &Value, pod: &Value) -> Vec<Value> {
    let ports = service["spec"]["ports"].as_array().into_iter().flatten();
    let mut ports: Vec<Value> = ports
        .filter_map(|port| {
            let number = target_port(pod, port)?;
            let name = port["name"].as_str().unwrap_or_default();
            let mut out = json!({"name": name, "port": number, "protocol": port["protocol"]});
            if let Some(protocol) = port.get("appProtocol") {
                out["appProtocol"] = protocol.clone();
            }
            Some(out)
        })
        .collect();
    ports.sort_by_key(|p| p["name"].as_str().map(str::to_owned));
    ports
}

fn endpoint(pod: &Value, node: Option<&Value>, service: &Value) -> Value {
    let (serving, terminating) = (is_ready(pod), is_going(pod));
    let published = service["spec"]["publishNotReadyAddresses"] == true;
    let ready = published || (serving && !terminating);
    let mut out = json!({
        "addresses": [pod["status"]["podIP"]],
        "conditions": {"ready": ready, "serving": serving, "terminating": terminating},
        "targetRef": reference(pod),
    });
    if let Some(node) = pod["spec"]["nodeName"].as_str() {
        out["nodeName"] = json!(node);
    }
    if let Some(zone) =
        node.and_then(|n| n["metadata"]["labels"]["topology.kubernetes.io/zone"].as_str())
    {
        out["zone"] = json!(zone);
    }
    if let Some(hostname) = hostname(pod, service) {
        out["hostname"] = json!(hostname);
    }
    out
}

/// What is to be done to the slices of a Service.
#[derive(Debug, Default)]
struct Plan {
    /// Slices to keep in another state, and new ones.
    write: Vec<Value>,
    delete: Vec<Arc<Value>>,
}

fn plan(service: &Value, desired: &Desired, found: &[Arc<Value>]) -> Plan {
    let labels = labels(service);
    let (own, mut spare): (Vec<_>, Vec<_>) = found.iter().cloned().partition(|slice| {
        let owners = slice["metadata"]["ownerReferences"].as_array();
        owners.is_some_and(|o| o.iter().any(|r| r["uid"] == service["metadata"]["uid"]))
    });
    let strangers = spare.len();
    let (mut plan, mut fresh, mut kept) = (Plan::default(), Vec::new(), 0);
    let mut by_ports: BTreeMap<String, Vec<Arc<Value>>> = BTreeMap::new();
    for slice in own {
        let ports = slice["ports"].as_array().cloned().unwrap_or_default();
        by_ports
            .entry(Value::from(ports).to_string())
            .or_default()
            .push(slice);
    }
    for (key, (ports, endpoints)) in desired {
        let mut left = endpoints.clone();
        let mut slices = Vec::new();
        for slice in by_ports.remove(key).unwrap_or_default() {
            let stay = still_wanted(&slice, &mut left);
            slices.push((slice, stay));
        }
        for (slice, stay) in &mut slices {
            let changed = json!(stay) != slice["endpoints"];
            let room = MOST.saturating_sub(stay.len());
            // Slices that change anyway are filled up; others only if all the rest fits in.
            if changed || left.len() <= room {
                stay.extend(left.drain(..room.min(left.len())));
            }
        }
        for (slice, endpoints) in slices {
            if endpoints.is_empty() {
                spare.push(slice);
                continue;
            }
            kept += 1;
            let mut object = (*slice).clone();
            object["endpoints"] = json!(endpoints);
            object["metadata"]["labels"] = json!(labels);
            if object != *slice {
                plan.write.push(object);
            }
        }
        for chunk in left.chunks(MOST) {
            fresh.push(new_slice(service, &labels, ports, chunk));
        }
    }
    spare.extend(by_ports.into_values().flatten());
    if kept == 0 && fresh.is_empty() {
        // A Service without endpoints has an empty slice.
        let placeholder = spare.iter().position(|slice| {
            let empty = |field: &str| slice[field].as_array().is_none_or(Vec::is_empty);
            empty("endpoints") && empty("ports") && slice["metadata"]["labels"] == json!(labels)
        });
        match placeholder.filter(|i| *i >= strangers) {
            Some(i) => {
                spare.remove(i);
            }
            None => fresh.push(new_slice(service, &labels, &[], &[])),
        }
    }
    reuse(&mut plan, fresh, spare, strangers);
    plan
}

/// The endpoints of a slice that stay, as they are now; what stays is left no more.
fn still_wanted(slice: &Value, left: &mut Vec<Value>) -> Vec<Value> {
    let same = |a: &Value, b: &Value| {
        let fields = ["addresses", "targetRef", "nodeName", "hostname"];
        fields.iter().all(|f| a.get(f) == b.get(f))
    };
    let before = slice["endpoints"].as_array().into_iter().flatten();
    before
        .filter_map(|old| Some(left.remove(left.iter().position(|new| same(old, new))?)))
        .collect()
}

/// Slices that would go take the place of new ones, but for those of a Service before of the same name.
fn reuse(plan: &mut Plan, mut fresh: Vec<Value>, spare: Vec<Arc<Value>>, strangers: usize) {
    for (i, slice) in spare.into_iter().enumerate() {
        if i < strangers {
            plan.delete.push(slice);
            continue;
        }
        let Some(new) = fresh.pop() else {
            plan.delete.push(slice);
            continue;
        };
        let mut object = (*slice).clone();
        for field in ["endpoints", "ports"] {
            object[field] = new[field].clone();
        }
        object["metadata"]["labels"] = new["metadata"]["labels"].clone();
        plan.write.push(object);
    }
    plan.write.extend(fresh);
}

/// The labels of a Service's slices.
fn labels(service: &Value) -> Map<String, Value> {
    let mut labels = pods::labels(service);
    for reserved in [HEADLESS, SERVICE_NAME, MANAGED_BY] {
        labels.remove(reserved);
    }
    if !pods::has_address(service) {
        labels.insert(HEADLESS.to_owned(), json!(""));
    }
    labels.insert(SERVICE_NAME.to_owned(), json!(name(service)));
    labels.insert(MANAGED_BY.to_owned(), json!(OWN));
    labels
}

fn new_slice(
    service: &Value,
    labels: &Map<String, Value>,
    ports: &[Value],
    endpoints: &[Value],
) -> Value {
    // Empty lists are written as Go writes them.
    let list = |items: &[Value]| {
        if items.is_empty() {
            Value::Null
        } else {
            json!(items)
        }
    };
    json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": {
            "generateName": format!("{}-", name(service)), "namespace": service["metadata"]["namespace"],
            "labels": labels, "ownerReferences": [controlled_by(service)],
        },
        "addressType": "IPv4", "endpoints": list(endpoints), "ports": list(ports),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service() -> Value {
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s", "namespace": "a", "uid": "u"}, "spec": {"clusterIP": "10.96.0.9"}})
    }

    fn wanted(numbers: std::ops::Range<usize>) -> Desired {
        let ports = vec![json!({"name": "", "port": 80, "protocol": "TCP"})];
        let endpoints = numbers
            .map(|i| json!({"addresses": [format!("10.0.0.{i}")]}))
            .collect();
        Desired::from([(Value::from(ports.clone()).to_string(), (ports, endpoints))])
    }

    fn kept(mut slice: Value, name: &str) -> Arc<Value> {
        slice["metadata"]["name"] = json!(name);
        slice["metadata"]["uid"] = json!(name);
        Arc::new(slice)
    }

    #[test]
    fn a_slice_holds_a_hundred() {
        let made = plan(&service(), &wanted(0..150), &[]).write;
        let sizes: Vec<usize> = made
            .iter()
            .map(|s| s["endpoints"].as_array().unwrap().len())
            .collect();
        assert_eq!(sizes, [100, 50]);
        let found: Vec<_> = made
            .into_iter()
            .zip(["x", "y"])
            .map(|(s, n)| kept(s, n))
            .collect();
        assert!(plan(&service(), &wanted(0..150), &found).write.is_empty());
        // One more fits into the second, one less leaves room in the first.
        let more = plan(&service(), &wanted(0..151), &found);
        assert_eq!(
            (more.write.len(), more.write[0]["metadata"]["name"].as_str()),
            (1, Some("y"))
        );
        let less = plan(&service(), &wanted(0..100), &found);
        assert_eq!((less.write.len(), less.delete.len()), (0, 1));
    }

    #[test]
    fn a_placeholder_becomes_the_first_slice() {
        let empty = plan(&service(), &Desired::new(), &[]).write;
        assert!(empty[0]["endpoints"].is_null() && empty[0]["ports"].is_null());
        let found = [kept(empty[0].clone(), "x")];
        let nothing = plan(&service(), &Desired::new(), &found);
        assert_eq!((nothing.write.len(), nothing.delete.len()), (0, 0));
        let first = plan(&service(), &wanted(0..1), &found);
        assert_eq!((first.write.len(), first.delete.len()), (1, 0));
        assert_eq!(first.write[0]["metadata"]["name"], "x");
        assert_eq!(first.write[0]["ports"][0]["port"], 80);
    }
}
