//! Isolation, proven: the API server itself is asked what each student could do to others, to the class and to the cluster.
//! Every answer has to be no.

use futures::{StreamExt as _, stream};
use http::StatusCode;
use serde_json::{Value, json};

use super::{
    desired::Blueprint,
    model::{Class, Student},
};
use crate::cluster::{Cluster, call::Call, obstacle, snapshot::Obstacle};

/// How many questions are under way at once.
const CONCURRENCY: usize = 32;

/// One question: where, what for, and the verb on the resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// What it is about, as a row of the table.
    pub about: &'static str,
    /// The user.
    pub user: String,
    /// The verb.
    pub verb: &'static str,
    /// The API group.
    pub group: &'static str,
    /// The resource, with the subresource after a slash.
    pub resource: &'static str,
    /// The namespace; empty for the whole cluster.
    pub namespace: String,
    /// The object; empty for any.
    pub name: String,
}

/// What was asked of one kind, over all students.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// What it is about.
    pub about: &'static str,
    /// How many questions.
    pub asked: usize,
    /// Those that were answered with yes: who, and what.
    pub allowed: Vec<String>,
}

/// About another student's project, by that name.
const OTHER: &[(&str, &str, &str)] = &[
    ("get", "", "pods"),
    ("create", "", "pods"),
    ("create", "", "pods/exec"),
    ("list", "", "secrets"),
    ("get", "", "configmaps"),
    ("create", "", "serviceaccounts/token"),
    ("patch", "apps", "deployments"),
    ("delete", "", "services"),
    ("get", "", "services/proxy"),
    ("create", "rbac.authorization.k8s.io", "rolebindings"),
    ("delete", "networking.k8s.io", "networkpolicies"),
    ("*", "*", "*"),
];
/// About the class's own namespace.
const HOME: &[(&str, &str, &str)] = &[
    ("list", "", "secrets"),
    ("create", "", "serviceaccounts/token"),
    ("delete", "", "serviceaccounts"),
    ("patch", "coordination.k8s.io", "leases"),
    ("create", "", "pods"),
    ("*", "*", "*"),
];
/// About the whole cluster.
const CLUSTER: &[(&str, &str, &str)] = &[
    ("list", "", "secrets"),
    ("list", "", "pods"),
    ("create", "", "namespaces"),
    ("delete", "", "namespaces"),
    ("patch", "", "nodes"),
    ("get", "", "nodes/proxy"),
    ("create", "", "persistentvolumes"),
    ("create", "rbac.authorization.k8s.io", "clusterroles"),
    ("create", "rbac.authorization.k8s.io", "clusterrolebindings"),
    ("patch", "apiextensions.k8s.io", "customresourcedefinitions"),
    ("approve", "certificates.k8s.io", "signers"),
    ("*", "*", "*"),
];
/// Ways to become somebody else.
const BECOME: &[(&str, &str, &str)] = &[
    ("impersonate", "", "users"),
    ("impersonate", "", "groups"),
    ("impersonate", "", "serviceaccounts"),
    ("escalate", "rbac.authorization.k8s.io", "clusterroles"),
    ("bind", "rbac.authorization.k8s.io", "clusterroles"),
];
/// What is the instructor's in the student's own project.
const LIMITS: &[(&str, &str, &str)] = &[
    ("patch", "", "resourcequotas"),
    ("delete", "", "resourcequotas"),
    ("patch", "", "limitranges"),
    ("patch", "", "namespaces"),
    ("delete", "", "namespaces"),
    ("create", "operators.coreos.com", "operatorgroups"),
    ("escalate", "rbac.authorization.k8s.io", "roles"),
    ("bind", "rbac.authorization.k8s.io", "roles"),
];

/// Everything that is asked of one student, whose neighbour is the other one.
#[must_use]
pub fn questions(
    blueprint: &Blueprint,
    student: &Student,
    other: Option<&Student>,
) -> Vec<Question> {
    let class = &blueprint.class;
    let mut all = Vec::new();
    let mut ask = |about,
                   rows: &[(&'static str, &'static str, &'static str)],
                   namespace: &str,
                   name: &str| {
        all.extend(rows.iter().map(|(verb, group, resource)| Question {
            about,
            user: class.user(student),
            verb,
            group,
            resource,
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }));
    };
    if let Some(other) = other {
        for room in blueprint.labs.rooms(&other.id) {
            ask("another student's project", OTHER, &room.name, "");
        }
    }
    ask("the class's accounts and lease", HOME, &class.home(), "");
    ask("the whole cluster", CLUSTER, "", "");
    ask("becoming somebody else", BECOME, "", "");
    for room in blueprint.labs.rooms(&student.id) {
        ask("limits of the own project", LIMITS, &room.name, "");
        ask(
            "more rights in the own project",
            &[("bind", "rbac.authorization.k8s.io", "clusterroles")],
            &room.name,
            "cluster-admin",
        );
        ask(
            "more rights in the own project",
            &[("bind", "rbac.authorization.k8s.io", "clusterroles")],
            &room.name,
            "admin",
        );
    }
    all
}

/// Asks everything about these students, each beside the next one; `asked` hears how far it is.
pub async fn review(
    cluster: &Cluster,
    blueprint: &Blueprint,
    students: &[&Student],
    asked: &dyn Fn(usize, usize),
) -> Result<Vec<Row>, Obstacle> {
    let all = &blueprint.class.students;
    let neighbour = |student: &Student| {
        let at = all
            .iter()
            .position(|s| s.id == student.id)
            .unwrap_or_default();
        let next = &all[(at + 1) % all.len()];
        (next.id != student.id).then_some(next)
    };
    let each = students
        .first()
        .map_or(0, |s| questions(blueprint, s, neighbour(s)).len());
    let whole = each * students.len();
    let lazily = students
        .iter()
        .flat_map(|s| questions(blueprint, s, neighbour(s)));
    let mut answers = stream::iter(lazily)
        .map(|question| async move {
            let allowed = is_allowed(cluster, &blueprint.class, &question).await;
            (question, allowed)
        })
        .buffered(CONCURRENCY);
    let mut rows: Vec<Row> = Vec::new();
    let mut done = 0;
    while let Some((question, allowed)) = answers.next().await {
        done += 1;
        asked(done, whole);
        let at = rows.iter().position(|r| r.about == question.about);
        let at = at.unwrap_or_else(|| {
            rows.push(Row {
                about: question.about,
                asked: 0,
                allowed: Vec::new(),
            });
            rows.len() - 1
        });
        rows[at].asked += 1;
        if allowed? {
            rows[at].allowed.push(question.to_string());
        }
    }
    Ok(rows)
}

impl std::fmt::Display for Question {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} may {} {}", self.user, self.verb, self.resource)?;
        if !self.group.is_empty() {
            write!(f, ".{}", self.group)?;
        }
        if !self.name.is_empty() {
            write!(f, " {}", self.name)?;
        }
        if self.namespace.is_empty() {
            write!(f, " in the whole cluster")
        } else {
            write!(f, " in {}", self.namespace)
        }
    }
}

/// Asks the API server, by a `SubjectAccessReview`.
/// <https://kubernetes.io/docs/reference/kubernetes-api/authorization-resources/subject-access-review-v1/>
async fn is_allowed(
    cluster: &Cluster,
    class: &Class,
    question: &Question,
) -> Result<bool, Obstacle> {
    let (resource, part) = question
        .resource
        .split_once('/')
        .unwrap_or((question.resource, ""));
    let groups = [
        "system:authenticated",
        "system:serviceaccounts",
        &class.group(),
    ]
    .map(str::to_owned);
    let review = json!({
        "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
        "spec": {
            "user": question.user, "groups": groups,
            "resourceAttributes": {
                "verb": question.verb, "group": question.group, "resource": resource, "subresource": part,
                "namespace": question.namespace, "name": question.name,
            },
        },
    });
    let path = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
    let what = format!("ask whether {question}");
    let call = Call::ask(&what, path, review.to_string().into_bytes());
    let (status, body) = cluster.send(&call).await?;
    if status != StatusCode::CREATED {
        return Err(obstacle::from_status(&what, status, &body, &cluster.server));
    }
    let answer: Value = cluster.parsed(&what, status, &body)?;
    Ok(answer["status"]["allowed"] == true)
}
