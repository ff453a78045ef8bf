//! talos-proto
