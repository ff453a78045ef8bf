//! `homelab-sim`: serves a simulated lab until Ctrl-C.
fn main() {}
