//! Any text in the small languages: quantities, images, paths, expositions, configurations, scripts.
#![no_main]

#[path = "../../tests/support/fuzzed.rs"]
mod fuzzed;

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzzed::words(data));
