#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| proxmox_client::fuzz::reply(data));
