//! Verdicts from snapshots: no cluster, no clock.
#![allow(clippy::unwrap_used, clippy::panic)] // Helpers of tests.

use ccnr::cluster::snapshot::{Answer, Obstacle, ObstacleKind, Read, Snapshot};
use std::{collections::HashMap, time::Duration};

use ccnr::{
    check::{
        evaluate::{Known, evaluate},
        plan,
        verdict::{Finding, Outcome, Verdict},
    },
    lab::{
        model::{
            Bounds, Check, Condition, Count, Given, HttpTarget, ListRef, ObjectRef, ProxyRef,
            Subject, When,
        },
        text::Text,
    },
};
use serde_json::{Value, json};

fn deployment() -> ObjectRef {
    ObjectRef {
        api_version: "apps/v1".into(),
        kind: "Deployment".into(),
        namespace: Some("student-web".into()),
        name: "test-nginx".into(),
    }
}

fn pods() -> ListRef {
    ListRef {
        api_version: "v1".into(),
        kind: "Pod".into(),
        namespace: Some("student-web".into()),
        label_selector: Some("app=test-nginx".into()),
        field_selector: None,
    }
}

fn check(subject: Subject) -> Check {
    Check {
        id: "c".into(),
        title: Text::same("c"),
        subject,
        within: None,
        stable: None,
        fail: None,
        next: None,
        explain: None,
        when: When::default(),
        optional: false,
    }
}

fn object(condition: Condition) -> Check {
    check(Subject::Object {
        object: deployment(),
        condition,
        absent: false,
    })
}

fn seen(answers: Vec<(Read, Result<Answer, Obstacle>)>) -> Snapshot {
    Snapshot {
        at: jiff::Timestamp::UNIX_EPOCH,
        answers: answers.into_iter().collect::<HashMap<_, _>>(),
    }
}

fn with(found: Value) -> Snapshot {
    seen(vec![(
        Read::Object(deployment()),
        Ok(Answer::Object(found)),
    )])
}

fn verdict(check: &Check, snapshot: &Snapshot) -> Verdict {
    evaluate(
        check,
        snapshot,
        &Known {
            client: "kubectl".into(),
            ..Known::default()
        },
    )
}

fn rollout(available: i64, observed_generation: i64) -> Value {
    json!({"kind": "Deployment", "metadata": {"name": "test-nginx", "generation": 2},
           "spec": {"replicas": 4, "selector": {"matchLabels": {"app": "test-nginx"}}},
           "status": {"observedGeneration": observed_generation, "replicas": 4, "updatedReplicas": 4, "availableReplicas": available}})
}

fn ready() -> Condition {
    Condition {
        ready: true,
        ..Condition::default()
    }
}

#[test]
fn a_wrong_value_fails_with_its_path_and_both_values() {
    let check = object(Condition {
        matches: Some(json!({"spec": {"replicas": 4}})),
        ..Condition::default()
    });
    let Verdict::Fail(finding) = verdict(&check, &with(json!({"spec": {"replicas": 3}}))) else {
        panic!("must fail")
    };
    assert_eq!(finding.expected.en, "spec.replicas = 4");
    assert_eq!(finding.observed.en, "spec.replicas = 3");
    assert_eq!(
        finding.see.as_deref(),
        Some("kubectl get deployment test-nginx -n student-web -o yaml")
    );
    assert_eq!(
        verdict(&check, &with(json!({"spec": {"replicas": 4}}))),
        Verdict::Pass
    );
}

#[test]
fn trouble_with_the_api_is_an_error_and_never_a_fail() {
    let obstacle = Obstacle {
        kind: ObstacleKind::Forbidden,
        message: Text::same("403"),
        next: Text::default(),
        status: Some(403),
    };
    let snapshot = seen(vec![(Read::Object(deployment()), Err(obstacle.clone()))]);
    assert_eq!(
        verdict(&object(ready()), &snapshot),
        Verdict::Error(obstacle.clone())
    );
    let list = seen(vec![(Read::List(pods()), Err(obstacle.clone()))]);
    let count = Count {
        min: Some(1),
        ..Count::default()
    };
    let objects = Subject::Objects {
        list: pods(),
        all: None,
        any: None,
        none: None,
        count: Some(count),
        cel: None,
    };
    assert_eq!(verdict(&check(objects), &list), Verdict::Error(obstacle));
}

#[test]
fn what_is_missing_fails_and_what_must_be_absent_passes() {
    let snapshot = seen(vec![(Read::Object(deployment()), Ok(Answer::Missing))]);
    assert_eq!(
        verdict(&object(Condition::default()), &snapshot).outcome(),
        Outcome::Fail
    );
    let absent = check(Subject::Object {
        object: deployment(),
        condition: Condition::default(),
        absent: true,
    });
    assert_eq!(verdict(&absent, &snapshot), Verdict::Pass);
    assert_eq!(verdict(&absent, &with(json!({}))).outcome(), Outcome::Fail);
}

#[test]
fn a_rollout_is_waited_for_only_within_its_time() {
    let mut check = object(ready());
    check.within = Some(Duration::from_secs(60));
    let at = |seconds| Known {
        unchanged_for: Some(Duration::from_secs(seconds)),
        ..Known::default()
    };
    let moving = with(rollout(3, 2));
    assert_eq!(
        evaluate(&check, &moving, &at(10)).outcome(),
        Outcome::Waiting
    );
    assert_eq!(evaluate(&check, &moving, &at(61)).outcome(), Outcome::Fail);
    assert_eq!(
        evaluate(&check, &with(rollout(4, 2)), &at(61)),
        Verdict::Pass
    );
    // The status speaks of the generation before.
    assert_eq!(
        evaluate(&check, &with(rollout(4, 1)), &at(10)).outcome(),
        Outcome::Waiting
    );
}

#[test]
fn an_image_that_cannot_be_pulled_is_not_waited_for() {
    let mut check = object(ready());
    check.within = Some(Duration::from_secs(60));
    let pod = json!({"metadata": {"name": "test-nginx-1"}, "status": {"containerStatuses": [
        {"image": "nginx:nope", "state": {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image \"nginx:nope\": ErrImagePull: not found"}}}]}});
    let snapshot = seen(vec![
        (
            Read::Object(deployment()),
            Ok(Answer::Object(rollout(0, 2))),
        ),
        (Read::List(pods()), Ok(Answer::List(vec![pod]))),
    ]);
    let known = Known {
        unchanged_for: Some(Duration::from_secs(1)),
        ..Known::default()
    };
    let Verdict::Fail(finding) = evaluate(&check, &snapshot, &known) else {
        panic!("must fail")
    };
    let cause = finding.cause.unwrap();
    assert_eq!(
        (cause.code, cause.text.en.as_str()),
        ("ImagePull", "test-nginx-1 can't pull the image nginx:nope")
    );
}

#[test]
fn cel_sees_the_baseline_and_a_mistake_in_it_is_an_error() {
    let known = |baseline: Value| Known {
        baseline: [("pods".to_owned(), baseline)].into(),
        ..Known::default()
    };
    let objects = |cel: &str| {
        check(Subject::Objects {
            list: pods(),
            all: None,
            any: None,
            none: None,
            count: None,
            cel: Some(cel.to_owned()),
        })
    };
    let snapshot = seen(vec![(
        Read::List(pods()),
        Ok(Answer::List(vec![json!({"metadata": {"uid": "b"}})])),
    )]);
    let gone = objects("baseline.pods.exists(u, !items.exists(i, i.metadata.uid == u))");
    assert_eq!(
        evaluate(&gone, &snapshot, &known(json!(["a", "b"]))),
        Verdict::Pass
    );
    assert_eq!(
        evaluate(&gone, &snapshot, &known(json!(["b"]))).outcome(),
        Outcome::Fail
    );
    assert_eq!(
        evaluate(&objects("items +"), &snapshot, &known(json!([]))).outcome(),
        Outcome::Error
    );
}

#[test]
fn a_question_is_answered_by_the_cluster() {
    let question = check(Subject::Question {
        ask: Text::same("how many?"),
        given: [("pods".to_owned(), Given::List(pods()))].into(),
        answer: "size(pods)".into(),
        choices: vec![],
    });
    let snapshot = seen(vec![(
        Read::List(pods()),
        Ok(Answer::List(vec![json!({}), json!({})])),
    )]);
    let said = |answer: Option<&str>| Known {
        answer: answer.map(str::to_owned),
        ..Known::default()
    };
    assert_eq!(
        evaluate(&question, &snapshot, &said(Some(" 2 "))),
        Verdict::Pass
    );
    assert_eq!(
        evaluate(&question, &snapshot, &said(Some("3"))).outcome(),
        Outcome::Fail
    );
    assert_eq!(
        evaluate(&question, &snapshot, &said(None)).outcome(),
        Outcome::Fail
    );
}

#[test]
fn a_name_is_accepted_in_the_form_that_clients_print() {
    let question = check(Subject::Question {
        ask: Text::same("which ReplicaSet?"),
        given: [("pods".to_owned(), Given::List(pods()))].into(),
        answer: "pods[0].metadata.name".into(),
        choices: vec![],
    });
    let object = json!({"metadata": {"name": "web-5c86"}});
    let snapshot = seen(vec![(Read::List(pods()), Ok(Answer::List(vec![object])))]);
    let verdict = |said: &str| {
        let known = Known {
            answer: Some(said.to_owned()),
            ..Known::default()
        };
        evaluate(&question, &snapshot, &known).outcome()
    };
    assert_eq!(verdict("replicaset.apps/web-5c86"), Outcome::Pass);
    assert_eq!(verdict("web-5c86"), Outcome::Pass);
    assert_eq!(verdict("replicaset.apps/web"), Outcome::Fail);
}

#[test]
fn promql_wants_a_sample_within_its_bounds() {
    let proxy = ProxyRef {
        namespace: "m".into(),
        service: "prometheus-operated".into(),
        port: "web".into(),
        path: "/api/v1/query?query=up".into(),
    };
    let promql = check(Subject::Promql {
        proxy: proxy.clone(),
        query: "up".into(),
        bounds: Bounds {
            min: Some(1.0),
            max: None,
        },
    });
    let answers = |status: u16, body: &str| {
        seen(vec![(
            Read::Proxy(proxy.clone()),
            Ok(Answer::Http {
                status,
                body: body.to_owned(),
            }),
        )])
    };
    let vector = |value: &str| {
        json!({"status": "success", "data": {"resultType": "vector", "result": [{"metric": {}, "value": [1, value]}]}})
            .to_string()
    };
    assert_eq!(verdict(&promql, &answers(200, &vector("1"))), Verdict::Pass);
    assert_eq!(
        verdict(&promql, &answers(200, &vector("0"))).outcome(),
        Outcome::Fail
    );
    assert_eq!(
        verdict(&promql, &answers(503, "no endpoints")).outcome(),
        Outcome::Fail
    );
    let refused = r#"{"status":"error","errorType":"bad_data","error":"parse error"}"#;
    for status in [200, 400, 422] {
        let outcome = verdict(&promql, &answers(status, refused)).outcome();
        assert_eq!(outcome, Outcome::Error, "{status}");
    }
}

#[test]
fn no_object_at_all_is_not_every_object() {
    let all = check(Subject::Objects {
        list: pods(),
        all: Some(ready()),
        any: None,
        none: None,
        count: None,
        cel: None,
    });
    assert_eq!(
        verdict(
            &all,
            &seen(vec![(Read::List(pods()), Ok(Answer::List(vec![])))])
        )
        .outcome(),
        Outcome::Fail
    );
}

/// A check that all objects of a kind are ready, with what its plan reads, answered.
fn all_ready(kind: &str, items: &[Value], slices: &[Value]) -> Verdict {
    let list = ListRef {
        api_version: if kind == "Job" { "batch/v1" } else { "v1" }.into(),
        kind: kind.into(),
        label_selector: None,
        ..pods()
    };
    let mut all = check(Subject::Objects {
        list: list.clone(),
        all: Some(ready()),
        any: None,
        none: None,
        count: None,
        cel: None,
    });
    all.within = Some(Duration::from_secs(60));
    let answers = plan::reads(&all).into_iter().map(|read| {
        let own = read == Read::List(list.clone());
        let found = if own { items } else { slices };
        (read, Ok(Answer::List(found.to_vec())))
    });
    let known = Known {
        unchanged_for: Some(Duration::ZERO),
        ..Known::default()
    };
    evaluate(&all, &seen(answers.collect()), &known)
}

#[test]
fn services_of_a_list_are_ready_by_their_own_endpoints() {
    let service = |name: &str| json!({"kind": "Service", "metadata": {"name": name}, "spec": {"selector": {"app": name}, "ports": [{"port": 80}]}});
    let slice = |name: &str| {
        json!({
            "metadata": {"labels": {"kubernetes.io/service-name": name}},
            "endpoints": [{"addresses": ["10.0.0.1"], "conditions": {"ready": true}}],
        })
    };
    let services = [service("a"), service("b")];
    let both = all_ready("Service", &services, &[slice("a"), slice("b")]);
    assert_eq!(both, Verdict::Pass);
    let one = all_ready("Service", &services, &[slice("a")]);
    assert_eq!(one.outcome(), Outcome::Waiting);
}

#[test]
fn what_has_failed_for_good_is_not_waited_for() {
    let job = |status: &str| json!({"kind": "Job", "metadata": {"name": status}, "spec": {}, "status": {"conditions": [{"type": status, "status": "True"}]}});
    let jobs = |of: &[&str]| {
        let all: Vec<Value> = of.iter().map(|s| job(s)).collect();
        all_ready("Job", &all, &[])
    };
    assert_eq!(jobs(&["Complete"]), Verdict::Pass);
    assert_eq!(jobs(&["Complete", "Failed"]).outcome(), Outcome::Fail);
    assert_eq!(jobs(&["Running"]).outcome(), Outcome::Waiting);
    assert_eq!(jobs(&["Running", "Failed"]).outcome(), Outcome::Fail);
}

/// What a snapshot of `tests/seen` comes to, with the code of the cause, for a Deployment that is to be ready.
fn of_file(name: &str) -> (Outcome, Option<&'static str>) {
    let path = format!("{}/tests/seen/{name}.yaml", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    let seen: Snapshot = serde_yaml::from_str(&text).unwrap();
    let again = serde_yaml::to_string(&seen).unwrap();
    assert_eq!(serde_yaml::from_str::<Snapshot>(&again).unwrap(), seen);
    let mut is_ready = object(ready());
    is_ready.within = Some(Duration::from_secs(60));
    let known = Known {
        unchanged_for: Some(Duration::from_secs(5)),
        ..Known::default()
    };
    let verdict = evaluate(&is_ready, &seen, &known);
    let cause = match &verdict {
        Verdict::Fail(finding) | Verdict::Waiting(finding, _) => finding.cause.clone(),
        _ => None,
    };
    (verdict.outcome(), cause.map(|c| c.code))
}

#[test]
fn what_is_wrong_now_decides_and_what_was_mended_does_not() {
    use Outcome::{Fail, Waiting};
    assert_eq!(of_file("image-not-found"), (Fail, Some("ImagePull")));
    assert_eq!(of_file("image-mended"), (Waiting, None));
    assert_eq!(of_file("image-mended-pods-ending"), (Waiting, None));
    assert_eq!(of_file("quota"), (Fail, Some("QuotaExceeded")));
    assert_eq!(of_file("quota-mended"), (Waiting, Some("QuotaExceeded")));
    assert_eq!(of_file("registry-unknown"), (Waiting, Some("ImagePull")));
    for name in ["registry-of-ones-own-machine", "back-off-without-a-reason"] {
        assert_eq!(of_file(name), (Waiting, Some("ImagePull")), "{name}");
    }
}

#[test]
fn trouble_of_registry_and_webhook_is_not_the_learners() {
    for name in [
        "registry-limit",
        "registry-out-of-reach",
        "back-off-with-its-event",
        "webhook-down",
    ] {
        assert_eq!(of_file(name), (Outcome::Error, None), "{name}");
    }
}

#[test]
fn what_an_author_got_wrong_is_not_the_learners() {
    let condition = |cel: &str| {
        object(Condition {
            cel: Some(cel.into()),
            ..Condition::default()
        })
    };
    let seen = with(rollout(4, 2));
    // What the object lacks is not the lab's, even where the lab's own name is beside it.
    let lacking = verdict(
        &condition("self.spec.project == 'x' || self.spec.params.project == 'y'"),
        &seen,
    );
    assert_eq!(lacking.outcome(), Outcome::Fail);
    for wrong in ["self.spec.replicas", "params.projct == 'x'", "self.spec +"] {
        let outcome = verdict(&condition(wrong), &seen).outcome();
        assert_eq!(outcome, Outcome::Error, "{wrong}");
    }
}

/// A request through a Route that nothing answers, with the Service behind it as it is.
fn through_a_route(port: &Value, service: Option<&Value>, endpoints: &Value) -> Finding {
    let reference = |kind: &str, api: &str| ObjectRef {
        api_version: api.to_owned(),
        kind: kind.to_owned(),
        namespace: Some("student-build".to_owned()),
        name: "web".to_owned(),
    };
    let route = reference("Route", "route.openshift.io/v1");
    let check = Check {
        subject: Subject::Http {
            target: HttpTarget::Route(route.clone(), "/".to_owned()),
            status: 200,
            contains: None,
        },
        ..object(Condition::default())
    };
    let found = json!({
        "spec": {"to": {"kind": "Service", "name": "web"}, "port": {"targetPort": port}},
        "status": {"ingress": [{"host": "web.apps.example.test"}]},
    });
    let mut snapshot = seen(vec![(Read::Object(route), Ok(Answer::Object(found)))]);
    let web = plan::follow_up(&check, &snapshot).remove(0);
    let silent = Answer::Http {
        status: 503,
        body: "Application is not available".to_owned(),
    };
    snapshot.answers.insert(web, Ok(silent));
    let evidence = plan::evidence(&check, &snapshot);
    assert_eq!(evidence.len(), 2, "{evidence:?}");
    for read in evidence {
        let answer = match &read {
            Read::Object(_) => service.cloned().map_or(Answer::Missing, Answer::Object),
            _ => Answer::List(vec![json!({"endpoints": endpoints})]),
        };
        snapshot.answers.insert(read, Ok(answer));
    }
    match verdict(&check, &snapshot) {
        Verdict::Fail(finding) => *finding,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_route_that_leads_nowhere_says_where_it_breaks_off() {
    let service = json!({"spec": {"ports": [{"name": "http", "port": 80, "targetPort": 8080}]}});
    let ready = json!([{"addresses": ["10.1.1.1"], "conditions": {"ready": true}}]);
    let wrong = through_a_route(&json!("htpp"), Some(&service), &ready);
    let told = wrong.cause.unwrap();
    assert_eq!(told.code, "NoSuchPort");
    assert_eq!(
        told.text.en,
        "Route web asks for port htpp; Service web has http (8080)"
    );
    let see = "kubectl get route/web service/web -o yaml -n student-build";
    assert_eq!(wrong.see.as_deref(), Some(see));
    let code = |port: Value, service: Option<&Value>, endpoints: &Value| {
        let cause = through_a_route(&port, service, endpoints).cause;
        cause.map(|c| c.code)
    };
    assert_eq!(code(json!(80), Some(&service), &ready), Some("NoSuchPort"));
    for right in [json!("http"), json!(8080), json!("8080"), Value::Null] {
        assert_eq!(code(right, Some(&service), &ready), None);
    }
    assert_eq!(code(json!("http"), None, &ready), Some("NoService"));
    let nobody = code(json!("http"), Some(&service), &json!([]));
    assert_eq!(nobody, Some("NoEndpoints"));
}
