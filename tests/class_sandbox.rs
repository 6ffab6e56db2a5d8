//! A class in the practice cluster, by the instructor's commands: made, found changed, mended, taken down, and kept apart.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Tests.

mod support;

use std::{os::unix::fs::PermissionsExt as _, path::PathBuf};

use serde_json::{Value, json};
use support::{http::Client, machine::Machine};

const FILE: &str = "\
apiVersion: ccnr.dev/v1
kind: Class
metadata: {name: osaka}
spec:
  students: {count: 3, prefix: s}
  labs: [1, 4]
  credentials: {expires: 2h, dir: out}
";

/// A machine with a class file.
fn machine(file: &str) -> Machine {
    let machine = Machine::new();
    std::fs::write(machine.path("class.yaml"), file).unwrap();
    machine.good(&["sandbox", "start", "--flavour", "kubernetes-olm"]);
    machine
}

/// What both outputs of a command say, and its exit code.
fn said(machine: &Machine, args: &[&str]) -> (i32, String) {
    let output = machine.ccnr(args);
    let text = [output.stdout, output.stderr].concat();
    let code = output.status.code().unwrap();
    (code, String::from_utf8(text).unwrap())
}

fn kubeconfig(machine: &Machine, student: &str) -> PathBuf {
    machine.path(&format!("out/{student}.kubeconfig"))
}

#[test]
fn a_class_is_made_mended_and_taken_down() {
    let machine = machine(FILE);
    let plan: Value =
        serde_json::from_str(&machine.good(&["class", "plan", "-o", "json"])).unwrap();
    let count = plan["summary"]["create"].as_u64().unwrap();
    assert_eq!(plan["students"].as_object().unwrap().len(), 3, "{plan}");
    let told = machine.good(&["class", "apply"]);
    assert!(
        told.contains(&format!(
            "{count} objects to create, 0 to change, 0 to delete"
        )),
        "{told}"
    );
    assert!(
        told.contains("3 students ready") && told.contains("all denied"),
        "{told}"
    );
    let mode = |path: PathBuf| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(kubeconfig(&machine, "s-02")), 0o600);
    assert_eq!(mode(machine.path("out")), 0o700);
    assert!(machine.path("out/sheet.html").exists());

    // Nothing changed: nothing is written, and the kubeconfigs stay.
    let before = std::fs::read(kubeconfig(&machine, "s-01")).unwrap();
    let seen = versions(&machine.admin());
    let told = machine.good(&["class", "apply"]);
    assert!(told.contains("nothing to change"), "{told}");
    assert_eq!(std::fs::read(kubeconfig(&machine, "s-01")).unwrap(), before);
    assert_eq!(seen, versions(&machine.admin()));

    let admin = machine.admin();
    let quota = "/api/v1/namespaces/s-02-web/resourcequotas/class";
    let raised = json!({"spec": {"hard": {"pods": "99"}}});
    let (status, _) = admin.send_as(
        "PATCH",
        quota,
        "application/merge-patch+json",
        Some(&raised),
    );
    assert_eq!(status, 200);
    let policy = "/apis/networking.k8s.io/v1/namespaces/s-03-jmx/networkpolicies/class-isolation";
    assert_eq!(admin.send("DELETE", policy, None).0, 200);
    let (code, told) = said(&machine, &["class", "status"]);
    assert_eq!(code, 1, "{told}");
    assert!(
        told.contains("s-02: ResourceQuota s-02-web/class was changed: spec.hard.pods"),
        "{told}"
    );
    assert!(told.contains("s-03: 1 object is missing"), "{told}");
    machine.good(&["class", "apply", "--student", "s-02,s-03"]);
    assert_eq!(
        admin.send("GET", quota, None).1["spec"]["hard"]["pods"],
        "20"
    );
    assert_eq!(said(&machine, &["class", "status"]).0, 0);

    let told = machine.good(&["class", "destroy", "--yes"]);
    assert!(told.contains("0 objects left"), "{told}");
    let (_, left) = admin.send("GET", "/api/v1/namespaces", None);
    assert!(!left.to_string().contains("ccnr.dev/class"), "{left}");
}

/// What lies in the projects of the class, by versions. The lease is written by each apply.
fn versions(admin: &Client) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for path in [
        "/api/v1/namespaces",
        "/api/v1/resourcequotas",
        "/apis/rbac.authorization.k8s.io/v1/rolebindings",
    ] {
        let (_, list) = admin.send("GET", &format!("{path}?labelSelector=ccnr.dev/class"), None);
        all.extend(list["items"].as_array().unwrap().iter().map(|item| {
            let meta = &item["metadata"];
            let name = format!("{} {}", meta["namespace"], meta["name"]);
            (
                name,
                meta["managedFields"].to_string() + &item["spec"].to_string(),
            )
        }));
    }
    assert!(!all.is_empty());
    all
}

#[test]
fn a_student_takes_a_lab_with_what_the_class_gives_and_is_helped() {
    let machine = machine(FILE);
    machine.good(&["class", "apply"]);
    // The student sits at another machine, with nothing but the kubeconfig, which says who it is.
    let theirs = Machine::new();
    let config = kubeconfig(&machine, "s-02").display().to_string();
    let good = |args: &[&str]| theirs.good(&[args, &["--yes", "--kubeconfig", &config]].concat());
    let passed = || {
        let args = ["lab", "verify", "1", "-o", "json", "--kubeconfig", &config];
        let report: Value = serde_json::from_slice(&theirs.ccnr(&args).stdout).unwrap();
        assert_eq!(report["student"], "s-02");
        let steps = report["steps"].as_array().unwrap().iter();
        steps.filter(|s| s["verdict"] == "pass").count()
    };
    assert!(good(&["lab", "start", "1"]).contains("s-02-web"));
    good(&["lab", "solve", "1", "--to", "look-inside"]);
    assert_eq!(passed(), 3);
    let solve = [
        "class",
        "solve",
        "--student",
        "s-02",
        "--lab",
        "1",
        "--to",
        "scale",
        "--yes",
    ];
    machine.good(&solve);
    assert_eq!(passed(), 5);
    let (code, told) = said(&machine, &["class", "solve", "--lab", "1"]);
    assert_eq!(code, 2, "{told}");
    assert!(told.contains("--student ID"), "{told}");

    // The instructor empties it; the project and what the class put into it stay.
    machine.good(&["class", "reset", "--student", "s-02", "--lab", "1", "--yes"]);
    let admin = machine.admin();
    let (_, left) = admin.send("GET", "/apis/apps/v1/namespaces/s-02-web/deployments", None);
    assert_eq!(left["items"], json!([]));
    let status = machine.good(&["class", "status"]);
    assert!(status.contains("3 of 3 students are ready"), "{status}");
}

#[test]
fn students_reach_nobody_else() {
    let machine = machine(FILE);
    machine.good(&["class", "apply"]);
    support::apart::try_everything(
        &machine.path("out"),
        &["s-01", "s-02", "s-03"],
        "ccnr-osaka",
    );
}

#[test]
fn rights_that_reach_further_are_told_of() {
    let machine = machine(FILE);
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "careless"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "system:serviceaccounts"}],
    });
    let path = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings";
    assert_eq!(machine.admin().send("POST", path, Some(&binding)).0, 201);
    let (code, told) = said(&machine, &["class", "apply"]);
    assert_eq!(code, 3, "{told}");
    assert!(
        told.contains("system:serviceaccount:ccnr-osaka:s-01 may get pods in s-02-web"),
        "{told}"
    );
    assert!(told.contains("Students are not isolated"), "{told}");
}

#[test]
fn what_is_somebody_elses_stays() {
    let machine = machine(FILE);
    let theirs = json!({"metadata": {"name": "s-02-web", "labels": {"team": "x"}}});
    assert_eq!(
        machine
            .admin()
            .send("POST", "/api/v1/namespaces", Some(&theirs))
            .0,
        201
    );
    let (code, told) = said(&machine, &["class", "apply"]);
    assert_eq!(code, 3, "{told}");
    assert!(
        told.contains("s-02: Namespace s-02-web exists and was not made for class osaka"),
        "{told}"
    );
    assert!(told.contains("2 students ready"), "{told}");
    assert!(
        told.contains("ccnr class apply class.yaml --student s-02"),
        "{told}"
    );
    let (code, told) = said(
        &machine,
        &["class", "reset", "--student", "s-02,s-03", "--yes"],
    );
    assert_eq!(code, 3, "{told}");
    assert!(
        told.contains("namespace s-02-web exists and was not made for class osaka"),
        "{told}"
    );
    assert!(
        told.contains("s-03-web"),
        "one student's trouble stops nobody else: {told}"
    );
    let (code, told) = said(&machine, &["class", "credentials", "--student", "s-02"]);
    assert_eq!(code, 3, "{told}");
    assert!(
        told.contains("s-02 is not ready") && !kubeconfig(&machine, "s-02").exists(),
        "{told}"
    );
    let told = machine.good(&["class", "destroy", "--yes"]);
    assert!(told.contains(" 0 objects left"), "{told}");
    let (status, left) = machine
        .admin()
        .send("GET", "/api/v1/namespaces/s-02-web", None);
    assert_eq!(
        (status, &left["metadata"]["labels"]["team"]),
        (200, &json!("x"))
    );
    assert!(left["metadata"]["deletionTimestamp"].is_null(), "{left}");
}

#[test]
fn who_may_not_look_does_not_say_that_nothing_is_left() {
    let machine = machine(FILE);
    machine.good(&["class", "apply"]);
    let config = kubeconfig(&machine, "s-01").display().to_string();
    let (code, told) = said(
        &machine,
        &["class", "destroy", "--yes", "--kubeconfig", &config],
    );
    assert_eq!(code, 3, "{told}");
    assert!(told.contains("403") && !told.contains("left"), "{told}");
}

#[test]
fn where_the_class_itself_can_not_be_made_nobody_is_ready() {
    let machine = machine(FILE);
    let theirs = json!({"metadata": {"name": "ccnr-osaka"}});
    let path = "/api/v1/namespaces";
    assert_eq!(machine.admin().send("POST", path, Some(&theirs)).0, 201);
    let (code, told) = said(&machine, &["class", "apply"]);
    assert_eq!(code, 3, "{told}");
    assert!(told.contains("0 students ready"), "{told}");
    assert!(told.contains("once that is mended"), "{told}");
    // No account could have a token: none is asked for, and nothing is written.
    assert!(!told.contains("serviceaccounts"), "{told}");
    assert!(!told.contains("isolation:") && !machine.path("out/sheet.html").exists());
}

#[test]
fn a_pull_secret_and_instructors_are_in_every_project() {
    let machine = Machine::new();
    let secret = r#"{"auths":{"example.com":{"auth":"c2VjcmV0"}}}"#;
    std::fs::write(machine.path("pull.json"), secret).unwrap();
    let more = "  pullSecret: pull.json\n  instructors: [kim]\n";
    std::fs::write(machine.path("class.yaml"), format!("{FILE}{more}")).unwrap();
    machine.good(&["sandbox", "start", "--flavour", "kubernetes-olm"]);
    machine.good(&["class", "apply"]);
    let admin = machine.admin();
    let get = |path: &str| admin.send("GET", path, None).1;
    let account = get("/api/v1/namespaces/s-01-web/serviceaccounts/default");
    let secrets = account["imagePullSecrets"].as_array().unwrap();
    assert!(
        secrets.contains(&json!({"name": "class-pull"})),
        "{account}"
    );
    let kept = get("/api/v1/namespaces/s-01-web/secrets/class-pull");
    assert_eq!(kept["type"], "kubernetes.io/dockerconfigjson");
    let rbac = "/apis/rbac.authorization.k8s.io/v1/namespaces/s-01-web/rolebindings";
    let binding = get(&format!("{rbac}/instructors"));
    assert_eq!(binding["subjects"][0]["name"], "kim");
    // OpenShift adds secrets of its own to an account: that is no drift.
    let own =
        json!({"imagePullSecrets": [{"name": "class-pull"}, {"name": "default-dockercfg-x"}]});
    let path = "/api/v1/namespaces/s-01-web/serviceaccounts/default";
    let content = "application/merge-patch+json";
    assert_eq!(admin.send_as("PATCH", path, content, Some(&own)).0, 200);
    let (code, told) = said(&machine, &["class", "status"]);
    assert_eq!(code, 0, "{told}");
}

#[test]
fn two_instructors_take_turns() {
    let machine = machine(FILE);
    machine.good(&["class", "apply"]);
    let path = "/apis/coordination.k8s.io/v1/namespaces/ccnr-osaka/leases/class";
    let now = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC);
    let now = now.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string();
    let held = json!({"spec": {"holderIdentity": "kim", "renewTime": now}});
    let content = "application/merge-patch+json";
    assert_eq!(
        machine
            .admin()
            .send_as("PATCH", path, content, Some(&held))
            .0,
        200
    );
    let (code, told) = said(&machine, &["class", "destroy", "--yes"]);
    assert_ne!(code, 0, "{told}");
    assert!(told.contains("kim is changing class osaka"), "{told}");
    // Who is not heard of any more has lost it.
    let silent = json!({"spec": {"renewTime": "2026-01-01T00:00:00.000000Z"}});
    assert_eq!(
        machine
            .admin()
            .send_as("PATCH", path, content, Some(&silent))
            .0,
        200
    );
    machine.good(&["class", "destroy", "--yes"]);
}

#[test]
fn tokens_are_in_their_files_alone_and_can_be_taken_back() {
    let machine = machine(FILE);
    let (_, told) = said(&machine, &["class", "apply", "-vvv"]);
    let config: Value =
        serde_yaml::from_str(&std::fs::read_to_string(kubeconfig(&machine, "s-01")).unwrap())
            .unwrap();
    let token = config["users"][0]["user"]["token"].as_str().unwrap();
    assert!(token.len() > 100 && !told.contains(token));
    let sheet = std::fs::read_to_string(machine.path("out/sheet.html")).unwrap();
    assert!(!sheet.contains(token) && sheet.contains("s-01.kubeconfig"));
    let student = Client::of(&kubeconfig(&machine, "s-01"));
    let pods = "/api/v1/namespaces/s-01-web/pods";
    assert_eq!(student.send("GET", pods, None).0, 200);
    machine.good(&[
        "class",
        "credentials",
        "--revoke",
        "--student",
        "s-01",
        "--yes",
    ]);
    assert_eq!(student.send("GET", pods, None).0, 401);
    assert!(!kubeconfig(&machine, "s-01").exists());
    machine.good(&["class", "apply"]);
    assert_eq!(
        Client::of(&kubeconfig(&machine, "s-01"))
            .send("GET", pods, None)
            .0,
        200
    );
}

#[test]
fn a_last_day_is_kept() {
    let machine = machine(&format!("{FILE}  expires: 2000-01-01\n"));
    machine.good(&["class", "apply"]);
    assert!(
        said(&machine, &["class", "status"])
            .1
            .contains("was over on 2000-01-01")
    );
    // A timer asks nobody.
    assert!(
        machine
            .good(&["class", "destroy", "--expired"])
            .contains("0 objects left")
    );
    std::fs::write(
        machine.path("class.yaml"),
        format!("{FILE}  expires: 2999-01-01\n"),
    )
    .unwrap();
    machine.good(&["class", "apply"]);
    assert!(
        machine
            .good(&["class", "destroy", "--expired"])
            .contains("nothing is deleted")
    );
    assert_eq!(said(&machine, &["class", "status"]).0, 0);
}

#[test]
fn mistakes_in_the_file_are_told_with_their_place() {
    let machine = Machine::new();
    let text = FILE
        .replace("labs: [1, 4]", "lasb: [1, 4]")
        .replace("count: 3", "count: many");
    std::fs::write(machine.path("class.yaml"), text).unwrap();
    let (code, told) = said(&machine, &["class", "plan"]);
    assert_eq!(code, 2, "{told}");
    assert!(
        told.contains("class.yaml:6:3") && told.contains("did you mean \"labs\"?"),
        "{told}"
    );
    assert!(told.contains("class.yaml:5:21"), "{told}");
    std::fs::write(machine.path("r.csv"), "id\nsato\nSATO\n").unwrap();
    std::fs::write(
        machine.path("class.yaml"),
        FILE.replace("{count: 3, prefix: s}", "{roster: r.csv}"),
    )
    .unwrap();
    let (code, told) = said(&machine, &["class", "plan"]);
    assert_eq!(code, 2, "{told}");
    assert!(
        told.contains("r.csv:3:1") && told.contains("SATO"),
        "{told}"
    );
}
