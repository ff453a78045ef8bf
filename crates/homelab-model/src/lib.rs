//! The domain of a home lab: what is written down ([`Inventory`]), what was
//! seen ([`Observation`]), both joined into one [`Topology`], and what follows
//! from it ([`findings()`], [`what_if`]).
//!
//! Pure: no I/O, no clock, no async, and no type of a wire protocol. Files
//! arrive as text with a function that reads the files they name; everything
//! seen arrives as plain data. The same input always gives the same output.
//!
//! Words: a *host* is a Proxmox VE machine, a *guest* a VM or container on it,
//! a *node* a machine that runs Talos Linux, a *member* a voter of etcd.
//! Memory and disk sizes are powers of two throughout: "8GB" in an inventory
//! file means 8 GiB.

pub mod finding;
pub mod findings;
pub mod inventory;
pub mod observation;
pub mod talhelper;
pub mod topology;
mod units;
pub mod what_if;
mod yaml;

pub use finding::{Evidence, Finding, Fix, Move, Severity};
pub use findings::{RULES, Rule, findings};
pub use inventory::Inventory;
pub use observation::Observation;
pub use topology::Topology;
