//! Every lab on a real cluster, as its administrator and as a student: no step passes before it is solved, every one does
//! after; and a reset leaves nothing behind.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Tests.

mod support;

use libtest_mimic::{Arguments, Failed, Trial};
use support::{
    cluster::RealCluster,
    learner::{Learner, Role},
};

/// The labs, with the ends of their projects' names.
const LABS: [(&str, &[&str]); 4] = [
    ("1", &["web"]),
    ("2", &["build"]),
    ("3", &["operator"]),
    ("4", &["jmx", "monitor"]),
];

/// Steps that an instructor may have done for a student.
const GIVEN: [&str; 2] = ["project", "operator-group"];

/// How many trials run at once: most of their time they wait for the cluster.
const THREADS: usize = 3;

fn main() {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(THREADS);
    let cluster = RealCluster::find();
    if let Err(reason) = &cluster {
        eprintln!("skipped: the labs on a real cluster: {reason}");
    }
    let mut trials = Vec::new();
    for (lab, projects) in LABS {
        for role in [Role::Admin, Role::Student] {
            let name = format!("lab {lab} as {role:?}").to_lowercase();
            let found = cluster.clone();
            let trial = Trial::test(name, move || match found {
                Ok(cluster) => prove(&cluster, lab, role, projects),
                Err(reason) => Err(reason.into()),
            });
            trials.push(trial.with_ignored_flag(cluster.is_err()));
        }
        let found = cluster.clone();
        let trial = Trial::test(format!("lab {lab} typed by hand"), move || match found {
            Ok(cluster) => type_all(&cluster, lab),
            Err(reason) => Err(reason.into()),
        });
        trials.push(trial.with_ignored_flag(cluster.is_err()));
    }
    libtest_mimic::run(&arguments, trials).exit();
}

fn prove(cluster: &RealCluster, lab: &str, role: Role, projects: &[&str]) -> Result<(), Failed> {
    let learner = Learner::new(cluster, role, projects);
    let started = learner.ccnr(&["lab", "start", lab, "--yes"]);
    ensure(started.code == 0, || format!("start: {started:?}"))?;
    let fresh = learner.ccnr(&["lab", "verify", lab]);
    ensure(fresh.code != 0, || format!("all pass at once: {fresh:?}"))?;

    let here: Vec<String> = learner
        .verdicts(&[lab])
        .into_iter()
        .filter(|(_, verdict)| verdict != "skipped")
        .map(|(id, _)| id)
        .collect();
    for step in &here {
        let verdict = || learner.verdicts(&[lab, "--step", step])[0].1.clone();
        let before = verdict();
        if before == "pass" {
            let given = role == Role::Student && GIVEN.contains(&step.as_str());
            ensure(given, || format!("step {step} passes before it is solved"))?;
            continue;
        }
        let solved = learner.ccnr(&["lab", "solve", lab, "--step", step, "--yes"]);
        ensure(solved.code == 0, || format!("solve {step}: {solved:?}"))?;
        let after = verdict();
        ensure(after == "pass", || {
            format!("step {step} is solved, and {after}")
        })?;
    }
    let done = learner.ccnr(&["lab", "verify", lab]);
    ensure(done.code == 0, || format!("all is solved: {done:?}"))?;

    let reset = learner.ccnr(&["lab", "reset", lab, "--yes"]);
    ensure(reset.code == 0, || format!("reset: {reset:?}"))?;
    nothing_left(&learner, role, projects)
}

/// The answers to the labs' questions, as commands that print them: step and command.
const ANSWERS: [(&str, &str); 6] = [
    (
        "look-inside",
        "kubectl get replicasets -n $P -o jsonpath='{.items[0].metadata.name}'",
    ),
    ("crds", "echo servicemonitor"),
    (
        "operator",
        "kubectl get clusterserviceversions -n $P -o jsonpath='{.items[0].metadata.name}'",
    ),
    ("metrics", "echo jvm_memory_used_bytes"),
    (
        "target",
        "kubectl get pods -l app=java-demo -n $P -o jsonpath='{.items[0].status.podIP}:9404'",
    ),
    (
        "heap",
        "kubectl get deployment java-demo -n $P -o jsonpath='{.spec.template.spec.containers[0].resources.limits.memory}'",
    ),
];

/// Follows a lab as it is written: every command that a step shows is typed, and the step passes then.
fn type_all(cluster: &RealCluster, lab: &str) -> Result<(), Failed> {
    let mut learner = Learner::new(cluster, Role::Admin, &[]);
    // One step makes the project the context's own.
    learner.kubeconfig = learner.folder.path().join("kubeconfig");
    std::fs::copy(&cluster.kubeconfig, &learner.kubeconfig)?;
    let started = learner.ccnr(&["lab", "start", lab, "--yes"]);
    ensure(started.code == 0, || format!("start: {started:?}"))?;
    let steps = learner.verdicts(&[lab]);
    for (step, _) in steps.iter().filter(|(_, verdict)| verdict != "skipped") {
        let shown = learner.ccnr(&["lab", "show", "--step", step]);
        for line in shown.out.lines() {
            // Our own are typed below, with the answer and the learner's name.
            let command = line.strip_prefix("      ");
            if let Some(command) = command.filter(|c| !c.starts_with("ccnr ")) {
                let typed = learner.shell(lab, command);
                ensure(typed.code == 0, || format!("{step}: {command}: {typed:?}"))?;
            }
        }
        if let Some((_, command)) = ANSWERS.iter().find(|(id, _)| id == step) {
            let answer = learner.shell(lab, command).out;
            let said = learner.ccnr(&["lab", "answer", step, answer.trim()]);
            // What else the step looks at may still be on its way.
            ensure([0, 4].contains(&said.code), || {
                format!("{step}: {answer}: {said:?}")
            })?;
        }
        let wait = ["lab", "verify", lab, "--step", step, "--wait", "200s"];
        let said = learner.ccnr(&wait);
        ensure(said.code == 0, || format!("{step}: {shown:?}\n{said:?}"))?;
    }
    let reset = learner.ccnr(&["lab", "reset", lab, "--yes"]);
    ensure(reset.code == 0, || format!("reset: {reset:?}"))
}

/// Lists every kind that can be listed, cluster-scoped ones too, for the learner's label.
fn nothing_left(learner: &Learner, role: Role, projects: &[&str]) -> Result<(), Failed> {
    let kinds = learner
        .cluster
        .kubectl(&["api-resources", "--verbs=list,delete", "-o", "name"]);
    let kinds: Vec<&str> = kinds.lines().filter(|k| !k.starts_with("events")).collect();
    let selector = format!("ccnr.dev/student={},!ccnr.dev/class", learner.id);
    let left = learner.cluster.kubectl(&[
        "get",
        &kinds.join(","),
        "-A",
        "-l",
        &selector,
        "-o",
        "name",
        "--ignore-not-found",
    ]);
    ensure(left.is_empty(), || format!("left with our label:\n{left}"))?;
    for suffix in projects {
        let name = learner.project(suffix);
        let namespace = learner.cluster.kubectl(&[
            "get",
            "namespace",
            &name,
            "-o",
            "name",
            "--ignore-not-found",
        ]);
        ensure(namespace.is_empty() == (role == Role::Admin), || {
            format!("project {name} as {role:?}: \"{namespace}\"")
        })?;
        if role == Role::Student {
            empty(learner, &name)?;
        }
    }
    Ok(())
}

/// A project that was given holds what it held before, and nothing else.
fn empty(learner: &Learner, project: &str) -> Result<(), Failed> {
    let own = [
        "configmap/kube-root-ca.crt",
        "serviceaccount/default",
        "rolebinding.rbac.authorization.k8s.io/student",
        "operatorgroup.operators.coreos.com/class",
    ];
    let kinds = "all,configmaps,secrets,serviceaccounts,roles,rolebindings,ingresses,networkpolicies,persistentvolumeclaims";
    let mut left = learner
        .cluster
        .kubectl(&["get", kinds, "-n", project, "-o", "name"]);
    if learner.cluster.serves("operators.coreos.com") {
        let kinds = "operatorgroups,subscriptions,installplans,clusterserviceversions";
        left += &learner
            .cluster
            .kubectl(&["get", kinds, "-n", project, "-o", "name"]);
    }
    let left: Vec<&str> = left.lines().filter(|l| !own.contains(l)).collect();
    ensure(left.is_empty(), || format!("left in {project}: {left:?}"))
}

fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), Failed> {
    if holds {
        Ok(())
    } else {
        Err(otherwise().into())
    }
}
