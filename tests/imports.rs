//! Imports run downwards only: cli, ui, session, check, cluster, lab. What is below knows nothing of what is above.
#![allow(clippy::unwrap_used)] // Tests.

use std::{fs, path::Path};

/// From the top to the bottom.
const LAYERS: [&str; 6] = ["cli", "ui", "session", "check", "cluster", "lab"];

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

/// The layers that a source names as `crate::LAYER`, in one line or in a nested `use crate::{…}`.
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
    LAYERS
        .into_iter()
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
            let above = named(&text).into_iter().filter(|n| LAYERS[..i].contains(n));
            wrong.extend(above.map(|n| format!("{path} imports {n}")));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn nested_imports_are_seen() {
    assert_eq!(
        named("use crate::{\n    check::{plan, ui},\n    lab,\n};"),
        ["check", "lab"]
    );
    assert_eq!(named("let x = crate::session::store::of();"), ["session"]);
}
