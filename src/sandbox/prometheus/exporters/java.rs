//! A Java virtual machine with the JMX exporter, and a small shop in it. The page is that of a real one (exporter 1.0.1, Java 17,
//! 256Mi); what moves in it follows from time.

use super::Process;
use crate::sandbox::prometheus::number::{millis, seconds, written};

/// The page, with names where numbers move.
const PAGE: &str = include_str!("java.txt");

const MIB: f64 = 1_048_576.0;
/// Where new objects live.
const EDEN: f64 = 2_228_224.0;
/// Where those live that survived once.
const SURVIVOR: f64 = 262_144.0;
/// The old ones after the start.
const TENURED: f64 = 2_733_160.0;
/// What each collection makes old, until all are collected.
const PROMOTED: f64 = 14_000.0;
/// Collections between two of everything.
const BETWEEN: f64 = 150.0;
/// The memory of the real one.
const LIMIT: f64 = 256.0 * MIB;

pub(super) fn page(process: &Process) -> String {
    let values = values(process);
    let mut out = String::with_capacity(PAGE.len());
    for line in PAGE.lines() {
        match line.rsplit_once(" @") {
            Some((series, name)) => {
                let found = values.iter().find(|(own, _)| *own == name);
                out.push_str(series);
                out.push(' ');
                out.push_str(&number(found.map_or(0.0, |(_, value)| *value), series));
            }
            None => out.push_str(line),
        }
        out.push('\n');
    }
    out
}

/// A number as Java writes it; counts of a summary are whole.
fn number(value: f64, series: &str) -> String {
    if series.contains("_count{") {
        return written(value);
    }
    if value.abs() >= 1e7 {
        return format!("{value:E}");
    }
    let text = written(value);
    if text.contains('.') {
        text
    } else {
        format!("{text}.0")
    }
}

/// To the millisecond.
fn rounded(value: f64) -> f64 {
    millis(value).map_or(value, seconds)
}

fn values(process: &Process) -> [(&'static str, f64); 22] {
    let up = seconds(process.now - process.started).max(0.0);
    let asked = process.asked;
    let (orders, held, worked) = (count(asked.orders), count(asked.held), count(asked.worked));
    // Each scrape, probe and order makes garbage.
    let own = f64::from(u8::try_from(process.seed % 16).unwrap_or_default());
    let allocated = 11_130_728.0 + up * (170_000.0 + own * 2_000.0) + orders * 40_000.0;
    let young = (allocated / EDEN).floor();
    let eden = (allocated % EDEN / 8.0).floor() * 8.0;
    let full = (young / BETWEEN).floor();
    let old = TENURED + young % BETWEEN * PROMOTED + held * MIB;
    let committed = (5_636_096.0_f64).max((old * 1.2 / 65_536.0).ceil() * 65_536.0);
    let limit = if process.memory > 0 {
        seconds(process.memory) * 1000.0
    } else {
        LIMIT
    };
    let heap_max = (limit * 0.58 / 65_536.0).floor() * 65_536.0;
    let classes = 2_351.0 + (up / 60.0).floor().min(120.0);
    let cpu = 0.83 + up * 0.012 + worked * 0.09 + orders * 0.002;
    [
        ("classes", classes),
        ("compiled", rounded(0.443 + up.min(600.0) * 0.0012)),
        ("young", young),
        ("young_seconds", rounded(young * 0.0012)),
        ("full", full),
        ("full_seconds", rounded(full * 0.013)),
        ("heap_committed", EDEN + SURVIVOR + committed),
        ("heap_max", heap_max),
        ("eden_allocated", young * EDEN),
        ("tenured_allocated", TENURED + young * PROMOTED + held * MIB),
        (
            "tenured_after",
            if full > 0.0 {
                TENURED + held * MIB
            } else {
                0.0
            },
        ),
        ("tenured_max", (heap_max * 0.69).floor()),
        ("tenured_committed", committed),
        ("eden", eden),
        ("tenured", old),
        ("heap", eden + SURVIVOR + old),
        ("cpu", (cpu * 100.0).floor() / 100.0),
        (
            "resident",
            60_952_576.0 + (up / 10.0).floor().min(500.0) * 12_288.0 + held * MIB,
        ),
        ("started", seconds(process.started)),
        ("carts", (orders / 3.0).floor() % 6.0),
        ("orders", orders),
        ("", 0.0),
    ]
}

fn count(number: u64) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::prometheus::{
        exporters::Asked,
        exposition::{self, Exposition},
        labels::{Labels, NAME},
    };

    fn at(seconds: i64, asked: Asked) -> Exposition {
        let process = Process {
            started: 1_000_000,
            now: 1_000_000 + seconds * 1000,
            memory: 256 << 20,
            seed: 3,
            asked,
        };
        exposition::parse(&page(&process)).unwrap()
    }

    fn value(page: &Exposition, labels: &[(&str, &str)]) -> f64 {
        let labels = Labels::of(labels);
        page.samples.iter().find(|(l, _)| *l == labels).unwrap().1
    }

    #[test]
    fn the_heap_is_a_saw() {
        let heap = |s: i64| {
            value(
                &at(s, Asked::default()),
                &[(NAME, "jvm_memory_used_bytes"), ("area", "heap")],
            )
        };
        let all: Vec<f64> = (0..60).map(|i| heap(i * 5)).collect();
        let ups = all.windows(2).filter(|w| w[1] > w[0]).count();
        assert!(ups > 10 && ups < 59, "{ups}");
        assert!(all.iter().all(|v| (3e6..2e7).contains(v)), "{all:?}");
    }

    #[test]
    fn counters_never_fall_and_orders_count() {
        let page = |s| {
            at(
                s,
                Asked {
                    orders: 4,
                    held: 0,
                    worked: 0,
                },
            )
        };
        let (early, late) = (page(10), page(1000));
        for ((labels, before), (same, after)) in early.samples.iter().zip(&late.samples) {
            assert_eq!(labels, same);
            if labels.get(NAME).ends_with("_total") {
                assert!(after >= before, "{labels:?}");
            }
        }
        assert!((value(&late, &[(NAME, "shop_orders_total")]) - 4.0).abs() < 1e-9);
        assert!((value(&late, &[(NAME, "shop_open_carts")]) - 1.0).abs() < 1e-9);
        assert_eq!(late.metadata["jvm_memory_used_bytes"].kind, "gauge");
        assert_eq!(number(15_663_104.0, ""), "1.5663104E7");
    }
}
