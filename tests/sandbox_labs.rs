//! Every lab in the practice cluster, of every flavour, as its student: no step passes before it is solved, every one does
//! after; and a reset leaves nothing behind.
#![allow(clippy::unwrap_used, clippy::expect_used)] // Tests.

mod support;

use serde_json::Value;
use support::machine::Machine;

/// How many times faster than it says simulated work is done.
const SPEED: &str = "200";

/// The labs, with the ends of their projects' names.
const LABS: [(&str, &[&str]); 4] = [
    ("1", &["web"]),
    ("2", &["build"]),
    ("3", &["operator"]),
    ("4", &["jmx", "monitor"]),
];

#[test]
fn openshift() {
    prove_all("openshift");
}

#[test]
fn kubernetes_with_olm() {
    prove_all("kubernetes-olm");
}

#[test]
fn kubernetes() {
    prove_all("kubernetes");
}

fn prove_all(flavour: &str) {
    let machine = Machine::new();
    let start = ["sandbox", "start", "--flavour", flavour, "--speed", SPEED];
    machine.good(&start);
    for (lab, projects) in LABS {
        prove(&machine, lab);
        for project in projects {
            let path = format!("/api/v1/namespaces/student-{project}");
            let (status, left) = machine.admin().send("GET", &path, None);
            assert_eq!(status, 404, "{flavour}, lab {lab}: {left}");
        }
    }
    println!("{}", machine.log());
}

fn prove(machine: &Machine, lab: &str) {
    machine.good(&["lab", "start", lab, "--yes"]);
    let here = verdicts(machine, &["lab", "verify", lab]);
    let here = here.iter().filter(|(_, verdict)| verdict != "skipped");
    for (step, _) in here {
        let verify = ["lab", "verify", lab, "--step", step];
        let (_, before) = verdicts(machine, &verify).swap_remove(0);
        assert_ne!(
            before, "pass",
            "lab {lab}: {step} passes before it is solved"
        );
        machine.good(&["lab", "solve", lab, "--step", step, "--yes"]);
        let (_, after) = verdicts(machine, &verify).swap_remove(0);
        assert_eq!(after, "pass", "lab {lab}: {step} is solved");
    }
    machine.good(&["lab", "verify", lab]);
    machine.good(&["lab", "reset", lab, "--yes"]);
}

/// The steps of a report, with their verdicts.
fn verdicts(machine: &Machine, args: &[&str]) -> Vec<(String, String)> {
    let output = machine.ccnr(&[args, &["-o", "json"]].concat());
    let told = String::from_utf8_lossy(&output.stderr);
    let report: Value = serde_json::from_slice(&output.stdout).expect(&told);
    let steps = report["steps"].as_array().unwrap().iter();
    let text = |v: &Value| v.as_str().unwrap().to_owned();
    steps
        .map(|s| (text(&s["id"]), text(&s["verdict"])))
        .collect()
}
