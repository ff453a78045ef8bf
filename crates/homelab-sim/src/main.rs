//! homelab-sim
fn main() {}
