//! Two descriptions of one cluster into one: the inventory's own and the
//! talconfig's. For what Talos configures the talconfig wins, because it is
//! what gets applied; where both speak and differ, that is a contradiction.

use std::collections::BTreeMap;

use homelab_core::Location;

use super::{ClusterSpec, Contradiction, NodeSpec, Place};

/// Merges `from` (a talconfig) into `cluster` (the inventory's).
pub(super) fn merge(cluster: &mut ClusterSpec, from: ClusterSpec) -> Vec<Contradiction> {
    let mut sides = Sides {
        subject: if cluster.name.is_empty() {
            from.name.clone()
        } else {
            cluster.name.clone()
        },
        places: (cluster.places.clone(), from.places.clone()),
        locations: (cluster.location.clone(), from.location.clone()),
        found: Vec::new(),
    };
    let mut own_name = Some(cluster.name.clone()).filter(|name| !name.is_empty());
    sides.settle("name", &mut own_name, Some(from.name));
    cluster.name = own_name.unwrap_or_default();
    sides.settle("endpoint", &mut cluster.endpoint, from.endpoint);
    sides.settle("vip", &mut cluster.vip, from.vip);
    sides.settle(
        "talos_version",
        &mut cluster.talos_version,
        from.talos_version,
    );
    sides.settle(
        "kubernetes_version",
        &mut cluster.kubernetes_version,
        from.kubernetes_version,
    );
    sides.settle("cni", &mut cluster.cni, from.cni);
    sides.settle(
        "allow_scheduling_on_control_planes",
        &mut cluster.allow_scheduling_on_control_planes,
        from.allow_scheduling_on_control_planes,
    );
    sides.settle(
        "kube_proxy_disabled",
        &mut cluster.kube_proxy_disabled,
        from.kube_proxy_disabled,
    );
    sides.settle_list("nameservers", &mut cluster.nameservers, from.nameservers);
    sides.settle_list("pod_subnets", &mut cluster.pod_subnets, from.pod_subnets);
    sides.settle_list(
        "service_subnets",
        &mut cluster.service_subnets,
        from.service_subnets,
    );
    let mut found = sides.found;
    let mut known = from.nodes;
    // An inventory that lists no nodes leaves them to the talconfig on purpose.
    let lists_nodes = !cluster.nodes.is_empty();
    for node in &mut cluster.nodes {
        match known.iter().position(|other| other.name == node.name) {
            Some(at) => found.extend(merge_node(node, known.remove(at))),
            None => found.push(one_sided(node, &from.location, true)),
        }
    }
    for node in known {
        if lists_nodes {
            found.push(one_sided(&node, &cluster.location, false));
        }
        cluster.nodes.push(node);
    }
    for (key, place) in from.places {
        cluster.places.entry(key).or_insert(place);
    }
    found
}

fn merge_node(node: &mut NodeSpec, from: NodeSpec) -> Vec<Contradiction> {
    let mut sides = Sides {
        subject: node.name.clone(),
        places: (node.places.clone(), from.places.clone()),
        locations: (node.location.clone(), from.location.clone()),
        found: Vec::new(),
    };
    let mut role = node
        .places
        .contains_key("role")
        .then_some(node.role.as_str());
    sides.settle("role", &mut role, Some(from.role.as_str()));
    node.role = from.role;
    sides.settle("address", &mut node.address, from.address);
    sides.settle_list("mac", &mut node.macs, from.macs);
    sides.settle("install_disk", &mut node.install_disk, from.install_disk);
    sides.settle("image", &mut node.image, from.image);
    sides.settle("schematic", &mut node.schematic, from.schematic);
    sides.settle("secure_boot", &mut node.secure_boot, from.secure_boot);
    for address in from.addresses {
        if !node.addresses.contains(&address) {
            node.addresses.push(address);
        }
    }
    // The talconfig's address won: it comes first, and a contradicted one goes.
    if let Some(main) = &node.address {
        if sides.found.iter().any(|c| c.field == "address") {
            let lost = sides.found.iter().filter(|c| c.field == "address");
            let lost: Vec<_> = lost.filter_map(|c| c.first.value.clone()).collect();
            node.addresses.retain(|a| !lost.contains(a));
        }
        node.addresses.retain(|a| a != main);
        node.addresses.insert(0, main.clone());
    }
    node.extensions = from.extensions.or_else(|| node.extensions.take());
    node.talconfig_location = Some(from.location);
    for (key, place) in from.places {
        node.places.entry(key).or_insert(place);
    }
    sides.found
}

/// A node that only one of the two files has.
fn one_sided(node: &NodeSpec, elsewhere: &Location, in_inventory: bool) -> Contradiction {
    let has = Place {
        value: Some(node.name.clone()),
        location: node.location.clone(),
    };
    let lacks = Place {
        value: None,
        location: elsewhere.clone(),
    };
    let (first, second) = if in_inventory {
        (has, lacks)
    } else {
        (lacks, has)
    };
    Contradiction {
        subject: node.name.clone(),
        field: "node".to_owned(),
        first,
        second,
    }
}

struct Sides {
    subject: String,
    places: (BTreeMap<String, Location>, BTreeMap<String, Location>),
    locations: (Location, Location),
    found: Vec<Contradiction>,
}

impl Sides {
    fn settle<T: PartialEq + ToString>(
        &mut self,
        field: &str,
        own: &mut Option<T>,
        theirs: Option<T>,
    ) {
        let Some(theirs) = theirs else { return };
        if let Some(own) = own.as_ref().filter(|own| **own != theirs) {
            self.differ(field, own.to_string(), theirs.to_string());
        }
        *own = Some(theirs);
    }

    fn settle_list(&mut self, field: &str, own: &mut Vec<String>, theirs: Vec<String>) {
        if theirs.is_empty() {
            return;
        }
        // Each may leave out what the other says; only disjoint lists disagree.
        if !own.is_empty() && !own.iter().any(|item| theirs.contains(item)) {
            self.differ(field, own.join(", "), theirs.join(", "));
            own.clear();
        }
        let extra: Vec<_> = own
            .drain(..)
            .filter(|item| !theirs.contains(item))
            .collect();
        *own = theirs;
        own.extend(extra);
    }

    fn differ(&mut self, field: &str, own: String, theirs: String) {
        let place = |value, places: &BTreeMap<String, Location>, whole: &Location| Place {
            value: Some(value),
            location: places.get(field).unwrap_or(whole).clone(),
        };
        self.found.push(Contradiction {
            subject: self.subject.clone(),
            field: field.to_owned(),
            first: place(own, &self.places.0, &self.locations.0),
            second: place(theirs, &self.places.1, &self.locations.1),
        });
    }
}
