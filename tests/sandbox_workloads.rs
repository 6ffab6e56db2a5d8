//! Workloads in the sandbox: Pods come and go as a real cluster's controllers would have it. Time stands still but where a test
//! lets it pass.
#![allow(clippy::unwrap_used, clippy::panic)] // Tests.

mod support;

use std::{sync::Arc, time::Duration};

use ccnr::sandbox::{
    clock::Clock,
    controllers::{
        cluster::{Cluster, DEPLOYMENTS, Kind, NODES, PODS, REPLICA_SETS, STATEFUL_SETS},
        workloads::{
            AUTOSCALERS, CLAIMS, CONTROLLER_REVISIONS, CRON_JOBS, DAEMON_SETS, DISRUPTION_BUDGETS,
            JOBS,
            autoscaler::{
                Autoscalers,
                usage::{Sample, Usage},
            },
            cronjob::CronJobs,
            daemonset::DaemonSets,
            deployment::Deployments,
            disruption::DisruptionBudgets,
            job::{Jobs, ttl::FinishedJobs},
            replicaset::ReplicaSets,
            statefulset::StatefulSets,
        },
    },
    flavour::Flavour,
    instance::Sandbox,
    registry::{self, Registry},
    start,
    status::Refusal,
    verbs::{Api, How, delete::Options, patch},
};
use serde_json::{Value, json};
use support::kubelet::{FATE, Kubelet, NODE};

const NAMESPACE: &str = "lab";

/// A cluster with one node, and the time in our hands.
struct Lab {
    sandbox: Sandbox,
}

impl Lab {
    fn new() -> Self {
        Self::serving(Registry::kubernetes(), Autoscalers::default())
    }

    /// A cluster that measures what Pods use.
    fn measuring(usage: impl Usage + 'static) -> Self {
        Self::serving(
            Registry::kubernetes(),
            Autoscalers::measuring(Box::new(usage)),
        )
    }

    /// A cluster in which no Pod can be made.
    fn without_pods() -> Self {
        let mut registry = Registry::default();
        for resource in Registry::kubernetes().preferred() {
            if resource.kind != "Pod" {
                registry.add((**resource).clone());
            }
        }
        Self::serving(registry, Autoscalers::default())
    }

    fn serving(registry: Registry, autoscalers: Autoscalers) -> Self {
        let clock = Clock::standing("2026-01-05T10:00:00Z".parse().unwrap());
        let api = Arc::new(Api::new(registry, clock));
        start::fill(&api, Flavour::Kubernetes);
        let sandbox = Sandbox::around(
            api,
            vec![
                Box::new(autoscalers),
                Box::new(CronJobs),
                Box::new(DaemonSets::default()),
                Box::new(Deployments::default()),
                Box::new(DisruptionBudgets),
                Box::new(FinishedJobs::default()),
                Box::new(Jobs::default()),
                Box::new(ReplicaSets::default()),
                Box::new(StatefulSets::default()),
                Box::new(Kubelet::default()),
            ],
        );
        let lab = Self { sandbox };
        for object in [
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}),
            json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": NAMESPACE}}),
        ] {
            lab.create(object).unwrap();
        }
        lab
    }

    fn create(&self, object: Value) -> Result<Arc<Value>, Refusal> {
        let text = |field: &str| object[field].as_str().unwrap().to_owned();
        let registry = self.sandbox.api.registry();
        let resource = registry
            .of_kind(&text("apiVersion"), &text("kind"))
            .unwrap();
        let namespace = resource.namespaced.then_some(NAMESPACE);
        let made = self
            .sandbox
            .api
            .create(&resource, namespace, object, &How::by("kubectl"));
        made.map(|m| m.object)
    }

    fn get(&self, kind: Kind, name: &str) -> Option<Arc<Value>> {
        let place = registry::place(kind.group, kind.plural);
        let key = (NAMESPACE.to_owned(), name.to_owned());
        self.sandbox.api.store.get(&place, &key)
    }

    fn list(&self, kind: Kind) -> Vec<Arc<Value>> {
        let place = registry::place(kind.group, kind.plural);
        let store = &self.sandbox.api.store;
        store.with(|s| s.list(&place, Some(NAMESPACE)).collect())
    }

    fn patch(&self, kind: Kind, name: &str, patch: &Value) -> Arc<Value> {
        let registry = self.sandbox.api.registry();
        let resource = registry.get(kind.group, kind.version, kind.plural).unwrap();
        let patch = (patch::Kind::Strategic, patch);
        let (namespace, how) = (Some(NAMESPACE), How::by("kubectl"));
        let written = self
            .sandbox
            .api
            .patch(&resource, namespace, name, patch, &how);
        written.unwrap().object
    }

    fn delete(&self, kind: Kind, name: &str) {
        let registry = self.sandbox.api.registry();
        let resource = registry.get(kind.group, kind.version, kind.plural).unwrap();
        let options = Options::default();
        let deleted = self
            .sandbox
            .api
            .delete(&resource, Some(NAMESPACE), name, &options);
        deleted.unwrap();
    }

    fn pass(&mut self, seconds: u64) {
        self.sandbox.pass(Duration::from_secs(seconds));
    }

    /// Everything that was told about objects of a kind, as `Reason: message`, in the order in which it was told first.
    fn told(&self, kind: &str) -> Vec<String> {
        let mut events = self.list(Kind::new("", "v1", "events"));
        events.retain(|e| e["involvedObject"]["kind"] == kind);
        let version = |e: &Value| {
            let version = e["metadata"]["resourceVersion"].as_str().unwrap();
            version.parse::<u64>().unwrap()
        };
        events.sort_by_key(|e| version(e));
        let text = |e: &Arc<Value>| {
            format!(
                "{}: {}",
                e["reason"].as_str().unwrap(),
                e["message"].as_str().unwrap()
            )
        };
        events.iter().map(text).collect()
    }
}

fn template(image: &str) -> Value {
    json!({
        "metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [{"name": "web", "image": image}]},
    })
}

fn workload(api_version: &str, kind: &str, spec: &Value) -> Value {
    let mut all =
        json!({"selector": {"matchLabels": {"app": "web"}}, "template": template("web:1")});
    for (field, value) in spec.as_object().unwrap() {
        all[field] = value.clone();
    }
    json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": "web"}, "spec": all})
}

/// A status without its times.
fn timeless(status: &Value) -> Value {
    let mut status = status.clone();
    let conditions = status.get_mut("conditions").and_then(Value::as_array_mut);
    for condition in conditions.into_iter().flatten() {
        let condition = condition.as_object_mut().unwrap();
        condition.retain(|field, _| !field.ends_with("Time"));
    }
    status
}

fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap()
}

#[test]
fn a_deployment_ends_as_on_a_real_cluster() {
    let mut lab = Lab::new();
    lab.create(workload("apps/v1", "Deployment", &json!({"replicas": 3})))
        .unwrap();
    lab.pass(10);
    let sets = lab.list(REPLICA_SETS);
    assert_eq!(sets.len(), 1);
    let set = name(&sets[0]);
    let deployment = lab.get(DEPLOYMENTS, "web").unwrap();
    assert_eq!(
        timeless(&deployment["status"]),
        json!({
            "observedGeneration": 1, "replicas": 3, "updatedReplicas": 3, "readyReplicas": 3, "availableReplicas": 3,
            "conditions": [
                {
                    "type": "Available", "status": "True", "reason": "MinimumReplicasAvailable",
                    "message": "Deployment has minimum availability.",
                },
                {
                    "type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable",
                    "message": format!("ReplicaSet \"{set}\" has successfully progressed."),
                },
            ],
        })
    );
    assert_eq!(
        deployment["metadata"]["annotations"],
        json!({"deployment.kubernetes.io/revision": "1"})
    );
    assert_eq!(
        sets[0]["metadata"]["annotations"],
        json!({
            "deployment.kubernetes.io/revision": "1", "deployment.kubernetes.io/desired-replicas": "3",
            "deployment.kubernetes.io/max-replicas": "4",
        })
    );
    assert_eq!(
        sets[0]["status"],
        json!({
            "observedGeneration": 1, "replicas": 3, "fullyLabeledReplicas": 3, "readyReplicas": 3, "availableReplicas": 3,
        })
    );
    let hash = set.strip_prefix("web-").unwrap();
    assert_eq!(
        sets[0]["spec"]["selector"],
        json!({"matchLabels": {"app": "web", "pod-template-hash": hash}})
    );
    let pods = lab.list(PODS);
    assert_eq!(pods.len(), 3);
    for pod in &pods {
        let metadata = &pod["metadata"];
        assert_eq!(
            metadata["labels"],
            json!({"app": "web", "pod-template-hash": hash})
        );
        assert_eq!(metadata["generateName"], format!("{set}-"));
        assert_eq!(name(pod).len(), set.len() + 6);
        assert_eq!(
            metadata["ownerReferences"],
            json!([{
                "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": set, "uid": sets[0]["metadata"]["uid"],
                "controller": true, "blockOwnerDeletion": true,
            }])
        );
    }
    assert_eq!(
        lab.told("Deployment"),
        [format!(
            "ScalingReplicaSet: Scaled up replica set {set} from 0 to 3"
        )]
    );
    let created = lab.told("ReplicaSet");
    assert_eq!(created.len(), 3);
    assert!(created[0].starts_with(&format!("SuccessfulCreate: Created pod: {set}-")));
}

#[test]
fn a_new_template_rolls_without_too_few_pods_and_back_again() {
    let mut lab = Lab::new();
    lab.create(workload("apps/v1", "Deployment", &json!({"replicas": 3})))
        .unwrap();
    lab.pass(10);
    let first = name(&lab.list(REPLICA_SETS)[0]).to_owned();
    lab.patch(
        DEPLOYMENTS,
        "web",
        &json!({"spec": {"template": template("web:2")}}),
    );
    for _ in 0..20 {
        lab.pass(1);
        let ready = lab.list(PODS).into_iter().filter(|p| {
            p["status"]["conditions"][0]["status"] == "True"
                && p["metadata"]["deletionTimestamp"].is_null()
        });
        assert!(ready.count() >= 3, "none may be missing");
    }
    let sets = lab.list(REPLICA_SETS);
    let second = sets.iter().find(|s| name(s) != first).unwrap();
    let second = name(second).to_owned();
    let told = lab.told("Deployment");
    assert_eq!(
        told[1..],
        [
            format!("ScalingReplicaSet: Scaled up replica set {second} from 0 to 1"),
            format!("ScalingReplicaSet: Scaled down replica set {first} from 3 to 2"),
            format!("ScalingReplicaSet: Scaled up replica set {second} from 1 to 2"),
            format!("ScalingReplicaSet: Scaled down replica set {first} from 2 to 1"),
            format!("ScalingReplicaSet: Scaled up replica set {second} from 2 to 3"),
            format!("ScalingReplicaSet: Scaled down replica set {first} from 1 to 0"),
        ]
    );
    // As `kubectl rollout undo` does it.
    lab.patch(
        DEPLOYMENTS,
        "web",
        &json!({"spec": {"template": template("web:1")}}),
    );
    lab.pass(30);
    let deployment = lab.get(DEPLOYMENTS, "web").unwrap();
    let annotations = |object: &Value| object["metadata"]["annotations"].clone();
    assert_eq!(
        annotations(&deployment)["deployment.kubernetes.io/revision"],
        "3"
    );
    let first = lab.get(REPLICA_SETS, &first).unwrap();
    assert_eq!(
        annotations(&first)["deployment.kubernetes.io/revision"],
        "3"
    );
    assert_eq!(
        annotations(&first)["deployment.kubernetes.io/revision-history"],
        "1"
    );
    assert_eq!(first["status"]["availableReplicas"], 3);
    let second = lab.get(REPLICA_SETS, &second).unwrap();
    assert_eq!(
        second["status"],
        json!({"replicas": 0, "observedGeneration": 6})
    );
}

#[test]
fn a_rollout_that_does_not_get_on_is_told_of() {
    let mut lab = Lab::new();
    let mut web = workload(
        "apps/v1",
        "Deployment",
        &json!({"replicas": 1, "progressDeadlineSeconds": 60}),
    );
    web["spec"]["template"]["metadata"]["annotations"] = json!({FATE: "never-ready"});
    lab.create(web).unwrap();
    lab.pass(10);
    let progressing = |lab: &Lab| {
        let deployment = lab.get(DEPLOYMENTS, "web").unwrap();
        let conditions = deployment["status"]["conditions"]
            .as_array()
            .unwrap()
            .clone();
        let found = conditions.into_iter().find(|c| c["type"] == "Progressing");
        let found = found.unwrap();
        (
            found["status"].clone(),
            found["reason"].clone(),
            found["message"].clone(),
        )
    };
    let set = name(&lab.list(REPLICA_SETS)[0]).to_owned();
    let wanted = (
        json!("True"),
        json!("ReplicaSetUpdated"),
        json!(format!("ReplicaSet \"{set}\" is progressing.")),
    );
    assert_eq!(progressing(&lab), wanted);
    let status = lab.get(DEPLOYMENTS, "web").unwrap()["status"].clone();
    assert_eq!(status["unavailableReplicas"], 1);
    lab.pass(60);
    let wanted = (
        json!("False"),
        json!("ProgressDeadlineExceeded"),
        json!(format!("ReplicaSet \"{set}\" has timed out progressing.")),
    );
    assert_eq!(progressing(&lab), wanted);
}

#[test]
fn recreating_never_runs_old_and_new_together() {
    let mut lab = Lab::new();
    let spec = json!({"replicas": 2, "strategy": {"type": "Recreate"}});
    lab.create(workload("apps/v1", "Deployment", &spec))
        .unwrap();
    lab.pass(10);
    lab.patch(
        DEPLOYMENTS,
        "web",
        &json!({"spec": {"template": template("web:2")}}),
    );
    for _ in 0..30 {
        lab.sandbox.pass(Duration::from_millis(300));
        let pods = lab.list(PODS);
        let images = pods.iter().map(|p| &p["spec"]["containers"][0]["image"]);
        let mut images: Vec<_> = images.collect();
        images.dedup();
        assert!(images.len() <= 1, "{images:?}");
    }
    assert_eq!(lab.list(PODS).len(), 2);
    assert_eq!(lab.list(PODS)[0]["spec"]["containers"][0]["image"], "web:2");
}

#[test]
fn a_paused_deployment_scales_but_does_not_roll() {
    let mut lab = Lab::new();
    lab.create(workload("apps/v1", "Deployment", &json!({"replicas": 1})))
        .unwrap();
    lab.pass(10);
    lab.patch(DEPLOYMENTS, "web", &json!({"spec": {"paused": true}}));
    lab.patch(
        DEPLOYMENTS,
        "web",
        &json!({"spec": {"replicas": 2, "template": template("web:2")}}),
    );
    lab.pass(10);
    assert_eq!(lab.list(REPLICA_SETS).len(), 1);
    assert_eq!(lab.list(PODS).len(), 2);
    let status = lab.get(DEPLOYMENTS, "web").unwrap()["status"].clone();
    let conditions = status["conditions"].as_array().unwrap();
    let paused = conditions
        .iter()
        .find(|c| c["type"] == "Progressing")
        .unwrap();
    assert_eq!(paused["reason"], "DeploymentPaused");
    assert_eq!(paused["status"], "Unknown");
    lab.patch(DEPLOYMENTS, "web", &json!({"spec": {"paused": null}}));
    lab.pass(20);
    assert_eq!(lab.list(REPLICA_SETS).len(), 2);
    assert_eq!(lab.list(PODS)[0]["spec"]["containers"][0]["image"], "web:2");
}

#[test]
fn only_so_many_old_templates_are_kept() {
    let mut lab = Lab::new();
    let spec = json!({"replicas": 1, "revisionHistoryLimit": 2});
    lab.create(workload("apps/v1", "Deployment", &spec))
        .unwrap();
    for version in 2..7 {
        lab.pass(10);
        let template = template(&format!("web:{version}"));
        lab.patch(DEPLOYMENTS, "web", &json!({"spec": {"template": template}}));
    }
    lab.pass(10);
    let sets = lab.list(REPLICA_SETS);
    let mut revisions: Vec<_> = sets
        .iter()
        .map(|s| {
            s["metadata"]["annotations"]["deployment.kubernetes.io/revision"]
                .as_str()
                .unwrap()
        })
        .collect();
    revisions.sort_unstable();
    assert_eq!(revisions, ["4", "5", "6"]);
}

#[test]
fn a_replica_set_adopts_and_releases_by_labels() {
    let mut lab = Lab::new();
    let orphan = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "orphan", "labels": {"app": "web"}},
        "spec": {"containers": [{"name": "web", "image": "web:1"}]},
    });
    lab.create(orphan).unwrap();
    lab.create(workload("apps/v1", "ReplicaSet", &json!({"replicas": 2})))
        .unwrap();
    lab.pass(5);
    assert_eq!(lab.list(PODS).len(), 2);
    let owner = |lab: &Lab| {
        lab.get(PODS, "orphan").unwrap()["metadata"]["ownerReferences"][0]["kind"].clone()
    };
    assert_eq!(owner(&lab), "ReplicaSet");
    lab.patch(
        PODS,
        "orphan",
        &json!({"metadata": {"labels": {"app": "debug"}}}),
    );
    lab.pass(5);
    assert_eq!(owner(&lab), Value::Null);
    assert_eq!(lab.list(PODS).len(), 3);
    lab.delete(PODS, "orphan");
    lab.pass(5);
    assert_eq!(lab.list(PODS).len(), 2);
}

#[test]
fn a_pod_that_must_be_ready_for_a_while_is_available_then() {
    let mut lab = Lab::new();
    let spec = json!({"replicas": 1, "minReadySeconds": 30});
    lab.create(workload("apps/v1", "ReplicaSet", &spec))
        .unwrap();
    lab.pass(20);
    let status = |lab: &Lab| lab.get(REPLICA_SETS, "web").unwrap()["status"].clone();
    assert_eq!(status(&lab)["readyReplicas"], 1);
    assert_eq!(status(&lab)["availableReplicas"], Value::Null);
    lab.pass(13);
    assert_eq!(status(&lab)["availableReplicas"], 1);
}

#[test]
fn pods_that_are_refused_are_told_of() {
    let mut lab = Lab::without_pods();
    lab.create(workload("apps/v1", "Deployment", &json!({"replicas": 3})))
        .unwrap();
    lab.pass(1);
    let set = lab.list(REPLICA_SETS).remove(0);
    let condition = json!({
        "type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "pods \"\" not found",
    });
    assert_eq!(timeless(&set["status"])["conditions"], json!([condition]));
    // One was tried at a time.
    assert_eq!(
        lab.told("ReplicaSet"),
        ["FailedCreate: Error creating: pods \"\" not found"]
    );
    let status = timeless(&lab.get(DEPLOYMENTS, "web").unwrap()["status"]);
    assert_eq!(status["conditions"][2], condition);
    assert_eq!(status["unavailableReplicas"], 3);
}

fn names(objects: &[Arc<Value>]) -> Vec<&str> {
    objects.iter().map(|o| name(o)).collect()
}

#[test]
fn a_stateful_set_starts_one_pod_after_the_other_with_its_own_volume() {
    let mut lab = Lab::new();
    let claim = json!({
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    });
    let spec = json!({"replicas": 2, "serviceName": "db", "volumeClaimTemplates": [claim]});
    lab.create(workload("apps/v1", "StatefulSet", &spec))
        .unwrap();
    lab.pass(1);
    assert_eq!(names(&lab.list(PODS)), ["web-0"]);
    lab.pass(10);
    let revisions = lab.list(CONTROLLER_REVISIONS);
    assert_eq!(revisions.len(), 1);
    let revision = name(&revisions[0]);
    let hash = revision.strip_prefix("web-").unwrap();
    assert_eq!(
        revisions[0]["metadata"]["labels"],
        json!({"app": "web", "controller.kubernetes.io/hash": hash})
    );
    assert_eq!(
        revisions[0]["data"]["spec"]["template"]["$patch"],
        "replace"
    );
    let set = lab.get(STATEFUL_SETS, "web").unwrap();
    assert_eq!(
        set["status"],
        json!({
            "observedGeneration": 1, "replicas": 2, "readyReplicas": 2, "currentReplicas": 2, "updatedReplicas": 2,
            "availableReplicas": 2, "currentRevision": revision, "updateRevision": revision, "collisionCount": 0,
        })
    );
    let pods = lab.list(PODS);
    assert_eq!(names(&pods), ["web-0", "web-1"]);
    assert_eq!(
        pods[1]["metadata"]["labels"],
        json!({
            "app": "web", "apps.kubernetes.io/pod-index": "1", "controller-revision-hash": revision,
            "statefulset.kubernetes.io/pod-name": "web-1",
        })
    );
    assert_eq!(pods[1]["spec"]["hostname"], "web-1");
    assert_eq!(pods[1]["spec"]["subdomain"], "db");
    assert_eq!(
        pods[1]["spec"]["volumes"][0],
        json!({"name": "data", "persistentVolumeClaim": {"claimName": "data-web-1"}})
    );
    let claims = lab.list(CLAIMS);
    assert_eq!(names(&claims), ["data-web-0", "data-web-1"]);
    assert_eq!(claims[0]["metadata"]["labels"], json!({"app": "web"}));
    assert_eq!(
        lab.told("StatefulSet"),
        [
            "SuccessfulCreate: create Claim data-web-0 Pod web-0 in StatefulSet web success",
            "SuccessfulCreate: create Pod web-0 in StatefulSet web successful",
            "SuccessfulCreate: create Claim data-web-1 Pod web-1 in StatefulSet web success",
            "SuccessfulCreate: create Pod web-1 in StatefulSet web successful",
        ]
    );
}

#[test]
fn a_stateful_set_shrinks_from_the_end_and_keeps_the_volumes() {
    let mut lab = Lab::new();
    let claim = json!({
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    });
    let spec = json!({"replicas": 3, "volumeClaimTemplates": [claim]});
    lab.create(workload("apps/v1", "StatefulSet", &spec))
        .unwrap();
    lab.pass(20);
    lab.patch(STATEFUL_SETS, "web", &json!({"spec": {"replicas": 1}}));
    lab.sandbox.pass(Duration::from_millis(500));
    let going = lab.list(PODS);
    let going = going
        .iter()
        .filter(|p| p["metadata"]["deletionTimestamp"].is_string());
    assert_eq!(
        going.map(|p| name(p).to_owned()).collect::<Vec<_>>(),
        ["web-2"]
    );
    lab.pass(5);
    assert_eq!(names(&lab.list(PODS)), ["web-0"]);
    assert_eq!(lab.list(CLAIMS).len(), 3);
}

#[test]
fn a_stateful_set_rolls_down_to_its_partition() {
    let mut lab = Lab::new();
    let spec = json!({"replicas": 3, "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}});
    lab.create(workload("apps/v1", "StatefulSet", &spec))
        .unwrap();
    lab.pass(20);
    lab.patch(
        STATEFUL_SETS,
        "web",
        &json!({"spec": {"template": template("web:2")}}),
    );
    lab.pass(20);
    let images = |lab: &Lab| {
        let pods = lab.list(PODS);
        let image = |p: &Arc<Value>| {
            p["spec"]["containers"][0]["image"]
                .as_str()
                .unwrap()
                .to_owned()
        };
        pods.iter().map(image).collect::<Vec<_>>()
    };
    assert_eq!(images(&lab), ["web:1", "web:2", "web:2"]);
    let status = |lab: &Lab| lab.get(STATEFUL_SETS, "web").unwrap()["status"].clone();
    assert_eq!(status(&lab)["currentReplicas"], 1);
    assert_eq!(status(&lab)["updatedReplicas"], 2);
    assert_ne!(
        status(&lab)["currentRevision"],
        status(&lab)["updateRevision"]
    );
    // What is below the partition comes back as it was.
    lab.delete(PODS, "web-0");
    lab.pass(10);
    assert_eq!(images(&lab), ["web:1", "web:2", "web:2"]);
    let all = json!({"spec": {"updateStrategy": {"rollingUpdate": {"partition": 0}}}});
    lab.patch(STATEFUL_SETS, "web", &all);
    lab.pass(10);
    assert_eq!(images(&lab), ["web:2", "web:2", "web:2"]);
    assert_eq!(
        status(&lab)["currentRevision"],
        status(&lab)["updateRevision"]
    );
    assert_eq!(status(&lab)["currentReplicas"], 3);
}

#[test]
fn a_daemon_set_has_a_pod_on_each_node_that_fits() {
    let mut lab = Lab::new();
    lab.create(json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "tainted"}, "spec": {"taints": [
        {"key": "a", "value": "b", "effect": "NoSchedule"},
        {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"},
    ]}}))
    .unwrap();
    lab.create(workload("apps/v1", "DaemonSet", &json!({})))
        .unwrap();
    lab.pass(10);
    let set = lab.get(DAEMON_SETS, "web").unwrap();
    assert_eq!(
        set["status"],
        json!({
            "observedGeneration": 1, "desiredNumberScheduled": 1, "currentNumberScheduled": 1, "numberMisscheduled": 0,
            "numberReady": 1, "numberAvailable": 1, "updatedNumberScheduled": 1,
        })
    );
    let revisions = lab.list(CONTROLLER_REVISIONS);
    let hash = name(&revisions[0]).strip_prefix("web-").unwrap();
    assert_eq!(
        revisions[0]["metadata"]["labels"],
        json!({"app": "web", "controller-revision-hash": hash})
    );
    let pods = lab.list(PODS);
    assert_eq!(
        pods[0]["metadata"]["labels"],
        json!({"app": "web", "controller-revision-hash": hash, "pod-template-generation": "1"})
    );
    let affinity = &pods[0]["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"];
    assert_eq!(
        affinity["nodeSelectorTerms"][0]["matchFields"][0],
        json!({"key": "metadata.name", "operator": "In", "values": [NODE]})
    );
    assert_eq!(pods[0]["spec"]["tolerations"].as_array().unwrap().len(), 6);
    assert_eq!(
        lab.told("DaemonSet"),
        [format!("SuccessfulCreate: Created pod: {}", name(&pods[0]))]
    );
    let taint = json!({"key": "a", "operator": "Exists"});
    let mut template = template("web:1");
    template["spec"]["tolerations"] = json!([taint]);
    lab.patch(DAEMON_SETS, "web", &json!({"spec": {"template": template}}));
    lab.pass(10);
    let set = lab.get(DAEMON_SETS, "web").unwrap();
    assert_eq!(set["status"]["desiredNumberScheduled"], 2);
    assert_eq!(
        set["metadata"]["annotations"]["deprecated.daemonset.template.generation"],
        "2"
    );
    let nodes = lab.sandbox.api.store.with(|s| {
        let place = registry::place(NODES.group, NODES.plural);
        s.list(&place, None).count()
    });
    assert_eq!(nodes, 2);
}

#[test]
fn a_daemon_set_rolls_and_replaces_what_fails() {
    let mut lab = Lab::new();
    lab.create(workload("apps/v1", "DaemonSet", &json!({})))
        .unwrap();
    lab.pass(10);
    let mut failing = template("web:2");
    failing["metadata"]["annotations"] = json!({FATE: "fails"});
    lab.patch(DAEMON_SETS, "web", &json!({"spec": {"template": failing}}));
    lab.pass(10);
    let pods = lab.list(PODS);
    assert_eq!(pods.len(), 1);
    assert_eq!(pods[0]["spec"]["containers"][0]["image"], "web:2");
    let told = lab.told("DaemonSet");
    let failed = told
        .iter()
        .filter(|t| t.starts_with("FailedDaemonPod: Found failed daemon pod lab/web-"));
    assert!(failed.clone().count() >= 1, "{told:?}");
    assert!(
        failed
            .clone()
            .all(|t| t.ends_with(&format!("on node {NODE}, will try to kill it")))
    );
    let revisions = lab.list(CONTROLLER_REVISIONS);
    let mut numbers: Vec<_> = revisions
        .iter()
        .map(|r| r["revision"].as_i64().unwrap())
        .collect();
    numbers.sort_unstable();
    assert_eq!(numbers, [1, 2]);
}

fn job(name: &str, fate: &str, spec: &Value) -> Value {
    let mut all = json!({"template": {
        "metadata": {"annotations": {FATE: fate}},
        "spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i:1"}]},
    }});
    for (field, value) in spec.as_object().unwrap() {
        all[field] = value.clone();
    }
    json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": all})
}

/// A Job's status without its times.
fn ended(lab: &Lab, name: &str) -> Value {
    let mut status = timeless(&lab.get(JOBS, name).unwrap()["status"]);
    let map = status.as_object_mut().unwrap();
    assert!(map.remove("startTime").is_some());
    status
}

#[test]
fn a_job_ends_when_enough_pods_succeeded() {
    let mut lab = Lab::new();
    let spec = json!({"completions": 2, "ttlSecondsAfterFinished": 60});
    let made = lab.create(job("good", "succeeds", &spec)).unwrap();
    let uid = &made["metadata"]["uid"];
    let labels = json!({
        "job-name": "good", "batch.kubernetes.io/job-name": "good",
        "controller-uid": uid, "batch.kubernetes.io/controller-uid": uid,
    });
    assert_eq!(made["metadata"]["labels"], labels);
    assert_eq!(
        made["spec"]["selector"],
        json!({"matchLabels": {"batch.kubernetes.io/controller-uid": uid}})
    );
    lab.pass(1);
    let running = ended(&lab, "good");
    assert_eq!(
        running,
        json!({"active": 1, "ready": 0, "terminating": 0, "uncountedTerminatedPods": {}})
    );
    lab.pass(20);
    let mut status = ended(&lab, "good");
    assert!(
        status
            .as_object_mut()
            .unwrap()
            .remove("completionTime")
            .is_some()
    );
    let condition = |kind: &str| {
        json!({
            "type": kind, "status": "True", "reason": "CompletionsReached",
            "message": "Reached expected number of succeeded pods",
        })
    };
    assert_eq!(
        status,
        json!({
            "succeeded": 2, "ready": 0, "terminating": 0, "uncountedTerminatedPods": {},
            "conditions": [condition("SuccessCriteriaMet"), condition("Complete")],
        })
    );
    let pods = lab.list(PODS);
    assert_eq!(pods.len(), 2);
    for pod in &pods {
        assert_eq!(pod["metadata"]["labels"], labels);
        assert_eq!(pod["metadata"]["finalizers"], Value::Null);
    }
    let told = lab.told("Job");
    assert_eq!(told.len(), 3);
    assert!(told[0].starts_with("SuccessfulCreate: Created pod: good-"));
    assert_eq!(told[2], "Completed: Job completed");
    lab.pass(60);
    let job = lab.get(JOBS, "good").unwrap();
    assert_eq!(job["metadata"]["finalizers"], json!(["foregroundDeletion"]));
}

#[test]
fn a_job_gives_up_after_so_many_failures() {
    let mut lab = Lab::new();
    lab.create(job("bad", "fails", &json!({"backoffLimit": 1})))
        .unwrap();
    lab.pass(9);
    assert_eq!(lab.list(PODS).len(), 1, "the next one waits ten seconds");
    lab.pass(15);
    let condition = |kind: &str| {
        json!({
            "type": kind, "status": "True", "reason": "BackoffLimitExceeded",
            "message": "Job has reached the specified backoff limit",
        })
    };
    assert_eq!(
        ended(&lab, "bad"),
        json!({
            "failed": 2, "ready": 0, "terminating": 0, "uncountedTerminatedPods": {},
            "conditions": [condition("FailureTarget"), condition("Failed")],
        })
    );
    let told = lab.told("Job");
    let last = "BackoffLimitExceeded: Job has reached the specified backoff limit";
    assert_eq!(told.last().unwrap(), last);
}

#[test]
fn a_job_that_takes_too_long_fails_and_its_pods_go() {
    let mut lab = Lab::new();
    lab.create(job("long", "", &json!({"activeDeadlineSeconds": 30})))
        .unwrap();
    lab.pass(29);
    assert_eq!(ended(&lab, "long")["ready"], 1);
    lab.pass(5);
    let status = ended(&lab, "long");
    assert_eq!(status["conditions"][1]["type"], "Failed");
    assert_eq!(status["conditions"][1]["reason"], "DeadlineExceeded");
    assert_eq!(lab.list(PODS).len(), 0);
}

#[test]
fn a_job_sleeps_and_wakes() {
    let mut lab = Lab::new();
    lab.create(job("j", "succeeds", &json!({"suspend": true})))
        .unwrap();
    lab.pass(5);
    assert_eq!(lab.list(PODS).len(), 0);
    let status = |lab: &Lab| timeless(&lab.get(JOBS, "j").unwrap()["status"]);
    let suspended = json!({"type": "Suspended", "status": "True", "reason": "JobSuspended", "message": "Job suspended"});
    assert_eq!(status(&lab)["conditions"], json!([suspended]));
    lab.patch(JOBS, "j", &json!({"spec": {"suspend": false}}));
    lab.pass(10);
    assert_eq!(status(&lab)["conditions"][0]["reason"], "JobResumed");
    assert_eq!(status(&lab)["conditions"][2]["type"], "Complete");
    let told = lab.told("Job");
    // The first Pod comes before it is told.
    assert_eq!(told[0], "Suspended: Job suspended");
    assert!(told[1].starts_with("SuccessfulCreate: Created pod: j-"));
    assert_eq!(told[2], "Resumed: Job resumed");
}

#[test]
fn the_pods_of_an_indexed_job_have_numbers() {
    let mut lab = Lab::new();
    let spec = json!({"completions": 3, "parallelism": 2, "completionMode": "Indexed"});
    lab.create(job("many", "succeeds", &spec)).unwrap();
    lab.pass(1);
    let pods = lab.list(PODS);
    let index = |p: &Value| {
        p["metadata"]["annotations"]["batch.kubernetes.io/job-completion-index"].clone()
    };
    let indexes: Vec<_> = pods.iter().map(|p| index(p)).collect();
    assert_eq!(indexes, ["0", "1"]);
    assert_eq!(pods[1]["spec"]["hostname"], "many-1");
    assert_eq!(
        pods[1]["spec"]["containers"][0]["env"][0]["name"],
        "JOB_COMPLETION_INDEX"
    );
    lab.pass(20);
    let status = ended(&lab, "many");
    assert_eq!(status["completedIndexes"], "0-2");
    assert_eq!(status["succeeded"], 3);
}

fn cron(fate: &str, spec: &Value) -> Value {
    let job = job("x", fate, &json!({}));
    let mut all = json!({"schedule": "* * * * *", "jobTemplate": {"spec": job["spec"]}});
    for (field, value) in spec.as_object().unwrap() {
        all[field] = value.clone();
    }
    json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "tick"}, "spec": all})
}

#[test]
fn a_cron_job_makes_a_job_each_minute_and_keeps_the_last_three() {
    let mut lab = Lab::new();
    lab.create(cron("succeeds", &json!({}))).unwrap();
    lab.pass(59);
    assert_eq!(lab.list(JOBS).len(), 0);
    lab.pass(30);
    let jobs = lab.list(JOBS);
    assert_eq!(names(&jobs), ["tick-29460121"]);
    assert_eq!(
        jobs[0]["metadata"]["annotations"],
        json!({"batch.kubernetes.io/cronjob-scheduled-timestamp": "2026-01-05T10:01:00Z"})
    );
    let status = lab.get(CRON_JOBS, "tick").unwrap()["status"].clone();
    assert_eq!(
        status,
        json!({"lastScheduleTime": "2026-01-05T10:01:00Z", "lastSuccessfulTime": "2026-01-05T10:01:04Z"})
    );
    assert_eq!(
        lab.told("CronJob"),
        [
            "SuccessfulCreate: Created job tick-29460121",
            "SawCompletedJob: Saw completed job: tick-29460121, condition: Complete",
        ]
    );
    lab.pass(240);
    let told = lab.told("CronJob");
    assert!(
        told.contains(&"SuccessfulDelete: Deleted job tick-29460121".to_owned()),
        "{told:?}"
    );
    assert_eq!(lab.list(JOBS).len(), 3);
}

#[test]
fn a_cron_job_does_not_start_beside_one_that_runs() {
    let mut lab = Lab::new();
    lab.create(cron("", &json!({"concurrencyPolicy": "Forbid"})))
        .unwrap();
    lab.pass(130);
    assert_eq!(lab.list(JOBS).len(), 1);
    let status = lab.get(CRON_JOBS, "tick").unwrap()["status"].clone();
    assert_eq!(status["active"][0]["name"], "tick-29460121");
    let told = lab.told("CronJob");
    let wanted = "JobAlreadyActive: Not starting job because prior execution is running and concurrency policy is Forbid";
    assert_eq!(told[1], wanted);
    lab.patch(
        CRON_JOBS,
        "tick",
        &json!({"spec": {"concurrencyPolicy": "Replace"}}),
    );
    lab.pass(60);
    let status = lab.get(CRON_JOBS, "tick").unwrap()["status"].clone();
    assert_eq!(status["active"].as_array().unwrap().len(), 1);
    assert_ne!(status["active"][0]["name"], "tick-29460121");
}

#[test]
fn what_no_job_can_be_is_refused() {
    let lab = Lab::new();
    let wrong = lab
        .create(cron("", &json!({"schedule": "* * *"})))
        .unwrap_err();
    assert_eq!(
        wrong.message,
        "CronJob.batch \"tick\" is invalid: spec.schedule: Invalid value: \"* * *\": expected exactly 5 fields, found 3: [* * *]"
    );
    let mut always = job("x", "", &json!({}));
    always["spec"]["template"]["spec"]["restartPolicy"] = json!("Always");
    assert_eq!(
        lab.create(always).unwrap_err().message,
        "Job.batch \"x\" is invalid: spec.template.spec.restartPolicy: Required value: valid values: \"OnFailure\", \"Never\""
    );
}

fn autoscaler() -> Value {
    let target = json!({"type": "Utilization", "averageUtilization": 50});
    json!({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "web"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}, "minReplicas": 1, "maxReplicas": 5,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
        },
    })
}

#[test]
fn an_autoscaler_without_metrics_says_so() {
    let mut lab = Lab::new();
    lab.create(workload("apps/v1", "Deployment", &json!({"replicas": 3})))
        .unwrap();
    lab.create(autoscaler()).unwrap();
    lab.pass(14);
    assert_eq!(lab.told("HorizontalPodAutoscaler").len(), 0);
    lab.pass(2);
    let why = "failed to get cpu utilization: unable to get metrics for resource cpu: unable to fetch metrics from resource metrics API: the server could not find the requested resource (get pods.metrics.k8s.io)";
    assert_eq!(
        timeless(&lab.get(AUTOSCALERS, "web").unwrap()["status"]),
        json!({
            "currentMetrics": [{"type": ""}], "currentReplicas": 3, "desiredReplicas": 0,
            "conditions": [
                {
                    "type": "AbleToScale", "status": "True", "reason": "SucceededGetScale",
                    "message": "the HPA controller was able to get the target's current scale",
                },
                {
                    "type": "ScalingActive", "status": "False", "reason": "FailedGetResourceMetric",
                    "message": format!("the HPA was unable to compute the replica count: {why}"),
                },
            ],
        })
    );
    assert_eq!(
        lab.told("HorizontalPodAutoscaler"),
        [
            format!("FailedGetResourceMetric: {why}"),
            format!(
                "FailedComputeMetricsReplicas: invalid metrics (1 invalid out of 1), first error is: failed to get cpu resource metric value: {why}"
            ),
        ]
    );
}

/// Each Pod uses as much.
#[derive(Debug)]
struct Busy(i64);

impl Usage for Busy {
    fn of_pod(&self, cluster: &Cluster<'_>, _: &Value, _: &str, _: Option<&str>) -> Option<Sample> {
        Some(Sample {
            amount: self.0,
            at: cluster.api.clock.now(),
            window: Duration::from_secs(1),
        })
    }
}

#[test]
fn an_autoscaler_follows_the_load() {
    let mut lab = Lab::measuring(Busy(100));
    let mut web = workload("apps/v1", "Deployment", &json!({"replicas": 2}));
    let requests = json!({"requests": {"cpu": "100m"}});
    web["spec"]["template"]["spec"]["containers"][0]["resources"] = requests;
    lab.create(web).unwrap();
    lab.create(autoscaler()).unwrap();
    lab.pass(17);
    // All of what is requested is used, twice as much as is wanted.
    assert_eq!(lab.get(DEPLOYMENTS, "web").unwrap()["spec"]["replicas"], 4);
    assert_eq!(
        lab.told("HorizontalPodAutoscaler"),
        [
            "SuccessfulRescale: New size: 4; reason: cpu resource utilization (percentage of request) above target"
        ]
    );
    lab.pass(15);
    let status = lab.get(AUTOSCALERS, "web").unwrap()["status"].clone();
    assert_eq!(status["desiredReplicas"], 5);
    assert_eq!(
        status["currentMetrics"][0]["resource"]["current"],
        json!({"averageUtilization": 100, "averageValue": "100m"})
    );
    let reason = |status: &Value, i: usize| status["conditions"][i]["reason"].clone();
    assert_eq!(reason(&status, 1), "ValidMetricFound");
    assert_eq!(reason(&status, 2), "TooManyReplicas");
}

#[test]
fn a_budget_tells_how_many_pods_may_go() {
    let mut lab = Lab::new();
    lab.create(workload("apps/v1", "Deployment", &json!({"replicas": 3})))
        .unwrap();
    let budget = |spec: Value| {
        let mut spec = spec;
        spec["selector"] = json!({"matchLabels": {"app": "web"}});
        json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "web"}, "spec": spec})
    };
    lab.create(budget(json!({"maxUnavailable": "50%"})))
        .unwrap();
    lab.pass(1);
    let status = |lab: &Lab| timeless(&lab.get(DISRUPTION_BUDGETS, "web").unwrap()["status"]);
    assert_eq!(status(&lab)["conditions"][0]["reason"], "InsufficientPods");
    lab.pass(10);
    assert_eq!(
        status(&lab),
        json!({
            "observedGeneration": 1, "currentHealthy": 3, "desiredHealthy": 1, "expectedPods": 3, "disruptionsAllowed": 2,
            "conditions": [{
                "type": "DisruptionAllowed", "status": "True", "reason": "SufficientPods", "message": "", "observedGeneration": 1,
            }],
        })
    );
}
