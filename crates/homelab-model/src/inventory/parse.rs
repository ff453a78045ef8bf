//! The inventory file to data: hosts, pools, appliances, claims, assumptions.

use homelab_core::{Error, Result, nearest};

use super::{
    ApplianceSpec, Assumptions, Claim, DiskSpec, GuestSpec, HostSpec, Inventory, NamedAddress,
    Network, PoolSpec, check, cluster,
};
use crate::yaml::convert::{address, mac, name, number, probability, size, speed, subnet, text};
use crate::yaml::{Node, Source};

/// Reads a file that another one names, by its path relative to that one's folder.
pub type Read<'a> = dyn Fn(&str) -> Result<String> + 'a;

impl Inventory {
    /// Reads an inventory and everything it names.
    ///
    /// `file_name` is for messages. `read` gets the paths of the files named
    /// inside (a talconfig and, through it, its talenv and patches), relative
    /// to the folder of the inventory; answer [`NotFound`](homelab_core::ErrorKind::NotFound) for what
    /// is not there.
    ///
    /// # Errors
    /// [`Config`](homelab_core::ErrorKind::Config) with file, line and column for everything wrong
    /// in the files: not YAML, a value of the wrong kind, a host that does not
    /// exist, a name or address given twice. Whatever `read` fails with
    /// otherwise. What is only odd goes to [`warnings`](Inventory::warnings),
    /// what disagrees between files to
    /// [`contradictions`](Inventory::contradictions).
    ///
    /// ```
    /// # use homelab_model::Inventory;
    /// # use homelab_core::{Error, ErrorKind};
    /// let text = "
    /// name: tiny
    /// hosts:
    ///   - {name: pve1, memory: 32GB}
    /// clusters:
    ///   - name: home
    ///     nodes:
    ///       - {name: cp-1, role: control-plane, host: pve1, memory: 8GB}
    /// ";
    /// let none = |path: &str| Err(Error::new(ErrorKind::NotFound, path));
    /// let lab = Inventory::parse("homelab.yaml", text, &none)?;
    /// assert_eq!(lab.clusters[0].nodes[0].memory_bytes, Some(8 << 30));
    /// # Ok::<(), Error>(())
    /// ```
    pub fn parse(file_name: &str, text: &str, read: &Read<'_>) -> Result<Inventory> {
        let source = Source::new(file_name);
        let document = source.document(text)?;
        let mut inventory = decode(&source, &document, read)?;
        check::references(&inventory)?;
        check::duplicates(&inventory)?;
        let mut warnings = source.into_warnings();
        warnings.append(&mut inventory.warnings);
        warnings.extend(check::oddities(&inventory));
        inventory.warnings = warnings;
        Ok(inventory)
    }
}

fn decode(source: &Source<'_>, document: &Node, read: &Read<'_>) -> Result<Inventory> {
    let mut f = source.fields(document, "an inventory")?;
    let mut inventory = Inventory {
        name: f.req("name", name)?,
        file: source.file.to_owned(),
        network: Network::default(),
        hosts: Vec::new(),
        pools: Vec::new(),
        clusters: Vec::new(),
        guests: Vec::new(),
        appliances: Vec::new(),
        claims: Vec::new(),
        assumptions: Assumptions::default(),
        warnings: Vec::new(),
        contradictions: Vec::new(),
    };
    if let Some(node) = f.node("network") {
        inventory.network = network(source, node)?;
    }
    if let Some(node) = f.node("assumptions") {
        inventory.assumptions = assumptions(source, node)?;
    }
    for node in f.list("hosts")? {
        inventory.hosts.push(host(source, node)?);
    }
    for node in f.list("pools")? {
        inventory.pools.push(pool(source, node, &inventory.hosts)?);
    }
    for node in f.list("guests")? {
        inventory.guests.push(guest(source, node)?);
    }
    for node in f.list("appliances")? {
        inventory.appliances.push(appliance(source, node)?);
    }
    for node in f.list("claims")? {
        inventory.claims.push(claim(source, node)?);
    }
    for node in f.list("clusters")? {
        cluster::cluster(source, node, read, &mut inventory)?;
    }
    if inventory.hosts.is_empty() {
        let message = "an inventory needs at least one host under `hosts`";
        return Err(f.missing("hosts", message));
    }
    f.finish();
    Ok(inventory)
}

fn network(source: &Source<'_>, node: &Node) -> Result<Network> {
    let mut f = source.fields(node, "network")?;
    let network = Network {
        subnet: f.opt("subnet", subnet)?,
        gateway: f.opt("gateway", address)?,
        link_bits_per_second: f.opt("link", speed)?,
    };
    f.finish();
    Ok(network)
}

fn assumptions(source: &Source<'_>, node: &Node) -> Result<Assumptions> {
    let mut f = source.fields(node, "assumptions")?;
    let usual = Assumptions::default();
    let assumptions = Assumptions {
        osd_memory_bytes: f.opt("osd_memory", size)?.unwrap_or(usual.osd_memory_bytes),
        ceph_daemons_memory_bytes: f
            .opt("ceph_daemons_memory", size)?
            .unwrap_or(usual.ceph_daemons_memory_bytes),
        host_memory_bytes: f
            .opt("host_memory", size)?
            .unwrap_or(usual.host_memory_bytes),
        control_plane_memory_bytes: f
            .opt("control_plane_memory", size)?
            .unwrap_or(usual.control_plane_memory_bytes),
        host_outage_probability: f
            .opt("host_outage_probability", probability)?
            .unwrap_or(usual.host_outage_probability),
    };
    f.finish();
    Ok(assumptions)
}

fn host(source: &Source<'_>, node: &Node) -> Result<HostSpec> {
    let mut f = source.fields(node, "a host")?;
    let host = HostSpec {
        name: f.req("name", name)?,
        address: f.opt("address", address)?,
        cpu: f.opt("cpu", text)?,
        threads: f.opt("threads", number)?,
        memory_bytes: f.req("memory", size)?,
        osds: f.opt("osds", number)?.unwrap_or(0),
        gpus: f.each("gpus", text)?,
        location: f.location(),
    };
    f.finish();
    Ok(host)
}

fn pool(source: &Source<'_>, node: &Node, hosts: &[HostSpec]) -> Result<PoolSpec> {
    let mut f = source.fields(node, "a pool")?;
    let mut pool = PoolSpec {
        name: f.req("name", name)?,
        kind: f.req("kind", name)?,
        size: f.opt("size", number)?,
        min_size: f.opt("min_size", number)?,
        hosts: f.each("hosts", name)?,
        location: f.location(),
    };
    let ceph = pool.kind.starts_with("ceph");
    if ceph && pool.hosts.is_empty() {
        let with_osds = hosts.iter().filter(|host| host.osds > 0);
        pool.hosts = with_osds.map(|host| host.name.clone()).collect();
    }
    if let (Some(size), Some(min_size)) = (pool.size, pool.min_size)
        && (min_size == 0 || min_size > size)
    {
        return Err(Error::config(
            f.location(),
            format!("min_size is {min_size}; it must be from 1 to size, which is {size}"),
        ));
    }
    f.finish();
    Ok(pool)
}

pub(super) fn disk(source: &Source<'_>, node: &Node) -> Result<DiskSpec> {
    let mut f = source.fields(node, "a disk")?;
    let disk = DiskSpec {
        storage: f.req("storage", name)?,
        size_bytes: f.req("size", size)?,
    };
    f.finish();
    Ok(disk)
}

fn guest(source: &Source<'_>, node: &Node) -> Result<GuestSpec> {
    let mut f = source.fields(node, "a guest")?;
    let mut disks = Vec::new();
    for node in f.list("disks")? {
        disks.push(disk(source, node)?);
    }
    let guest = GuestSpec {
        name: f.req("name", name)?,
        host: f.opt("host", name)?,
        vmid: f.opt("vmid", number)?,
        address: f.opt("address", address)?,
        macs: f.each("macs", mac)?,
        cores: f.opt("cores", number)?,
        memory_bytes: f.opt("memory", size)?,
        disks,
        gpus: f.each("gpus", text)?,
        location: f.location(),
    };
    f.finish();
    Ok(guest)
}

fn appliance(source: &Source<'_>, node: &Node) -> Result<ApplianceSpec> {
    let mut f = source.fields(node, "an appliance")?;
    let appliance = ApplianceSpec {
        name: f.req("name", name)?,
        kind: f.opt("kind", text)?,
        address: f.req("address", address)?,
        location: f.location(),
    };
    f.finish();
    Ok(appliance)
}

pub(super) fn named_address(source: &Source<'_>, node: &Node) -> Result<NamedAddress> {
    let mut f = source.fields(node, "a load balancer address")?;
    let named = NamedAddress {
        name: f.req("name", name)?,
        address: f.req("address", address)?,
        location: f.location(),
    };
    f.finish();
    Ok(named)
}

fn claim(source: &Source<'_>, node: &Node) -> Result<Claim> {
    const SAYS: [&str; 3] = [
        "survives-loss-of",
        "schedulable-control-planes",
        "secure-boot",
    ];
    const OF: [&str; 2] = ["control-plane", "host"];
    let mut f = source.fields(node, "a claim")?;
    let claim = Claim {
        text: f.req("text", name)?,
        says: f.opt("says", name)?,
        of: f.opt("of", name)?,
        count: f.opt("count", number)?.unwrap_or(1),
        cluster: f.opt("cluster", name)?,
        source: f.opt("source", text)?,
        location: f.location(),
    };
    let known = |key: &'static str, value: Option<&String>, words: &[&'static str]| {
        let Some(word) = value.filter(|word| !words.contains(&word.as_str())) else {
            return;
        };
        let hint = match nearest(word, words.iter().copied()) {
            Some(near) => format!("; did you mean `{near}`?"),
            None => format!("; known are {}", words.join(", ")),
        };
        let at = node.get(key).map_or(node.at, |value| value.at);
        source.warn(at, format!("no rule checks {key} `{word}`{hint}"));
    };
    known("says", claim.says.as_ref(), &SAYS);
    known("of", claim.of.as_ref(), &OF);
    if claim.says.as_deref() == Some("survives-loss-of") && claim.of.is_none() {
        return Err(Error::config(
            f.location(),
            "a claim that something survives a loss needs the key `of`",
        ));
    }
    f.finish();
    Ok(claim)
}
