//! The simulated lab's certificates, made afresh at every start unless a saved
//! lab goes on: nothing here is a secret worth keeping, and nothing is ever
//! written to the repository.
//!
//! | file | what |
//! |---|---|
//! | [`authority`] | a CA and the certificates it signs |
//! | [`talos`] | per Talos cluster: Ed25519 CA, node certificates, client certificates with roles |
//! | [`pve`] | per PVE cluster: CA and host certificates |
//! | [`kubernetes`] | per Kubernetes cluster: CA and administrator |
//! | [`shown`] | which of its certificates a server shows |
//! | [`client_auth`] | who may connect to a Talos node |

mod authority;
mod client_auth;
mod kubernetes;
mod pve;
mod shown;
mod talos;

use std::sync::Arc;

use homelab_core::{Error, ErrorKind};
use rustls::crypto::CryptoProvider;

pub(crate) use authority::{Pair, Validity};
pub(crate) use client_auth::roles_of;
pub(crate) use kubernetes::KubernetesPki;
pub(crate) use pve::{HostTls, PvePki};
pub(crate) use shown::{Certificates, Which};
pub(crate) use talos::{ClientFiles, NodeCertificate, NodeNames, TalosPki, maintenance_server};

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn failed(what: &str, error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(ErrorKind::Internal, format!("cannot make {what}: {error}")).source(error)
}
