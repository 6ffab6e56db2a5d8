//! The board of a class of a thousand, from objects that are already read: `cargo bench --bench board`. What it costs to judge
//! everybody, and one student after a change, beside what it costs to parse the objects that it is judged on.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    missing_docs
)] // A bench.

use std::{fs, time::Instant};

use ccnr::{
    class::{
        board::{Scope, World, board, row},
        desired::Blueprint,
        model::Class,
        rooms::Labs,
    },
    cluster::{pages::Wide, watch::Change},
    lab::catalogue::Catalogue,
    session::served::Served,
};
use serde_json::{Value, json};

const STUDENTS: usize = 1000;

fn main() {
    let scope = scope();
    let texts: Vec<(usize, Vec<String>)> = (0..scope.lists.len())
        .map(|i| (i, objects(&scope, i)))
        .collect();
    let count: usize = texts.iter().map(|(_, t)| t.len()).sum();
    let bytes: usize = texts.iter().flat_map(|(_, t)| t).map(String::len).sum();
    let started = Instant::now();
    let mut world = World::new(scope.owners.keys().cloned(), &scope.lists);
    for (list, texts) in texts {
        // As pages come: objects are forgotten once they are kept.
        for text in texts {
            world.change(list, Change::Set(serde_json::from_str(&text).unwrap()));
        }
    }
    let read = started.elapsed().as_secs_f64();
    let started_rendering = Instant::now();
    for student in &scope.students {
        for lab in 0..scope.labs.len() {
            let _ = scope.lab(lab, &student.id);
        }
    }
    let rendered = started_rendering.elapsed().as_secs_f64();
    let at = "2026-11-28T10:30:00Z".parse().unwrap();
    let started = Instant::now();
    let found = board(&scope, &world, at);
    let cold = started.elapsed().as_secs_f64();
    let started = Instant::now();
    for student in 0..100 {
        for lab in 0..scope.labs.len() {
            let _ = row(&scope, &world, lab, student, at);
        }
    }
    let change = started.elapsed().as_secs_f64() / 100.0;
    let checks: usize = found.labs.iter().map(|l| l.steps.len()).sum();
    let done: usize = found
        .labs
        .iter()
        .flat_map(|l| &l.steps)
        .map(|s| s.done)
        .sum();
    println!(
        "{STUDENTS} students, {} labs, {checks} steps, {done} done; {count} objects, {} MiB",
        scope.labs.len(),
        bytes >> 20
    );
    println!("parsed in     {read:.3} s");
    println!("rendered in   {rendered:.3} s on one thread");
    println!(
        "judged in     {cold:.3} s   {:.1} times the parsing   (goal: under 2 s)",
        cold / read
    );
    println!(
        "one student   {:.1} ms   (goal: under 50 ms)",
        change * 1000.0
    );
    println!(
        "memory        {} MiB at most   (goal: under 200 MiB)",
        peak()
    );
}

fn scope() -> Scope {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("class.yaml");
    let text = format!(
        "apiVersion: ccnr.dev/v1\nkind: Class\nmetadata: {{name: large}}\nspec:\n  students: {{count: {STUDENTS}, prefix: s}}\n  labs: [1, 4]\n"
    );
    fs::write(&file, text).unwrap();
    let class = Class::read(&file).unwrap();
    let served = [
        "apps/v1",
        "networking.k8s.io",
        "monitoring.coreos.com",
        "monitoring.coreos.com/v1",
        "operators.coreos.com",
    ];
    let served = Served(served.map(str::to_owned).to_vec());
    let labs = Labs::of(&Catalogue::embedded(), &class, served).unwrap();
    let blueprint = Blueprint {
        class: class.clone(),
        labs,
        api_servers: Vec::new(),
        pull_secret: None,
        cluster_reads: Vec::new(),
    };
    let students: Vec<_> = class.students.iter().collect();
    Scope::of(&blueprint, &students, None)
}

/// The objects of one list: some for every student.
fn objects(scope: &Scope, list: usize) -> Vec<String> {
    let wide = &scope.lists[list];
    let of = |place: &String| some(wide, place, list == 0);
    scope
        .owners
        .keys()
        .flat_map(of)
        .map(|o| o.to_string())
        .collect()
}

fn some(wide: &Wide, place: &str, records: bool) -> Vec<Value> {
    let meta = |name: &str| {
        json!({"name": name, "namespace": place, "uid": "4f8e0f0e-7f5b-4f0a-8b7d-8a0c0d6f0d5e",
        "creationTimestamp": "2026-11-28T10:00:00Z", "labels": {"app": "test-nginx"},
        "managedFields": [{"time": "2026-11-28T10:00:00Z", "fieldsV1": {"f:spec": {"f:replicas": {}, "f:template": {}}}}]})
    };
    let (version, kind) = (&wide.api_version, &wide.kind);
    if records {
        let passed = json!({"passedAt": "2026-11-28T10:05:00Z"});
        let steps = json!({"project": passed, "declare": passed, "look-inside": passed});
        let progress = json!({"startedAt": "2026-11-28T10:00:00Z", "steps": steps}).to_string();
        return vec![
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta("ccnr-progress"),
            "data": {"project.json": progress, "jmx-metrics.json": progress}}),
        ];
    }
    match kind.as_str() {
        "Namespace" => vec![json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": place},
            "status": {"phase": "Active"}})],
        "Deployment" => vec![json!({"apiVersion": version, "kind": kind, "metadata": meta("test-nginx"),
            "spec": {"replicas": 3, "selector": {"matchLabels": {"app": "test-nginx"}},
                "template": {"metadata": {"labels": {"app": "test-nginx"}}, "spec": {"containers": [{"name": "nginx", "image": "nginx"}]}}},
            "status": {"replicas": 3, "updatedReplicas": 3, "readyReplicas": 3, "availableReplicas": 3}})],
        "Pod" => ["a", "b", "c", "d"].map(|n| json!({"apiVersion": version, "kind": kind, "metadata": meta(&format!("test-nginx-{n}")),
            "spec": {"containers": [{"name": "nginx", "image": "nginx", "resources": {}, "volumeMounts": [{"name": "a", "mountPath": "/a"}]}]},
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}})).to_vec(),
        _ => vec![json!({"apiVersion": version, "kind": kind, "metadata": meta("test-nginx"), "spec": {"a": 1}})],
    }
}

/// The most memory that this program had, in MiB, where the system tells.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|l| l.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kilobytes.unwrap_or(0) / 1024
}
