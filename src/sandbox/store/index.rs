//! How objects are found otherwise than by name: by who controls them, slices by their Service, Services by whom they select, Pods
//! by their node, and who has an address or a port. Controllers would look at all objects each time without it.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Key, Place};

/// The label that names a slice's Service.
const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// What is known of an object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fact {
    /// The uid of its controller.
    ControlledBy(String),
    /// It has no controller.
    Uncontrolled,
    /// The Service that it is a part of.
    OfService(String),
    /// The first of the labels by which a Service selects Pods, with its value; none for one that selects all.
    Selects(Option<(String, String)>),
    /// The node of a Pod that has not ended.
    RunsOn(String),
    /// It is a Pod without a node.
    Unplaced,
    /// The address of a Service, or of a Pod that has not ended.
    HasAddress(String),
    /// A port of the nodes that leads to it.
    HasNodePort(i64),
}

impl Fact {
    /// Whether objects are found by it in the whole cluster, and not in one namespace.
    fn is_of_cluster(&self) -> bool {
        match self {
            Self::ControlledBy(_) | Self::Uncontrolled | Self::OfService(_) | Self::Selects(_) => {
                false
            }
            Self::RunsOn(_) | Self::Unplaced | Self::HasAddress(_) | Self::HasNodePort(_) => true,
        }
    }
}

/// The keys of objects, by what is known of them.
type Known = HashMap<Fact, BTreeSet<Key>>;

/// What is known of the objects of a place: in a namespace, or, without one, in the whole cluster.
#[derive(Debug, Default)]
pub(super) struct Index(HashMap<(Place, Option<String>), Known>);

impl Index {
    /// Notes an object.
    pub(super) fn add(&mut self, place: &Place, key: &Key, facts: &[Fact]) {
        for fact in facts {
            let known = self.0.entry(at(place, key, fact)).or_default();
            known.entry(fact.clone()).or_default().insert(key.clone());
        }
    }

    /// Forgets an object.
    pub(super) fn remove(&mut self, place: &Place, key: &Key, facts: &[Fact]) {
        for fact in facts {
            let at = at(place, key, fact);
            let Some(known) = self.0.get_mut(&at) else {
                continue;
            };
            if let Some(keys) = known.get_mut(fact) {
                keys.remove(key);
                if keys.is_empty() {
                    known.remove(fact);
                }
            }
            if known.is_empty() {
                self.0.remove(&at);
            }
        }
    }

    /// The objects of which something is known, in their order: those of a namespace, or, of what is known in the whole cluster,
    /// all.
    pub(super) fn keys(
        &self,
        place: &Place,
        namespace: Option<&str>,
        fact: &Fact,
    ) -> Option<&BTreeSet<Key>> {
        let at = (Arc::clone(place), namespace.map(str::to_owned));
        self.0.get(&at)?.get(fact)
    }
}

fn at(place: &Place, key: &Key, fact: &Fact) -> (Place, Option<String>) {
    let namespace = (!fact.is_of_cluster()).then(|| key.0.clone());
    (Arc::clone(place), namespace)
}

/// What is known of an object by its JSON.
pub(super) fn facts(json: &RawValue) -> Vec<Fact> {
    #[derive(Deserialize)]
    struct Object<'a> {
        #[serde(borrow, default, rename = "apiVersion")]
        version: Cow<'a, str>,
        #[serde(borrow, default)]
        kind: Cow<'a, str>,
        metadata: Metadata,
        #[serde(borrow, default)]
        spec: Option<&'a RawValue>,
        #[serde(borrow, default)]
        status: Option<&'a RawValue>,
    }
    #[derive(Deserialize)]
    struct Metadata {
        #[serde(rename = "ownerReferences", default)]
        owners: Option<Vec<Owner>>,
        #[serde(default)]
        labels: Option<HashMap<String, String>>,
    }
    #[derive(Deserialize)]
    struct Owner {
        uid: String,
        #[serde(default)]
        controller: Option<bool>,
    }
    let Ok(object) = serde_json::from_str::<Object<'_>>(json.get()) else {
        return vec![Fact::Uncontrolled];
    };
    let owners = object.metadata.owners.into_iter().flatten();
    let controller = owners.into_iter().find(|o| o.controller == Some(true));
    let mut facts = vec![controller.map_or(Fact::Uncontrolled, |o| Fact::ControlledBy(o.uid))];
    let service = object
        .metadata
        .labels
        .and_then(|mut l| l.remove(SERVICE_NAME));
    facts.extend(service.map(Fact::OfService));
    match (&*object.version, &*object.kind) {
        ("v1", "Pod") => facts.extend(of_pod(&read(object.spec), &read(object.status))),
        ("v1", "Service") => facts.extend(of_service(read(object.spec))),
        _ => {}
    }
    facts
}

/// A part of an object; as if nothing were in it where it has another form.
fn read<'a, T: Deserialize<'a> + Default>(json: Option<&'a RawValue>) -> T {
    let read = json.and_then(|json| serde_json::from_str(json.get()).ok());
    read.unwrap_or_default()
}

/// What says where a Pod runs.
#[derive(Default, Deserialize)]
#[serde(default)]
struct PodSpec {
    #[serde(rename = "nodeName")]
    node: Option<String>,
}

/// What says whether a Pod runs, and by which address.
#[derive(Default, Deserialize)]
#[serde(default)]
struct PodStatus {
    phase: Option<String>,
    #[serde(rename = "podIP")]
    address: Option<String>,
}

fn of_pod(spec: &PodSpec, status: &PodStatus) -> Vec<Fact> {
    let given = |text: &Option<String>| text.clone().filter(|t| !t.is_empty());
    let has_ended = matches!(status.phase.as_deref(), Some("Succeeded" | "Failed"));
    let address = given(&status.address).map(Fact::HasAddress);
    match given(&spec.node) {
        None => vec![Fact::Unplaced],
        Some(_) if has_ended => Vec::new(),
        Some(node) => address.into_iter().chain([Fact::RunsOn(node)]).collect(),
    }
}

/// What a Service has from the cluster.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ServiceSpec {
    #[serde(rename = "clusterIP")]
    address: Option<String>,
    selector: Option<BTreeMap<String, String>>,
    ports: Option<Vec<ServicePort>>,
    #[serde(rename = "healthCheckNodePort")]
    health: Option<i64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ServicePort {
    #[serde(rename = "nodePort")]
    node_port: Option<i64>,
}

fn of_service(spec: ServiceSpec) -> Vec<Fact> {
    let address = spec.address.filter(|a| !a.is_empty() && a != "None");
    let ports = spec.ports.iter().flatten().filter_map(|p| p.node_port);
    let ports = ports.chain(spec.health).filter(|p| *p != 0);
    let mut facts: Vec<Fact> = address.map(Fact::HasAddress).into_iter().collect();
    facts.extend(ports.map(Fact::HasNodePort));
    let selects = |labels: BTreeMap<String, String>| Fact::Selects(labels.into_iter().next());
    facts.extend(spec.selector.map(selects));
    facts
}

#[cfg(test)]
mod tests {
    use serde_json::{json, value::to_raw_value};

    use super::*;

    fn of(object: &serde_json::Value) -> Vec<Fact> {
        facts(&to_raw_value(object).unwrap())
    }

    #[test]
    fn the_controller_is_told_from_other_owners() {
        let owners = json!([{"uid": "a"}, {"uid": "b", "controller": true}]);
        let slice = json!({"metadata": {
            "labels": {SERVICE_NAME: "web", "x": "y"}, "ownerReferences": owners,
        }});
        let (by, service) = (
            Fact::ControlledBy("b".to_owned()),
            Fact::OfService("web".to_owned()),
        );
        assert_eq!(of(&slice), [by, service]);
        let owned = json!({"metadata": {"ownerReferences": [{"uid": "a"}]}});
        assert_eq!(of(&owned), [Fact::Uncontrolled]);
    }

    #[test]
    fn who_is_removed_is_not_found() {
        let (place, mut index) = (Place::from("pods"), Index::default());
        let key = |name: &str| ("ns".to_owned(), name.to_owned());
        let facts = [Fact::Uncontrolled, Fact::Unplaced];
        for name in ["b", "a"] {
            index.add(&place, &key(name), &facts);
        }
        let names = |index: &Index, namespace: Option<&str>, fact: &Fact| -> Vec<String> {
            let keys = index.keys(&place, namespace, fact).into_iter().flatten();
            keys.map(|key| key.1.clone()).collect()
        };
        assert_eq!(names(&index, Some("ns"), &Fact::Uncontrolled), ["a", "b"]);
        assert_eq!(names(&index, None, &Fact::Unplaced), ["a", "b"]);
        index.remove(&place, &key("a"), &facts);
        assert_eq!(names(&index, Some("ns"), &Fact::Uncontrolled), ["b"]);
        assert_eq!(names(&index, None, &Fact::Unplaced), ["b"]);
        index.remove(&place, &key("b"), &facts);
        assert!(index.0.is_empty());
    }

    #[test]
    fn pods_are_known_by_their_node_until_they_end() {
        let pod = |spec: &serde_json::Value, phase: &str| {
            of(&json!({
                "apiVersion": "v1", "kind": "Pod", "metadata": {}, "spec": spec,
                "status": {"phase": phase, "podIP": "10.244.0.2"},
            }))
        };
        let here = json!({"nodeName": "n"});
        let (address, node) = (
            Fact::HasAddress("10.244.0.2".to_owned()),
            Fact::RunsOn("n".to_owned()),
        );
        assert_eq!(pod(&here, "Running"), [Fact::Uncontrolled, address, node]);
        assert_eq!(pod(&here, "Failed"), [Fact::Uncontrolled]);
        let waiting = [Fact::Uncontrolled, Fact::Unplaced];
        assert_eq!(pod(&json!({"containers": []}), "Pending"), waiting);
    }

    #[test]
    fn services_are_known_by_one_of_the_labels_that_they_select() {
        let service = |selector: &serde_json::Value| {
            of(&json!({
                "apiVersion": "v1", "kind": "Service", "metadata": {}, "spec": {"selector": selector},
            }))
        };
        let first = Some(("app".to_owned(), "web".to_owned()));
        let known = service(&json!({"tier": "front", "app": "web"}));
        assert_eq!(known, [Fact::Uncontrolled, Fact::Selects(first)]);
        let all = [Fact::Uncontrolled, Fact::Selects(None)];
        assert_eq!(service(&json!({})), all);
        assert_eq!(service(&json!(null)), [Fact::Uncontrolled]);
    }

    #[test]
    fn services_are_known_by_their_address_and_ports() {
        let service = |kind: &str, address: &str| {
            of(&json!({
                "apiVersion": "v1", "kind": kind, "metadata": {},
                "spec": {"clusterIP": address, "ports": [{"port": 80, "nodePort": 30080}, {"port": 81}]},
            }))
        };
        let port = Fact::HasNodePort(30080);
        let address = Fact::HasAddress("10.96.0.9".to_owned());
        assert_eq!(
            service("Service", "10.96.0.9"),
            [Fact::Uncontrolled, address, port.clone()]
        );
        assert_eq!(service("Service", "None"), [Fact::Uncontrolled, port]);
        assert_eq!(service("Other", "10.96.0.9"), [Fact::Uncontrolled]);
    }
}
