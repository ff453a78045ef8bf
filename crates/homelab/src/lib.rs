//! homelab
