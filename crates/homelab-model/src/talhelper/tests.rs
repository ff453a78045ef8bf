use super::*;
use crate::inventory::NodeRole;

fn files<'a>(files: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Result<String> + 'a {
    |path| {
        let found = files.iter().find(|(name, _)| *name == path);
        found
            .map(|(_, text)| (*text).to_owned())
            .ok_or_else(|| Error::new(ErrorKind::NotFound, path))
    }
}

fn talconfig(rest: &str) -> String {
    format!(
        "clusterName: c\nendpoint: https://10.0.0.9:6443\nnodes:\n  - hostname: n1\n    ipAddress: 10.0.0.1\n    controlPlane: true\n{rest}"
    )
}

fn of(text: &str, with: &[(&str, &str)]) -> Result<TalhelperImport> {
    import("talconfig.yaml", text, None, &files(with))
}

#[test]
fn older_keys_and_every_interface_form() {
    let text = talconfig(
        "    domain: lan
    installDiskSelector: {size: '>= 100GB'}
    nodeLabels: {a: b}
    configPatches:
      - {op: add, path: /machine/network/nameservers, value: [10.0.0.2]}
      - {op: replace, path: /cluster/proxy, value: {disabled: true}}
    inlinePatch:
      cluster: {network: {cni: {name: none}}}
    schematic:
      customization: {systemExtensions: {officialExtensions: [siderolabs/qemu-guest-agent]}}
    networkInterfaces:
      - interface: bond0
        bond:
          mode: 802.3ad
          deviceSelectors: [{hardwareAddr: 'BC:24:11:00:00:01'}, {hardwareAddr: 'bc:24:*'}]
        vlans:
          - vlanId: 5
            addresses: [10.0.5.1/24]
            vip: {ip: 10.0.0.9}
      - interface: eth1
        cidr: 10.0.0.1/24
allowSchedulingOnMasters: true
",
    );
    let import = of(&text, &[]).unwrap();
    assert_eq!(import.warnings, []);
    let cluster = import.cluster;
    assert_eq!(cluster.vip.as_deref(), Some("10.0.0.9"));
    assert_eq!(cluster.allow_scheduling_on_control_planes, Some(true));
    assert_eq!(cluster.kube_proxy_disabled, Some(true));
    assert_eq!(cluster.cni.as_deref(), Some("none"));
    assert_eq!(cluster.nameservers, ["10.0.0.2"]);
    let node = &cluster.nodes[0];
    assert_eq!(node.role, NodeRole::ControlPlane);
    assert_eq!(node.macs, ["bc:24:11:00:00:01"]);
    assert_eq!(node.addresses, ["10.0.0.1", "10.0.5.1"]);
    assert_eq!(
        node.extensions.as_deref().unwrap(),
        ["siderolabs/qemu-guest-agent"]
    );
}

#[test]
fn patches_inline_in_files_and_in_several_documents() {
    let text = talconfig(
        "patches:
  - |-
    - op: add
      path: /cluster/allowSchedulingOnControlPlanes
      value: true
  - \"@./patches/net.yaml\"
controlPlane:
  nameservers: [10.0.0.3]
  patches:
    - |
      apiVersion: v1alpha1
      kind: Layer2VIPConfig
      name: 10.0.0.9
      link: eth0
",
    );
    let patch = "---\nmachine: {kubelet: {$$patch: delete}}\n---\napiVersion: v1alpha1\nkind: ResolverConfig\nnameservers: [{address: 10.0.0.4}]\n";
    let cluster = of(&text, &[("./patches/net.yaml", patch)]).unwrap().cluster;
    assert_eq!(cluster.allow_scheduling_on_control_planes, Some(true));
    assert_eq!(cluster.vip.as_deref(), Some("10.0.0.9"));
    assert_eq!(cluster.nameservers, ["10.0.0.4", "10.0.0.3"]);
}

#[test]
fn bare_at_signs_are_taken_as_talhelper_takes_them() {
    let text =
        talconfig("patches:\n  - @./a.yaml\n  - @./b.yaml # why\nallowSchedulingOnMaster: x\n");
    let import = of(
        &text,
        &[
            ("./a.yaml", "cluster: {proxy: {disabled: true}}"),
            ("./b.yaml", ""),
        ],
    )
    .unwrap();
    assert_eq!(import.cluster.kube_proxy_disabled, Some(true));
    let warning = &import.warnings[0];
    assert_eq!(warning.location.to_string(), "talconfig.yaml:10:1");
    assert!(
        warning
            .message
            .contains("did you mean `allowSchedulingOnMasters`?"),
        "{}",
        warning.message
    );
}

#[test]
fn errors_say_file_and_line() {
    let error = |text: &str, with: &[(&str, &str)]| of(text, with).unwrap_err().to_string();
    let version = talconfig("talosVersion: ${talosVersion}\n");
    assert_eq!(
        error(&version, &[]),
        "talconfig.yaml:7:15: `${talosVersion}` is not defined in talenv.yaml"
    );
    let missing = talconfig("patches: ['@./gone.yaml']\n");
    assert_eq!(
        error(&missing, &[]),
        "talconfig.yaml:7:11: the patch file ./gone.yaml does not exist"
    );
    let patched = talconfig("patches: ['@./p.yaml']\n");
    assert_eq!(
        error(&patched, &[("./p.yaml", "a: b\nc: ${d}\n")]),
        "p.yaml:2:4: `${d}` is not defined in talenv.yaml"
    );
    assert!(error(&patched, &[("./p.yaml", "a: {\n")]).starts_with("p.yaml:"));
    assert!(
        error("clusterName: c\nnodes:\n  - {hostname: a}\n", &[])
            .contains(":3:5: a node needs the key `ipAddress`")
    );
    let twice = "clusterName: c\nnodes:\n  - {hostname: a, ipAddress: 10.0.0.1}\n  - {hostname: a, ipAddress: 10.0.0.2}\n";
    assert_eq!(
        error(twice, &[]),
        "talconfig.yaml:4:16: guest name a is given twice: to node `a` here and to node `a` at talconfig.yaml:3:16"
    );
    assert!(error("clusterName: {{ name }}\nnodes: []\n", &[]).starts_with("talconfig.yaml:1:"));
    let env = import(
        "t.yaml",
        &version,
        Some(("talenv.yaml", "a: [\n")),
        &files(&[]),
    )
    .unwrap_err();
    assert!(env.to_string().starts_with("talenv.yaml:"), "{env}");
}

#[test]
fn two_vips_contradict() {
    let interfaces =
        |ip: &str| format!("    networkInterfaces: [{{interface: eth0, vip: {{ip: {ip}}}}}]\n");
    let text = format!(
        "{}  - hostname: n2\n    ipAddress: 10.0.0.2\n    controlPlane: true\n{}",
        talconfig(&interfaces("10.0.0.9")),
        interfaces("10.0.0.8")
    );
    let found = of(&text, &[]).unwrap().contradictions;
    assert_eq!(
        (
            found[0].field.as_str(),
            found[0].first.location.line,
            found[0].second.location.line
        ),
        ("vip", 7, 11)
    );
}

#[test]
fn duplicate_anchors_and_merge_keys() {
    let text = "clusterName: c\nx-a: &a {installDisk: /dev/sda}\nx-b: &a {installDisk: /dev/sdb}\nnodes:\n  - <<: *a\n    hostname: n\n    ipAddress: 10.0.0.1, fd00::1\n";
    let import = of(text, &[]).unwrap();
    assert_eq!(import.warnings, []);
    assert_eq!(
        import.cluster.nodes[0].install_disk.as_deref(),
        Some("/dev/sdb")
    );
    assert_eq!(import.cluster.nodes[0].addresses, ["10.0.0.1", "fd00::1"]);
}

#[test]
fn paths_resolve_from_the_file_that_names_them() {
    assert_eq!(
        resolve("talos/talconfig.yaml", "./patches/a.yaml"),
        "talos/patches/a.yaml"
    );
    assert_eq!(resolve("talos/talconfig.yaml", "../x.yaml"), "x.yaml");
    assert_eq!(resolve("talconfig.yaml", "../x.yaml"), "../x.yaml");
    assert_eq!(resolve("/a/b.yaml", "c.yaml"), "/a/c.yaml");
    assert_eq!(resolve("a/b.yaml", "/c.yaml"), "/c.yaml");
}
