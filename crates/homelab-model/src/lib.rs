//! homelab-model
