//! The practice cluster, killed while clients write: what was acknowledged is there, what was deleted stays away.
#![allow(clippy::unwrap_used)] // Tests.

mod support;

use std::{
    fs::File,
    io::{BufRead as _, BufReader},
    path::Path,
    sync::Arc,
    time::Duration,
};

use serde_json::{Value, json};
use support::{
    load::{self, Writer, number},
    machine::Machine,
};

const WRITERS: usize = 8;
const NAMESPACE: &str = "kept";
/// One object in so many is large.
const LARGE_EVERY: usize = 2;
/// How often the files have to have been written anew before the kills are enough.
const REWRITES: usize = 2;

/// `CCNR_TEST_KILLS` times (10), and more often until the files were written anew, from the seed `CCNR_TEST_SEED`. The end of the
/// process is what is tried, not that of the machine: changes are written, not synced.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_acknowledged_write_is_lost_when_the_process_is_killed() {
    let kills = number("CCNR_TEST_KILLS", 10);
    let seed = number("CCNR_TEST_SEED", fastrand::u64(..1 << 32));
    println!("{kills} kills, CCNR_TEST_SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let machine = Arc::new(Machine::new());
    on(&machine, |m| {
        drop(m.good(&["sandbox", "start", "--flavour", "kubernetes"]));
    })
    .await;
    let kubeconfig = machine.folder().join("admin.kubeconfig");
    let client = load::client(&kubeconfig).await;
    let namespace = json!({"metadata": {"name": NAMESPACE}});
    let (made, _) = load::send(&client, "POST", "/api/v1/namespaces", &namespace)
        .await
        .unwrap();
    assert_eq!(made, 201);
    let mut writers: Vec<Writer> = (0..WRITERS)
        .map(|id| Writer::new(id, seed, NAMESPACE).large_every(LARGE_EVERY))
        .collect();
    let (mut cut, mut newest) = (0, 0);
    let mut rewritten = Vec::new();
    let mut round = 0;
    while round < kills || (rewritten.len() < REWRITES && round < 20 * kills) {
        round += 1;
        let mut tasks = Vec::new();
        for mut writer in writers.drain(..) {
            let client = load::client(&kubeconfig).await;
            tasks.push(tokio::spawn(async move {
                while writer.step(&client).await.is_ok() {}
                writer
            }));
        }
        tokio::time::sleep(Duration::from_millis(random.u64(5..400))).await;
        on(&machine, Machine::kill).await;
        for task in tasks {
            writers.push(task.await.unwrap());
        }
        if let Some(version) = rewritten_at(&machine.folder().join("objects"))
            && rewritten.last() != Some(&version)
        {
            rewritten.push(version);
        }
        on(&machine, |m| drop(m.good(&["sandbox", "start"]))).await;
        let client = load::client(&kubeconfig).await;
        let (ready, _) = load::send(&client, "GET", "/version", &Value::Null)
            .await
            .unwrap();
        assert_eq!(ready, 200);
        let (there, version) = load::listed(&client, NAMESPACE).await;
        newest = writers.iter().map(|w| w.newest).fold(newest, u64::max);
        assert!(version >= newest, "round {round}: {version} after {newest}");
        newest = version;
        for writer in &mut writers {
            cut += usize::from(writer.is_in_doubt());
            writer.compare(&there);
        }
    }
    let written: usize = writers.iter().map(|w| w.tally.written).sum();
    println!(
        "{round} kills: {written} writes were acknowledged, {cut} were cut off, and the objects' file was written anew at {rewritten:?}"
    );
    assert!(written > 0);
    assert!(rewritten.len() >= REWRITES);
}

/// The version at which all objects were written anew: none before the first time.
fn rewritten_at(folder: &Path) -> Option<u64> {
    let file = File::open(folder.join("objects.jsonl")).ok()?;
    let mut head = String::new();
    BufReader::new(file).read_line(&mut head).unwrap();
    let head: Value = serde_json::from_str(&head).unwrap();
    head["version"].as_u64()
}

/// Does something with the machine that waits.
async fn on<T: Send + 'static>(
    machine: &Arc<Machine>,
    work: impl FnOnce(&Machine) -> T + Send + 'static,
) -> T {
    let machine = Arc::clone(machine);
    tokio::task::spawn_blocking(move || work(&machine))
        .await
        .unwrap()
}
