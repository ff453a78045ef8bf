#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| talos_client::fuzz::filter(data));
