//! The wire contract of the Proxmox VE API: one request type for each call, the
//! types of the answers, property strings, task names, tolerant scalars.
//!
//! Nothing here opens a connection: [`Endpoint`] says what a request looks like
//! and what its answer means; the crate `proxmox-client` sends it.
//!
//! | module | what |
//! |---|---|
//! | [`endpoint`] | [`Endpoint`], [`decode`], [`Call`], [`Visitor`] |
//! | [`describe`], [`check`] | every call, parameter and rule as data: [`calls`], [`Call::violations`] |
//! | [`permission`] | who may make a call |
//! | [`params`], [`value`], [`arguments`] | parameters to the wire, checked, and from it |
//! | [`tolerant`], [`row`], [`text_enum`] | `1`, `"1"` and `true` are one truth; unknown words are kept |
//! | [`cells`] | lists of rows field by field, for those who want columns |
//! | [`property`] | `virtio=BC:24:…,bridge=vmbr0` as typed values |
//! | [`upid`] | [`Upid`]: the name of a task |
//! | [`access`] … [`tasks`] | generated from `schema/`: requests and answers by area |
//!
//! Requests and answers are generated (`cargo xtask codegen`) from the texts in
//! `schema/`, whose README explains the form. What is not there yet can be
//! asked for with the client's raw `request`.

mod agent_reply;
pub mod arguments;
pub mod cells;
pub mod check;
pub mod config_keys;
pub mod describe;
pub mod endpoint;
#[rustfmt::skip]
mod generated;
mod forms;
mod guest;
pub mod params;
pub mod permission;
pub mod property;
mod releases;
pub mod row;
pub mod text_enum;
mod ticket;
mod time;
pub mod tolerant;
mod unchecked;
pub mod upid;
pub mod value;

pub use agent_reply::AgentReply;
pub use arguments::{Arguments, route};
pub use check::Violation;
pub use describe::{Call, Param, call, calls};
pub use endpoint::{Answer, Endpoint, Method, Nothing, Visitor, decode, decode_as};
pub use generated::*;
pub use params::Params;
pub use text_enum::TextEnum;
pub use ticket::Ticket;
pub use upid::Upid;
