//! Any bytes as a lab and its manifest: they load, or every mistake has a place. Nothing panics.
#![no_main]

use std::{cell::RefCell, fs};

use ccnr::lab::{catalogue::Catalogue, template::Context};
use libfuzzer_sys::fuzz_target;

thread_local! {
    static ROOT: RefCell<tempfile::TempDir> = RefCell::new(tempfile::tempdir().expect("a folder"));
}

/// Stands between the lab and its manifest.
const MANIFEST: &[u8] = b"\n# manifest\n";

fuzz_target!(|data: &[u8]| {
    let at = data
        .windows(MANIFEST.len())
        .position(|w| w == MANIFEST)
        .unwrap_or(data.len());
    let (lab, manifest) = data.split_at(at);
    ROOT.with_borrow(|root| {
        let labs = root.path().join("labs/01-fuzz");
        let manifests = root.path().join("manifests/01-fuzz");
        fs::create_dir_all(&labs).expect("a folder");
        fs::create_dir_all(&manifests).expect("a folder");
        fs::write(labs.join("lab.yaml"), lab).expect("a file");
        fs::write(manifests.join("a.yaml"), manifest).expect("a file");
        let context = Context::new("fuzz", |_| true);
        if let Err(error) = Catalogue::from_dir(root.path()).load("01-fuzz", &context) {
            assert!(!error.to_string().is_empty());
        }
    });
});
