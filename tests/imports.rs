//! Imports run downwards only: cli, ui, class, session, check, cluster, lab. What is below knows nothing of what is above; the sandbox
//! knows nothing of any of them.
#![allow(clippy::unwrap_used)] // Tests.

use std::{fs, path::Path};

/// From the top to the bottom.
const LAYERS: [&str; 7] = ["cli", "ui", "class", "session", "check", "cluster", "lab"];

fn sources(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            found.push((path.display().to_string(), text));
        }
    }
}

/// What stands beside the layers: it is spoken to over the network only.
const SANDBOX: &str = "sandbox";

/// The parts that a source names as `crate::LAYER`, in one line or in a nested `use crate::{…}`.
fn named(text: &str) -> Vec<&'static str> {
    let flat: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut groups = String::new();
    for rest in flat.split("crate::{").skip(1) {
        let mut depth = 1;
        for c in rest.chars() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                break;
            }
            // Only the first level names layers.
            if depth == 1 {
                groups.push(c);
            }
        }
        groups.push(',');
    }
    let within = |layer: &str| {
        groups
            .split(',')
            .any(|part| part.trim().split("::").next() == Some(layer))
    };
    let parts = LAYERS.into_iter().chain([SANDBOX]);
    parts
        .filter(|layer| flat.contains(&format!("crate::{layer}::")) || within(layer))
        .collect()
}

#[test]
fn imports_run_downwards() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    for (i, layer) in LAYERS.iter().enumerate() {
        let mut files = Vec::new();
        sources(&src.join(layer), &mut files);
        assert!(!files.is_empty(), "src/{layer} is a layer");
        for (path, text) in files {
            let above = named(&text).into_iter();
            let above = above.filter(|n| LAYERS[..i].contains(n) || (*n == SANDBOX && i > 0));
            wrong.extend(above.map(|n| format!("{path} imports {n}")));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_sandbox_knows_nothing_of_labs() {
    let mut files = Vec::new();
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    sources(&src.join(SANDBOX), &mut files);
    for (path, text) in files {
        let others: Vec<&str> = named(&text).into_iter().filter(|n| *n != SANDBOX).collect();
        assert!(others.is_empty(), "{path} imports {others:?}");
    }
}

#[test]
fn nested_imports_are_seen() {
    assert_eq!(
        named("use crate::{\n    check::{plan, ui},\n    lab,\n};"),
        ["check", "lab"]
    );
    assert_eq!(named("let x = crate::session::store::of();"), ["session"]);
}
