//! homelab-sim
