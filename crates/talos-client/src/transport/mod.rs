//! How a call gets to a node: endpoints with health, one HTTP/2 connection
//! each over mTLS, failover where it is safe.
//!
//! | file | what |
//! |---|---|
//! | `fault.rs` | why something did not work, cheap to share |
//! | `tls.rs` | a context's certificates as a TLS configuration |
//! | `watched.rs` | the byte stream: counts what arrives, sees the first bytes |
//! | `proxy.rs`, `carrier.rs` | through which proxy, and what carries TLS then |
//! | `connect.rs` | TCP, TLS, the server's first bytes, HTTP/2 |
//! | `endpoint.rs` | one endpoint: its connection, its health, its back-off |
//! | `pool.rs` | which endpoint takes a call |
//! | `body.rs` | answers whose errors say what happened |
//! | `service.rs` | what the generated clients send their requests to |
//!
//! Nothing here knows a service or a message.

mod body;
mod carrier;
mod connect;
mod endpoint;
mod fault;
mod pool;
mod proxy;
mod service;
mod tls;
mod watched;

pub use body::ResponseBody;
pub(crate) use endpoint::Dialer;
pub use endpoint::EndpointHealth;
pub use fault::Fault;
pub(crate) use pool::Pool;
pub(crate) use proxy::Proxies;
pub(crate) use service::CallState;
pub use service::Transport;
pub(crate) use tls::client_config;
