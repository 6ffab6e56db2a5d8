//! Fifty clients write and watch at once; then the store is looked at from outside.
#![allow(clippy::unwrap_used, clippy::panic)] // Tests.

mod support;

use std::fmt::Write as _;
use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use support::{
    load::{self, Tally, Writer, listed, number, send, version},
    machine::Machine,
    wait,
};
use tokio::sync::Barrier;

const NAMESPACE: &str = "load";
/// Those that write objects of their own.
const WRITERS: usize = 22;
/// Those that count on objects that they share.
const COUNTERS: usize = 5;
/// Those that make and delete what a quota counts.
const QUOTED: usize = 5;
/// Those that change Deployments.
const SCALERS: usize = 3;
/// Those that watch.
const WATCHERS: usize = 15;
/// How many `ConfigMaps` the quota allows.
const ALLOWED: usize = 20;
/// The object that is made last.
const LAST: &str = "the-end";
/// How long after the last write a watcher may take to hear of it.
const GRACE: Duration = Duration::from_secs(60);

/// For `CCNR_TEST_LOAD_SECONDS` seconds (5), from the seed `CCNR_TEST_SEED`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fifty_clients_write_and_watch_is_whole() {
    let seconds = number("CCNR_TEST_LOAD_SECONDS", 5);
    let seed = number("CCNR_TEST_SEED", fastrand::u64(..1 << 32));
    println!("{seconds} seconds, CCNR_TEST_SEED={seed}");
    let machine = Machine::new();
    machine.good(&["sandbox", "start", "--flavour", "kubernetes"]);
    let kubeconfig = machine.folder().join("admin.kubeconfig");
    let client = load::client(&kubeconfig).await;
    prepare(&client).await;
    let until = Instant::now() + Duration::from_secs(seconds);
    let over = Arc::new(AtomicBool::new(false));
    let mut watchers = Vec::new();
    for id in 0..WATCHERS {
        let client = load::client(&kubeconfig).await;
        watchers.push(tokio::spawn(
            Watcher::new(id, Arc::clone(&over)).watch(client, until + GRACE),
        ));
    }
    let (writers, counted, kept, scaled) = tokio::join!(
        writing(&kubeconfig, seed, until),
        counting(&kubeconfig, until),
        quoted(&kubeconfig, seed, until),
        scaling(&kubeconfig, seed, until),
    );
    over.store(true, Ordering::SeqCst);
    let maps = format!("/api/v1/namespaces/{NAMESPACE}/configmaps");
    let last = json!({"metadata": {"name": LAST}, "data": {"value": ""}});
    assert_eq!(send(&client, "POST", &maps, &last).await.unwrap().0, 201);
    let (there, _) = listed(&client, NAMESPACE).await;
    let tally = compare_writers(writers, &there);
    assert_eq!(
        there["counter"]["data"]["value"],
        json!(counted.to_string())
    );
    let told = compare_watchers(watchers, &there).await;
    compare_quota(&client, &kept).await;
    println!(
        "{} writes, {} conflicts, {counted} counted together, {} under a quota, {} Deployments changed {} times; {told}",
        tally.written,
        tally.conflicts,
        kept.iter().map(|k| k.1).sum::<usize>(),
        SCALERS,
        scaled,
    );
    assert!(tally.written > 0 && tally.conflicts > 0 && counted > 0 && scaled > 0);
    assert!(!machine.log().contains("panicked"), "{}", machine.log());
}

/// One starts from an old version, the others have their watch open but do not read it, while more is written than the server
/// remembers and the connection holds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_left_behind_lists_anew_and_misses_nothing() {
    let machine = Machine::new();
    machine.good(&["sandbox", "start", "--flavour", "kubernetes"]);
    let kubeconfig = machine.folder().join("admin.kubeconfig");
    let client = load::client(&kubeconfig).await;
    prepare(&client).await;
    let over = Arc::new(AtomicBool::new(true));
    let deadline = Instant::now() + 2 * GRACE;
    let mut old = Watcher::new(0, Arc::clone(&over));
    old.list(&client).await;
    let halt = Arc::new(Barrier::new(3));
    let mut watchers = Vec::new();
    for id in [1, 2] {
        let mut held = Watcher::new(id, Arc::clone(&over));
        held.halt = Some(Arc::clone(&halt));
        watchers.push(tokio::spawn(
            held.watch(load::client(&kubeconfig).await, deadline),
        ));
    }
    halt.wait().await;
    write_more_than_is_remembered(&client).await;
    halt.wait().await;
    watchers.push(tokio::spawn(
        old.watch(load::client(&kubeconfig).await, deadline),
    ));
    let (there, _) = listed(&client, NAMESPACE).await;
    for watcher in all(watchers).await {
        assert_eq!(watcher.state, versions(&there), "watcher {}", watcher.id);
        assert!(watcher.relists > 0, "watcher {}", watcher.id);
    }
}

/// The server remembers 16 MiB of changes.
async fn write_more_than_is_remembered(client: &kube::Client) {
    let maps = format!("/api/v1/namespaces/{NAMESPACE}/configmaps");
    let filler = "x".repeat(900_000);
    for number in 0..64 {
        let name = format!("large-{}", number % 4);
        let one = format!("{maps}/{name}");
        let object = json!({"metadata": {"name": name}, "data": {"value": "", "filler": filler}});
        let (status, answer) = send(client, "POST", &maps, &object).await.unwrap();
        assert_eq!(status, 201, "{answer}");
        if number < 62 {
            let (status, answer) = send(client, "DELETE", &one, &Value::Null).await.unwrap();
            assert_eq!(status, 200, "{answer}");
        }
    }
    // Those who were left behind know of it.
    let counter = format!("{maps}/counter");
    assert_eq!(
        send(client, "DELETE", &counter, &Value::Null)
            .await
            .unwrap()
            .0,
        200
    );
    let last = json!({"metadata": {"name": LAST}, "data": {"value": ""}});
    assert_eq!(send(client, "POST", &maps, &last).await.unwrap().0, 201);
}

async fn prepare(client: &kube::Client) {
    for (path, object) in [
        (
            "/api/v1/namespaces",
            json!({"metadata": {"name": NAMESPACE}}),
        ),
        (
            "/api/v1/namespaces",
            json!({"metadata": {"name": "quoted"}}),
        ),
        (
            "/api/v1/namespaces/load/configmaps",
            json!({"metadata": {"name": "counter"}, "data": {"value": "0"}}),
        ),
        (
            "/api/v1/namespaces/quoted/resourcequotas",
            // The certificate that every namespace has counts too.
            json!({"metadata": {"name": "few"}, "spec": {"hard": {"count/configmaps": (ALLOWED + 1).to_string()}}}),
        ),
    ] {
        let (status, answer) = send(client, "POST", path, &object).await.unwrap();
        assert_eq!(status, 201, "{answer}");
    }
    let quota = "/api/v1/namespaces/quoted/resourcequotas/few";
    wait::until_then("the quota counts the certificate", || {
        counted(client, quota, 1)
    })
    .await;
}

async fn writing(kubeconfig: &Path, seed: u64, until: Instant) -> Vec<Writer> {
    let mut tasks = Vec::new();
    for id in 0..WRITERS {
        let client = load::client(kubeconfig).await;
        let mut writer = Writer::new(id, seed, NAMESPACE);
        tasks.push(tokio::spawn(async move {
            while Instant::now() < until {
                writer.step(&client).await.unwrap();
            }
            writer
        }));
    }
    all(tasks).await
}

/// Each adds one to what it has read, if nobody else did so meanwhile.
async fn counting(kubeconfig: &Path, until: Instant) -> usize {
    let mut tasks = Vec::new();
    for _ in 0..COUNTERS {
        let client = load::client(kubeconfig).await;
        tasks.push(tokio::spawn(async move {
            let one = format!("/api/v1/namespaces/{NAMESPACE}/configmaps/counter");
            let mut added = 0;
            while Instant::now() < until {
                let (_, mut object) = send(&client, "GET", &one, &Value::Null).await.unwrap();
                let count: usize = object["data"]["value"].as_str().unwrap().parse().unwrap();
                object["data"]["value"] = json!((count + 1).to_string());
                match send(&client, "PUT", &one, &object).await.unwrap() {
                    (200, _) => added += 1,
                    (status, answer) => assert_eq!(status, 409, "{answer}"),
                }
            }
            added
        }));
    }
    all(tasks).await.into_iter().sum()
}

/// Each makes what a quota allows, or doesn't, and deletes it; gives what there is in the end, and how many there were.
async fn quoted(kubeconfig: &Path, seed: u64, until: Instant) -> Vec<(Vec<String>, usize)> {
    let mut tasks = Vec::new();
    for id in 0..QUOTED {
        let client = load::client(kubeconfig).await;
        tasks.push(tokio::spawn(async move {
            let mut random = fastrand::Rng::with_seed(seed + 1000 + id as u64);
            let (mut kept, mut made) = (Vec::new(), 0);
            while Instant::now() < until {
                let all = "/api/v1/namespaces/quoted/configmaps";
                if random.usize(..3) > 0 {
                    let name = format!("q{id}-{made}-{}", random.u32(..));
                    let object = json!({"metadata": {"name": name}});
                    match send(&client, "POST", all, &object).await.unwrap() {
                        (201, _) => {
                            kept.push(name);
                            made += 1;
                        }
                        (status, answer) => {
                            assert_eq!(status, 403, "{answer}");
                            let why = answer["message"].as_str().unwrap();
                            assert!(why.contains("exceeded quota: few"), "{why}");
                        }
                    }
                } else if let Some(name) = kept.pop() {
                    let one = format!("{all}/{name}");
                    assert_eq!(
                        send(&client, "DELETE", &one, &Value::Null).await.unwrap().0,
                        200
                    );
                }
                assert!(kept.len() <= ALLOWED);
            }
            (kept, made)
        }));
    }
    all(tasks).await
}

/// Each changes a Deployment of its own: its generation counts the changes of what is wanted, and nothing else.
async fn scaling(kubeconfig: &Path, seed: u64, until: Instant) -> i64 {
    let mut tasks = Vec::new();
    for id in 0..SCALERS {
        let client = load::client(kubeconfig).await;
        tasks.push(tokio::spawn(async move {
            let mut random = fastrand::Rng::with_seed(seed + 2000 + id as u64);
            let all = format!("/apis/apps/v1/namespaces/{NAMESPACE}/deployments");
            let template = json!({
                "metadata": {"labels": {"app": "d"}}, "spec": {"containers": [{"name": "c", "image": "quay.io/ccnr/web:1.0"}]},
            });
            let spec = json!({
                "paused": true, "replicas": 0, "selector": {"matchLabels": {"app": "d"}}, "template": template,
            });
            let object = json!({"metadata": {"name": format!("d{id}")}, "spec": spec});
            assert_eq!(send(&client, "POST", &all, &object).await.unwrap().0, 201);
            let (mut wanted, mut version_before, mut changes) = (1_i64, 0, 0);
            while Instant::now() < until {
                let patch = if random.bool() {
                    wanted += 1;
                    json!({"spec": {"minReadySeconds": wanted}})
                } else {
                    json!({"metadata": {"annotations": {"changed": changes.to_string()}}})
                };
                changes += 1;
                let one = format!("{all}/d{id}");
                let (status, answer) = send(&client, "PATCH", &one, &patch).await.unwrap();
                assert_eq!(status, 200, "{answer}");
                assert_eq!(answer["metadata"]["generation"], wanted);
                assert!(version(&answer) > version_before);
                version_before = version(&answer);
            }
            changes
        }));
    }
    all(tasks).await.into_iter().sum()
}

async fn all<T>(tasks: Vec<tokio::task::JoinHandle<T>>) -> Vec<T> {
    let mut done = Vec::new();
    for task in tasks {
        done.push(task.await.unwrap());
    }
    done
}

fn compare_writers(writers: Vec<Writer>, there: &BTreeMap<String, Value>) -> Tally {
    let mut tally = Tally::default();
    for mut writer in writers {
        writer.compare(there);
        tally.written += writer.tally.written;
        tally.conflicts += writer.tally.conflicts;
    }
    tally
}

/// What each watcher has put together of its events is what is there.
async fn compare_watchers(
    watchers: Vec<tokio::task::JoinHandle<Watcher>>,
    there: &BTreeMap<String, Value>,
) -> String {
    let wanted = versions(there);
    let (mut events, mut begun, mut relists) = (0, 0, 0);
    for watcher in all(watchers).await {
        assert_eq!(watcher.state, wanted, "watcher {}", watcher.id);
        events += watcher.events;
        begun += watcher.watches;
        relists += watcher.relists;
    }
    format!(
        "{WATCHERS} watchers heard {events} events in {begun} watches, and had to list anew {relists} times"
    )
}

fn versions(objects: &BTreeMap<String, Value>) -> BTreeMap<String, u64> {
    objects
        .iter()
        .map(|(name, object)| (name.clone(), version(object)))
        .collect()
}

/// The quota has counted what there is, within a moment.
async fn compare_quota(client: &kube::Client, kept: &[(Vec<String>, usize)]) {
    let wanted: usize = kept.iter().map(|k| k.0.len()).sum::<usize>() + 1;
    let (there, _) = listed(client, "quoted").await;
    assert_eq!(there.len(), wanted);
    assert!(wanted <= ALLOWED + 1);
    let quota = "/api/v1/namespaces/quoted/resourcequotas/few";
    let what = format!("the quota counts {wanted}");
    wait::until_then(&what, || counted(client, quota, wanted)).await;
}

/// Whether the quota has counted so many; its status if it has not.
async fn counted(client: &kube::Client, quota: &str, wanted: usize) -> Result<(), Value> {
    let (_, mut object) = send(client, "GET", quota, &Value::Null).await.unwrap();
    if object["status"]["used"]["count/configmaps"] == json!(wanted.to_string()) {
        return Ok(());
    }
    Err(object["status"].take())
}

/// Follows the `ConfigMaps`: some read slowly, some end and resume often, some get the state as events.
struct Watcher {
    id: usize,
    over: Arc<AtomicBool>,
    state: BTreeMap<String, u64>,
    seen: u64,
    events: usize,
    watches: usize,
    relists: usize,
    /// Whether the state comes from a list.
    listed: bool,
    /// Where the first watch halts twice: once it is open, and until it is to be read.
    halt: Option<Arc<Barrier>>,
}

impl Watcher {
    fn new(id: usize, over: Arc<AtomicBool>) -> Self {
        Self {
            id,
            over,
            state: BTreeMap::new(),
            seen: 0,
            events: 0,
            watches: 0,
            relists: 0,
            listed: false,
            halt: None,
        }
    }

    /// Whether it gets the state as events instead of a list.
    fn streams(&self) -> bool {
        self.id % 3 == 2
    }

    async fn list(&mut self, client: &kube::Client) {
        let (there, version) = listed(client, NAMESPACE).await;
        self.state = versions(&there);
        self.seen = version;
        self.listed = true;
    }

    /// Watches until the last object is there, which has to be at some time.
    async fn watch(mut self, client: kube::Client, deadline: Instant) -> Self {
        let whole = tokio::time::timeout_at(deadline.into(), self.hear(&client)).await;
        assert!(
            whole.is_ok(),
            "watcher {} never heard of {LAST:?}: it is at version {} after {} events in {} watches, and knows {:?}",
            self.id,
            self.seen,
            self.events,
            self.watches,
            self.state,
        );
        self
    }

    async fn hear(&mut self, client: &kube::Client) {
        let mut initial = self.streams();
        loop {
            if !self.listed && !self.streams() {
                self.list(client).await;
            }
            if self.state.contains_key(LAST) {
                return;
            }
            let mut path = format!(
                "/api/v1/namespaces/{NAMESPACE}/configmaps?watch=true&allowWatchBookmarks=true&timeoutSeconds={}",
                1 + self.id % 3
            );
            if initial {
                path +=
                    "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion=0";
            } else {
                let _ = write!(path, "&resourceVersion={}", self.seen);
            }
            match self.follow(client, &path, &mut initial).await {
                Followed::Whole => return,
                Followed::Ended => {}
                Followed::Forgotten => {
                    self.relists += 1;
                    self.state.clear();
                    (self.listed, initial, self.seen) = (false, self.streams(), 0);
                }
            }
        }
    }

    async fn follow(&mut self, client: &kube::Client, path: &str, initial: &mut bool) -> Followed {
        self.watches += 1;
        let request = http::Request::get(path).body(kube::client::Body::empty());
        let answer = client.send(request.unwrap()).await.unwrap();
        let status = answer.status().as_u16();
        if status == 410 {
            return Followed::Forgotten;
        }
        assert_eq!(status, 200);
        if let Some(halt) = self.halt.take() {
            halt.wait().await;
            halt.wait().await;
        }
        if *initial {
            self.state.clear();
        }
        let mut body = answer.into_body();
        let mut rest = Vec::new();
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.unwrap().into_data() else {
                continue;
            };
            rest.extend_from_slice(&data);
            while let Some(end) = rest.iter().position(|b| *b == b'\n') {
                let line: Vec<u8> = rest.drain(..=end).collect();
                let event: Value = serde_json::from_slice(&line).unwrap();
                if event["type"] == "ERROR" {
                    assert_eq!(event["object"]["code"], 410, "{event}");
                    return Followed::Forgotten;
                }
                self.take(&event, initial);
                if self.state.contains_key(LAST) && !*initial {
                    return Followed::Whole;
                }
            }
            if self.id.is_multiple_of(5) && !self.over.load(Ordering::SeqCst) {
                tokio::time::sleep(Duration::from_millis(30)).await;
            }
        }
        Followed::Ended
    }

    /// Takes an event in: none comes twice, none before its time.
    fn take(&mut self, event: &Value, initial: &mut bool) {
        self.events += 1;
        let object = &event["object"];
        let version = version(object);
        let name = object["metadata"]["name"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let kind = event["type"].as_str().unwrap();
        if kind == "BOOKMARK" {
            assert!(
                version >= self.seen,
                "{} after {}: {event}",
                version,
                self.seen
            );
            *initial = false;
            self.seen = version;
            return;
        }
        if !*initial {
            assert!(
                version > self.seen,
                "{} after {}: {name}",
                version,
                self.seen
            );
            self.seen = version;
        }
        let before = match kind {
            "DELETED" => self.state.remove(&name),
            _ => self.state.insert(name.clone(), version),
        };
        assert_eq!(
            before.is_none(),
            kind == "ADDED",
            "{kind} {name}, before: {before:?}"
        );
    }
}

/// How a watch ended.
enum Followed {
    /// The last object is there.
    Whole,
    /// Its time was over.
    Ended,
    /// It asked for changes that are no longer remembered.
    Forgotten,
}
