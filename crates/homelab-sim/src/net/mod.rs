//! Loopback listeners that obey the world: when a host is down its port
//! refuses or falls silent, whatever protocol is behind it.
//!
//! ```text
//! let listener = Listener::bind("pve1", &shared).await?;     // the port is known from here on
//! tokio::spawn(listener.serve(tls, move |stream, connection| async move { … }));
//! ```

mod connection;
mod listener;
mod pace;

pub(crate) use connection::{Connection, Socket, TlsSocket};
pub(crate) use listener::Listener;
