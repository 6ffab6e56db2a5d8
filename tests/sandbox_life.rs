//! The practice cluster as a person has it: started, found, stopped, killed, started again, with `ccnr sandbox`.
#![allow(clippy::unwrap_used, clippy::panic)] // Tests.

mod support;

use std::{fs, path::Path};

use serde_json::{Value, json};
use support::{http::Client, machine::Machine, wait};

fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_lab_starts_on_a_machine_with_nothing_on_it() {
    let machine = Machine::new();
    let output = machine.ccnr(&["lab", "start", "1"]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    let first = told.lines().next().unwrap();
    assert!(first.contains("built-in practice cluster"), "{told}");
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(shown.contains("Step 1 of 10"), "{shown}");
    assert_eq!(machine.status()["flavour"], "openshift");
}

#[test]
fn a_second_start_finds_the_first_and_only_its_owner_reads_what_it_keeps() {
    let machine = Machine::new();
    machine.good(&["sandbox", "start"]);
    let before = machine.status();
    let said = machine.good(&["sandbox", "start"]);
    assert!(said.contains("already"), "{said}");
    assert_eq!(machine.status()["pid"], before["pid"]);
    assert_eq!(mode(&machine.folder()), 0o700);
    for name in ["kubeconfig", "admin.kubeconfig", "credentials.json", "log"] {
        assert_eq!(mode(&machine.folder().join(name)), 0o600, "{name}");
    }
    let path = machine.good(&["sandbox", "kubeconfig"]);
    assert_eq!(Path::new(path.trim()), machine.folder().join("kubeconfig"));
}

#[test]
fn what_was_acknowledged_survives_a_stop_and_a_kill() {
    let machine = Machine::new();
    machine.good(&["sandbox", "start"]);
    let server = machine.status()["server"].clone();
    let maps = "/api/v1/namespaces/default/configmaps";
    let make = |name: &str| {
        let object = json!({"metadata": {"name": name}, "data": {"a": name}});
        let (status, _) = machine.admin().send("POST", maps, Some(&object));
        assert_eq!(status, 201);
    };
    let there = |name: &str| machine.admin().send("GET", &format!("{maps}/{name}"), None);
    make("before-stop");
    machine.good(&["sandbox", "stop"]);
    assert_eq!(machine.status()["running"], false);
    machine.good(&["sandbox", "start"]);
    assert_eq!(machine.status()["server"], server);
    assert_eq!(there("before-stop").1["data"]["a"], "before-stop");
    for round in 0..5 {
        let names: Vec<String> = (0..20).map(|n| format!("r{round}-{n}")).collect();
        for name in &names {
            make(name);
        }
        machine.kill();
        machine.good(&["sandbox", "start"]);
        for name in &names {
            assert_eq!(there(name).0, 200, "{name}");
        }
    }
}

#[test]
fn a_namespace_that_was_chosen_outlasts_a_restart() {
    let machine = Machine::new();
    machine.good(&["sandbox", "start"]);
    let path = machine.folder().join("kubeconfig");
    let namespace = || {
        let config: Value = serde_yaml::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        config["contexts"][0]["context"]["namespace"].clone()
    };
    assert_eq!(namespace(), "default");
    let text = fs::read_to_string(&path).unwrap();
    let chosen = text.replace("namespace: default", "namespace: student-web");
    fs::write(&path, chosen).unwrap();
    machine.good(&["sandbox", "stop"]);
    machine.good(&["sandbox", "start"]);
    assert_eq!(namespace(), "student-web");
    machine.good(&["sandbox", "start", "--fresh"]);
    assert_eq!(namespace(), "default");
}

#[test]
fn a_reset_forgets_and_another_flavour_needs_a_fresh_start() {
    let machine = Machine::new();
    machine.good(&["sandbox", "start", "--flavour", "kubernetes"]);
    let object = json!({"metadata": {"name": "mine"}});
    machine
        .admin()
        .send("POST", "/api/v1/namespaces", Some(&object));
    let refused = machine.ccnr(&["sandbox", "start", "--flavour", "openshift"]);
    assert_eq!(refused.status.code(), Some(2));
    let refused = machine.ccnr(&["sandbox", "reset"]);
    assert_ne!(refused.status.code(), Some(0), "nobody said yes");
    machine.good(&["sandbox", "reset", "--yes"]);
    assert_eq!(machine.status()["flavour"], "kubernetes");
    let (status, _) = machine.admin().send("GET", "/api/v1/namespaces/mine", None);
    assert_eq!(status, 404);
    machine.good(&["sandbox", "start", "--flavour", "openshift", "--fresh"]);
    assert_eq!(machine.status()["flavour"], "openshift");
}

#[test]
fn who_watched_a_cluster_that_was_reset_is_told_to_list_anew() {
    let machine = Machine::new();
    machine.good(&["sandbox", "start", "--flavour", "kubernetes"]);
    let path = "/api/v1/namespaces";
    let version = |list: &Value| -> u64 {
        let text = list["metadata"]["resourceVersion"].as_str().unwrap();
        text.parse().unwrap()
    };
    let mut reached = version(&machine.admin().send("GET", path, None).1);
    for forget in [
        &["sandbox", "reset", "--yes"][..],
        &["sandbox", "start", "--fresh"],
    ] {
        machine.good(&["sandbox", "stop"]);
        machine.good(forget);
        machine.good(&["sandbox", "start"]);
        let watch = format!("{path}?watch=true&timeoutSeconds=5&resourceVersion={reached}");
        let (_, event) = machine.admin().send("GET", &watch, None);
        assert_eq!(event["type"], "ERROR", "{event}");
        assert_eq!(event["object"]["reason"], "Expired", "{event}");
        let again = format!("{path}?resourceVersion={reached}");
        let (status, list) = machine.admin().send("GET", &again, None);
        assert_eq!(status, 200, "{list}");
        assert!(version(&list) > reached);
        reached = version(&list);
    }
}

#[test]
fn where_its_kubeconfig_is_exported_it_starts_again() {
    let machine = Machine::new();
    machine.good(&["lab", "start", "1"]);
    machine.good(&["sandbox", "stop"]);
    let kubeconfig = machine.folder().join("kubeconfig");
    let named = ["--kubeconfig", kubeconfig.to_str().unwrap()];
    let output = machine.ccnr(&[&["lab", "verify"][..], &named].concat());
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert_eq!(machine.status()["running"], true);
}

#[test]
fn who_did_not_say_who_they_are_gets_nowhere() {
    let machine = Machine::new();
    machine.good(&["sandbox", "start"]);
    let student = Client::of(&machine.folder().join("kubeconfig"));
    let (status, _) = student.send("GET", "/api/v1/secrets", None);
    assert_eq!(status, 403);
    let nobody = student.anonymous();
    assert_eq!(nobody.send("GET", "/api/v1/namespaces", None).0, 403);
}

#[test]
fn the_router_answers_at_the_place_that_is_told_and_keeps_it() {
    use std::{
        io::{Read as _, Write as _},
        net::TcpStream,
    };
    let machine = Machine::new();
    let said = machine.good(&["sandbox", "start"]);
    let router = machine.status()["router"].as_str().unwrap().to_owned();
    assert!(said.contains(&format!("curl --connect-to ::{router} http://HOST/")));
    for name in ["kubeconfig", "admin.kubeconfig"] {
        let text = fs::read_to_string(machine.folder().join(name)).unwrap();
        assert!(text.contains("ccnr.dev/router") && text.contains(&router));
    }
    let mut stream = TcpStream::connect(&router).unwrap();
    let request = b"GET / HTTP/1.1\r\nHost: nobody.test\r\nConnection: close\r\n\r\n";
    stream.write_all(request).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("Application is not available"), "{answer}");
    machine.good(&["sandbox", "stop"]);
    machine.good(&["sandbox", "start"]);
    assert_eq!(machine.status()["router"], *router);
}

#[test]
fn control_loops_of_programs_are_left_to_others_until_they_are_wanted_again() {
    let machine = Machine::new();
    let refused = machine.ccnr(&["sandbox", "start", "--without", "etcd"]);
    let told = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(2), "{told}");
    assert!(told.contains("kube-controller-manager"), "{told}");
    machine.good(&[
        "sandbox",
        "start",
        "--without",
        "kube-controller-manager,kube-scheduler",
    ]);
    let without = "kube-controller-manager,kube-scheduler";
    assert_eq!(machine.status()["without"], without);
    // Without these nobody makes a new namespace's account.
    let make = |name: &str| {
        let object = json!({"metadata": {"name": name}});
        machine
            .admin()
            .send("POST", "/api/v1/namespaces", Some(&object));
    };
    let account = |name: &str| {
        let account = format!("/api/v1/namespaces/{name}/serviceaccounts/default");
        machine.admin().send("GET", &account, None)
    };
    make("alone");
    std::thread::sleep(std::time::Duration::from_secs(1));
    assert_eq!(account("alone").0, 404);
    machine.good(&["sandbox", "stop"]);
    let said = machine.good(&["sandbox", "start"]);
    assert!(said.contains("runs at"), "{said}");
    assert_eq!(machine.status()["without"], without, "it stays so");
    let said = machine.ccnr(&["sandbox", "start", "--without", "none"]);
    assert!(String::from_utf8_lossy(&said.stderr).contains(without));
    machine.good(&["sandbox", "stop"]);
    machine.good(&["sandbox", "start", "--without", "none"]);
    assert_eq!(machine.status()["without"], "none");
    make("helped");
    for name in ["helped", "alone"] {
        wait::until("the account of a namespace", || match account(name) {
            (200, _) => Ok(()),
            refused => Err(refused),
        });
    }
}

#[test]
fn other_servers_read_by_which_authority_clients_are_known() {
    let machine = Machine::new();
    machine.good(&["sandbox", "start", "--flavour", "kubernetes"]);
    let maps = "/api/v1/namespaces/kube-system/configmaps";
    let read = |name: &str| machine.admin().send("GET", &format!("{maps}/{name}"), None);
    let wait = |name: &str| {
        wait::until(name, || match read(name) {
            (200, object) => Ok(object),
            refused => Err(refused),
        })
    };
    let authority = wait("kube-root-ca.crt")["data"]["ca.crt"].clone();
    let trust = wait("extension-apiserver-authentication");
    assert_eq!(trust["data"]["client-ca-file"], authority);
    let since =
        wait("kube-apiserver-legacy-service-account-token-tracking")["data"]["since"].clone();
    assert_eq!(since.as_str().unwrap().len(), "2026-01-01".len(), "{since}");
}

#[test]
fn a_lab_is_forgotten_with_the_cluster_it_was_done_on() {
    let machine = Machine::new();
    machine.good(&["lab", "start", "1"]);
    machine.good(&["lab", "solve", "--to", "project", "--yes"]);
    let listed = || machine.good(&["lab", "list"]);
    assert!(listed().contains(" 1/10"), "{}", listed());
    machine.good(&["sandbox", "reset", "--yes"]);
    assert!(
        listed().contains("`ccnr lab start 1` starts it"),
        "{}",
        listed()
    );
    assert!(!listed().contains(" 1/10"), "{}", listed());
    // The files of another student are as the program wrote them, so that the new ones take their place.
    machine.good(&["lab", "start", "1"]);
    let other = machine.ccnr(&["--student", "mori", "lab", "start", "1"]);
    let told = String::from_utf8_lossy(&other.stderr);
    assert!(told.contains("wrote 01-project/deployment.yaml"), "{told}");
    assert!(!told.contains("kept"), "{told}");
    machine.good(&[
        "--student",
        "mori",
        "lab",
        "solve",
        "--to",
        "project",
        "--yes",
    ]);
    machine.good(&["sandbox", "start", "--fresh"]);
    let listed = machine.good(&["--student", "mori", "lab", "list"]);
    assert!(!listed.contains(" 1/10"), "{listed}");
}

#[test]
fn lost_settings_are_told_and_not_guessed() {
    let machine = Machine::new();
    machine.good(&["sandbox", "start", "--flavour", "kubernetes"]);
    let server = machine.status()["server"].clone();
    machine.good(&["sandbox", "stop"]);
    fs::write(machine.folder().join("settings.json"), "").unwrap();
    let refused = machine.ccnr(&["sandbox", "start"]);
    let told = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success());
    assert!(told.contains("settings.json is gone or damaged"), "{told}");
    assert!(told.contains("--flavour FLAVOUR"), "{told}");
    let japanese = machine.ccnr(&["--lang", "ja", "sandbox", "start"]);
    let told = String::from_utf8_lossy(&japanese.stderr).into_owned();
    assert!(told.contains("練習用クラスター"), "{told}");
    machine.good(&["sandbox", "start", "--flavour", "kubernetes"]);
    assert_eq!(machine.status()["flavour"], "kubernetes");
    assert_eq!(machine.status()["server"], server);
}

#[test]
fn the_doctor_names_the_client_that_is_there() {
    let machine = Machine::new();
    machine.good(&["sandbox", "start"]);
    let folder = machine.folder();
    let told = |client: &str| {
        let found = machine.with_path(&folder, &["doctor", "--sandbox"]);
        let line = found.lines().find(|l| l.contains(&format!(" {client} ")));
        line.unwrap_or_else(|| panic!("{found}")).to_owned()
    };
    assert!(told("kubectl").contains("not found"));
    for client in ["kubectl", "oc"] {
        fs::write(folder.join(client), "").unwrap();
        assert!(told(client).ends_with(&folder.join(client).display().to_string()));
    }
}

#[test]
fn who_has_no_client_is_told_so() {
    let machine = Machine::new();
    let output = machine.ccnr(&["lab", "start", "1"]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("neither kubectl nor oc"), "{told}");
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(
        shown.contains("kubectl create -f 01-project/project.yaml"),
        "{shown}"
    );
    assert!(!shown.contains("oc new-project"), "{shown}");
}
