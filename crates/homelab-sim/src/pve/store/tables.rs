//! The collections and documents of plain configuration.

use super::Say::{Die, Fine, Param, Plain};
use super::{Collection, Document, Say};

/// A collection whose failures have no texts of their own.
const fn plain(path: &'static str, item: &'static str, id: &'static str) -> Collection {
    Collection {
        path,
        item,
        id,
        create: "",
        update: "",
        delete: "",
        duplicate: Die("object '{}' already exists"),
        missing: [Die("object '{}' does not exist"); 3],
        constant: None,
        usually: None,
        builtin: &[],
        lock: None,
        named: true,
        needs: &[],
    }
}

impl Collection {
    /// What failures begin with.
    const fn says(
        mut self,
        create: &'static str,
        update: &'static str,
        delete: &'static str,
    ) -> Self {
        self.create = create;
        self.update = update;
        self.delete = delete;
        self
    }

    /// What is said about objects that are there already, or not there.
    const fn about(mut self, duplicate: Say, get: Say, put: Say, delete: Say) -> Self {
        self.duplicate = duplicate;
        self.missing = [get, put, delete];
        self
    }

    /// A single object does not tell its name.
    const fn nameless(mut self) -> Self {
        self.named = false;
        self
    }

    const fn constant(mut self, key: &'static str, value: &'static str) -> Self {
        self.constant = Some((key, value));
        self
    }

    const fn usually(mut self, key: &'static str, value: u8) -> Self {
        self.usually = Some((key, value));
        self
    }

    const fn builtin(mut self, names: &'static [(&'static str, &'static str)]) -> Self {
        self.builtin = names;
        self
    }

    const fn lock(mut self, lock: &'static str) -> Self {
        self.lock = Some(lock);
        self
    }

    const fn needs(mut self, keys: &'static [&'static str]) -> Self {
        self.needs = keys;
        self
    }
}

const fn mapping(
    path: &'static str,
    create: &'static str,
    update: &'static str,
    duplicate: &'static str,
    missing: &'static str,
) -> Collection {
    plain(path, "/{id}", "id")
        .says(create, update, "")
        .about(
            Die(duplicate),
            Die("mapping '{}' not found"),
            Die(missing),
            Fine,
        )
        .needs(&["map"])
        .nameless()
}

const fn notification(path: &'static str) -> Collection {
    plain(path, "/{name}", "name").about(
        Die("An entry with the name '{}' already exists"),
        Die("endpoint '{}' not found"),
        Die("endpoint '{}' not found"),
        Die("endpoint '{}' not found"),
    )
}

pub(super) const COLLECTIONS: &[Collection] = &[
    plain("/access/domains", "/{realm}", "realm")
        .says(
            "add auth server failed: ",
            "update auth server failed: ",
            "delete auth server failed: ",
        )
        .about(
            Die("domain '{}' already exists"),
            Die("domain '{}' does not exist"),
            Die("cannot lookup undefined type! at /usr/share/perl5/PVE/API2/Domains.pm line 261."),
            Die("authentication domain '{}' does not exist"),
        )
        .builtin(&[("pam", "pam"), ("pve", "pve")])
        .nameless(),
    mapping(
        "/cluster/mapping/dir",
        "create directory mapping failed: ",
        "update directory mapping failed: ",
        "dir ID '{}' already defined",
        "dir ID '{}' does not exist",
    )
    .constant("type", "dir"),
    mapping(
        "/cluster/mapping/pci",
        "create hardware mapping failed: ",
        "update hardware mapping failed: ",
        "pci ID '{}' already defined",
        "pci ID '{}' does not exist",
    )
    .constant("type", "pci"),
    mapping(
        "/cluster/mapping/usb",
        "create hardware mapping failed: ",
        "update hardware mapping failed: ",
        "usb ID '{}' already defined",
        "usb ID '{}' does not exist",
    )
    .constant("type", "usb"),
    plain("/cluster/qemu/custom-cpu-models", "/{cputype}", "cputype").about(
        Die("custom CPU model '{}' already exists"),
        Die("Custom cputype '{}' not found"),
        Die("custom CPU model '{}' does not exist"),
        Die("custom CPU model '{}' does not exist"),
    ),
    plain("/cluster/jobs/realm-sync", "/{id}", "id")
        .about(
            Die("Job '{}' already exists"),
            Param("id", "No such job '{}'"),
            Die("no such realm-sync job"),
            Die("400 Parameter verification failed.\nid: No such job '{}'"),
        )
        .constant("type", "realm-sync")
        .usually("enabled", 1)
        .lock("file-jobs_cfg"),
    plain("/cluster/metrics/server", "/{id}", "id")
        .says("", "", "")
        .about(
            Die("Metric server '{}' already exists"),
            Die("status server entry '{}' does not exist"),
            Die("no such server '{}'"),
            Die("cannot lookup undefined type! at /usr/share/perl5/PVE/API2/Cluster/MetricServer.pm line 295."),
        ),
    plain("/cluster/replication", "/{id}", "id").about(
        Die("replication job '{}' already exists"),
        Die("no such replication job '{}'"),
        Die("no such job '{}'"),
        Die("no such job '{}'"),
    ),
    plain("/cluster/acme/account", "/{name}", "name").about(
        Param("name", "ACME account config file '{}' already exists."),
        Die("ACME account config file '{}' does not exist."),
        Die("ACME account config file '{}' does not exist."),
        Die("ACME account config file '{}' does not exist."),
    ),
    plain("/cluster/acme/plugins", "/{id}", "id").about(
        Die("ACME plugin ID '{}' already exists"),
        Die("ACME plugin '{}' not defined"),
        Die("ACME plugin '{}' not defined"),
        Fine,
    ),
    notification("/cluster/notifications/endpoints/gotify"),
    notification("/cluster/notifications/endpoints/sendmail"),
    notification("/cluster/notifications/endpoints/smtp"),
    notification("/cluster/notifications/endpoints/webhook"),
    notification("/cluster/notifications/matchers"),
    plain("/cluster/sdn/controllers", "/{controller}", "controller")
        .says(
            "create sdn controller object failed: ",
            "update sdn controller object failed: ",
            "delete sdn controller object failed: ",
        )
        .about(
            Die("sdn controller object ID '{}' already defined"),
            Die("sdn '{}' does not exist"),
            Die("sdn '{}' does not exist"),
            Die("sdn '{}' does not exist"),
        ),
    plain("/cluster/sdn/dns", "/{dns}", "dns")
        .says(
            "create sdn dns object failed: ",
            "update sdn dns object failed: ",
            "delete sdn dns object failed: ",
        )
        .about(
            Die("sdn dns object ID '{}' already defined"),
            Die("sdn '{}' does not exist"),
            Die("sdn '{}' does not exist"),
            Die("sdn '{}' does not exist"),
        ),
    plain("/cluster/sdn/ipams", "/{ipam}", "ipam")
        .says(
            "create sdn ipam object failed: ",
            "update sdn ipam object failed: ",
            "delete sdn zone object failed: ",
        )
        .about(
            Die("sdn ipam object ID '{}' already defined"),
            Die("sdn '{}' does not exist"),
            Die("sdn '{}' does not exist"),
            Die("sdn '{}' does not exist"),
        )
        .builtin(&[("pve", "pve")]),
    plain("/cluster/sdn/zones", "/{zone}", "zone")
        .says(
            "create sdn zone object failed: ",
            "update sdn zone object failed: ",
            "delete sdn zone object failed: ",
        )
        .about(
            Die("sdn zone object ID '{}' already defined"),
            Die("sdn '{}' does not exist"),
            Die("sdn '{}' does not exist"),
            Die("sdn '{}' does not exist"),
        ),
    plain("/cluster/sdn/vnets", "/{vnet}", "vnet")
        .says(
            "create sdn vnet object failed: ",
            "update sdn vnet object failed: ",
            "delete sdn vnet object failed: ",
        )
        .about(
            Die("sdn vnet object ID '{}' already defined"),
            Plain("sdn vnet '{}' does not exist"),
            Plain("sdn vnet '{}' does not exist"),
            Plain("sdn vnet '{}' does not exist"),
        )
        .constant("type", "vnet"),
    plain("/cluster/sdn/vnets/{vnet}/subnets", "/{subnet}", "subnet").about(
        Die("sdn subnet object ID '{}' already defined"),
        Die("sdn subnet '{}' does not exist"),
        Die("sdn subnet '{}' does not exist"),
        Die("sdn subnet '{}' does not exist"),
    ),
    plain("/cluster/sdn/prefix-lists", "/{id}", "id"),
    plain("/cluster/sdn/fabrics/fabric", "/{id}", "id").about(
        Die("fabric '{}' already exists"),
        Die("fabric '{}' does not exist in configuration"),
        Die("fabric '{}' does not exist in configuration"),
        Die("fabric '{}' does not exist in configuration"),
    ),
    plain("/nodes/{node}/network", "/{iface}", "iface").about(
        Param("iface", "interface already exists"),
        Param("iface", "interface does not exist"),
        Param("iface", "interface does not exist"),
        Param("iface", "interface does not exist"),
    ),
];

const fn document(path: &'static str) -> Document {
    Document {
        path,
        defaults: &[],
        unknown: Fine,
        prefix: "",
        replaces: false,
        digest: true,
        texts: false,
        lock: None,
    }
}

/// A document in whose `delete` only its own keys may stand.
const fn firewall(path: &'static str) -> Document {
    let mut document = document(path);
    document.unknown = Param("delete", "no such option '{}'");
    document
}

const fn locked(mut document: Document, lock: &'static str) -> Document {
    document.lock = Some(lock);
    document
}

/// Numbers are told as texts.
const fn as_texts(mut document: Document) -> Document {
    document.texts = true;
    document
}

const fn without_digest(mut document: Document) -> Document {
    document.digest = false;
    document
}

const fn replacing(mut document: Document) -> Document {
    document.replaces = true;
    document
}

const fn defaults(
    mut document: Document,
    defaults: &'static [(&'static str, &'static str)],
) -> Document {
    document.defaults = defaults;
    document
}

pub(super) const DOCUMENTS: &[Document] = &[
    locked(firewall("/cluster/firewall/options"), "firewall-cluster"),
    firewall("/nodes/{node}/firewall/options"),
    firewall("/nodes/{node}/qemu/{vmid}/firewall/options"),
    firewall("/nodes/{node}/lxc/{vmid}/firewall/options"),
    firewall("/cluster/sdn/vnets/{vnet}/firewall/options"),
    locked(
        without_digest(document("/cluster/options")),
        "file-datacenter_cfg",
    ),
    as_texts(document("/nodes/{node}/config")),
    without_digest(replacing(defaults(
        document("/nodes/{node}/dns"),
        &[("search", "example.org"), ("dns1", "192.0.2.1")],
    ))),
    defaults(
        document("/nodes/{node}/hosts"),
        &[("data", "127.0.0.1 localhost.localdomain localhost\n")],
    ),
];
