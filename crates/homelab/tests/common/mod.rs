//! What the tests share: the example lab, simulated and connected.
#![allow(dead_code, reason = "each test binary uses a part")]
#![allow(clippy::unwrap_used, reason = "a test that cannot start must stop")]

use std::collections::BTreeMap;
use std::time::Duration;

use homelab::{ConnectOptions, Credentials, Lab, LiveLab, ObserveOptions, Seen};
use homelab_sim::{Sim, SimOptions};

pub(crate) const EXAMPLE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../examples/labs/ragas/homelab.yaml"
);

pub(crate) fn example() -> Lab {
    Lab::from_file(EXAMPLE).unwrap()
}

pub(crate) async fn simulated() -> (Sim, BTreeMap<String, String>) {
    let sim = Sim::start(example().inventory(), SimOptions::default())
        .await
        .unwrap();
    let env = sim.env();
    (sim, env)
}

pub(crate) fn credentials(env: &BTreeMap<String, String>) -> Credentials {
    Credentials::from_vars(|name| env.get(name).cloned()).unwrap()
}

/// Connected with limits that keep failing tests short.
pub(crate) async fn connect(env: &BTreeMap<String, String>) -> LiveLab {
    let options = ConnectOptions::default()
        .connect_timeout(Duration::from_secs(1))
        .request_timeout(Duration::from_secs(4));
    example()
        .connect_with(credentials(env), options)
        .await
        .unwrap()
}

pub(crate) fn short() -> ObserveOptions {
    ObserveOptions::default()
        .deadline(Duration::from_secs(8))
        .question_timeout(Duration::from_secs(3))
}

pub(crate) fn codes(seen: &Seen) -> Vec<&str> {
    let mut codes: Vec<&str> = seen.findings.iter().map(|f| f.code.as_str()).collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}

/// Who failed and how: `pve1 Unavailable`.
pub(crate) fn failures(seen: &Seen) -> Vec<String> {
    let mut all: Vec<String> = seen
        .failures()
        .iter()
        .map(|f| format!("{} {}", f.target, f.error.code))
        .collect();
    all.dedup();
    all
}
