//! What a class should be on its cluster, one student at a time. Pure.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use ring::digest;
use serde_json::{Value, json};

use super::{
    model::{Class, Student},
    rights,
    rooms::{Labs, Room},
};
use crate::cluster::project::{CLASS, LAB, MANAGED_BY, STUDENT};

/// The annotation with a digest of what an object should be: a field that it should no longer have is found by it.
pub const DESIRED: &str = "ccnr.dev/desired";
/// The annotation of a namespace with the last day of its class.
pub const EXPIRES: &str = "ccnr.dev/expires";

/// The name of what a student's project has once.
const ONE: &str = "class";
const RBAC: &str = "rbac.authorization.k8s.io";

/// What there is of a class beside its file.
#[derive(Debug, Clone)]
pub struct Blueprint {
    /// The class.
    pub class: Class,
    /// Its labs, on this cluster.
    pub labs: Labs,
    /// The addresses of the API servers, from which they reach into projects for whoever uses the service proxy.
    pub api_servers: Vec<String>,
    /// The pull secret's `.dockerconfigjson`.
    pub pull_secret: Option<String>,
    /// The kinds outside of core that the needs of the labs are served as, for reads outside of projects: group, plural.
    pub cluster_reads: Vec<(String, String)>,
}

/// A kind that a class is made of.
pub type Kind = (&'static str, &'static str);

impl Blueprint {
    /// The kinds that the class is made of on this cluster, those first that others need.
    #[must_use]
    pub fn kinds(&self) -> Vec<Kind> {
        let mut kinds = vec![
            ("v1", "Namespace"),
            ("v1", "ServiceAccount"),
            ("rbac.authorization.k8s.io/v1", "ClusterRole"),
            ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"),
            ("rbac.authorization.k8s.io/v1", "RoleBinding"),
            ("v1", "ResourceQuota"),
            ("v1", "LimitRange"),
            ("networking.k8s.io/v1", "NetworkPolicy"),
            ("v1", "Secret"),
        ];
        if self.labs.served.has("operators.coreos.com/v1") {
            kinds.push(("operators.coreos.com/v1", "OperatorGroup"));
        }
        if self.labs.served.has("quota.openshift.io/v1") {
            kinds.push(("quota.openshift.io/v1", "ClusterResourceQuota"));
        }
        kinds
    }

    /// What the whole class has once; its namespace first.
    #[must_use]
    pub fn shared(&self) -> Vec<Value> {
        let class = &self.class;
        let mut objects = vec![self.namespace(&class.home(), None, None)];
        let name = self.role();
        objects.push(json!({
            "apiVersion": format!("{RBAC}/v1"), "kind": "ClusterRole", "metadata": {"name": name},
            "rules": rights::rules(&self.labs.needs, self.labs.served.is_openshift()),
        }));
        if !self.cluster_reads.is_empty() {
            let name = format!("ccnr:{}:reader", class.name);
            let rule = |(group, plural): &(String, String)| json!({"apiGroups": [group], "resources": [plural], "verbs": ["get", "list", "watch"]});
            let rules: Vec<Value> = self.cluster_reads.iter().map(rule).collect();
            objects.push(json!({
                "apiVersion": format!("{RBAC}/v1"), "kind": "ClusterRole", "metadata": {"name": name}, "rules": rules,
            }));
            objects.push(json!({
                "apiVersion": format!("{RBAC}/v1"), "kind": "ClusterRoleBinding", "metadata": {"name": name},
                "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": name},
                "subjects": [{"apiGroup": RBAC, "kind": "Group", "name": class.group()}],
            }));
        }
        objects
            .into_iter()
            .map(|o| self.marked(o, None, None))
            .collect()
    }

    /// What a student has: the account, and the projects with what is in them, each project before its contents.
    #[must_use]
    pub fn of_student(&self, student: &Student) -> Vec<Value> {
        let class = &self.class;
        let rooms = self.labs.rooms(&student.id);
        let mut objects = Vec::new();
        let account = json!({
            "apiVersion": "v1", "kind": "ServiceAccount", "automountServiceAccountToken": false,
            "metadata": {"name": student.id, "namespace": class.home()},
        });
        objects.push(self.marked(account, Some(student), None));
        if let Some(budget) = class.budget.as_ref().filter(|_| self.counts_by_student()) {
            let labels = json!({CLASS: class.name, STUDENT: student.id});
            let quota = json!({
                "apiVersion": "quota.openshift.io/v1", "kind": "ClusterResourceQuota",
                "metadata": {"name": format!("ccnr-{}-{}", class.name, student.id)},
                "spec": {
                    "selector": {"labels": {"matchLabels": labels}},
                    "quota": {"hard": budget.times(rooms.len())},
                },
            });
            objects.push(self.marked(quota, Some(student), None));
        }
        for room in &rooms {
            let own = self.room(room, student);
            objects.extend(
                own.into_iter()
                    .map(|o| self.marked(o, Some(student), Some(room))),
            );
        }
        objects
    }

    /// Whether a quota counts all projects of a student together, as only OpenShift can.
    fn counts_by_student(&self) -> bool {
        self.labs.served.has("quota.openshift.io/v1")
    }

    /// The name of the students' role.
    fn role(&self) -> String {
        format!("ccnr:{}:student", self.class.name)
    }

    fn room(&self, room: &Room, student: &Student) -> Vec<Value> {
        let class = &self.class;
        let name = room.name.as_str();
        let mut objects = vec![self.namespace(name, Some(student), Some(room))];
        objects.push(binding(
            name,
            "student",
            &self.role(),
            &[self.subject(student)],
        ));
        if !class.instructors.is_empty() {
            let user = |name: &String| json!({"apiGroup": RBAC, "kind": "User", "name": name});
            let all: Vec<Value> = class.instructors.iter().map(user).collect();
            objects.push(binding(name, "instructors", "admin", &all));
        }
        if let Some(budget) = &class.budget {
            if !self.counts_by_student() {
                objects.push(json!({
                    "apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": ONE, "namespace": name},
                    "spec": {"hard": budget.hard},
                }));
            }
            objects.push(json!({
                "apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": ONE, "namespace": name},
                "spec": {"limits": budget.limits()},
            }));
        }
        if class.isolation {
            objects.push(self.isolation(name, student));
        }
        if room.operator_group && self.labs.served.has("operators.coreos.com/v1") {
            objects.push(json!({
                "apiVersion": "operators.coreos.com/v1", "kind": "OperatorGroup",
                "metadata": {"name": ONE, "namespace": name}, "spec": {"targetNamespaces": [name]},
            }));
        }
        if let Some(secret) = &self.pull_secret {
            objects.push(json!({
                "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/dockerconfigjson",
                "metadata": {"name": "class-pull", "namespace": name},
                "data": {".dockerconfigjson": BASE64.encode(secret)},
            }));
            objects.push(json!({
                "apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": name},
                "imagePullSecrets": [{"name": "class-pull"}],
            }));
        }
        objects
    }

    fn namespace(&self, name: &str, student: Option<&Student>, room: Option<&Room>) -> Value {
        let mut labels = BTreeMap::new();
        if student.is_some() && !self.labs.served.is_openshift() {
            // OpenShift's security context constraints set the level of each project.
            labels.insert("pod-security.kubernetes.io/enforce", "baseline");
        }
        if let Some(room) = room {
            labels.insert(LAB, room.lab.as_str());
        }
        let mut annotations = BTreeMap::new();
        if let Some(last) = self.class.expires {
            annotations.insert(EXPIRES, last.to_string());
        }
        json!({
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": {"name": name, "labels": labels, "annotations": annotations},
        })
    }

    /// Who the student is, as a subject of bindings.
    fn subject(&self, student: &Student) -> Value {
        json!({"kind": "ServiceAccount", "name": student.id, "namespace": self.class.home()})
    }

    /// Who may send to the Pods of a project: the student's own projects, whatever is no student's (DNS, ingress, operators),
    /// and the API servers, through which the service proxy comes. Other students are none of these.
    fn isolation(&self, project: &str, student: &Student) -> Value {
        let own = json!({CLASS: self.class.name, STUDENT: student.id});
        let mut from = vec![
            json!({"namespaceSelector": {"matchLabels": own}}),
            json!({"namespaceSelector": {"matchExpressions": [{"key": STUDENT, "operator": "DoesNotExist"}]}}),
        ];
        let block = |address: &String| json!({"ipBlock": {"cidr": cidr(address)}});
        from.extend(self.api_servers.iter().map(block));
        json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": {"name": "class-isolation", "namespace": project},
            "spec": {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{"from": from}]},
        })
    }

    /// The object with the labels by which it is found again, and the digest of what it should be.
    fn marked(&self, mut object: Value, student: Option<&Student>, room: Option<&Room>) -> Value {
        let meta = &mut object["metadata"];
        meta["labels"][MANAGED_BY] = json!("ccnr");
        meta["labels"][CLASS] = json!(self.class.name);
        if let Some(student) = student {
            meta["labels"][STUDENT] = json!(student.id);
        }
        if let Some(room) = room {
            meta["labels"][LAB] = json!(room.lab);
        }
        let digest = digest(&object);
        object["metadata"]["annotations"][DESIRED] = json!(digest);
        object
    }
}

fn binding(namespace: &str, name: &str, role: &str, subjects: &[Value]) -> Value {
    json!({
        "apiVersion": format!("{RBAC}/v1"), "kind": "RoleBinding",
        "metadata": {"name": name, "namespace": namespace},
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": role},
        "subjects": subjects,
    })
}

/// One address as a block.
fn cidr(address: &str) -> String {
    let bits = if address.contains(':') { 128 } else { 32 };
    format!("{address}/{bits}")
}

/// A short digest of an object.
fn digest(object: &Value) -> String {
    let found = digest::digest(&digest::SHA256, object.to_string().as_bytes());
    found.as_ref()[..8]
        .iter()
        .fold(String::new(), |mut text, byte| {
            use std::fmt::Write as _;
            let _ = write!(text, "{byte:02x}");
            text
        })
}
