//! Who may do what in the practice cluster, and what is forgotten after a while.
#![allow(clippy::unwrap_used)] // Tests.

use std::time::Duration;

use ccnr::sandbox::{
    authz::{Attributes, User, decide},
    clock::Clock,
    controllers::cluster::{Cluster, EVENTS, Event, NAMESPACES},
    flavour::Flavour,
    instance::Sandbox,
    verbs::How,
};
use serde_json::json;

fn sandbox() -> Sandbox {
    let start = "2026-11-24T12:00:00Z".parse().unwrap();
    Sandbox::new(Flavour::Kubernetes, Clock::standing(start))
}

fn student() -> User {
    User::named("student", &[])
}

fn may(sandbox: &Sandbox, user: &User, verb: &str, resource: &str, namespace: &str) -> bool {
    let wanted = Attributes {
        verb: verb.to_owned(),
        resource: resource.to_owned(),
        namespace: namespace.to_owned(),
        name: if resource == "namespaces" {
            namespace
        } else {
            ""
        }
        .to_owned(),
        ..Attributes::default()
    };
    decide(&sandbox.api.store, user, &wanted).allowed
}

/// Asks for a namespace, with an annotation that claims that somebody else did.
fn ask(sandbox: &mut Sandbox, user: &User, name: &str) {
    let resource = sandbox.api.registry().get("", "v1", "namespaces").unwrap();
    let how = How {
        user: user.clone(),
        ..How::default()
    };
    let claim = json!({"sandbox.ccnr.dev/requester": "somebody-else"});
    let object = json!({
        "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "annotations": claim},
    });
    sandbox.api.create(&resource, None, object, &how).unwrap();
    sandbox.pass(Duration::from_secs(1));
}

#[test]
fn who_asks_for_a_namespace_gets_it_and_nobody_elses() {
    let mut sandbox = sandbox();
    assert!(may(&sandbox, &student(), "create", "namespaces", ""));
    ask(&mut sandbox, &student(), "mine");
    ask(&mut sandbox, &User::admin("admin"), "theirs");
    for (verb, resource) in [
        ("create", "pods"),
        ("delete", "namespaces"),
        ("get", "secrets"),
    ] {
        assert!(
            may(&sandbox, &student(), verb, resource, "mine"),
            "{verb} {resource}"
        );
        assert!(
            !may(&sandbox, &student(), verb, resource, "theirs"),
            "{verb} {resource}"
        );
        assert!(!may(&sandbox, &student(), verb, resource, "kube-system"));
        let other = User::named("somebody-else", &[]);
        assert!(
            !may(&sandbox, &other, verb, resource, "mine"),
            "{verb} {resource}"
        );
    }
}

#[test]
fn events_are_forgotten_after_an_hour() {
    let mut sandbox = sandbox();
    let api = sandbox.api.clone();
    let cluster = Cluster::new(&api, "test", "test");
    let told = |reason: &str| {
        let about = cluster.get(NAMESPACES, "", "default").unwrap();
        cluster.event(&Event {
            about: &about,
            part: "",
            warning: false,
            reason,
            message: "so it is",
            node: "",
        });
    };
    told("Early");
    told("Early");
    sandbox.pass(Duration::from_secs(50 * 60));
    told("Late");
    let reasons = || -> Vec<(String, i64)> {
        let events = cluster.list(EVENTS, Some("default"));
        let of = events.iter().filter(|e| e["source"]["component"] == "test");
        let mut all: Vec<_> = of
            .map(|e| {
                (
                    e["reason"].as_str().unwrap().to_owned(),
                    e["count"].as_i64().unwrap(),
                )
            })
            .collect();
        all.sort();
        all
    };
    assert_eq!(reasons(), [("Early".to_owned(), 2), ("Late".to_owned(), 1)]);
    sandbox.pass(Duration::from_secs(15 * 60));
    assert_eq!(reasons(), [("Late".to_owned(), 1)]);
}
