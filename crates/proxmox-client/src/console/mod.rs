//! Consoles: the terminal or the screen of a guest or a node, as a stream of
//! bytes in both directions.
//!
//! | file | what |
//! |---|---|
//! | `open.rs` | the ticket and the websocket, both at one endpoint |
//! | `pump.rs` | the task that owns the websocket |
//! | `terminal.rs` | [`Terminal`]: the framing of `termproxy` |
//! | `spice.rs` | the file that a SPICE viewer opens |
//! | `vnc.rs` | [`Vnc`]: RFB as it is |

mod open;
mod pump;
mod spice;
mod terminal;
mod vnc;

pub use terminal::{Terminal, TerminalReader, TerminalWriter};
pub use vnc::Vnc;
