//! What students may do in their projects: as little as the labs need, as one `ClusterRole` that role bindings give in each
//! project. Escalation is the API server's to prevent: who binds a role has to have its rights.
//! <https://kubernetes.io/docs/reference/access-authn-authz/rbac/#privilege-escalation-prevention-and-bootstrapping>

use serde_json::{Value, json};

use super::rooms::Needs;

const WRITE: &[&str] = &[
    "get",
    "list",
    "watch",
    "create",
    "update",
    "patch",
    "delete",
    "deletecollection",
];
const READ: &[&str] = &["get", "list", "watch"];

/// A row of the table: group, resources, verbs.
type Row = (
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
);

/// What everybody may in a project.
const ALWAYS: &[Row] = &[
    (
        "",
        &[
            "pods",
            "services",
            "configmaps",
            "secrets",
            "serviceaccounts",
            "persistentvolumeclaims",
            "replicationcontrollers",
        ],
        WRITE,
    ),
    (
        "",
        &[
            "namespaces",
            "endpoints",
            "events",
            "limitranges",
            "resourcequotas",
            "pods/log",
            "pods/status",
            "resourcequotas/status",
            "replicationcontrollers/status",
        ],
        READ,
    ),
    (
        "",
        &[
            "pods/exec",
            "pods/attach",
            "pods/portforward",
            "pods/proxy",
            "services/proxy",
        ],
        &["get", "create"],
    ),
    ("", &["pods/eviction", "serviceaccounts/token"], &["create"]),
    (
        "",
        &["pods/ephemeralcontainers"],
        &["get", "update", "patch"],
    ),
    (
        "apps",
        &[
            "deployments",
            "deployments/scale",
            "replicasets",
            "replicasets/scale",
            "statefulsets",
            "statefulsets/scale",
            "daemonsets",
        ],
        WRITE,
    ),
    (
        "apps",
        &[
            "controllerrevisions",
            "deployments/status",
            "replicasets/status",
            "statefulsets/status",
            "daemonsets/status",
        ],
        READ,
    ),
    ("batch", &["jobs", "cronjobs"], WRITE),
    ("autoscaling", &["horizontalpodautoscalers"], WRITE),
    (
        "networking.k8s.io",
        &["ingresses", "networkpolicies"],
        WRITE,
    ),
    ("policy", &["poddisruptionbudgets"], WRITE),
    ("discovery.k8s.io", &["endpointslices"], READ),
    ("events.k8s.io", &["events"], READ),
    ("metrics.k8s.io", &["pods"], READ),
    (
        "rbac.authorization.k8s.io",
        &["roles", "rolebindings"],
        WRITE,
    ),
    (
        "authorization.k8s.io",
        &["localsubjectaccessreviews"],
        &["create"],
    ),
];

/// What comes with a group that the labs use.
const BY_GROUP: &[Row] = &[
    (
        "operators.coreos.com",
        &["subscriptions", "clusterserviceversions", "installplans"],
        WRITE,
    ),
    (
        "operators.coreos.com",
        &["operatorgroups", "catalogsources", "operatorconditions"],
        READ,
    ),
    ("packages.operators.coreos.com", &["packagemanifests"], READ),
    (
        "monitoring.coreos.com",
        &[
            "prometheuses",
            "prometheusagents",
            "servicemonitors",
            "podmonitors",
            "probes",
            "prometheusrules",
            "scrapeconfigs",
            "alertmanagers",
            "alertmanagerconfigs",
            "thanosrulers",
        ],
        WRITE,
    ),
    ("monitoring.coreos.com", &["prometheuses/status"], READ),
    (
        "monitoring.rhobs",
        &[
            "monitoringstacks",
            "servicemonitors",
            "podmonitors",
            "prometheusrules",
            "prometheuses",
        ],
        WRITE,
    ),
    (
        "route.openshift.io",
        &["routes", "routes/custom-host"],
        WRITE,
    ),
    (
        "image.openshift.io",
        &["imagestreams", "imagestreamtags", "imagestreamimports"],
        WRITE,
    ),
    (
        "image.openshift.io",
        &["imagestreams/layers"],
        &["get", "update"],
    ),
    (
        "build.openshift.io",
        &[
            "buildconfigs",
            "builds",
            "buildconfigs/instantiate",
            "buildconfigs/instantiatebinary",
            "builds/clone",
        ],
        WRITE,
    ),
    ("build.openshift.io", &["builds/log"], READ),
    (
        "apps.openshift.io",
        &["deploymentconfigs", "deploymentconfigs/scale"],
        WRITE,
    ),
    // A learner deletes a Project, not a Namespace; one of a class is the instructor's.
    ("project.openshift.io", &["projects"], &["get"]),
];

/// Groups that come together.
const COMPANIONS: &[(&str, &str)] = &[("operators.coreos.com", "packages.operators.coreos.com")];

/// The rules of the students' `ClusterRole`.
pub(super) fn rules(needs: &Needs, openshift: bool) -> Vec<Value> {
    let used = |group: &str| {
        let own = needs.groups.contains(group);
        let with = COMPANIONS
            .iter()
            .any(|(of, g)| *g == group && needs.groups.contains(*of));
        own || with || (group == "project.openshift.io" && openshift)
    };
    let row = |(group, resources, verbs): &Row| json!({"apiGroups": [group], "resources": resources, "verbs": verbs});
    let mut rules: Vec<Value> = ALWAYS.iter().map(row).collect();
    rules.extend(BY_GROUP.iter().filter(|(group, ..)| used(group)).map(row));
    if !needs.binds.is_empty() {
        rules.push(json!({
            "apiGroups": ["rbac.authorization.k8s.io"], "resources": ["clusterroles"],
            "resourceNames": needs.binds, "verbs": ["bind"],
        }));
    }
    rules
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_gives_rights_only_where_a_lab_uses_it() {
        let groups = |needs: &Needs| -> Vec<String> {
            let rules = rules(needs, false);
            rules
                .iter()
                .map(|r| r["apiGroups"][0].as_str().unwrap().to_owned())
                .collect()
        };
        let plain = groups(&Needs::default());
        assert!(
            !plain
                .iter()
                .any(|g| g.contains("coreos") || g.contains("openshift")),
            "{plain:?}"
        );
        let mut needs = Needs::default();
        needs.groups.insert("operators.coreos.com".to_owned());
        assert!(groups(&needs).contains(&"packages.operators.coreos.com".to_owned()));
    }

    #[test]
    fn no_rule_is_a_wildcard_or_reaches_out_of_a_project() {
        let all = ALWAYS.iter().chain(BY_GROUP);
        for (group, resources, verbs) in all {
            for word in resources.iter().chain(*verbs).chain([group]) {
                assert!(!word.contains('*'), "{group}");
                assert!(
                    !["impersonate", "escalate", "bind", "nodes"].contains(word),
                    "{group} {word}"
                );
            }
        }
    }
}
