//! Views of configurations whose parts stand in documents of their own.

use super::*;
use crate::machine_config::{MachineConfig, Patch};

#[test]
fn documents_of_their_own_are_seen_too() {
    let text = "
version: v1alpha1
machine: {}
---
apiVersion: v1alpha1
kind: HostnameConfig
hostname: w-1
---
apiVersion: v1alpha1
kind: LinkConfig
name: eth0
addresses: [{address: 10.0.0.2/24}]
---
apiVersion: v1alpha1
kind: Layer2VIPConfig
name: 10.0.0.9
link: eth0
---
apiVersion: v1alpha1
kind: VolumeConfig
name: EPHEMERAL
encryption: {provider: luks2, keys: [{slot: 0, tpm: {}}]}
";
    let view = MachineConfig::parse("w.yaml", text).unwrap().view();
    assert_eq!(view.hostname.as_deref(), Some("w-1"));
    assert_eq!(view.interfaces.len(), 1);
    assert_eq!(view.interfaces[0].vip.as_deref(), Some("10.0.0.9"));
    assert_eq!(view.encryption["EPHEMERAL"].key_kinds, ["tpm"]);
}

#[test]
fn every_kind_of_interface_is_seen() {
    let text = "
version: v1alpha1
machine:
  network:
    interfaces:
      - interface: eth0
        vlans: [{vlanId: 20, addresses: [10.0.20.2/24], vip: {ip: 10.0.20.9}}]
---
apiVersion: v1alpha1
kind: DHCPv4Config
name: eth0
---
apiVersion: v1alpha1
kind: BondConfig
name: bond0
mtu: 9000
addresses: [{address: 10.0.0.2/24}]
---
apiVersion: v1alpha1
kind: VLANConfig
name: bond0.30
vlanID: 30
parent: bond0
addresses: [{address: 10.0.30.2/24}]
---
apiVersion: v1alpha1
kind: HCloudVIPConfig
name: 10.0.30.9
link: bond0.30
apiToken: hush
";
    let view = MachineConfig::parse("w.yaml", text).unwrap().view();
    let names: Vec<_> = view.interfaces.iter().map(|i| i.name.as_deref()).collect();
    assert_eq!(
        names,
        [
            Some("eth0"),
            Some("eth0.20"),
            Some("bond0"),
            Some("bond0.30")
        ]
    );
    let [eth0, vlan, bond, over] = view.interfaces.as_slice() else {
        panic!("{view:?}");
    };
    assert_eq!((eth0.dhcp, vlan.dhcp), (Some(true), None));
    assert_eq!(vlan.vip.as_deref(), Some("10.0.20.9"));
    assert_eq!((bond.mtu, over.mtu), (Some(9000), None));
    assert_eq!(over.addresses, ["10.0.30.2/24"]);
    assert_eq!(over.vip.as_deref(), Some("10.0.30.9"));
    assert!(!format!("{view:?}").contains("hush"));
}

/// What stands in documents on v1.14: nearly all of it.
const SPLIT: &str = "
version: v1alpha1
machine:
  type: controlplane
  certSANs: [talos.lab]
  features: {diskQuotaSupport: true}
cluster: {token: hush}
---
apiVersion: v1alpha1
kind: HostnameConfig
hostname: cp-1
---
apiVersion: v1alpha1
kind: ResolverConfig
nameservers: [{address: 172.16.1.11}]
hostDNS: {enabled: true}
---
apiVersion: v1alpha1
kind: LinkAliasConfig
name: net%d
selector: {match: link.driver == \"virtio_net\"}
---
apiVersion: v1alpha1
kind: LinkConfig
name: net0
mtu: 9000
addresses: [{address: 172.16.1.50/24}, {address: fd00::50/64}]
---
apiVersion: v1alpha1
kind: VethConfig
name: veth-host
addresses: [{address: 10.1.0.1/31}]
peer: {name: veth-router, addresses: [{address: 10.1.0.0/31}]}
---
apiVersion: v1alpha1
kind: Layer2VIPConfig
name: 172.16.1.49
link: net0
---
apiVersion: v1alpha1
kind: Layer2VIPConfig
name: fd00::49
link: net0
---
apiVersion: v1alpha1
kind: UnattendedInstallConfig
installer: {image: 'factory.talos.dev/metal-installer/abc:v1.14.0'}
provisioning: {diskSelector: {match: disk.dev_path == \"/dev/vda\"}, wipe: no}
---
apiVersion: v1alpha1
kind: VolumeConfig
name: STATE
encryption: {provider: luks2, keys: [{slot: 0, tpm: {}}, {slot: 1, kms: {}}]}
---
apiVersion: v1alpha1
kind: KubeletConfig
image: ghcr.io/siderolabs/kubelet:v1.36.0
---
apiVersion: v1alpha1
kind: KubeNodeConfig
nodeIP: {validSubnets: [172.16.1.0/24]}
taints: {node-role.kubernetes.io/control-plane: NoSchedule}
---
apiVersion: v1alpha1
kind: KubeClusterConfig
clusterName: lab
endpoint: https://172.16.1.49:6443
---
apiVersion: v1alpha1
kind: KubeAPIServerConfig
image: registry.k8s.io/kube-apiserver:v1.36.0
certExtraSANs: [k8s.lab]
---
apiVersion: v1alpha1
kind: KubeNetworkConfig
podSubnets: [10.244.0.0/16]
serviceSubnets: [10.96.0.0/12]
---
apiVersion: v1alpha1
kind: KubePrismConfig
port: 7445
---
apiVersion: v1alpha1
kind: KubeFlannelCNIConfig
backendType: vxlan
";

fn patched(patch: &str) -> MachineConfigView {
    let mut config = MachineConfig::parse("cp.yaml", SPLIT).unwrap();
    config
        .apply(&Patch::parse("patch.yaml", patch).unwrap())
        .unwrap();
    config.view()
}

#[test]
fn what_v1_14_moved_into_documents_is_seen_there() {
    let view = MachineConfig::parse("cp.yaml", SPLIT).unwrap().view();
    assert_eq!(view.hostname.as_deref(), Some("cp-1"));
    assert_eq!(view.cert_sans, ["talos.lab"]);
    assert_eq!(view.nameservers, ["172.16.1.11"]);
    let [link, host, router] = view.interfaces.as_slice() else {
        panic!("{view:?}");
    };
    assert_eq!((link.name.as_deref(), link.mtu), (Some("net0"), Some(9000)));
    assert_eq!(link.selector["match"], "link.driver == \"virtio_net\"");
    assert_eq!(link.addresses, ["172.16.1.50/24", "fd00::50/64"]);
    assert_eq!(link.vip.as_deref(), Some("172.16.1.49"));
    assert_eq!(host.name.as_deref(), Some("veth-host"));
    assert_eq!(router.addresses, ["10.1.0.0/31"]);
    assert!(router.selector.is_empty());
    assert_eq!(view.install.disk.as_deref(), Some("/dev/vda"));
    let image = view.install.image.as_deref();
    assert_eq!(image, Some("factory.talos.dev/metal-installer/abc:v1.14.0"));
    assert_eq!(view.install.wipe, Some(false));
    assert_eq!(view.encryption["STATE"].key_kinds, ["tpm", "kms"]);
    let image = view.kubelet.image.as_deref();
    assert_eq!(image, Some("ghcr.io/siderolabs/kubelet:v1.36.0"));
    assert_eq!(view.kubelet.node_ip_subnets, ["172.16.1.0/24"]);
    let cluster = &view.cluster;
    assert_eq!(cluster.name.as_deref(), Some("lab"));
    assert_eq!(
        cluster.endpoint.as_deref(),
        Some("https://172.16.1.49:6443")
    );
    assert_eq!(cluster.api_server_cert_sans, ["k8s.lab"]);
    assert_eq!(cluster.schedule_on_control_planes, Some(false));
    assert_eq!(cluster.cni.as_deref(), Some("flannel"));
    let features = ["diskQuotaSupport", "hostDNS", "kubePrism"];
    assert_eq!(view.features, features.map(|f| (f.to_owned(), true)).into());
}

#[test]
fn what_is_absent_from_documents_says_something_too() {
    let without = patched(
        "apiVersion: v1alpha1\nkind: KubeFlannelCNIConfig\n$patch: delete\n---\n\
         apiVersion: v1alpha1\nkind: KubeNodeConfig\n\
         taints: {node-role.kubernetes.io/control-plane: {$patch: delete}}\n---\n\
         apiVersion: v1alpha1\nkind: UnattendedInstallConfig\n\
         provisioning: {wipe: {$patch: delete}, diskSelector: {match: 'disk.size > 6u * GB'}}\n",
    );
    assert_eq!(without.cluster.cni.as_deref(), Some("none"));
    assert_eq!(without.cluster.schedule_on_control_planes, Some(true));
    assert_eq!(
        (without.install.disk, without.install.wipe),
        (None, Some(true))
    );
    assert_eq!(without.install.selector["match"], "disk.size > 6u * GB");

    // Of a worker, the same says nothing.
    let worker = patched(
        "machine: {type: worker}\n---\n\
         apiVersion: v1alpha1\nkind: KubeFlannelCNIConfig\n$patch: delete\n",
    );
    assert_eq!(worker.cluster.cni, None);
    assert_eq!(worker.cluster.schedule_on_control_planes, None);
}

#[test]
fn words_of_yaml_1_1_are_switches_as_talos_reads_them() {
    let text = "
version: v1alpha1
machine:
  network: {interfaces: [{interface: eth0, dhcp: yes}]}
  install: {diskSelector: {size: '>= 100GB', model: WDC*}, wipe: off}
  features:
    kubernetesTalosAPIAccess: {enabled: On, allowedRoles: [os:reader]}
    imageCache: {localEnabled: n}
    nodeAddressSortAlgorithm: v1
cluster: {allowSchedulingOnMasters: true}
";
    let view = MachineConfig::parse("w.yaml", text).unwrap().view();
    assert_eq!(view.interfaces[0].dhcp, Some(true));
    assert_eq!(view.install.selector["size"], ">= 100GB");
    assert_eq!(view.install.wipe, Some(false));
    assert_eq!(view.cluster.schedule_on_control_planes, Some(true));
    let features = [("imageCache", false), ("kubernetesTalosAPIAccess", true)];
    assert_eq!(
        view.features,
        features.map(|(name, on)| (name.to_owned(), on)).into()
    );
}
