//! Machine configurations for a new cluster.

use std::sync::Arc;
use std::time::Duration;

use homelab_core::{Clock, Error, ErrorKind, Result, Sent, SystemClock};

use super::cluster_documents::Build;
use super::config::MachineConfig;
use crate::config::TalosConfig;
use crate::pki::{ClientCertificateOptions, SecretsBundle};

/// What a new cluster is to be.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ClusterOptions {
    /// Its name.
    pub name: String,
    /// Where Kubernetes' API will be, from everywhere: `https://172.16.1.49:6443`.
    pub endpoint: String,
    /// The release of Talos that reads the configuration: `v1.13.9`. Older ones
    /// refuse keys of newer ones.
    pub talos_version: String,
    /// The release of Kubernetes: `v1.34.0`.
    pub kubernetes_version: String,
    /// Where Talos installs itself. `/dev/sda`, as a disk of a virtual machine
    /// is called.
    pub install_disk: String,
    /// The installer's image; the node's own choice when absent.
    pub install_image: Option<String>,
    /// More names and addresses for the certificates of both APIs: of a load
    /// balancer, say.
    pub cert_sans: Vec<String>,
    /// Whom the talosconfig connects to; control-plane nodes themselves, never a
    /// shared address.
    pub talos_endpoints: Vec<String>,
    /// Whether pods may run on control planes.
    pub schedule_on_control_planes: bool,
    /// Addresses of pods. `10.244.0.0/16`, or `fc00:db8:10::/56` when the
    /// endpoint is an IPv6 address.
    pub pod_subnets: Option<Vec<String>>,
    /// Addresses of services. `10.96.0.0/12` or `fc00:db8:20::/112`.
    pub service_subnets: Option<Vec<String>>,
    /// How long the administrator's certificate in the talosconfig counts. One year.
    pub admin_lifetime: Duration,
    /// Source of time.
    pub clock: Arc<dyn Clock>,
}

impl ClusterOptions {
    /// A cluster with all defaults.
    pub fn new(
        name: impl Into<String>,
        endpoint: impl Into<String>,
        talos_version: impl Into<String>,
        kubernetes_version: impl Into<String>,
    ) -> Self {
        ClusterOptions {
            name: name.into(),
            endpoint: endpoint.into(),
            talos_version: talos_version.into(),
            kubernetes_version: kubernetes_version.into(),
            install_disk: "/dev/sda".to_owned(),
            install_image: None,
            cert_sans: Vec::new(),
            talos_endpoints: Vec::new(),
            schedule_on_control_planes: false,
            pod_subnets: None,
            service_subnets: None,
            admin_lifetime: Duration::from_secs(8760 * 3600),
            clock: Arc::new(SystemClock::default()),
        }
    }

    /// Where Talos installs itself.
    #[must_use]
    pub fn install_disk(mut self, disk: impl Into<String>) -> Self {
        self.install_disk = disk.into();
        self
    }

    /// The installer's image.
    #[must_use]
    pub fn install_image(mut self, image: impl Into<String>) -> Self {
        self.install_image = Some(image.into());
        self
    }

    /// More names and addresses for the certificates of both APIs.
    #[must_use]
    pub fn cert_sans(mut self, sans: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.cert_sans = sans.into_iter().map(Into::into).collect();
        self
    }

    /// Whom the talosconfig connects to.
    #[must_use]
    pub fn talos_endpoints(mut self, to: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.talos_endpoints = to.into_iter().map(Into::into).collect();
        self
    }

    /// Lets pods run on control planes.
    #[must_use]
    pub fn schedule_on_control_planes(mut self) -> Self {
        self.schedule_on_control_planes = true;
        self
    }

    /// Addresses of pods and of services.
    #[must_use]
    pub fn subnets(
        mut self,
        pods: impl IntoIterator<Item = impl Into<String>>,
        services: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        self.pod_subnets = Some(pods.into_iter().map(Into::into).collect());
        self.service_subnets = Some(services.into_iter().map(Into::into).collect());
        self
    }

    /// How long the administrator's certificate counts.
    #[must_use]
    pub fn admin_lifetime(mut self, lifetime: Duration) -> Self {
        self.admin_lifetime = lifetime;
        self
    }

    /// Source of time.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }
}

/// What a new cluster begins with. `Debug` shows no secret.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NewCluster {
    /// For each control-plane node; patch in what differs between them.
    pub control_plane: MachineConfig,
    /// For each worker.
    pub worker: MachineConfig,
    /// For the administrator.
    pub talosconfig: TalosConfig,
}

impl SecretsBundle {
    /// Machine configurations and a talosconfig for a new cluster with these
    /// secrets, as `talosctl gen config` makes them for the same release, up to
    /// v1.13. For v1.14 they are those of v1.13, which it takes as they are; a
    /// patch may move parts into the documents that v1.14 has for them, when it
    /// deletes them where they were.
    ///
    /// # Errors
    /// `InvalidArgument` for a release of Talos before v1.9 or an endpoint that
    /// is no `https` URL; `Config` when the CA of the Talos API cannot sign.
    ///
    /// ```
    /// use std::time::SystemTime;
    /// use talos_client::machine_config::{ClusterOptions, Patch};
    /// use talos_client::pki::{SecretsBundle, ServiceAccountKey};
    ///
    /// let secrets = SecretsBundle::generate_with(SystemTime::now(), ServiceAccountKey::EcdsaP256)?;
    /// let options = ClusterOptions::new("lab", "https://172.16.1.49:6443", "v1.13.9", "v1.34.0")
    ///     .talos_endpoints(["172.16.1.50"]);
    /// let mut cluster = secrets.new_cluster(&options)?;
    /// cluster.worker.apply(&Patch::parse("worker.yaml", "machine: {sysctls: {vm.nr_hugepages: '1024'}}")?)?;
    /// assert_eq!(cluster.worker.view().cluster.name.as_deref(), Some("lab"));
    /// # Ok::<(), homelab_core::Error>(())
    /// ```
    pub fn new_cluster(&self, options: &ClusterOptions) -> Result<NewCluster> {
        let build = Build {
            secrets: self,
            options,
            minor: minor(&options.talos_version)?,
            host: endpoint_host(&options.endpoint)?,
        };
        let admin = ClientCertificateOptions::role("os:admin")
            .lifetime(options.admin_lifetime)
            .clock(options.clock.clone());
        let context = self
            .issue(&admin)?
            .context(&options.name, &options.talos_endpoints);
        let mut talosconfig = TalosConfig::default();
        talosconfig.insert(context);
        talosconfig.select(&options.name)?;
        Ok(NewCluster {
            control_plane: build.config(true),
            worker: build.config(false),
            talosconfig,
        })
    }
}

fn wrong(message: String) -> Error {
    Error::new(ErrorKind::InvalidArgument, message).sent(Sent::No)
}

/// The middle number of `v1.13.9`.
fn minor(version: &str) -> Result<u32> {
    let numbers = version.strip_prefix('v').unwrap_or(version);
    let mut parts = numbers.split(['.', '-']);
    let minor = match (parts.next(), parts.next()) {
        (Some("1"), Some(minor)) => minor.parse().ok().filter(|minor| *minor >= 9),
        _ => None,
    };
    minor.ok_or_else(|| {
        wrong(format!(
            "talos version {version:?} is none of v1.9 or newer, such as v1.13.9"
        ))
    })
}

/// Host of an `https` URL, without the brackets of an IPv6 address.
fn endpoint_host(url: &str) -> Result<String> {
    let refuse = || {
        wrong(format!(
            "endpoint {url:?} is not like https://172.16.1.49:6443"
        ))
    };
    let uri: http::Uri = url.parse().map_err(|_| refuse())?;
    match (uri.scheme_str(), uri.host()) {
        (Some("https"), Some(host)) if !host.is_empty() => {
            Ok(host.trim_matches(['[', ']']).to_owned())
        }
        _ => Err(refuse()),
    }
}
