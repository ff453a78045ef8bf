//! Configurations and patches that both patchers are given.

const CONFIG: &str = r#"
version: v1alpha1
machine:
    type: controlplane
    token: abcdef.0123456789abcdef
    certSANs: [talos.lab]
    kubelet:
        image: ghcr.io/siderolabs/kubelet:v1.34.0
        extraArgs: {v: "2", feature-gates: A=true}
        nodeIP: {validSubnets: [172.16.1.0/24]}
    network:
        hostname: cp-1
        nameservers: [1.1.1.1]
        interfaces:
            - interface: eth0
              mtu: 1500
              dhcp: true
              addresses: [172.16.1.50/24]
              vlans: [{vlanId: 20, mtu: 1500}]
            - deviceSelector: {hardwareAddr: "bc:24:11:*"}
              mtu: 9000
    install: {disk: /dev/sda, image: factory.talos.dev/installer/abc:v1.13.0, wipe: true}
    sysctls: {net.ipv4.ip_forward: "1", vm.nr_hugepages: "1024"}
    nodeLabels: {rack: a}
    files: [{path: /var/x, permissions: 0o600, op: create, content: hi}]
    features:
        kubePrism: {enabled: true, port: 7445}
    time: {servers: [time.cloudflare.com]}
cluster:
    clusterName: lab
    controlPlane: {endpoint: "https://172.16.1.49:6443"}
    network:
        podSubnets: [10.244.0.0/16]
        serviceSubnets: [10.96.0.0/12]
    apiServer:
        certSANs: [172.16.1.49]
        admissionControl:
            - name: PodSecurity
              configuration:
                  kind: PodSecurityConfiguration
                  exemptions: {namespaces: [kube-system]}
        auditPolicy: {apiVersion: audit.k8s.io/v1, kind: Policy, rules: [{level: Metadata}]}
    inlineManifests: [{name: a, contents: x}]
    allowSchedulingOnControlPlanes: true
"#;

const SEVERAL: &str = "
version: v1alpha1
machine: {type: worker, token: abcdef.0123456789abcdef}
---
apiVersion: v1alpha1
kind: HostnameConfig
hostname: w-1
---
apiVersion: v1alpha1
kind: LinkConfig
name: eth0
mtu: 1500
addresses: [{address: 10.0.0.2/24}]
---
apiVersion: v1alpha1
kind: NetworkRuleConfig
name: ingress-apid
portSelector: {ports: [50000], protocol: tcp}
ingress: [{subnet: 172.16.1.0/24}]
---
apiVersion: v1alpha1
kind: ExtensionServiceConfig
name: nut
configFiles: [{content: a, mountPath: /etc/a}, {content: b, mountPath: /etc/b}]
environment: [A=1]
---
apiVersion: v1alpha1
kind: VolumeConfig
name: EPHEMERAL
provisioning: {maxSize: 50GiB, grow: true}
---
apiVersion: v1alpha1
kind: EthernetConfig
name: eth0
rings: {rx: 16}
";

/// Name, configuration, patch.
pub(crate) const CASES: &[(&str, &str, &str)] = &[
    ("scalar", CONFIG, "machine: {network: {hostname: cp-9}}"),
    ("new mapping", CONFIG, "machine: {sysfs: {a.b: '1'}}"),
    (
        "map entry",
        CONFIG,
        "machine: {sysctls: {vm.nr_hugepages: '2048', x.y: '0'}}",
    ),
    (
        "lists append",
        CONFIG,
        "machine: {certSANs: [b.lab], files: [{path: /var/y, permissions: 0o644, op: create, content: z}]}",
    ),
    (
        "nested list appends",
        CONFIG,
        "machine: {kubelet: {nodeIP: {validSubnets: [10.0.0.0/8]}}}",
    ),
    (
        "null says nothing",
        CONFIG,
        "machine: {network: {hostname: }, install: , certSANs: }",
    ),
    (
        "empty text says nothing",
        CONFIG,
        "machine: {network: {hostname: ''}}",
    ),
    (
        "zero says nothing",
        CONFIG,
        "machine: {network: {interfaces: [{interface: eth0, mtu: 0}]}}",
    ),
    (
        "false is said",
        CONFIG,
        "machine: {install: {wipe: false}, network: {interfaces: [{interface: eth0, dhcp: false}]}}",
    ),
    ("empty list says nothing", CONFIG, "machine: {certSANs: []}"),
    (
        "interface by name",
        CONFIG,
        "machine: {network: {interfaces: [{interface: eth0, mtu: 9000, addresses: [10.0.0.1/8]}]}}",
    ),
    (
        "interface by selector",
        CONFIG,
        "machine: {network: {interfaces: [{deviceSelector: {hardwareAddr: 'bc:24:11:*'}, dhcp: true}]}}",
    ),
    (
        "another selector is another interface",
        CONFIG,
        "machine: {network: {interfaces: [{deviceSelector: {driver: virtio}, dhcp: true}]}}",
    ),
    (
        "an interface with both keys goes by its name",
        CONFIG,
        "machine: {network: {interfaces: [{interface: eth7, deviceSelector: {hardwareAddr: 'bc:24:11:*'}}]}}",
    ),
    (
        "vlans by id",
        CONFIG,
        "machine: {network: {interfaces: [{interface: eth0, vlans: [{vlanId: 20, mtu: 1400}, {vlanId: 30, mtu: 1500}]}]}}",
    ),
    (
        "vip",
        CONFIG,
        "machine: {network: {interfaces: [{interface: eth0, vip: {ip: 172.16.1.49}}]}}",
    ),
    (
        "subnets are replaced",
        CONFIG,
        "cluster: {network: {podSubnets: [10.9.0.0/16], serviceSubnets: [10.8.0.0/16]}}",
    ),
    (
        "subnets replaced by none",
        CONFIG,
        "cluster: {network: {podSubnets: []}}",
    ),
    (
        "audit policy is replaced",
        CONFIG,
        "cluster: {apiServer: {auditPolicy: {apiVersion: audit.k8s.io/v1, kind: Policy, rules: [{level: None}]}}}",
    ),
    (
        "admission by name",
        CONFIG,
        "cluster: {apiServer: {admissionControl: [{name: PodSecurity, configuration: {exemptions: {namespaces: [rook-ceph]}}}, {name: Other, configuration: {a: 1}}]}}",
    ),
    (
        "extra arguments are replaced by key",
        CONFIG,
        "machine: {kubelet: {extraArgs: {v: '4', rotate: 'true'}}}",
    ),
    (
        "extra arguments of several values",
        CONFIG,
        "machine: {kubelet: {extraArgs: {v: ['1', '2']}}}",
    ),
    (
        "manifests append",
        CONFIG,
        "cluster: {inlineManifests: [{name: a, contents: y}]}",
    ),
    (
        "delete a mapping",
        CONFIG,
        "machine: {install: {$patch: delete}}",
    ),
    (
        "delete a list",
        CONFIG,
        "machine: {network: {interfaces: {$patch: delete}}}",
    ),
    (
        "delete a scalar",
        CONFIG,
        "machine: {network: {hostname: {$patch: delete}}}",
    ),
    (
        "delete a map entry",
        CONFIG,
        "machine: {sysctls: {vm.nr_hugepages: {$patch: delete}}}",
    ),
    (
        "delete an interface",
        CONFIG,
        "machine: {network: {interfaces: [{interface: eth0, $patch: delete}]}}",
    ),
    (
        "delete and merge",
        CONFIG,
        "machine: {install: {$patch: delete}, network: {hostname: other}}",
    ),
    (
        "delete and add to the same list",
        CONFIG,
        "machine: {network: {interfaces: [{interface: eth0, $patch: delete}, {interface: eth0, mtu: 1300}]}}",
    ),
    (
        "delete a manifest",
        CONFIG,
        "cluster: {inlineManifests: [{$patch: delete, name: a}]}",
    ),
    (
        "delete a file",
        CONFIG,
        "machine: {files: [{path: /var/x, $patch: delete}]}",
    ),
    (
        "delete what is absent in a struct",
        CONFIG,
        "machine: {logging: {$patch: delete}}",
    ),
    (
        "delete an item that is absent",
        CONFIG,
        "machine: {network: {interfaces: [{interface: eth9, $patch: delete}]}}",
    ),
    (
        "delete below what is absent",
        CONFIG,
        "machine: {logging: {destinations: {$patch: delete}}}",
    ),
    (
        "delete inside an item",
        CONFIG,
        "machine: {network: {interfaces: [{interface: eth0, vlans: {$patch: delete}}]}}",
    ),
    ("delete the main document", CONFIG, "$patch: delete"),
    (
        "unknown key of a json patch",
        CONFIG,
        r#"[{"op": "remove", "path": "/machine/nope"}]"#,
    ),
    (
        "json patch",
        CONFIG,
        r#"[{"op": "replace", "path": "/machine/network/hostname", "value": "cp-9"}, {"op": "add", "path": "/machine/certSANs/-", "value": "last"}, {"op": "add", "path": "/machine/certSANs/0", "value": "first"}, {"op": "remove", "path": "/machine/sysctls/vm.nr_hugepages"}]"#,
    ),
    (
        "json patch as yaml",
        CONFIG,
        "- op: test\n  path: /machine/type\n  value: controlplane\n- op: copy\n  from: /machine/network/hostname\n  path: /cluster/clusterName\n- op: move\n  from: /machine/nodeLabels/rack\n  path: /machine/nodeLabels/a~1b\n",
    ),
    (
        "json test that fails",
        CONFIG,
        "- op: test\n  path: /machine/type\n  value: worker\n",
    ),
    (
        "json patch on several documents",
        SEVERAL,
        "- op: remove\n  path: /machine/type\n",
    ),
    (
        "a document is merged",
        SEVERAL,
        "apiVersion: v1alpha1\nkind: LinkConfig\nname: eth0\nmtu: 9000\naddresses: [{address: 10.0.0.3/24}]\n",
    ),
    (
        "a document is added",
        SEVERAL,
        "apiVersion: v1alpha1\nkind: LinkConfig\nname: eth1\nmtu: 9000\n",
    ),
    (
        "a document is deleted",
        SEVERAL,
        "apiVersion: v1alpha1\nkind: HostnameConfig\n$patch: delete\n",
    ),
    (
        "a named document is deleted",
        SEVERAL,
        "apiVersion: v1alpha1\nkind: LinkConfig\nname: eth0\n$patch: delete\n",
    ),
    (
        "a part of a document is deleted",
        SEVERAL,
        "apiVersion: v1alpha1\nkind: LinkConfig\nname: eth0\nmtu: {$patch: delete}\n",
    ),
    (
        "an item of a document is deleted",
        SEVERAL,
        "apiVersion: v1alpha1\nkind: ExtensionServiceConfig\nname: nut\nconfigFiles: [{mountPath: /etc/a, $patch: delete}]\n",
    ),
    (
        "firewall rules are replaced",
        SEVERAL,
        "apiVersion: v1alpha1\nkind: NetworkRuleConfig\nname: ingress-apid\nportSelector: {ports: [6443]}\ningress: [{subnet: 10.0.0.0/8}]\n",
    ),
    (
        "config files by path",
        SEVERAL,
        "apiVersion: v1alpha1\nkind: ExtensionServiceConfig\nname: nut\nconfigFiles: [{content: c, mountPath: /etc/b}, {content: d, mountPath: /etc/d}]\nenvironment: [B=2]\n",
    ),
    (
        "volume sizes",
        SEVERAL,
        "apiVersion: v1alpha1\nkind: VolumeConfig\nname: EPHEMERAL\nprovisioning: {minSize: 10GiB, maxSize: 80GiB, grow: false}\n",
    ),
    (
        "zero of an optional number",
        SEVERAL,
        "apiVersion: v1alpha1\nkind: EthernetConfig\nname: eth0\nrings: {rx: 0, tx: 0}\n",
    ),
    (
        "several documents at once",
        SEVERAL,
        "machine: {certSANs: [x]}\n---\napiVersion: v1alpha1\nkind: HostnameConfig\nhostname: w-2\n",
    ),
    (
        "image rules by pattern",
        "version: v1alpha1\nmachine: {type: worker}\n---\napiVersion: v1alpha1\nkind: ImageVerificationConfig\nrules: [{image: a/*, skip: true}, {image: b/*, deny: true}]\n",
        "apiVersion: v1alpha1\nkind: ImageVerificationConfig\nrules: [{image: b/*, skip: true}, {image: c/*, skip: true}]\n",
    ),
];

/// Where the two may differ, and why.
pub(crate) const EXPLAINED: &[(&str, &str)] = &[];
