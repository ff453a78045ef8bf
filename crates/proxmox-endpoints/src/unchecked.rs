//! The forms of texts that are not checked, and why; the coverage page shows
//! them. Plain data: the generator of that page includes this file.

/// Name and reason of each.
pub const UNCHECKED: &[(&str, &str)] = &[
    (
        "pve-fw-icmp-type-spec",
        "names and numbers that the node's own firewall knows; they differ between ICMP and ICMPv6 and grow with it",
    ),
    (
        "pve-fw-protocol-spec",
        "the names in the node's `/etc/protocols`",
    ),
    (
        "pve-priv",
        "the privileges that the server knows; releases add some",
    ),
    (
        "pve-sdn-fabric-wireguard-interface",
        "its rules hang on the fabric that it belongs to",
    ),
    (
        "pve-sdn-prefix-list-id",
        "the server looks the list up among its own",
    ),
    (
        "pve-sdn-route-map-id",
        "the server looks the map up among its own",
    ),
    (
        "pve-sdn-subnet-id",
        "a network when it is made, `zone-network-length` afterwards: the server tells them apart",
    ),
    ("string", "any text"),
];
