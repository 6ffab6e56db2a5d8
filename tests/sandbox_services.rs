//! What a cluster does for its objects of itself, in simulated time: accounts, addresses, endpoints, and the end of things.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Tests.

use std::{sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ccnr::sandbox::{
    clock::Clock,
    controllers,
    flavour::Flavour,
    instance::Sandbox,
    registry::{Registry, Resource},
    status::Refusal,
    tokens,
    verbs::{
        Api, How, Written,
        delete::{Options, Propagation},
        patch, read,
    },
};
use serde_json::{Value, json};

/// A cluster without a node: Pods do what the test says.
struct Cluster {
    sandbox: Sandbox,
}

const POD_OF_A_NODE: &str = "kubelet";

impl Cluster {
    fn new() -> Self {
        let at = "2026-01-01T00:00:00Z".parse().unwrap();
        let api = Arc::new(Api::new(Registry::kubernetes(), Clock::standing(at)));
        api.set_certificate("PEM");
        let controllers = controllers::all(Flavour::Kubernetes);
        let controllers = controllers
            .into_iter()
            .filter(|c| c.program() == "kube-controller-manager")
            .collect();
        let mut cluster = Self {
            sandbox: Sandbox::around(api, controllers),
        };
        cluster.create("v1/Namespace", &json!({"metadata": {"name": "a"}}));
        cluster
    }

    fn resource(&self, kind: &str) -> Arc<Resource> {
        let (version, kind) = kind.rsplit_once('/').unwrap();
        let found = self.sandbox.api.registry().of_kind(version, kind);
        found.unwrap_or_else(|| panic!("not served: {version} {kind}"))
    }

    fn try_create(&mut self, kind: &str, object: &Value) -> Result<Written, Refusal> {
        let resource = self.resource(kind);
        let of = object["metadata"]["namespace"].as_str().unwrap_or("a");
        let namespace = resource.namespaced.then(|| of.to_owned());
        let how = How::by("test");
        let made = self
            .sandbox
            .api
            .create(&resource, namespace.as_deref(), object.clone(), &how);
        self.sandbox.settle();
        made
    }

    fn create(&mut self, kind: &str, object: &Value) -> Value {
        (*self.try_create(kind, object).unwrap().object).clone()
    }

    fn refused(&mut self, kind: &str, object: &Value) -> String {
        self.try_create(kind, object).unwrap_err().message
    }

    fn find(&self, kind: &str, name: &str) -> Option<Value> {
        let resource = self.resource(kind);
        let namespace = resource.namespaced.then_some("a");
        let found = self.sandbox.api.get(&resource, namespace, name);
        found.ok().map(|o| (*o).clone())
    }

    fn get(&self, kind: &str, name: &str) -> Value {
        self.find(kind, name)
            .unwrap_or_else(|| panic!("{kind} {name} is not there"))
    }

    fn all(&self, kind: &str) -> Vec<Value> {
        let resource = self.resource(kind);
        let namespace = resource.namespaced.then_some("a");
        let found = self
            .sandbox
            .api
            .list(&resource, namespace, &read::Wanted::default());
        found.unwrap().items.iter().map(|o| (**o).clone()).collect()
    }

    fn patch(
        &mut self,
        kind: &str,
        name: &str,
        sub: &str,
        patch: &Value,
    ) -> Result<Value, Refusal> {
        let resource = self.resource(kind);
        let namespace = resource.namespaced.then_some("a");
        let how = How {
            subresource: sub.to_owned(),
            ..How::by(POD_OF_A_NODE)
        };
        let patch = (patch::Kind::Merge, patch);
        let written = self
            .sandbox
            .api
            .patch(&resource, namespace, name, patch, &how);
        self.sandbox.settle();
        written.map(|w| (*w.object).clone())
    }

    fn delete(&mut self, kind: &str, name: &str, propagation: Option<Propagation>) {
        let resource = self.resource(kind);
        let namespace = resource.namespaced.then_some("a");
        let options = Options {
            propagation,
            ..Options::default()
        };
        self.sandbox
            .api
            .delete(&resource, namespace, name, &options)
            .unwrap();
        self.sandbox.settle();
    }

    fn pod(&mut self, name: &str, spec: &Value) -> Value {
        let mut spec = spec.clone();
        spec["containers"] = json!([{"name": "c", "image": "i:1", "ports": [{"name": "http", "containerPort": 8080}]}]);
        let metadata = json!({"name": name, "labels": {"app": "web"}});
        self.create("v1/Pod", &json!({"metadata": metadata, "spec": spec}))
    }

    /// What a kubelet would say of a Pod.
    fn runs(&mut self, name: &str, ip: &str, ready: &str) {
        let at = self.sandbox.api.clock.stamp();
        let condition = json!({"type": "Ready", "status": ready, "lastTransitionTime": at});
        let status = json!({"status": {
            "phase": "Running", "podIP": ip, "podIPs": [{"ip": ip}], "conditions": [condition],
        }});
        self.patch("v1/Pod", name, "status", &status).unwrap();
    }
}

fn a_node() -> Value {
    json!({"metadata": {"name": "n"}})
}

#[test]
fn every_namespace_has_its_account_and_the_certificate() {
    let mut cluster = Cluster::new();
    cluster.sandbox.settle();
    assert!(cluster.find("v1/ServiceAccount", "default").is_some());
    let certificate = cluster.get("v1/ConfigMap", "kube-root-ca.crt");
    assert_eq!(certificate["data"]["ca.crt"], "PEM");
    // Who deletes them gets them back, and who writes into the one of them too.
    cluster.delete("v1/ServiceAccount", "default", None);
    cluster
        .patch(
            "v1/ConfigMap",
            "kube-root-ca.crt",
            "",
            &json!({"data": {"ca.crt": "x"}}),
        )
        .unwrap();
    assert!(cluster.find("v1/ServiceAccount", "default").is_some());
    let certificate = cluster.get("v1/ConfigMap", "kube-root-ca.crt");
    assert_eq!(certificate["data"]["ca.crt"], "PEM");
}

#[test]
fn a_pod_gets_an_account_a_token_a_priority_and_tolerations() {
    let mut cluster = Cluster::new();
    let pod = cluster.pod("p", &json!({}));
    let spec = &pod["spec"];
    assert_eq!(spec["serviceAccountName"], "default");
    assert_eq!(spec["serviceAccount"], "default");
    let volume = &spec["volumes"][0];
    assert!(
        volume["name"]
            .as_str()
            .unwrap()
            .starts_with("kube-api-access-")
    );
    assert_eq!(
        volume["projected"]["sources"][0]["serviceAccountToken"]["expirationSeconds"],
        3607
    );
    assert_eq!(
        spec["containers"][0]["volumeMounts"][0]["name"],
        volume["name"]
    );
    assert_eq!(
        (&spec["priority"], &spec["preemptionPolicy"]),
        (&json!(0), &json!("PreemptLowerPriority"))
    );
    assert_eq!(
        spec["tolerations"][1]["key"],
        "node.kubernetes.io/unreachable"
    );
    // Nobody manages what the cluster added.
    let managed = pod["metadata"]["managedFields"].to_string();
    assert!(
        managed.contains("f:containers")
            && !managed.contains("tolerations")
            && !managed.contains("f:volumes"),
        "{managed}"
    );
    let unknown = json!({"metadata": {"generateName": "web-"}, "spec": {"serviceAccountName": "none", "containers": [{"name": "c", "image": "i"}]}});
    assert_eq!(
        cluster.refused("v1/Pod", &unknown),
        "pods \"web-\" is forbidden: error looking up service account a/none: serviceaccount \"none\" not found"
    );
    let unknown = json!({"metadata": {"name": "p2"}, "spec": {"priorityClassName": "none", "containers": [{"name": "c", "image": "i"}]}});
    assert_eq!(
        cluster.refused("v1/Pod", &unknown),
        "pods \"p2\" is forbidden: no PriorityClass with name none was found"
    );
}

#[test]
fn services_get_addresses_and_ports_and_keep_them() {
    let mut cluster = Cluster::new();
    let service = |name: &str, spec: Value| json!({"metadata": {"name": name}, "spec": spec});
    let made = cluster.create(
        "v1/Service",
        &service("web", json!({"type": "NodePort", "ports": [{"port": 80}]})),
    );
    let ip = made["spec"]["clusterIP"].as_str().unwrap().to_owned();
    assert!(ip.starts_with("10.96."), "{ip}");
    assert_eq!(made["spec"]["clusterIPs"], json!([ip]));
    assert_eq!(made["spec"]["ipFamilies"], json!(["IPv4"]));
    assert_eq!(made["spec"]["ipFamilyPolicy"], "SingleStack");
    let port = made["spec"]["ports"][0]["nodePort"].as_i64().unwrap();
    let again = service("other", json!({"clusterIP": ip, "ports": [{"port": 80}]}));
    assert_eq!(
        cluster.refused("v1/Service", &again),
        format!(
            "Service \"other\" is invalid: spec.clusterIPs: Invalid value: [\"{ip}\"]: failed to allocate IP {ip}: provided IP is already allocated"
        )
    );
    let taken = service(
        "other",
        json!({"type": "NodePort", "ports": [{"port": 80, "nodePort": port}]}),
    );
    assert_eq!(
        cluster.refused("v1/Service", &taken),
        format!(
            "Service \"other\" is invalid: spec.ports[0].nodePort: Invalid value: {port}: provided port is already allocated"
        )
    );
    // Written whole again, without them.
    let resource = cluster.resource("v1/Service");
    let body = service("web", json!({"type": "NodePort", "ports": [{"port": 80}]}));
    let api = &cluster.sandbox.api;
    let kept = api
        .update(&resource, Some("a"), "web", body, &How::by("test"))
        .unwrap()
        .object;
    assert_eq!(kept["spec"]["clusterIP"], ip);
    assert_eq!(kept["spec"]["ports"][0]["nodePort"], port);
    // What a Service gives back, another may have.
    cluster.delete("v1/Service", "web", None);
    cluster.create("v1/Service", &again);
}

#[test]
fn endpoints_follow_the_pods() {
    let mut cluster = Cluster::new();
    cluster.create("v1/Node", &a_node());
    let spec = json!({"selector": {"app": "web"}, "ports": [{"name": "http", "port": 80, "targetPort": "http"}]});
    cluster.create(
        "v1/Service",
        &json!({"metadata": {"name": "web", "labels": {"l": "m"}}, "spec": spec}),
    );
    let endpoints = cluster.get("v1/Endpoints", "web");
    assert!(endpoints.get("subsets").is_none());
    assert_eq!(
        endpoints["metadata"]["annotations"]["endpoints.kubernetes.io/last-change-trigger-time"],
        "2026-01-01T00:00:00Z"
    );
    let slice = &cluster.all("discovery.k8s.io/v1/EndpointSlice")[0];
    assert!(slice["endpoints"].is_null() && slice["ports"].is_null());
    cluster.sandbox.pass(Duration::from_secs(5));
    for (name, ip, ready) in [("p1", "10.244.0.5", "True"), ("p2", "10.244.0.4", "False")] {
        cluster.pod(name, &json!({"nodeName": "n"}));
        cluster.runs(name, ip, ready);
    }
    let endpoints = cluster.get("v1/Endpoints", "web");
    let subset = &endpoints["subsets"][0];
    assert_eq!(subset["addresses"][0]["ip"], "10.244.0.5");
    assert_eq!(subset["addresses"][0]["nodeName"], "n");
    assert_eq!(subset["notReadyAddresses"][0]["targetRef"]["name"], "p2");
    assert_eq!(
        subset["ports"],
        json!([{"name": "http", "port": 8080, "protocol": "TCP"}])
    );
    assert_eq!(
        endpoints["metadata"]["labels"],
        json!({"l": "m", "endpoints.kubernetes.io/managed-by": "endpoint-controller"})
    );
    let slices = cluster.all("discovery.k8s.io/v1/EndpointSlice");
    assert_eq!(slices.len(), 1, "the empty one was filled");
    assert_eq!(
        slices[0]["metadata"]["labels"]["kubernetes.io/service-name"],
        "web"
    );
    assert_eq!(slices[0]["endpoints"].as_array().unwrap().len(), 2);
    // A Pod that ends serves until it is gone, but is no longer ready.
    cluster.delete("v1/Pod", "p1", None);
    assert!(
        cluster.get("v1/Endpoints", "web")["subsets"][0]
            .get("addresses")
            .is_none()
    );
    let slice = &cluster.all("discovery.k8s.io/v1/EndpointSlice")[0];
    let p1 = slice["endpoints"]
        .as_array()
        .unwrap()
        .iter()
        .find(|e| e["targetRef"]["name"] == "p1")
        .unwrap();
    assert_eq!(
        p1["conditions"],
        json!({"ready": false, "serving": true, "terminating": true})
    );
    // Without its Service nothing is left.
    cluster.delete("v1/Service", "web", None);
    assert!(cluster.find("v1/Endpoints", "web").is_none());
}

#[test]
fn endpoints_of_ones_own_are_mirrored() {
    let mut cluster = Cluster::new();
    cluster.create(
        "v1/Service",
        &json!({"metadata": {"name": "db"}, "spec": {"ports": [{"port": 80}]}}),
    );
    assert!(cluster.find("v1/Endpoints", "db").is_none());
    let subsets = json!([{"addresses": [{"ip": "1.2.3.4"}], "ports": [{"port": 80}]}]);
    cluster.create(
        "v1/Endpoints",
        &json!({"metadata": {"name": "db"}, "subsets": subsets}),
    );
    let slices = cluster.all("discovery.k8s.io/v1/EndpointSlice");
    assert_eq!(slices.len(), 1);
    assert_eq!(
        slices[0]["endpoints"],
        json!([{"addresses": ["1.2.3.4"], "conditions": {"ready": true}}])
    );
    assert_eq!(
        slices[0]["ports"],
        json!([{"name": "", "port": 80, "protocol": "TCP"}])
    );
    assert_eq!(
        slices[0]["metadata"]["ownerReferences"][0]["kind"],
        "Endpoints"
    );
    cluster.delete("v1/Endpoints", "db", None);
    assert!(cluster.all("discovery.k8s.io/v1/EndpointSlice").is_empty());
}

fn owned_by(name: &str, owner: &Value, blocks: bool) -> Value {
    let reference = json!({
        "apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"], "blockOwnerDeletion": blocks,
    });
    json!({"metadata": {"name": name, "ownerReferences": [reference]}})
}

/// A `ConfigMap` that a second belongs to, which a third belongs to.
fn family(cluster: &mut Cluster) {
    let first = cluster.create("v1/ConfigMap", &json!({"metadata": {"name": "first"}}));
    let second = cluster.create("v1/ConfigMap", &owned_by("second", &first, true));
    cluster.create("v1/ConfigMap", &owned_by("third", &second, true));
}

#[test]
fn what_belongs_to_an_object_goes_after_it() {
    let mut cluster = Cluster::new();
    family(&mut cluster);
    cluster.delete("v1/ConfigMap", "first", None);
    for name in ["first", "second", "third"] {
        assert!(cluster.find("v1/ConfigMap", name).is_none(), "{name}");
    }
    // What belongs to something that never was goes too; what belongs to a kind that is not served stays.
    let never =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "never", "uid": "u"}});
    cluster.create("v1/ConfigMap", &owned_by("lost", &never, false));
    let unknown = json!({"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "t", "uid": "u"}});
    cluster.create("v1/ConfigMap", &owned_by("kept", &unknown, false));
    assert!(cluster.find("v1/ConfigMap", "lost").is_none());
    assert!(cluster.find("v1/ConfigMap", "kept").is_some());
}

#[test]
fn what_belongs_to_an_object_goes_before_it_or_stays_as_wished() {
    let mut cluster = Cluster::new();
    family(&mut cluster);
    let hold = json!({"metadata": {"finalizers": ["example.com/hold"]}});
    cluster.patch("v1/ConfigMap", "third", "", &hold).unwrap();
    cluster.delete("v1/ConfigMap", "first", Some(Propagation::Foreground));
    // The third is held, and holds the others.
    assert_eq!(
        cluster.get("v1/ConfigMap", "first")["metadata"]["finalizers"],
        json!(["foregroundDeletion"])
    );
    assert_eq!(
        cluster.get("v1/ConfigMap", "second")["metadata"]["finalizers"],
        json!(["foregroundDeletion"])
    );
    cluster
        .patch(
            "v1/ConfigMap",
            "third",
            "",
            &json!({"metadata": {"finalizers": null}}),
        )
        .unwrap();
    for name in ["first", "second", "third"] {
        assert!(cluster.find("v1/ConfigMap", name).is_none(), "{name}");
    }
    family(&mut cluster);
    cluster.delete("v1/ConfigMap", "first", Some(Propagation::Orphan));
    assert!(cluster.find("v1/ConfigMap", "first").is_none());
    let second = cluster.get("v1/ConfigMap", "second");
    assert!(
        second["metadata"].get("ownerReferences").is_none(),
        "{second}"
    );
    assert!(cluster.find("v1/ConfigMap", "third").is_some());
}

#[test]
fn an_owner_of_two_is_not_missed_and_thousands_are_not_slow() {
    let mut cluster = Cluster::new();
    let one = cluster.create("v1/ConfigMap", &json!({"metadata": {"name": "one"}}));
    let two = cluster.create("v1/ConfigMap", &json!({"metadata": {"name": "two"}}));
    let mut both = owned_by("both", &one, false);
    let second = owned_by("both", &two, false)["metadata"]["ownerReferences"][0].clone();
    both["metadata"]["ownerReferences"]
        .as_array_mut()
        .unwrap()
        .push(second);
    cluster.create("v1/ConfigMap", &both);
    for i in 0..3000 {
        cluster.create("v1/Secret", &owned_by(&format!("s{i}"), &one, false));
    }
    cluster.delete("v1/ConfigMap", "one", None);
    let left = cluster.get("v1/ConfigMap", "both");
    assert_eq!(left["metadata"]["ownerReferences"][0]["name"], "two");
    cluster.sandbox.pass(Duration::from_secs(1));
    assert!(cluster.all("v1/Secret").is_empty());
}

#[test]
fn a_namespace_ends_when_nothing_is_left_in_it() {
    let mut cluster = Cluster::new();
    cluster.create("v1/Node", &a_node());
    cluster.create(
        "v1/Service",
        &json!({"metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}]}}),
    );
    let held = json!({"metadata": {"name": "held", "finalizers": ["example.com/hold"]}});
    cluster.create("v1/ConfigMap", &held);
    cluster.pod("p", &json!({"nodeName": "n"}));
    cluster.runs("p", "10.244.0.5", "True");
    cluster.delete("v1/Namespace", "a", None);
    assert_eq!(
        cluster.get("v1/Namespace", "a")["status"]["phase"],
        "Terminating"
    );
    assert_eq!(
        cluster.refused("v1/Secret", &json!({"metadata": {"name": "late"}})),
        "secrets \"late\" is forbidden: unable to create new content in namespace a because it is being terminated"
    );
    cluster.sandbox.pass(Duration::from_secs(4));
    assert!(
        cluster.get("v1/Pod", "p")["metadata"]
            .get("deletionTimestamp")
            .is_none()
    );
    cluster.sandbox.pass(Duration::from_secs(2));
    // The Pod ends first; everything else waits for it.
    assert!(cluster.get("v1/Pod", "p")["metadata"]["deletionTimestamp"].is_string());
    assert!(cluster.find("v1/Service", "s").is_some());
    let conditions = cluster.get("v1/Namespace", "a")["status"]["conditions"].clone();
    assert_eq!(conditions[3]["message"], "All content successfully removed");
    let resource = cluster.resource("v1/Pod");
    let at_once = Options {
        grace: Some(0),
        ..Options::default()
    };
    cluster
        .sandbox
        .api
        .delete(&resource, Some("a"), "p", &at_once)
        .unwrap();
    cluster.sandbox.pass(Duration::from_secs(20));
    assert!(cluster.find("v1/Service", "s").is_none());
    assert!(cluster.find("v1/ServiceAccount", "default").is_none());
    let conditions = cluster.get("v1/Namespace", "a")["status"]["conditions"].clone();
    assert_eq!(
        conditions[3]["message"],
        "Some resources are remaining: configmaps. has 1 resource instances"
    );
    assert_eq!(
        conditions[4]["message"],
        "Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances"
    );
    cluster
        .patch(
            "v1/ConfigMap",
            "held",
            "",
            &json!({"metadata": {"finalizers": null}}),
        )
        .unwrap();
    cluster.sandbox.pass(Duration::from_secs(10));
    assert!(cluster.find("v1/Namespace", "a").is_none());
}

#[test]
fn a_quota_is_counted_with_each_write_and_given_back() {
    let mut cluster = Cluster::new();
    let hard = json!({"pods": "1", "requests.cpu": "500m", "count/secrets": "1"});
    cluster.create(
        "v1/ResourceQuota",
        &json!({"metadata": {"name": "q"}, "spec": {"hard": hard}}),
    );
    assert_eq!(
        cluster.get("v1/ResourceQuota", "q")["status"]["used"],
        json!({"pods": "0", "requests.cpu": "0", "count/secrets": "0"})
    );
    let pod = |name: &str, cpu: Value| {
        let container = json!({"name": "c", "image": "i:1", "resources": {"requests": cpu}});
        json!({"metadata": {"name": name}, "spec": {"containers": [container]}})
    };
    assert_eq!(
        cluster.refused("v1/Pod", &pod("p", json!({}))),
        "pods \"p\" is forbidden: failed quota: q: must specify requests.cpu for: c"
    );
    cluster.create("v1/Pod", &pod("p", json!({"cpu": "200m"})));
    assert_eq!(
        cluster.get("v1/ResourceQuota", "q")["status"]["used"]["requests.cpu"],
        "200m"
    );
    assert_eq!(
        cluster.refused("v1/Pod", &pod("r", json!({"cpu": "400m"}))),
        "pods \"r\" is forbidden: exceeded quota: q, requested: pods=1,requests.cpu=400m, used: pods=1,requests.cpu=200m, limited: pods=1,requests.cpu=500m"
    );
    // What has ended takes nothing; a name that is taken is not counted.
    cluster
        .patch(
            "v1/Pod",
            "p",
            "status",
            &json!({"status": {"phase": "Succeeded"}}),
        )
        .unwrap();
    assert_eq!(
        cluster.get("v1/ResourceQuota", "q")["status"]["used"]["pods"],
        "0"
    );
    cluster
        .try_create("v1/Pod", &pod("p", json!({"cpu": "100m"})))
        .unwrap_err();
    assert_eq!(
        cluster.get("v1/ResourceQuota", "q")["status"]["used"]["pods"],
        "0"
    );
    cluster.create("v1/Secret", &json!({"metadata": {"name": "s"}}));
    cluster
        .try_create("v1/Secret", &json!({"metadata": {"name": "t"}}))
        .unwrap_err();
    cluster.delete("v1/Secret", "s", None);
    cluster.create("v1/Secret", &json!({"metadata": {"name": "t"}}));
}

#[test]
fn limits_of_a_namespace_are_filled_in_and_checked() {
    let mut cluster = Cluster::new();
    let limit =
        json!({"type": "Container", "default": {"memory": "128Mi"}, "max": {"memory": "256Mi"}});
    cluster.create(
        "v1/LimitRange",
        &json!({"metadata": {"name": "l"}, "spec": {"limits": [limit]}}),
    );
    let pod = cluster.pod("p", &json!({}));
    assert_eq!(
        pod["spec"]["containers"][0]["resources"],
        json!({"limits": {"memory": "128Mi"}, "requests": {"memory": "128Mi"}})
    );
    assert_eq!(pod["status"]["qosClass"], "Burstable");
    assert_eq!(
        pod["metadata"]["annotations"]["kubernetes.io/limit-ranger"],
        "LimitRanger plugin set: memory request for container c; memory limit for container c"
    );
    let large = json!({"name": "c", "image": "i:1", "resources": {"limits": {"memory": "1Gi"}}});
    assert_eq!(
        cluster.refused(
            "v1/Pod",
            &json!({"metadata": {"name": "large"}, "spec": {"containers": [large]}})
        ),
        "pods \"large\" is forbidden: maximum memory usage per Container is 256Mi, but limit is 1Gi"
    );
}

#[test]
fn a_token_is_its_accounts_and_goes_with_it() {
    let mut cluster = Cluster::new();
    cluster.create("v1/ServiceAccount", &json!({"metadata": {"name": "robot"}}));
    let api = Arc::clone(&cluster.sandbox.api);
    let server = [tokens::AUDIENCE.to_owned()];
    let made = api
        .request_token("a", "robot", json!({"spec": {}}))
        .unwrap();
    assert_eq!(
        made["status"]["expirationTimestamp"],
        "2026-01-01T01:00:00Z"
    );
    let token = made["status"]["token"].as_str().unwrap();
    let bearer = api.bearer(token, &server).unwrap();
    assert_eq!(bearer.user.name, "system:serviceaccount:a:robot");
    assert!(
        bearer
            .user
            .groups
            .contains(&"system:serviceaccounts:a".to_owned())
    );
    cluster.sandbox.pass(Duration::from_secs(3601));
    assert_eq!(
        api.bearer(token, &server).unwrap_err(),
        "service account token has expired"
    );
    // A token in a Secret lasts as long as that.
    let annotations = json!({"kubernetes.io/service-account.name": "robot"});
    let secret = json!({"metadata": {"name": "t", "annotations": annotations}, "type": "kubernetes.io/service-account-token"});
    cluster.create("v1/Secret", &secret);
    let secret = cluster.get("v1/Secret", "t");
    let token = STANDARD
        .decode(secret["data"]["token"].as_str().unwrap())
        .unwrap();
    let token = String::from_utf8(token).unwrap();
    assert_eq!(
        api.bearer(&token, &server).unwrap().user.name,
        "system:serviceaccount:a:robot"
    );
    cluster.delete("v1/ServiceAccount", "robot", None);
    assert!(cluster.find("v1/Secret", "t").is_none());
    assert!(api.bearer(&token, &server).is_err());
}

#[test]
fn roles_that_gather_follow_their_parts() {
    let mut cluster = Cluster::new();
    let label = json!({"rbac.authorization.k8s.io/aggregate-to-view": "true"});
    let rule = json!({"apiGroups": ["example.com"], "resources": ["things"], "verbs": ["get"]});
    let kind = "rbac.authorization.k8s.io/v1/ClusterRole";
    cluster.create(
        kind,
        &json!({"metadata": {"name": "things", "labels": label}, "rules": [rule]}),
    );
    for role in ["view", "edit", "admin"] {
        let rules = cluster.get(kind, role)["rules"].as_array().unwrap().clone();
        assert!(rules.contains(&rule), "{role}");
    }
    cluster.delete(kind, "things", None);
    assert!(
        !cluster.get(kind, "view")["rules"]
            .as_array()
            .unwrap()
            .contains(&rule)
    );
}

fn claim(name: &str, class: &Value) -> Value {
    json!({"metadata": {"name": name}, "spec": {
        "accessModes": ["ReadWriteOnce"], "storageClassName": class,
        "resources": {"requests": {"storage": "1Gi"}},
    }})
}

fn told(cluster: &Cluster, reason: &str) -> Option<String> {
    let events = cluster.all("v1/Event");
    let found = events.iter().find(|e| e["reason"] == reason)?;
    found["message"].as_str().map(str::to_owned)
}

#[test]
fn a_claim_gets_the_smallest_volume_that_fits_and_gives_it_back() {
    let mut cluster = Cluster::new();
    for (name, size) in [("large", "3Gi"), ("small", "2Gi"), ("tiny", "1Mi")] {
        let spec = json!({"storageClassName": "manual", "accessModes": ["ReadWriteOnce"], "capacity": {"storage": size}, "hostPath": {"path": "/x"}});
        cluster.create(
            "v1/PersistentVolume",
            &json!({"metadata": {"name": name}, "spec": spec}),
        );
    }
    assert_eq!(
        cluster.get("v1/PersistentVolume", "large")["status"]["phase"],
        "Available"
    );
    cluster.create("v1/PersistentVolumeClaim", &claim("c", &json!("manual")));
    let bound = cluster.get("v1/PersistentVolumeClaim", "c");
    assert_eq!(bound["spec"]["volumeName"], "small");
    assert_eq!(
        bound["status"],
        json!({"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "2Gi"}, "phase": "Bound"})
    );
    cluster.pod(
        "p",
        &json!({"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "c"}}]}),
    );
    cluster.delete("v1/PersistentVolumeClaim", "c", None);
    assert!(
        cluster.get("v1/PersistentVolumeClaim", "c")["metadata"]["deletionTimestamp"].is_string()
    );
    cluster.delete("v1/Pod", "p", None);
    assert!(cluster.find("v1/PersistentVolumeClaim", "c").is_none());
    assert_eq!(
        cluster.get("v1/PersistentVolume", "small")["status"]["phase"],
        "Released"
    );
    cluster.create("v1/PersistentVolumeClaim", &claim("none", &json!("")));
    assert_eq!(
        told(&cluster, "FailedBinding").unwrap(),
        "no persistent volumes available for this claim and no storage class is set"
    );
    cluster.create(
        "v1/PersistentVolumeClaim",
        &claim("unknown", &json!("fast")),
    );
    assert_eq!(
        told(&cluster, "ProvisioningFailed").unwrap(),
        "storageclass.storage.k8s.io \"fast\" not found"
    );
}

#[test]
fn a_claim_of_a_class_waits_for_its_consumer_and_gets_a_volume_of_its_own() {
    let mut cluster = Cluster::new();
    let class = json!({"metadata": {"name": "local"}, "provisioner": "example.com/local", "volumeBindingMode": "WaitForFirstConsumer"});
    cluster.create("storage.k8s.io/v1/StorageClass", &class);
    cluster.create("v1/PersistentVolumeClaim", &claim("c", &json!("local")));
    cluster.sandbox.pass(Duration::from_secs(60));
    assert_eq!(
        told(&cluster, "WaitForFirstConsumer").unwrap(),
        "waiting for first consumer to be created before binding"
    );
    assert_eq!(
        cluster.get("v1/PersistentVolumeClaim", "c")["status"]["phase"],
        "Pending"
    );
    let placed = json!({"metadata": {"annotations": {"volume.kubernetes.io/selected-node": "n"}}});
    cluster
        .patch("v1/PersistentVolumeClaim", "c", "", &placed)
        .unwrap();
    cluster.sandbox.pass(Duration::from_secs(3));
    let bound = cluster.get("v1/PersistentVolumeClaim", "c");
    assert_eq!(bound["status"]["phase"], "Bound");
    let volume = bound["spec"]["volumeName"].as_str().unwrap();
    assert_eq!(
        told(&cluster, "ProvisioningSucceeded").unwrap(),
        format!("Successfully provisioned volume {volume}")
    );
    cluster.delete("v1/PersistentVolumeClaim", "c", None);
    assert!(cluster.find("v1/PersistentVolume", volume).is_none());
}

#[test]
fn a_dry_run_makes_nothing() {
    let mut cluster = Cluster::new();
    cluster.create("v1/Namespace", &json!({"metadata": {"name": "fresh"}}));
    let api = Arc::clone(&cluster.sandbox.api);
    let accounts = cluster.resource("v1/ServiceAccount");
    // The controller's is taken away, and the controller has had no time to make another.
    let options = ccnr::sandbox::verbs::delete::Options::default();
    api.delete(&accounts, Some("fresh"), "default", &options)
        .unwrap();
    let how = How {
        dry_run: true,
        ..How::by("test")
    };
    let pod = json!({
        "metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "nginx"}]},
    });
    let pods = cluster.resource("v1/Pod");
    let before = api.store.with(|s| s.version());
    api.create(&pods, Some("fresh"), pod, &how).unwrap();
    assert_eq!(api.store.with(|s| s.version()), before);
}
