//! Pods in the sandbox: placed, run, probed, restarted, ended, as on a real node.
#![allow(clippy::unwrap_used)] // Tests.

use std::{sync::Arc, time::Duration};

use ccnr::sandbox::{
    clock::Clock,
    flavour::Flavour,
    instance::Sandbox,
    verbs::{
        How,
        delete::{Deleted, Options},
    },
};
use serde_json::{Value, json};

const NGINX: &str = "quay.io/nginx/nginx-unprivileged:1.27";
const WEB: &str = "quay.io/ccnr/web:1.0";

/// A sandbox whose clock stands.
struct Cluster(Sandbox);

impl Cluster {
    fn new() -> Self {
        let clock = Clock::standing("2026-01-01T00:00:00Z".parse().unwrap());
        Self(Sandbox::new(Flavour::Kubernetes, clock))
    }

    fn make(&self, plural: &str, object: Value) -> Arc<Value> {
        let resource = self.0.api.registry().get("", "v1", plural).unwrap();
        let made = self
            .0
            .api
            .create(&resource, Some("default"), object, &How::by("test"));
        made.unwrap().object
    }

    /// A Pod of one container `c`.
    fn pod(&self, name: &str, container: Value, more: Value) {
        let mut spec = more;
        let mut container = container;
        container["name"] = json!("c");
        spec["containers"] = json!([container]);
        self.make("pods", json!({"metadata": {"name": name}, "spec": spec}));
    }

    fn pass(&mut self, seconds: f64) {
        self.0.pass(Duration::from_secs_f64(seconds));
    }

    fn find(&self, name: &str) -> Option<Arc<Value>> {
        let resource = self.0.api.registry().get("", "v1", "pods").unwrap();
        self.0.api.get(&resource, Some("default"), name).ok()
    }

    fn status(&self, name: &str) -> Value {
        self.find(name).unwrap()["status"].clone()
    }

    /// The state of a container, in its shortest form: `waiting ErrImagePull`, `running`, `terminated Error 3`.
    fn state(&self, name: &str) -> String {
        let status = self.status(name);
        state(&status["containerStatuses"][0]["state"])
    }

    fn delete(&self, name: &str) -> Deleted {
        let resource = self.0.api.registry().get("", "v1", "pods").unwrap();
        let options = Options::default();
        self.0
            .api
            .delete(&resource, Some("default"), name, &options)
            .unwrap()
    }

    /// The events of a Pod: `Warning Failed 2 …`.
    fn events(&self, name: &str) -> Vec<String> {
        let place: Arc<str> = Arc::from("events");
        self.0.api.store.with(|state| {
            let all = state.list(&place, Some("default"));
            let of = all.filter(|e| e["involvedObject"]["name"] == name);
            of.map(|e| {
                let text = |field: &str| e[field].as_str().unwrap_or_default().to_owned();
                let count = e["count"].as_i64().unwrap_or(1);
                format!(
                    "{} {} {count} {}",
                    text("type"),
                    text("reason"),
                    text("message")
                )
            })
            .collect()
        })
    }

    fn has_event(&self, name: &str, event: &str) -> bool {
        self.events(name).iter().any(|e| e == event)
    }
}

/// The states of the init containers.
fn init_states(status: &Value) -> Vec<String> {
    let all = status["initContainerStatuses"].as_array().unwrap().iter();
    all.map(|s| state(&s["state"])).collect()
}

fn state(state: &Value) -> String {
    let (kind, of) = state.as_object().unwrap().iter().next().unwrap();
    let reason = of["reason"].as_str().unwrap_or_default();
    let code = of["exitCode"]
        .as_i64()
        .map(|c| format!(" {c}"))
        .unwrap_or_default();
    format!("{kind} {reason}{code}").trim().to_owned()
}

fn conditions(status: &Value) -> Vec<String> {
    let all = status["conditions"].as_array().unwrap();
    all.iter()
        .map(|c| {
            let text = |field: &str| c[field].as_str().unwrap_or_default().to_owned();
            let told = format!(
                "{}={} {} {}",
                text("type"),
                text("status"),
                text("reason"),
                text("message")
            );
            format!("{} g{}", told.trim_end(), c["observedGeneration"])
        })
        .collect()
}

#[test]
fn a_pod_is_placed_runs_and_becomes_ready() {
    let mut cluster = Cluster::new();
    let probe = json!({"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 5});
    cluster.pod(
        "works",
        json!({"image": NGINX, "readinessProbe": probe}),
        json!({}),
    );
    cluster.pass(0.1);
    let first = cluster.status("works");
    // What Kubernetes 1.34 shows at this moment, field by field.
    assert_eq!(first["phase"], "Pending");
    assert_eq!(
        state(&first["containerStatuses"][0]["state"]),
        "waiting ContainerCreating"
    );
    let unready = "containers with unready status: [c]";
    assert_eq!(
        conditions(&first),
        [
            "PodReadyToStartContainers=False g1".to_owned(),
            "Initialized=True g1".to_owned(),
            format!("Ready=False ContainersNotReady {unready} g1"),
            format!("ContainersReady=False ContainersNotReady {unready} g1"),
            "PodScheduled=True g1".to_owned(),
        ]
    );
    cluster.pass(10.0);
    let status = cluster.status("works");
    assert_eq!(status["phase"], "Running");
    assert_eq!(
        conditions(&status),
        [
            "PodReadyToStartContainers=True g1",
            "Initialized=True g1",
            "Ready=True g1",
            "ContainersReady=True g1",
            "PodScheduled=True g1"
        ]
    );
    let container = &status["containerStatuses"][0];
    assert_eq!(
        (
            &container["ready"],
            &container["started"],
            &container["restartCount"]
        ),
        (&json!(true), &json!(true), &json!(0))
    );
    assert!(
        container["containerID"]
            .as_str()
            .unwrap()
            .starts_with("containerd://")
    );
    assert!(
        container["imageID"]
            .as_str()
            .unwrap()
            .starts_with("quay.io/nginx/nginx-unprivileged@sha256:")
    );
    assert!(status["podIP"].as_str().unwrap().starts_with("10.244."));
    assert_eq!(status["podIPs"][0]["ip"], status["podIP"]);
    assert_eq!(status["startTime"], "2026-01-01T00:00:00Z");
    assert!(cluster.has_event(
        "works",
        "Normal Scheduled 1 Successfully assigned default/works to sandbox-1"
    ));
    for event in [
        format!("Normal Pulling 1 Pulling image \"{NGINX}\""),
        "Normal Created 1 Created container: c".to_owned(),
        "Normal Started 1 Started container c".to_owned(),
    ] {
        assert!(
            cluster.has_event("works", &event),
            "{event}: {:#?}",
            cluster.events("works")
        );
    }
    // The second one finds the image on the node.
    cluster.pod("again", json!({"image": NGINX}), json!({}));
    cluster.pass(3.0);
    assert_eq!(cluster.state("again"), "running");
    let present = format!("Normal Pulled 1 Container image \"{NGINX}\" already present on machine");
    assert!(cluster.has_event("again", &present));
    assert_ne!(cluster.status("again")["podIP"], status["podIP"]);
}

#[test]
fn a_deleted_pod_stops_and_goes() {
    let mut cluster = Cluster::new();
    cluster.pod("works", json!({"image": NGINX}), json!({}));
    cluster.pod(
        "deaf",
        json!({"image": NGINX, "command": ["sleep", "1000"]}),
        json!({"terminationGracePeriodSeconds": 8}),
    );
    cluster.pass(10.0);
    assert!(matches!(cluster.delete("works"), Deleted::Going(_)));
    cluster.delete("deaf");
    cluster.pass(0.5);
    let status = cluster.status("works");
    assert_eq!(
        (
            state(&status["containerStatuses"][0]["state"]),
            status["phase"].as_str()
        ),
        ("running".to_owned(), Some("Running"))
    );
    cluster.pass(0.5);
    let status = cluster.status("works");
    assert_eq!(
        (cluster.state("works"), status["phase"].as_str()),
        ("terminated Completed 0".to_owned(), Some("Succeeded"))
    );
    assert_eq!(conditions(&status)[0], "PodReadyToStartContainers=False g2");
    assert!(cluster.has_event("works", "Normal Killing 1 Stopping container c"));
    cluster.pass(2.0);
    assert!(cluster.find("works").is_none());
    // Who does not hear has to be killed.
    assert_eq!(cluster.state("deaf"), "running");
    cluster.pass(5.8);
    assert_eq!(
        (
            cluster.state("deaf").as_str(),
            &cluster.status("deaf")["phase"]
        ),
        ("terminated Error 137", &json!("Failed"))
    );
    cluster.pass(2.0);
    assert!(cluster.find("deaf").is_none());
}

#[test]
fn a_pod_that_fits_nowhere_waits_until_there_is_room() {
    let mut cluster = Cluster::new();
    let asks = |cpu: &str| json!({"image": WEB, "resources": {"requests": {"cpu": cpu}}});
    cluster.pod("first", asks("3"), json!({}));
    cluster.pass(5.0);
    cluster.pod("second", asks("2"), json!({}));
    cluster.pass(5.0);
    let why = "0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.";
    assert_eq!(
        conditions(&cluster.status("second")),
        [format!("PodScheduled=False Unschedulable {why} g1")]
    );
    assert!(cluster.has_event("second", &format!("Warning FailedScheduling 1 {why}")));
    cluster.delete("first");
    cluster.pass(6.0);
    assert_eq!(cluster.state("second"), "running");
}

#[test]
fn an_image_that_is_not_there_is_tried_again_with_growing_pauses() {
    let mut cluster = Cluster::new();
    let image = "quay.io/nginx/nginx-unprivileged:1.99";
    cluster.pod("bad", json!({"image": image}), json!({}));
    cluster.pass(2.0);
    cluster.pass(13.0);
    let why = format!(
        "rpc error: code = NotFound desc = failed to pull and unpack image \"{image}\": failed to resolve reference \"{image}\": {image}: not found"
    );
    let mut seen = Vec::new();
    for _ in 0..60 {
        cluster.pass(1.0);
        let waiting = cluster.status("bad")["containerStatuses"][0]["state"]["waiting"].clone();
        let told = format!(
            "{}: {}",
            waiting["reason"].as_str().unwrap(),
            waiting["message"].as_str().unwrap()
        );
        if seen.last() != Some(&told) {
            seen.push(told);
        }
    }
    assert!(seen.contains(&format!("ErrImagePull: {why}")), "{seen:#?}");
    assert!(
        seen.contains(&format!(
            "ImagePullBackOff: Back-off pulling image \"{image}\": ErrImagePull: {why}"
        )),
        "{seen:#?}"
    );
    let events = cluster.events("bad").join("\n");
    for event in [
        format!("Failed to pull image \"{image}\": {why}"),
        "Error: ErrImagePull".to_owned(),
        format!("Back-off pulling image \"{image}\""),
        "Error: ImagePullBackOff".to_owned(),
    ] {
        assert!(events.contains(&event), "{event}: {events}");
    }
    cluster.pod("wrong", json!({"image": "Quay.io/NGINX:::1"}), json!({}));
    cluster.pod(
        "never",
        json!({"image": "quay.io/nginx/none:1", "imagePullPolicy": "Never"}),
        json!({}),
    );
    cluster.pass(15.0);
    assert_eq!(cluster.state("wrong"), "waiting InvalidImageName");
    assert_eq!(cluster.state("never"), "waiting ErrImageNeverPull");
}

#[test]
fn a_program_that_ends_is_started_again_with_growing_pauses() {
    let mut cluster = Cluster::new();
    cluster.pod(
        "crash",
        json!({"image": NGINX, "command": ["sh", "-c", "echo hi; exit 3"]}),
        json!({}),
    );
    let mut restarts = Vec::new();
    for second in 0..120 {
        cluster.pass(1.0);
        let count = cluster.status("crash")["containerStatuses"][0]["restartCount"]
            .as_i64()
            .unwrap_or_default();
        if usize::try_from(count).unwrap() > restarts.len() {
            restarts.push(second);
        }
    }
    // At once, then after 10, 20 and 40 seconds, each time with the delay of a look.
    let gaps: Vec<i64> = restarts.windows(2).map(|w| w[1] - w[0]).collect();
    assert!(
        gaps.len() == 3
            && (10..16).contains(&gaps[0])
            && (20..30).contains(&gaps[1])
            && (40..54).contains(&gaps[2]),
        "{restarts:?}"
    );
    let status = cluster.status("crash");
    let container = &status["containerStatuses"][0];
    let uid = cluster.find("crash").unwrap()["metadata"]["uid"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(status["phase"], "Running");
    assert_eq!(state(&container["state"]), "waiting CrashLoopBackOff");
    let why = format!("back-off 1m20s restarting failed container=c pod=crash_default({uid})");
    assert_eq!(container["state"]["waiting"]["message"], why);
    assert_eq!(state(&container["lastState"]), "terminated Error 3");
    let told = format!("Back-off restarting failed container c in pod crash_default({uid})");
    assert!(
        cluster
            .events("crash")
            .iter()
            .any(|e| e.starts_with("Warning BackOff") && e.ends_with(&told))
    );
}

#[test]
fn pods_that_do_their_work_end() {
    let mut cluster = Cluster::new();
    let run = |script: &str| json!({"image": "busybox", "command": ["sh", "-c", script]});
    let never = json!({"restartPolicy": "Never"});
    cluster.pod("completes", run("echo hi; sleep 3"), never.clone());
    cluster.pod("fails", run("sleep 1; exit 2"), never);
    cluster.pod(
        "retries",
        run("sleep 1; exit 2"),
        json!({"restartPolicy": "OnFailure"}),
    );
    cluster.pass(4.0);
    assert_eq!(cluster.state("completes"), "running");
    cluster.pass(8.0);
    let status = cluster.status("completes");
    assert_eq!(
        (cluster.state("completes").as_str(), &status["phase"]),
        ("terminated Completed 0", &json!("Succeeded"))
    );
    assert_eq!(
        conditions(&status),
        [
            "PodReadyToStartContainers=False g1",
            "Initialized=True PodCompleted g1",
            "Ready=False PodCompleted g1",
            "ContainersReady=False PodCompleted g1",
            "PodScheduled=True g1"
        ]
    );
    let status = cluster.status("fails");
    assert_eq!(
        (cluster.state("fails").as_str(), &status["phase"]),
        ("terminated Error 2", &json!("Failed"))
    );
    assert_eq!(conditions(&status)[2], "Ready=False PodFailed g1");
    assert_eq!(cluster.status("retries")["phase"], "Running");
}

#[test]
fn what_a_pod_names_has_to_be_there() {
    let mut cluster = Cluster::new();
    let volume = json!({"volumes": [{"name": "v", "configMap": {"name": "nope"}}]});
    cluster.pod("mounts", json!({"image": WEB}), volume);
    let env = |source: Value| json!({"image": WEB, "env": [{"name": "A", "valueFrom": source}]});
    cluster.pod(
        "secret",
        env(json!({"secretKeyRef": {"name": "nope", "key": "k"}})),
        json!({}),
    );
    cluster.make(
        "configmaps",
        json!({"metadata": {"name": "there"}, "data": {"a": "b"}}),
    );
    cluster.pod(
        "key",
        env(json!({"configMapKeyRef": {"name": "there", "key": "k"}})),
        json!({}),
    );
    cluster.pass(15.0);
    assert_eq!(cluster.state("mounts"), "waiting ContainerCreating");
    let failed = cluster.events("mounts");
    let told = "MountVolume.SetUp failed for volume \"v\" : configmap \"nope\" not found";
    assert!(
        failed
            .iter()
            .any(|e| e.starts_with("Warning FailedMount 5") && e.ends_with(told)),
        "{failed:#?}"
    );
    let waiting =
        |name: &str| cluster.status(name)["containerStatuses"][0]["state"]["waiting"].clone();
    assert_eq!(
        waiting("secret"),
        json!({"reason": "CreateContainerConfigError", "message": "secret \"nope\" not found"})
    );
    assert_eq!(
        waiting("key")["message"],
        "couldn't find key k in ConfigMap default/there"
    );
    cluster.make("configmaps", json!({"metadata": {"name": "nope"}}));
    cluster.make(
        "secrets",
        json!({"metadata": {"name": "nope"}, "data": {"k": "YQ=="}}),
    );
    cluster.pass(20.0);
    assert_eq!(
        (
            cluster.state("mounts").as_str(),
            cluster.state("secret").as_str()
        ),
        ("running", "running")
    );
}

#[test]
fn the_user_of_a_container_is_looked_at() {
    let mut cluster = Cluster::new();
    cluster.pod(
        "root",
        json!({"image": "nginx"}),
        json!({"securityContext": {"runAsNonRoot": true}}),
    );
    cluster.pod(
        "user",
        json!({"image": "nginx"}),
        json!({"securityContext": {"runAsUser": 1000}}),
    );
    cluster.pass(16.0);
    let pod = cluster.find("root").unwrap();
    let why = format!(
        "container has runAsNonRoot and image will run as root (pod: \"root_default({})\", container: c)",
        pod["metadata"]["uid"].as_str().unwrap()
    );
    let waiting = &pod["status"]["containerStatuses"][0]["state"]["waiting"];
    assert_eq!(
        waiting,
        &json!({"reason": "CreateContainerConfigError", "message": why})
    );
    assert_eq!(
        cluster.status("user")["containerStatuses"][0]["lastState"]["terminated"]["exitCode"],
        1
    );
}

#[test]
fn probes_follow_what_is_served() {
    let mut cluster = Cluster::new();
    let get = |path: &str, port: Value| json!({"httpGet": {"path": path, "port": port}, "periodSeconds": 3});
    let ports = json!([{"name": "http", "containerPort": 8080}]);
    cluster.pod(
        "named",
        json!({"image": WEB, "ports": ports, "readinessProbe": get("/healthz", json!("http"))}),
        json!({}),
    );
    cluster.pod(
        "port",
        json!({"image": WEB, "readinessProbe": get("/", json!(81))}),
        json!({}),
    );
    cluster.pod(
        "path",
        json!({"image": WEB, "livenessProbe": get("/nope", json!(8080))}),
        json!({}),
    );
    let startup =
        json!({"exec": {"command": ["cat", "/nope"]}, "periodSeconds": 1, "failureThreshold": 100});
    cluster.pod(
        "exec",
        json!({"image": NGINX, "startupProbe": startup}),
        json!({}),
    );
    cluster.pass(6.0);
    assert_eq!(
        cluster.status("named")["containerStatuses"][0]["ready"],
        true
    );
    let status = cluster.status("port");
    assert_eq!(
        (
            &status["containerStatuses"][0]["ready"],
            &status["containerStatuses"][0]["started"]
        ),
        (&json!(false), &json!(true))
    );
    let ip = status["podIP"].as_str().unwrap();
    let refused = format!(
        "Readiness probe failed: Get \"http://{ip}:81/\": dial tcp {ip}:81: connect: connection refused"
    );
    assert!(
        cluster
            .events("port")
            .iter()
            .any(|e| e.starts_with("Warning Unhealthy") && e.ends_with(&refused))
    );
    assert_eq!(
        cluster.status("exec")["containerStatuses"][0]["started"],
        false
    );
    cluster.pass(9.0);
    assert!(
        cluster
            .events("path")
            .iter()
            .any(|e| e.ends_with("Liveness probe failed: HTTP probe failed with statuscode: 404"))
    );
    assert!(cluster.has_event(
        "path",
        "Normal Killing 1 Container c failed liveness probe, will be restarted"
    ));
    assert_eq!(
        cluster.status("path")["containerStatuses"][0]["restartCount"],
        1
    );
}

#[test]
fn init_containers_run_one_after_the_other() {
    let mut cluster = Cluster::new();
    let sleep = |name: &str| json!({"name": name, "image": "busybox", "command": ["sleep", "2"]});
    let sidecar = json!({"name": "side", "image": NGINX, "restartPolicy": "Always"});
    cluster.pod(
        "inits",
        json!({"image": NGINX}),
        json!({"initContainers": [sleep("i1"), sidecar, sleep("i2")]}),
    );
    cluster.pass(0.1);
    let first = cluster.status("inits");
    assert_eq!(
        conditions(&first)[1],
        "Initialized=False ContainersNotInitialized containers with incomplete status: [i1 side i2] g1"
    );
    assert_eq!(
        conditions(&first)[2],
        "Ready=False ContainersNotReady containers with unready status: [side c] g1"
    );
    assert_eq!(cluster.state("inits"), "waiting PodInitializing");
    cluster.pass(3.5);
    let status = cluster.status("inits");
    let inits = init_states(&status);
    assert_eq!(
        inits,
        [
            "running",
            "waiting PodInitializing",
            "waiting PodInitializing"
        ]
    );
    assert_eq!(status["phase"], "Pending");
    cluster.pass(12.0);
    let status = cluster.status("inits");
    let inits = init_states(&status);
    assert_eq!(
        inits,
        [
            "terminated Completed 0",
            "running",
            "terminated Completed 0"
        ]
    );
    assert_eq!(
        (cluster.state("inits").as_str(), &status["phase"]),
        ("running", &json!("Running"))
    );
    assert_eq!(conditions(&status)[2], "Ready=True g1");

    let fails = json!({"name": "i", "image": "busybox", "command": ["sh", "-c", "exit 4"]});
    cluster.pod(
        "never",
        json!({"image": NGINX}),
        json!({"restartPolicy": "Never", "initContainers": [fails]}),
    );
    cluster.pass(5.0);
    let status = cluster.status("never");
    assert_eq!(
        (
            &status["phase"],
            state(&status["initContainerStatuses"][0]["state"])
        ),
        (&json!("Failed"), "terminated Error 4".to_owned())
    );
    assert_eq!(conditions(&status)[2], "Ready=False PodFailed g1");
}

#[test]
fn what_cant_be_started_says_why() {
    let mut cluster = Cluster::new();
    cluster.pod(
        "none",
        json!({"image": NGINX, "command": ["nosuch"]}),
        json!({}),
    );
    cluster.pass(4.0);
    let status = cluster.status("none");
    let why = "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: \"nosuch\": executable file not found in $PATH: unknown";
    let container = &status["containerStatuses"][0];
    assert_eq!(
        container["state"]["waiting"],
        json!({"reason": "RunContainerError", "message": why})
    );
    let last = &container["lastState"]["terminated"];
    assert_eq!(
        (&last["reason"], &last["exitCode"], &last["startedAt"]),
        (
            &json!("StartError"),
            &json!(128),
            &json!("1970-01-01T00:00:00Z")
        )
    );
    assert_eq!(status["phase"], "Running");
    cluster.pass(12.0);
    assert_eq!(cluster.state("none"), "waiting CrashLoopBackOff");
}

#[test]
fn a_pods_time_may_be_limited() {
    let mut cluster = Cluster::new();
    cluster.pod(
        "deadline",
        json!({"image": WEB}),
        json!({"activeDeadlineSeconds": 8}),
    );
    cluster.pass(7.0);
    assert_eq!(cluster.state("deadline"), "running");
    cluster.pass(4.0);
    let status = cluster.status("deadline");
    assert_eq!(
        (&status["phase"], &status["reason"]),
        (&json!("Failed"), &json!("DeadlineExceeded"))
    );
    assert_eq!(
        status["message"],
        "Pod was active on the node longer than the specified deadline"
    );
    assert_eq!(cluster.state("deadline"), "terminated Error 2");
    assert!(cluster.has_event(
        "deadline",
        "Normal DeadlineExceeded 1 Pod was active on the node longer than the specified deadline"
    ));
}

#[test]
fn pods_go_on_after_a_restart_of_the_process() {
    let mut cluster = Cluster::new();
    cluster.pod("works", json!({"image": WEB}), json!({}));
    cluster.pod(
        "sleeps",
        json!({"image": "busybox", "command": ["sleep", "30"]}),
        json!({"restartPolicy": "Never"}),
    );
    cluster.pass(10.0);
    let before = cluster.status("works");
    let api = Arc::clone(&cluster.0.api);
    drop(cluster);
    let controllers = ccnr::sandbox::controllers::all(Flavour::Kubernetes);
    let mut cluster = Cluster(Sandbox::around(api, controllers));
    cluster.pass(10.0);
    assert_eq!(cluster.status("works"), before);
    assert_eq!(cluster.state("sleeps"), "running");
    cluster.pass(20.0);
    assert_eq!(cluster.state("sleeps"), "terminated Completed 0");
    cluster.delete("works");
    cluster.pass(3.0);
    assert!(cluster.find("works").is_none());
}

#[test]
fn the_node_is_ready_and_says_so_again_and_again() {
    let mut cluster = Cluster::new();
    cluster.pass(25.0);
    let registry = cluster.0.api.registry();
    let nodes = registry.get("", "v1", "nodes").unwrap();
    let node = cluster.0.api.get(&nodes, None, "sandbox-1").unwrap();
    let ready = node["status"]["conditions"]
        .as_array()
        .unwrap()
        .last()
        .unwrap()
        .clone();
    assert_eq!(
        (&ready["type"], &ready["status"], &ready["reason"]),
        (&json!("Ready"), &json!("True"), &json!("KubeletReady"))
    );
    let leases = registry.get("coordination.k8s.io", "v1", "leases").unwrap();
    let lease = cluster
        .0
        .api
        .get(&leases, Some("kube-node-lease"), "sandbox-1")
        .unwrap();
    assert_eq!(lease["spec"]["renewTime"], "2026-01-01T00:00:20.000000Z");
}
