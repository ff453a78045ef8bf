//! The server and the Rust contestants of the side-by-side benches; `run.py`
//! starts them.
//!
//! | command | what |
//! |---|---|
//! | `serve FOLDER` | answers `/version` and `/cluster/resources`, swallows uploads; writes `ca.pem` and `port` |
//! | `CONTEST WHO URL CA TIMES` | runs a contestant and prints what it cost, as JSON |
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a program for measuring: it talks, and stops where it cannot measure"
)]

mod contest;
mod measure;
// The same rows as in the other benches, without all that these depend on.
#[allow(
    unreachable_pub,
    reason = "public in the library that it is borrowed from"
)]
#[path = "../../src/resources.rs"]
mod resources;
mod serve;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        ["serve", folder] => serve::run(folder.as_ref()),
        [what, who, url, ca, times] => {
            contest::run(what, who, url, ca, times.parse().expect("how many times"));
        }
        _ => panic!("run.py knows how to call this"),
    }
}
