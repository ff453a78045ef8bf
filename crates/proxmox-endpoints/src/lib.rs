//! proxmox-endpoints
