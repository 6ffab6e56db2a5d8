//! Real requests, changed at random: each is taken or refused, nothing panics, and time and memory stay bounded. The same
//! functions are fuzzed in `fuzz/`, which begins with the seeds of this suite.
#![allow(clippy::unwrap_used, clippy::panic)] // Tests.

mod support;

use std::{
    alloc::{GlobalAlloc, Layout, System},
    collections::BTreeMap,
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use ccnr::sandbox::protobuf;
use serde::Deserialize;
use serde_json::{Value, json};
use support::{
    fuzzed::{self, KINDS, TARGETS},
    load::number,
};

/// The most memory that one input may take, in bytes.
const MOST: usize = 64 << 20;
/// The most that a query may take, which holds up to five million samples.
const MOST_OF_QUERIES: usize = 256 << 20;
/// The longest that one input may take: far more than any does, on a busy machine too.
const SLOWEST: Duration = Duration::from_secs(20);
/// The most bytes of an input.
const LONGEST: usize = 1 << 16;

/// Memory that is in use, and the most of it.
struct Counted;

static USED: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// Whatever it counts, memory comes from the system's allocator.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let used = USED.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(used, Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        USED.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counted = Counted;

#[derive(Deserialize)]
struct Script {
    requests: Vec<Request>,
}

#[derive(Deserialize)]
struct Request {
    ask: String,
    #[serde(default)]
    body: Value,
    #[serde(default)]
    content: String,
}

/// Seeds of the small languages, each with the number of its language.
const WORDS: [(u8, &str); 11] = [
    (0, "-1.5Gi"),
    (0, "12e-3"),
    (1, "quay.io:80/a/b:1@sha256:0"),
    (2, ".a[0].b"),
    (2, ".a[?(@.b==\"c\")].b"),
    (2, ".d['e.f']"),
    (
        3,
        "# HELP a b\n# TYPE a counter\na{b=\"c\",d=\"\\\"\"} 1.5e3 12\n",
    ),
    (
        4,
        "global: {scrape_interval: 5s}\nscrape_configs:\n- job_name: a\n  static_configs: [{targets: [a]}]\n",
    ),
    (5, "echo a; sleep 1 && touch /tmp/x || exit 3"),
    (
        5,
        "while true; do echo ${A:-b} $(date) >> /dev/null; sleep 2; done",
    ),
    (
        5,
        "if [ -f /x ]; then echo 1; else for i in 1 2; do echo $i; done; fi",
    ),
];

/// The seeds of each target: the requests of the other suites.
fn seeds() -> BTreeMap<&'static str, Vec<Vec<u8>>> {
    let mut all: BTreeMap<&str, Vec<Vec<u8>>> = BTreeMap::new();
    let mut add = |target, seed: Vec<u8>| all.entry(target).or_default().push(seed);
    for request in requests() {
        let path = request.ask.split(['?', ' ']).nth(1).unwrap_or_default();
        let query = request.ask.split('?').nth(1).unwrap_or_default();
        for part in query.split('&') {
            if let Some((name @ ("labelSelector" | "fieldSelector"), value)) = part.split_once('=')
            {
                let line = if name == "fieldSelector" { "\n" } else { "" };
                add("selector", format!("{line}{value}").into_bytes());
            }
        }
        let Some(kind) = KINDS.iter().position(|k| path.split('/').any(|p| p == k.2)) else {
            continue;
        };
        let kind = u8::try_from(kind).unwrap();
        if request.ask.starts_with("PATCH") {
            let of = ["json-patch", "merge-patch", "strategic", "apply"];
            let of = of.iter().position(|o| request.content.contains(o));
            let of = u8::try_from(of.unwrap_or_default()).unwrap();
            // Those of another object are patches of this one.
            let text = request
                .body
                .to_string()
                .replace("\"name\":\"a\"", "\"name\":\"base\"");
            add("patch", [&[kind, of], text.as_bytes()].concat());
        } else if request.body.is_object() {
            add(
                "body",
                [&[kind], request.body.to_string().as_bytes()].concat(),
            );
            let (version, name, _) = KINDS[usize::from(kind)];
            let bytes = protobuf::object(version, name, &request.body);
            if let Some(bytes) = bytes {
                add("protobuf", [&[kind], bytes.as_slice()].concat());
            }
        }
    }
    for (kind, (version, name, _)) in KINDS.iter().enumerate() {
        let mut object = fuzzed::base(name);
        if !object.is_null() {
            object["apiVersion"] = json!(version);
            object["kind"] = json!(name);
            let kind = u8::try_from(kind).unwrap();
            add("body", [&[kind], object.to_string().as_bytes()].concat());
            add(
                "patch",
                [&[kind, 3], object.to_string().as_bytes()].concat(),
            );
        }
    }
    let answers: Value = serde_json::from_str(&text("tests/prometheus/answers.json")).unwrap();
    for answer in answers["answers"].as_array().unwrap() {
        add(
            "promql",
            answer["query"].as_str().unwrap().as_bytes().to_vec(),
        );
    }
    for line in text("tests/prometheus/refused.txt").lines() {
        add(
            "promql",
            line.split('\t')
                .next()
                .unwrap_or_default()
                .as_bytes()
                .to_vec(),
        );
    }
    for seed in [
        "a=b,c!=d",
        "a in (b,c),d notin (e),!f,g",
        "a==b,c>1,d<2\nmetadata.name=a,metadata.namespace!=b",
    ] {
        add("selector", seed.as_bytes().to_vec());
    }
    for (kind, words) in WORDS {
        add("words", [&[kind], words.as_bytes()].concat());
    }
    all
}

fn text(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

fn requests() -> Vec<Request> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/differential");
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    files.sort();
    let scripts = files.iter().flat_map(|file| {
        let scripts: Vec<Script> =
            serde_yaml::from_str(&fs::read_to_string(file).unwrap()).unwrap();
        scripts
    });
    scripts.flat_map(|s| s.requests).collect()
}

/// Inputs that once went wrong: `tests/fuzz/TARGET/*`.
fn regressions(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fuzz")
        .join(target);
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let files = entries.map(|e| fs::read(e.unwrap().path()).unwrap());
    files.collect()
}

/// Changes seeds.
struct Changes<'a> {
    random: fastrand::Rng,
    seeds: &'a [Vec<u8>],
}

impl Changes<'_> {
    fn next(&mut self) -> Vec<u8> {
        let mut input = self.random.choice(self.seeds).unwrap().clone();
        for _ in 0..self.random.usize(1..6) {
            self.change(&mut input);
        }
        input.truncate(LONGEST);
        input
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        const WORDS: [&str; 34] = [
            "{",
            "}",
            "[",
            "]",
            "(",
            ")",
            "\"",
            "'",
            "\\",
            "-",
            ":",
            ",",
            "*",
            "&a ",
            "*a",
            "$(",
            "${",
            "`",
            "null",
            "true",
            "1e308",
            "-9223372036854775808",
            "18446744073709551616",
            "0x7fffffffffffffff",
            "NaN",
            "\u{0}",
            "\u{202e}",
            "ß",
            "offset 1y",
            "[9999y:1ms]",
            " by (",
            " or ",
            "(?:a+)+",
            "[a-z]{1000}",
        ];
        // Requests stay JSON now and then: their values change.
        let head = input
            .iter()
            .position(|b| matches!(b, b'{' | b'['))
            .filter(|at| *at < 3);
        if let Some(head) = head
            && self.random.usize(..4) > 0
            && let Ok(mut value) = serde_json::from_slice::<Value>(&input[head..])
        {
            self.change_value(&mut value);
            input.truncate(head);
            input.extend(value.to_string().into_bytes());
            return;
        }
        let at = self.random.usize(..=input.len());
        match self.random.usize(..7) {
            0 if at < input.len() => input[at] = self.random.u8(..),
            1 if at < input.len() => drop(input.remove(at)),
            2 => {
                let word = self.random.choice(WORDS).unwrap();
                input.splice(at..at, word.bytes());
            }
            3 => {
                // One word again and again, to lie deep.
                let word = self
                    .random
                    .choice(WORDS)
                    .unwrap()
                    .repeat(self.random.usize(1..3000));
                input.splice(at..at, word.bytes());
            }
            4 => {
                let other = self.random.choice(self.seeds).unwrap();
                let from = self.random.usize(..=other.len());
                input.splice(at.., other[from..].iter().copied());
            }
            5 => {
                let end = self.random.usize(at..=input.len());
                let part = input[at..end].to_vec();
                input.splice(at..at, part);
            }
            _ => input.truncate(at),
        }
    }

    fn change_value(&mut self, value: &mut Value) {
        // Down to a random place.
        let inner = match value {
            Value::Object(map) if !map.is_empty() => {
                let at = self.random.usize(..map.len());
                map.values_mut().nth(at)
            }
            Value::Array(items) if !items.is_empty() => {
                let at = self.random.usize(..items.len());
                items.get_mut(at)
            }
            _ => None,
        };
        if let Some(inner) = inner
            && self.random.usize(..5) > 0
        {
            self.change_value(inner);
            return;
        }
        let old = std::mem::take(value);
        *value = match self.random.usize(..12) {
            0 => Value::Null,
            1 => json!(
                self.random
                    .choice([0, -1, 1, i64::MAX, i64::MIN, 65536])
                    .unwrap()
            ),
            2 => json!(
                self.random
                    .choice([
                        "",
                        "a",
                        "-",
                        "A_b",
                        "1Gi",
                        "-1",
                        "100%",
                        "{{a}}",
                        "2026-01-02T03:04:05Z"
                    ])
                    .unwrap()
            ),
            3 => json!([old, old]),
            4 => json!({ "$patch": "delete", "name": old }),
            5 => (0..self.random.usize(1..110)).fold(old, |inner, _| json!({ "a": inner })),
            6 => (0..self.random.usize(1..110)).fold(old, |inner, _| json!([inner])),
            7 => json!("x".repeat(self.random.usize(1..40_000))),
            8 => json!(vec![old; self.random.usize(1..40)]),
            9 => json!(1e308),
            10 => match old {
                Value::Object(mut map) => {
                    let key = map
                        .keys()
                        .nth(self.random.usize(..map.len().max(1)))
                        .cloned();
                    map.remove(&key.unwrap_or_default());
                    let key = [
                        "",
                        "$setElementOrder/a",
                        "$retainKeys",
                        "metadata",
                        "spec",
                        "x",
                    ];
                    map.insert(
                        (*self.random.choice(key.iter()).unwrap()).to_owned(),
                        json!({}),
                    );
                    Value::Object(map)
                }
                other => json!(other.to_string()),
            },
            _ => json!(true),
        };
    }
}

/// So many inputs of each target: `CCNR_TEST_FUZZ` (300), from the seed `CCNR_TEST_SEED`; only one by `CCNR_TEST_TARGET`. Where
/// `CCNR_TEST_CORPUS` names a folder, the seeds are written there.
#[test]
fn whatever_is_asked_is_answered_in_bounds() {
    let count = number("CCNR_TEST_FUZZ", 300);
    let seed = number("CCNR_TEST_SEED", fastrand::u64(..1 << 32));
    let only = std::env::var("CCNR_TEST_TARGET").unwrap_or_default();
    println!("{count} inputs each, CCNR_TEST_SEED={seed}");
    let all = seeds();
    let mut failed = Vec::new();
    for (name, target) in TARGETS
        .iter()
        .filter(|(name, _)| only.is_empty() || only == *name)
    {
        let seeds = &all[name];
        write_corpus(name, seeds);
        let mut changes = Changes {
            random: fastrand::Rng::with_seed(seed),
            seeds,
        };
        let known = seeds
            .iter()
            .cloned()
            .chain(regressions(name))
            .collect::<Vec<_>>();
        let mut known = known.into_iter();
        // What is made once is not counted.
        target(&seeds[0]);
        let (mut slowest, mut largest, mut done) = (Duration::ZERO, 0, 0);
        let mut slow = Vec::new();
        while let Some(input) = known
            .next()
            .or_else(|| (done < count).then(|| changes.next()))
        {
            done += u64::from(known.len() == 0);
            // The stack of a server's thread, and a process that ends tells at least what it was at.
            let _ = fs::write(last(name), &input);
            let before = USED.load(Ordering::Relaxed);
            PEAK.store(before, Ordering::Relaxed);
            let began = Instant::now();
            let outcome = catch_unwind(AssertUnwindSafe(|| target(&input)));
            let took = began.elapsed();
            if took > slowest {
                (slowest, slow) = (took, input.clone());
            }
            let peak = PEAK.load(Ordering::Relaxed).saturating_sub(before);
            largest = largest.max(peak);
            let most = if *name == "promql" {
                MOST_OF_QUERIES
            } else {
                MOST
            };
            if outcome.is_err() || peak > most || took > SLOWEST {
                let kept = keep(name, &input, failed.len());
                failed.push(format!(
                    "{}: {took:.1?}, {} KiB",
                    kept.display(),
                    peak >> 10
                ));
            }
        }
        keep(name, &slow, usize::MAX);
        println!(
            "{name}: {} seeds, {done} inputs, slowest {slowest:.1?}, most memory {} KiB",
            seeds.len(),
            largest >> 10
        );
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

fn scratch() -> PathBuf {
    let folder = std::env::temp_dir().join(format!("ccnr-fuzz-{}", std::process::id()));
    let _ = fs::create_dir_all(&folder);
    folder
}

/// Where the input lies that is tried now.
fn last(target: &str) -> PathBuf {
    scratch().join(format!("{target}-last"))
}

/// Keeps an input that goes wrong, for a person to look at.
fn keep(target: &str, input: &[u8], number: usize) -> PathBuf {
    let name = if number == usize::MAX {
        "slowest".to_owned()
    } else {
        number.to_string()
    };
    let path = scratch().join(format!("{target}-{name}"));
    fs::write(&path, input).unwrap();
    path
}

fn write_corpus(target: &str, seeds: &[Vec<u8>]) {
    let Some(folder) = std::env::var_os("CCNR_TEST_CORPUS") else {
        return;
    };
    let folder = Path::new(&folder).join(target);
    fs::create_dir_all(&folder).unwrap();
    for (number, seed) in seeds.iter().enumerate() {
        fs::write(folder.join(number.to_string()), seed).unwrap();
    }
}
