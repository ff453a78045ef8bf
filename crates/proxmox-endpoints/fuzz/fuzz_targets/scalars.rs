#![no_main]

#[path = "../bodies.rs"]
#[allow(dead_code, reason = "one body for each target")]
mod bodies;

libfuzzer_sys::fuzz_target!(|text: &str| bodies::scalars(text));
