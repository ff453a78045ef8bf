//! Machines that come while a simulation runs, and images that are broken.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use homelab_core::{Error, ErrorKind, Result};
use rustls::pki_types::CertificateDer;
use sha2::{Digest, Sha256};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::Sim;
use crate::world::{ImageDefect, Machine};

impl Sim {
    /// Adds a machine that boots a Talos medium, and switches it on. After the
    /// time of a boot it waits in maintenance mode at
    /// [`talos_endpoint`](Sim::talos_endpoint), with an address from DHCP and a
    /// throw-away certificate, for a machine config. Must be called within a
    /// tokio runtime.
    ///
    /// ```
    /// # use homelab_model::Inventory;
    /// # use homelab_core::{Error, ErrorKind};
    /// # let runtime = tokio::runtime::Runtime::new().unwrap();
    /// # runtime.block_on(async {
    /// use homelab_sim::world::Machine;
    /// use homelab_sim::{Sim, SimOptions};
    ///
    /// # let text = "{name: tiny, hosts: [{name: pve1, address: 192.168.1.2, memory: 32GB}]}";
    /// # let nothing = |path: &str| Err(Error::new(ErrorKind::NotFound, path));
    /// # let inventory = Inventory::parse("homelab.yaml", text, &nothing)?;
    /// let sim = Sim::start(&inventory, SimOptions::default()).await?;
    /// sim.add_machine(&Machine::on("pve1", "new-1", "v1.13.0"))?;
    /// assert!(sim.talos_endpoint("new-1")?.starts_with("127.0.0.1:"));
    /// # Ok::<(), Error>(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    /// `AlreadyExists` when the name is taken, `NotFound` for an unknown host,
    /// `FailedPrecondition` for one that is down, `InvalidArgument` for a
    /// version that is none, `Io` when no port can be had.
    pub fn add_machine(&self, machine: &Machine) -> Result<()> {
        self.world().change(|state| state.machine_add(machine))?;
        self.parts.nodes.ensure()
    }

    /// Switches a Talos node on again that was shut down.
    ///
    /// # Errors
    /// `NotFound` for an unknown node, `FailedPrecondition` when it is on, or
    /// when its host is down.
    pub fn node_on(&self, node: &str) -> Result<()> {
        self.world().change(|state| state.machine_on(node))
    }

    /// From now on an image is broken, for upgrades that go wrong; `None` mends
    /// it.
    pub fn set_image_defect(&self, image: &str, defect: Option<ImageDefect>) {
        self.world()
            .change(|state| state.set_image_defect(image, defect));
    }

    /// What `--cert-fingerprint` takes: base64 of the SHA-256 of the public key
    /// in the certificate that a node shows. In maintenance mode it is another
    /// one after each boot, and what the machine's console says.
    ///
    /// # Errors
    /// `NotFound` for an unknown node, `Internal` when it has no certificate.
    pub fn talos_fingerprint(&self, node: &str) -> Result<String> {
        let certificate = self.parts.nodes.certificate(node).ok_or_else(|| {
            Error::new(ErrorKind::NotFound, "the lab has no such node").target(node)
        })?;
        fingerprint(&certificate).ok_or_else(|| {
            Error::new(ErrorKind::Internal, "the certificate cannot be read").target(node)
        })
    }
}

fn fingerprint(certificate: &CertificateDer<'_>) -> Option<String> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    Some(STANDARD.encode(Sha256::digest(certificate.public_key().raw)))
}
