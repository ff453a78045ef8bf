//! Machine configs: read as a node reads them, compared, and written for the
//! nodes that the lab starts with.

mod change;
mod read;
mod seeded;
mod split;

pub(super) use change::{diff, needs_reboot};
pub(super) use read::read;
pub(crate) use seeded::seed_configs;
