//! Machines that wait for their first configuration.
//!
//! Such a machine shows a certificate that nobody has signed and asks for none.
//! Whoever answers there could be anybody: what is sent must be meant for the
//! one machine whose [`SpkiFingerprint`] its console shows, unless the caller
//! loudly says that [any certificate](MaintenanceTrust::DangerouslyAnyCertificate)
//! will do. Machine configurations hold the secrets of the cluster.
//!
//! | | before v1.13 | since v1.13 |
//! |---|---|---|
//! | apply the first configuration | automatic, reboot or try | all modes |
//! | disks, COSI resources that are not sensitive | yes | yes |
//! | wipe devices | since v1.11 | yes; since v1.14 LVM and RAID too |
//! | version, logs, events, services | no: `Unsupported` | yes, as `os:reader` |
//! | reset, upgrade, META, install | over SideroLink only | `PermissionDenied` |
//!
//! | file | what |
//! |---|---|
//! | `trust.rs` | fingerprints |
//! | `client.rs` | the client |
//! | `detect.rs` | does a machine wait, or has it a configuration? |

mod client;
mod detect;
mod trust;

pub use client::MaintenanceClient;
pub use detect::{MachineMode, Probe, probe};
pub use trust::{MaintenanceTrust, SpkiFingerprint};
