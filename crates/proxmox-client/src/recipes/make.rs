//! The steps.

use homelab_core::{ErrorKind, Result};
use proxmox_endpoints::params::{Params, segment};
use proxmox_endpoints::{Method, QemuConfig};
use sha2::{Digest, Sha256};

use super::hardware::{CONFIG_DISC, From, SYSTEM_DISK, unfinished_name};
use super::made::{Made, again};
use super::preflight::{Found, refused};
use super::report::Reporter;
use super::spec::TalosGuest;
use super::{MadeGuest, RecipeProgress};
use crate::task::ByHand;
use crate::upload::hex;
use crate::{ProxmoxClient, UploadOptions, UploadSource, WaitOptions};

impl TalosGuest {
    /// Makes the guest with the installer's disc in its drive: it boots into
    /// Talos' maintenance mode and waits there for its machine configuration.
    /// `iso` is a volume such as `local:iso/metal-amd64.iso`.
    ///
    /// Safe to repeat: a guest with this id (or without one: this name), this
    /// name and these tags is found, described and left as it is.
    ///
    /// # Errors
    /// Before anything is made:
    /// * `InvalidArgument`: what Talos or the server cannot take.
    /// * `NotFound`: no such node, storage, volume, template.
    /// * `AlreadyExists`: the id belongs to another guest.
    /// * `FailedPrecondition`: the storage does not take this content; a guest
    ///   was left half-made by an earlier call.
    ///
    /// After that, what the call itself has made is removed again, and the
    /// error is that of the step that failed. When it is not known how a step
    /// ended, nothing is removed, and the error says where to look. A guest
    /// that is whole but does not start is kept.
    ///
    /// # Cancellation
    /// What has been made stays, tagged `talos-unfinished`; a clone that has no
    /// tags of its own yet is named `talos-unfinished.NAME`. A later call with
    /// this name refuses to go on over it.
    pub async fn from_iso(
        &self,
        pve: &ProxmoxClient,
        iso: &str,
        mut on_progress: impl FnMut(RecipeProgress) + Send,
    ) -> Result<MadeGuest> {
        self.make(pve, From::Iso(iso), Reporter(&mut on_progress))
            .await
    }

    /// Makes the guest with a disk that is imported: `image` is a volume with
    /// content `import` such as `local:import/nocloud-amd64.qcow2`. With
    /// [`config`](TalosGuest::config), it installs itself unattended.
    ///
    /// # Errors
    /// As [`from_iso`](TalosGuest::from_iso).
    pub async fn from_image(
        &self,
        pve: &ProxmoxClient,
        image: &str,
        mut on_progress: impl FnMut(RecipeProgress) + Send,
    ) -> Result<MadeGuest> {
        self.make(pve, From::Image(image), Reporter(&mut on_progress))
            .await
    }

    /// Makes the guest by cloning a template, which keeps its firmware and
    /// disks; cores, memory, network and tags are set anew. MAC addresses and
    /// UUID are its own.
    ///
    /// # Errors
    /// As [`from_iso`](TalosGuest::from_iso).
    pub async fn from_template(
        &self,
        pve: &ProxmoxClient,
        template: u32,
        mut on_progress: impl FnMut(RecipeProgress) + Send,
    ) -> Result<MadeGuest> {
        self.make(pve, From::Template(template), Reporter(&mut on_progress))
            .await
    }

    async fn make(
        &self,
        pve: &ProxmoxClient,
        from: From<'_>,
        mut report: Reporter<'_>,
    ) -> Result<MadeGuest> {
        self.check(from)?;
        report.step("check");
        let template_node = match self.look(pve, from).await? {
            Found::Guest { vmid, node } => {
                return self.describe(pve, node, vmid, false, false).await;
            }
            Found::Nothing { template_node } => template_node,
        };
        let vmid = self
            .create(pve, from, template_node.as_deref(), &mut report)
            .await?;
        let mut made = Made {
            node: self.node.clone(),
            vmid,
            disc: None,
        };
        if let Err(error) = self.finish(pve, from, &mut made, &mut report).await {
            return Err(made.take_back(pve, &self.name, self.waiting(), error).await);
        }
        if self.start {
            report.step("start");
            self.start_it(pve, &made, &mut report).await?;
        }
        self.describe(pve, made.node, vmid, true, self.start).await
    }

    fn waiting(&self) -> WaitOptions {
        WaitOptions::default().timeout(self.timeout)
    }

    /// Whether there is something to do after the first task.
    fn has_more(&self, from: From<'_>) -> bool {
        self.config.is_some() || !matches!(from, From::Iso(_))
    }

    /// Creates or clones, under the wished id or a free one.
    async fn create(
        &self,
        pve: &ProxmoxClient,
        from: From<'_>,
        template_node: Option<&str>,
        report: &mut Reporter<'_>,
    ) -> Result<u32> {
        let step = if template_node.is_some() {
            "clone"
        } else {
            "create"
        };
        report.step(step);
        // The task may be what finds the id taken, so it is part of the try.
        let report = &tokio::sync::Mutex::new(report);
        let make = |vmid| async move {
            let call = match (from, template_node) {
                (From::Template(template), Some(node)) => self.clone_of(node, template, vmid),
                _ => self.new_guest(from, vmid),
            };
            let mut report = report.lock().await;
            report.run(step, pve, &self.waiting(), call).await?;
            Ok(vmid)
        };
        match self.vmid {
            Some(vmid) => make(vmid).await,
            None => pve.with_new_vmid(make).await,
        }
    }

    /// The call that creates it.
    fn new_guest(&self, from: From<'_>, vmid: u32) -> ByHand {
        let mut params = Params::new();
        params.push("vmid", vmid.to_string());
        if let Some(pool) = &self.pool {
            params.push("pool", pool.as_str());
        }
        for (key, value) in self.hardware(from, self.has_more(from)).iter() {
            params.push(key.to_owned(), value);
        }
        let path = format!("/nodes/{}/qemu", segment(&self.node));
        ByHand::post("POST /nodes/{node}/qemu", path, params)
    }

    /// The call that clones it.
    fn clone_of(&self, template_node: &str, template: u32, vmid: u32) -> ByHand {
        let mut params = Params::new();
        params.push("newid", vmid.to_string());
        // A clone takes no tags: its name is its mark until it gets them.
        params.push("name", unfinished_name(&self.name));
        params.push("full", if self.linked_clone { "0" } else { "1" });
        if !self.linked_clone {
            params.push("storage", self.disk_storage.as_str());
        }
        if template_node != self.node {
            params.push("target", self.node.as_str());
        }
        if let Some(pool) = &self.pool {
            params.push("pool", pool.as_str());
        }
        let path = format!(
            "/nodes/{}/qemu/{template}/clone",
            segment(&template_node.to_owned())
        );
        ByHand::post("POST /nodes/{node}/qemu/{vmid}/clone", path, params)
    }

    /// Everything between the first task and the start.
    async fn finish(
        &self,
        pve: &ProxmoxClient,
        from: From<'_>,
        made: &mut Made,
        report: &mut Reporter<'_>,
    ) -> Result<()> {
        if !self.has_more(from) {
            return Ok(());
        }
        if matches!(from, From::Template(_)) {
            report.step("configure");
            let keys = self.adjustments(true);
            configure(pve, made, keys, self.waiting(), report).await?;
        }
        let mut last = Params::new();
        if let Some(volume) = self.bring_disc(pve, made, report).await? {
            last.push(CONFIG_DISC, format!("{volume},media=cdrom"));
        }
        if !matches!(from, From::Iso(_)) {
            report.step("resize");
            self.enlarge(pve, made, report).await?;
        }
        // Only now is it whole, and says so by losing its mark.
        last.push("tags", self.tag_list(false));
        report.step("configure");
        configure(pve, made, last, self.waiting(), report).await
    }

    /// Uploads the disc with the configuration, unless an equal one is there:
    /// its name tells what is on it.
    async fn bring_disc(
        &self,
        pve: &ProxmoxClient,
        made: &mut Made,
        report: &mut Reporter<'_>,
    ) -> Result<Option<String>> {
        let (Some(disc), Some(config)) = (self.disc(made.vmid), &self.config) else {
            return Ok(None);
        };
        let image = disc.to_bytes()?;
        let digest = hex(&Sha256::digest(&image));
        let short = digest.get(..12).unwrap_or_default();
        let name = format!("talos-{}-{short}-cidata.iso", made.vmid);
        report.step("upload");
        let node = pve.node(made.node.as_str());
        let upload = node
            .upload(
                &config.iso_storage,
                UploadSource::bytes(name.as_str(), image),
                UploadOptions::default().verify(true),
                |_| {},
            )
            .await;
        match upload {
            Ok(upload) => {
                made.disc = Some(upload.volume().to_owned());
                let told = report.task("upload");
                upload.task().wait_with(self.waiting(), told).await?;
                Ok(made.disc.clone())
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                Ok(Some(format!("{}:iso/{name}", config.iso_storage)))
            }
            Err(error) => Err(error),
        }
    }

    /// Enlarges the system disk to the wished size; one that is larger stays.
    async fn enlarge(
        &self,
        pve: &ProxmoxClient,
        made: &Made,
        report: &mut Reporter<'_>,
    ) -> Result<()> {
        let config = pve
            .node(made.node.as_str())
            .qemu(made.vmid)
            .config()
            .await?;
        let Some((slot, size)) = system_disk(&config) else {
            return Err(refused(
                ErrorKind::FailedPrecondition,
                format!("guest {} has no disk to boot from", made.vmid),
            ));
        };
        if size.is_none_or(|size| size >= self.disk_bytes) {
            return Ok(());
        }
        let mut params = Params::new();
        params.push("disk", slot);
        params.push("size", format!("{}G", self.disk_bytes >> 30));
        // A task since 8.0, an answer at once before.
        let resize = ByHand {
            operation: "PUT /nodes/{node}/qemu/{vmid}/resize",
            method: Method::Put,
            path: format!("{}/resize", made.path()),
            params,
        };
        report.run("resize", pve, &self.waiting(), resize).await
    }

    async fn start_it(
        &self,
        pve: &ProxmoxClient,
        made: &Made,
        report: &mut Reporter<'_>,
    ) -> Result<()> {
        let start = pve.node(made.node.as_str()).qemu(made.vmid).start();
        let started = start.wait_with(self.waiting(), report.task("start")).await;
        started.map(|_| ()).map_err(|error| {
            let text = format!(
                "guest {} is made, but it does not start: {}",
                made.vmid,
                error.message()
            );
            again(&error, text).source(error)
        })
    }

    async fn describe(
        &self,
        pve: &ProxmoxClient,
        node: String,
        vmid: u32,
        created: bool,
        started: bool,
    ) -> Result<MadeGuest> {
        let config = pve.node(node.as_str()).qemu(vmid).config().await?;
        let macs = config
            .networks
            .values()
            .filter_map(|card| Some(card.mac_address.as_ref()?.to_ascii_lowercase()));
        let disc = config.disks.get(CONFIG_DISC).map(|d| d.volume.clone());
        Ok(MadeGuest {
            vmid,
            node,
            name: config.name.clone().unwrap_or_else(|| self.name.clone()),
            uuid: config.smbios_uuid(),
            macs: macs.collect(),
            config_volume: disc.filter(|volume| volume.ends_with("-cidata.iso")),
            created,
            started,
        })
    }
}

async fn configure(
    pve: &ProxmoxClient,
    made: &Made,
    keys: Params,
    waiting: WaitOptions,
    report: &mut Reporter<'_>,
) -> Result<()> {
    let path = format!("{}/config", made.path());
    let change = ByHand::post("POST /nodes/{node}/qemu/{vmid}/config", path, keys);
    report.run("configure", pve, &waiting, change).await
}

/// The disk that the guest boots from, and its size.
fn system_disk(config: &QemuConfig) -> Option<(String, Option<u64>)> {
    let order = config.boot.as_deref().unwrap_or_default();
    let order = order.strip_prefix("order=").unwrap_or(order);
    let first = order
        .split(';')
        .chain([SYSTEM_DISK, "virtio0", "sata0"])
        .find(|slot| config.disks.get(*slot).is_some_and(|d| !d.is_cdrom()))?;
    let size = config.disks.get(first)?.size_bytes;
    Some((first.to_owned(), size))
}
